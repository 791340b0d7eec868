"""Lexical cohesion: how many of their words the units before and after a place share.

Vectors say what units are about; words that come back say more: names, terms and numbers that a vector blurs. Every word weighs
what it tells of this document, so no list of words and no language is needed.

Hearst (1997), TextTiling: Segmenting text into multi-paragraph subtopic passages; weights of Salton & Buckley (1988).
"""

import numpy as np

from ..types import Floats1d, Floats2d, Ints1d
from .torch.coherence import SCALES

# What two blocks without words share.
NOTHING = 1e-9


def number_words(lowered: str, starts: Ints1d, ends: Ints1d) -> Ints1d:
    """The number of every piece as a word, (n_pieces,): pieces that are the same but for case have the same.

    lowered (str): The text, see `lower_case`; starts, ends (Ints1d): (n_pieces,) offsets of the pieces in it.
    """
    known: dict[str, int] = {}
    places = zip(starts.tolist(), ends.tolist(), strict=True)
    numbers = (known.setdefault(lowered[start:end], len(known)) for start, end in places)
    return np.fromiter(numbers, dtype=np.int64, count=len(starts))


def cohesion(words: Ints1d, unit_of: Ints1d, n_units: int) -> Floats2d:
    """Cosine of the words of the units before a unit and of those from it on, in blocks of `SCALES` units.

    words, unit_of (Ints1d): (n_pieces,) number of every piece as a word, and its unit.
    RETURNS (Floats2d): (n_units, len(SCALES)), from 0 to 1; 0 for the first unit.
    """
    found, counts = np.unique(words * max(n_units, 1) + unit_of, return_counts=True)
    word, unit = np.divmod(found, max(n_units, 1))
    weights = (1 + np.log(counts)) * np.log((n_units + 1) / np.bincount(word)[word])
    shared, norms = _products(word, unit, weights, n_units)
    columns = []
    for scale, products, squares in zip(SCALES, shared, norms, strict=True):
        before, after = squares[:n_units], squares[scale : scale + n_units]
        columns.append(products[scale : scale + n_units] / np.sqrt(np.maximum(before * after, NOTHING)))
    return np.stack(columns, axis=1).astype(np.float32).clip(0, 1)


def _products(word: Ints1d, unit: Ints1d, weights: Floats1d, n_units: int) -> tuple[list[Floats1d], list[Floats1d]]:
    """Products of the blocks before and after every place, and of every block with itself, for every scale.

    word, unit, weights: (n,) what stands where, sorted by word and then by unit, and what it weighs there.
    RETURNS (tuple): Two lists of (n_units + scale,); entry `scale + i` of the first belongs to place i, of the second to the
        block that starts with unit i, so that the block before a place i is entry i.
    """
    shared = [np.zeros(n_units + scale + 1) for scale in SCALES]
    squares = [np.zeros(n_units + scale + 1) for scale in SCALES]
    first = np.arange(len(word))
    for lag in range(2 * max(SCALES)):  # pairs of a word and its lag-th repetition
        first = first[first < len(word) - lag]
        second = first + lag
        near = (word[first] == word[second]) & (unit[second] - unit[first] < 2 * max(SCALES))
        first, second = first[near], second[near]
        if not len(first):
            break
        a, b, product = unit[first], unit[second], weights[first] * weights[second]
        for i, scale in enumerate(SCALES):
            _add(squares[i], b - scale + 1, a, product if lag == 0 else 2 * product, scale)
            if lag:
                _add(shared[i], np.maximum(a + 1, b - scale + 1), np.minimum(b, a + scale), product, scale)
    return [x.cumsum() for x in shared], [x.cumsum() for x in squares]


def _add(changes: Floats1d, first: Ints1d, last: Ints1d, values: Floats1d, scale: int) -> None:
    """Add values to all of first ... last, given as changes from one entry to the next. Entry 0 is place -scale."""
    kept = first <= last
    n = len(changes)
    changes += np.bincount(first[kept] + scale, weights=values[kept], minlength=n)[:n]
    changes -= np.bincount(last[kept] + scale + 1, weights=values[kept], minlength=n)[:n]
