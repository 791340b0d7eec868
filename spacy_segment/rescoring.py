"""A second look at the places where a sentence could start, in the light of the text around them.

The encoder sees some forty pieces to either side. Whether a text marks the ends of its sentences, breaks its lines there or does
neither shows only over many sentences. So a small network adds to the log-odds of every place that is at all likely what follows
from the place, its neighbours and the log-odds of the `REACH` places to either side. It is fitted on dev texts
(`training/rescoring.py`): what the encoder says of texts it has learned by heart tells nothing.

This is stacked generalisation: Wolpert (1992), Stacked generalization.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

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
# Places examined at once, and how far before them a text is read to see what stands before a place.
BLOCK, MARGIN = 16384, 16


def rescore(text: str, boundaries: Boundaries, weights: Floats1d, *, see_newlines: bool = True) -> Boundaries:
    """What the network makes of the log-odds of a text.

    weights (Floats1d): (SIZE,) of the network, or none, which leaves everything as it is.
    see_newlines (bool): Tell newlines and spaces apart.
    RETURNS (Boundaries): The same places.
    """
    if not len(weights):
        return boundaries
    layers = list(unpack(weights))
    logits = boundaries.logits.copy()
    for places, features in examine(text, boundaries, see_newlines=see_newlines):
        logits[places] += change(features, layers)
    return replace(boundaries, logits=logits)


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


def examine(text: str, boundaries: Boundaries, *, see_newlines: bool = True) -> Iterator[tuple[Ints1d, Floats2d]]:
    """Find the likely places and describe them, block by block, which bounds the memory it takes.

    YIELDS (tuple): Indices of the places, (n,), and their features, (n, WIDTHS[0]).
    """
    offsets, logits = boundaries.offsets, boundaries.logits
    is_marked = ends_with_mark(text)
    for begin in range(0, len(offsets), BLOCK):
        first, last = max(begin - REACH - MARGIN, 0), min(begin + BLOCK + REACH, len(offsets))
        start = int(offsets[first - 1]) if first else 0
        stop = int(offsets[last]) if last < len(offsets) else len(text)
        likely = begin - first + np.flatnonzero(logits[begin : begin + BLOCK] > FLOOR)
        here = offsets[first:last] - start
        after_line = newlines_before(text[start:stop], here) > 0 if see_newlines else np.zeros(len(here), dtype=bool)
        described = _describe(code_points(text[start:stop]), here, logits[first:last], after_line, likely)
        yield first + likely, np.column_stack([described, np.full(len(likely), is_marked)]).astype(np.float32)


def _describe(points: Ints1d, offsets: Ints1d, logits: Floats1d, after_line: Bools1d, likely: Ints1d) -> Floats2d:
    """All features but the last one of the likely places among those of a part of a text.

    points (Ints1d): Its code points. after_line (Bools1d): Whether a newline stands before each place.
    """
    probs = np.exp(-np.logaddexp(0, -logits.astype(np.float64)))
    after_mark = np.isin(_last(points, offsets, ~np.isin(points, AFTER)), FINAL)
    before = _last(points, offsets, ~is_kind(points, "space"))[likely]
    is_upper = is_kind(points[offsets], "upper")
    first, last = np.maximum(likely - REACH, 0), np.minimum(likely + REACH + 1, len(offsets))

    def near(amounts: np.ndarray) -> Floats1d:
        total = np.concatenate([[0.0], np.cumsum(amounts, dtype=np.float64)])
        return total[last] - total[first]

    n_near, n_marks = (last - first).astype(np.float64), near(after_mark)
    at_marks = near(np.where(after_mark, probs, 0))
    at_lines = near(np.where(after_line & ~after_mark, probs, 0))
    elsewhere = near(np.where(after_line | after_mark, 0, probs))
    neighbours = np.maximum(np.pad(logits, 2, constant_values=LOWEST), LOWEST)
    return np.column_stack(
        [
            logits[likely],
            *(neighbours[likely + shift] for shift in (0, 1, 3, 4)),
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
            *np.log1p(_distances(probs > 0.5, likely)),
        ]
    )


def _last(points: Ints1d, offsets: Ints1d, counts: np.ndarray) -> Ints1d:
    """The last character before each place among those that count, 0 where there is none."""
    last = np.maximum.accumulate(np.where(counts, np.arange(len(points)), -1))[np.maximum(offsets, 1) - 1]
    return np.where(last >= 0, points[last], 0)


def _distances(is_boundary: np.ndarray, likely: Ints1d) -> tuple[Ints1d, Ints1d]:
    """Places from each likely one to the boundary before it and to the one after it, `REACH` if that is farther."""
    numbers = np.arange(len(is_boundary))
    last = np.maximum.accumulate(np.where(is_boundary, numbers, -REACH))
    following = np.minimum.accumulate(np.where(is_boundary, numbers, len(numbers) + REACH)[::-1])[::-1]
    before = likely - np.append(-REACH, last)[likely]
    after = np.append(following, len(numbers) + REACH)[likely + 1] - likely
    return np.minimum(before, REACH), np.minimum(after, REACH)
