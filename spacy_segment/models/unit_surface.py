"""What a unit looks like, whatever it says: what stands before it, its length, its capitals, how it starts and ends."""

import numpy as np

from ..text import AFTER_FINAL, FINAL_MARKS, code_points, is_kind, running_total
from ..topics import Units
from ..types import Bools1d, Ints1d, Ints2d

# Values of every feature of a unit; 0 always means "not told". What stands before it: nothing or a space, a newline, a blank
# line; its length in pieces, in steps of a third of a doubling; how many of its words begin with a capital: none (or there is
# no case), up to a third, two thirds, more, all, and all in capitals; its first character: upper case, lower case, another
# letter, a digit, a mark; its last one, but for closing quotes and brackets: a final mark, another mark, a letter or digit.
N_VALUES = (4, 32, 7, 6, 4)


def surface_features(text: str, units: Units, n_pieces: Ints1d) -> Ints2d:
    """What the units of a text look like, (n_units, len(N_VALUES)); n_pieces (Ints1d): (n_units,)."""
    lengths = 1 + np.minimum(3 * np.log2(np.maximum(n_pieces, 1)), N_VALUES[1] - 2).astype(np.int64)
    points = code_points(text)
    capitals = _capitals(points, units.starts)
    return np.stack(
        [units.gaps + 1, lengths, capitals, _openings(points, units.starts), _endings(points, units.starts)], axis=1
    )


def _capitals(points: Ints1d, starts: Ints1d) -> Ints1d:
    upper, lower = is_kind(points, "upper"), is_kind(points, "lower")
    letter = is_kind(points, "letter")
    initial = letter & ~np.append(False, letter[:-1])

    def count(flags: Bools1d) -> Ints1d:
        return np.diff(np.append(running_total(flags)[starts], np.count_nonzero(flags)))

    n_words, n_capital = count(initial & (upper | lower)), count(initial & upper)
    steps = np.ceil(3 * n_capital / np.maximum(n_words, 1)).astype(np.int64)
    steps = np.where((n_capital == n_words) & (n_words > 0), 4, steps)
    return 1 + np.where((count(lower) == 0) & (count(upper) > 1), 5, steps)


def _openings(points: Ints1d, starts: Ints1d) -> Ints1d:
    first = points[np.minimum(starts, len(points) - 1)]
    kinds = [is_kind(first, kind) for kind in ("upper", "lower", "letter", "digit")]
    return 1 + np.select(kinds, range(4), default=4)


def _endings(points: Ints1d, starts: Ints1d) -> Ints1d:
    counts = ~is_kind(points, "space") & ~np.isin(points, code_points(AFTER_FINAL))
    last = np.maximum.accumulate(np.where(counts, np.arange(len(points)), 0))[np.append(starts[1:], len(points)) - 1]
    final = np.isin(points[last], code_points("".join(FINAL_MARKS)))
    word = is_kind(points[last], "letter") | is_kind(points[last], "digit")
    return 1 + np.select([final, word], [0, 2], default=1)
