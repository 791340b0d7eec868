"""A second look at the places where a sentence could start, in the light of the text around them.

The encoder sees some forty pieces to either side. Whether a text marks the ends of its sentences, breaks its lines there or does
neither shows only over many sentences. So a small network adds to the log-odds of every place that is at all likely what follows
from the place, its neighbours and the log-odds of the `REACH` places to either side. It is fitted on dev texts
(`training/rescoring.py`): what the encoder says of texts it has learned by heart tells nothing.

This is stacked generalisation: Wolpert (1992), Stacked generalization.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .odds import sigmoid
from .text import AFTER_FINAL, FINAL_MARKS, code_points, ends_with_mark, is_kind, newlines_before
from .types import Bools1d, Boundaries, Floats1d, Floats2d, Ints1d

# Places to either side that are looked at.
REACH = 256
# Places with lower log-odds stay as they are.
FLOOR = -6.0
# Lowest log-odds that a neighbour is said to have.
LOWEST = -12.0
# Widths of the layers: features, hidden, hidden, change of the log-odds.
WIDTHS = (25, 16, 16, 1)
# Numbers of a network in all: weights and biases.
SIZE = sum((n_in + 1) * n_out for n_in, n_out in pairwise(WIDTHS))
# Weights of a model that takes no second look.
NO_RESCORING = np.zeros(0, dtype=np.float32)
FINAL, AFTER = code_points("".join(FINAL_MARKS)), code_points(AFTER_FINAL)
# Between texts: what is no space and no mark.
SEPARATOR = "\0"
# Places examined at once, and how far before them a text is read to see what stands before a place.
BLOCK, MARGIN = 16384, 16


def rescore(
    texts: list[str], found: list[Boundaries], weights: Floats1d, *, see_newlines: bool = True
) -> list[Boundaries]:
    """What the network makes of the log-odds of some texts, all in one run: short ones cost little more than their share.

    weights (Floats1d): (SIZE,) of the network, or none, which leaves everything as it is.
    see_newlines (bool): Tell newlines and spaces apart.
    RETURNS (list of Boundaries): The same places.
    """
    if not len(weights):
        return found
    layers = list(unpack(weights))
    logits = np.concatenate([np.zeros(0, dtype=np.float32), *(boundaries.logits for boundaries in found)])
    for places, features in examine(texts, found, see_newlines=see_newlines):
        logits[places] += change(features, layers)
    parts = np.split(logits, np.cumsum([len(boundaries.logits) for boundaries in found], dtype=np.int64))
    return [replace(boundaries, logits=part) for boundaries, part in zip(found, parts, strict=False)]


def change(features: Floats2d, layers: list[tuple[Floats2d, Floats1d]]) -> Floats1d:
    """The network itself, (n, WIDTHS[0]) -> (n,)."""
    hidden = features
    for W, b in layers[:-1]:
        hidden = np.maximum(hidden @ W.T + b, 0)
    W, b = layers[-1]
    return (hidden @ W.T + b)[:, 0]


def unpack(weights: Floats1d) -> Iterator[tuple[Floats2d, Floats1d]]:
    """YIELDS (tuple): Weights (n_out, n_in) and bias (n_out,) of every layer."""
    start = 0
    for n_in, n_out in pairwise(WIDTHS):
        middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
        yield weights[start:middle].reshape(n_out, n_in), weights[middle:end]
        start = end


def examine(
    texts: list[str], found: list[Boundaries], *, see_newlines: bool = True
) -> Iterator[tuple[Ints1d, Floats2d]]:
    """Find the likely places and describe them, block by block, which bounds the memory it takes.

    YIELDS (tuple): Indices of the places among those of all texts, (n,), and their features, (n, WIDTHS[0]).
    """
    places = _join(texts, found)
    for begin in range(0, len(places.offsets), BLOCK):
        first, last = max(begin - REACH - MARGIN, 0), min(begin + BLOCK + REACH, len(places.offsets))
        likely = begin + np.flatnonzero(places.logits[begin : begin + BLOCK] > FLOOR)
        features = _describe(places.part(first, last), likely - first, see_newlines)
        yield likely, np.column_stack([features, places.is_marked[likely]]).astype(np.float32)


@dataclass(frozen=True)
class Places:
    """The places of some texts, which stand behind each other.

    text (str): The texts, SEPARATOR between them. offsets (Ints1d), logits (Floats1d): (n,) as of `Boundaries`.
    first, last (Ints1d): (n,) indices of the first place of the text that each is in, and of that behind the last one.
    is_marked (Bools1d): (n,) whether the text ends with a final mark.
    """

    text: str
    offsets: Ints1d
    logits: Floats1d
    first: Ints1d
    last: Ints1d
    is_marked: Bools1d

    def part(self, begin: int, end: int) -> "Places":
        """RETURNS (Places): Those from `begin` to `end`, with the text from the place before them on."""
        start = int(self.offsets[begin - 1]) if begin else 0
        stop = int(self.offsets[end]) if end < len(self.offsets) else len(self.text)
        rows = slice(begin, end)
        return Places(
            self.text[start:stop],
            self.offsets[rows] - start,
            self.logits[rows],
            np.maximum(self.first[rows] - begin, 0),
            np.minimum(self.last[rows], end) - begin,
            self.is_marked[rows],
        )


def _join(texts: list[str], found: list[Boundaries]) -> Places:
    counts = np.asarray([len(boundaries.offsets) for boundaries in found], dtype=np.int64)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)], dtype=np.int64)[:-1]
    last = np.cumsum(counts)
    return Places(
        SEPARATOR.join(texts),
        np.concatenate([np.zeros(0, dtype=np.int64), *(boundaries.offsets for boundaries in found)])
        + np.repeat(starts, counts),
        np.concatenate([np.zeros(0, dtype=np.float32), *(boundaries.logits for boundaries in found)]),
        np.repeat(last - counts, counts),
        np.repeat(last, counts),
        np.repeat(np.asarray([ends_with_mark(text) for text in texts], dtype=bool), counts),
    )


def _describe(places: Places, likely: Ints1d, see_newlines: bool) -> Floats2d:
    """All features but the last one of the likely places."""
    text, offsets, logits = places.text, places.offsets, places.logits
    probs = sigmoid(logits)
    points = code_points(text)
    after_mark = np.isin(_last(points, offsets, ~np.isin(points, AFTER)), FINAL)
    after_line = newlines_before(text, offsets) > 0 if see_newlines else np.zeros(len(offsets), dtype=bool)
    before = _last(points, offsets, ~is_kind(points, "space"))[likely]
    is_upper = is_kind(points[offsets], "upper")
    begin, end = places.first[likely], places.last[likely]
    first, last = np.maximum(likely - REACH, begin), np.minimum(likely + REACH + 1, end)

    def near(amounts: np.ndarray) -> Floats1d:
        total = np.concatenate([[0.0], np.cumsum(amounts, dtype=np.float64)])
        return total[last] - total[first]

    def neighbour(shift: int) -> Floats1d:
        at = likely + shift
        return np.where((at >= begin) & (at < end), np.maximum(logits[np.clip(at, 0, len(logits) - 1)], LOWEST), LOWEST)

    n_near, n_marks = (last - first).astype(np.float64), near(after_mark)
    at_marks = near(np.where(after_mark, probs, 0))
    at_lines = near(np.where(after_line & ~after_mark, probs, 0))
    elsewhere = near(np.where(after_line | after_mark, 0, probs))
    return np.column_stack(
        [
            logits[likely],
            *map(neighbour, (-2, -1, 1, 2)),
            after_mark[likely],
            after_line[likely],
            is_kind(before, "letter"),
            before == ord(","),
            before == ord(":"),
            np.isin(before, AFTER),
            is_upper[likely],
            is_kind(points[offsets[likely]], "lower"),
            *np.log([n_near, at_marks + 0.1, at_lines + 0.1, elsewhere + 0.1]),
            n_marks / n_near,
            near(after_line) / n_near,
            near(is_upper) / n_near,
            at_marks / np.maximum(n_marks, 1),
            (at_marks + at_lines + elsewhere) / n_near,
            *np.log1p(_distances(probs > 0.5, likely, begin, end)),
        ]
    )


def _last(points: Ints1d, offsets: Ints1d, counts: np.ndarray) -> Ints1d:
    """The last character before each place among those that count, 0 where there is none."""
    last = np.maximum.accumulate(np.where(counts, np.arange(len(points)), -1))[np.maximum(offsets, 1) - 1]
    return np.where(last >= 0, points[last], 0)


def _distances(is_boundary: np.ndarray, likely: Ints1d, begin: Ints1d, end: Ints1d) -> tuple[Ints1d, Ints1d]:
    """Places from each likely one to the boundary before it and to the one after it, `REACH` if that is farther, or in another
    text: before `begin`, not before `end`.
    """
    numbers = np.arange(len(is_boundary))
    last = np.maximum.accumulate(np.where(is_boundary, numbers, -REACH))
    following = np.minimum.accumulate(np.where(is_boundary, numbers, len(numbers) + REACH)[::-1])[::-1]
    before, after = np.append(-REACH, last)[likely], np.append(following, len(numbers) + REACH)[likely + 1]
    return (
        np.where(before < begin, REACH, np.minimum(likely - before, REACH)),
        np.where(after >= end, REACH, np.minimum(after - likely, REACH)),
    )
