"""ChangePoint: every way to cut a document weighed at once, without training.

A segment is worth how well its units point in one direction, less a penalty; a segmentation is as likely as the exponential of what its
segments are worth. Forward and backward sums over all segmentations give the probability of every boundary.

Utiyama & Isahara (2001), A statistical model for domain-independent text segmentation, on vectors; Harchaoui & Cappé (2007),
Retrospective multiple change-point estimation with kernels.
"""

from collections.abc import Callable

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from ..checks import check_least, check_probability
from ..topics import find_units, topic_places
from ..types import NEVER, Bools1d, EncoderModel, Floats1d, Floats2d, TopicLogits, TopicModel
from .similarity import init
from .sizes import check_sizes
from .units import unit_vectors

PENALTY, LOG_PENALTY, SHARPNESS, GROWTH, MAX_UNITS = 1.3, 0.46, 8.0, 0.25, 120


def ChangePoint(
    encoder: EncoderModel,
    *,
    penalty: float = PENALTY,
    log_penalty: float = LOG_PENALTY,
    sharpness: float = SHARPNESS,
    growth: float = GROWTH,
    max_units: int = MAX_UNITS,
    paragraphs: bool = True,
) -> TopicModel:
    """Topic model that needs no training: the posterior of boundaries under all segmentations.

    penalty, log_penalty (float): What a segment must be worth: `penalty`, or `log_penalty` times the logarithm of the number of places at
        which a topic could start, if that is more, for topics of longer documents are longer. Higher ones give fewer topics.
    sharpness (float): Weight of worth against the number of ways to cut.
    growth (float): A unit weighs (number of its pieces) ** growth.
    max_units (int): Longest segment, in places at which a topic could start.
    paragraphs (bool): Whether topics start at paragraphs alone, in documents that have them.
    RAISES (ValueError): SEG200.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_sizes(max_units=max_units)
    check_least(0, sharpness=sharpness)
    check_probability(growth=growth)
    attrs = {
        "penalty": penalty,
        "log_penalty": log_penalty,
        "sharpness": sharpness,
        "max_units": max_units,
    }
    return Model(
        "change_point",
        forward,
        init=init,
        layers=[encoder],
        attrs={"units": "sentences", "paragraphs": paragraphs, "growth": growth, "settings": attrs},
    )


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict: there is nothing to train."""
    results = []
    for doc in docs:
        units = find_units(doc, model.attrs["units"])
        places = topic_places(units, paragraphs=model.attrs["paragraphs"])
        vectors = unit_vectors(model.layers[0], doc, units, growth=model.attrs["growth"])
        results.append(TopicLogits(change_point_logits(vectors, places, **model.attrs["settings"])))
    return results, lambda d_logits: docs


def change_point_logits(
    vectors: Floats2d,
    places: Bools1d,
    *,
    penalty: float = PENALTY,
    log_penalty: float = LOG_PENALTY,
    sharpness: float = SHARPNESS,
    max_units: int = MAX_UNITS,
) -> Floats1d:
    """Log-odds that a segment starts with each unit; settings as of `ChangePoint`.

    vectors (Floats2d): (n_units, width), of length 1 (in the mean), around the mean of the document.
    places (Bools1d): (n_units,), units that a segment may start with.
    RETURNS (Floats1d): (n_units,); `NEVER` where none may start.
    """
    penalty = max(penalty, log_penalty * np.log(max(1, int(places.sum()))))
    return change_points(vectors, places, (penalty,), sharpness=sharpness, max_units=max_units)[:, 0]


def change_points(
    vectors: Floats2d,
    places: Bools1d,
    penalties: tuple[float, ...],
    *,
    sharpness: float,
    max_units: int,
) -> Floats2d:
    """`change_point_logits` for several penalties at once, whatever the length of the document: (n_units, n_penalties)."""
    n = len(vectors)
    logits = np.full((n, len(penalties)), NEVER)
    starts = np.flatnonzero(np.append(True, places[1:])) if n else np.zeros(0, dtype=np.int64)
    m = len(starts)
    if m < 2:
        return logits
    size = min(max_units, m)
    worths = segment_worths(vectors, np.append(starts, n), size)
    worth = sharpness * (worths[:, :, None] - np.asarray(penalties))
    before, after = np.full((m + 1, len(penalties)), -np.inf), np.full((m + 1, len(penalties)), -np.inf)
    before[0] = after[m] = 0.0
    for end in range(1, m + 1):
        k = min(end, size)
        before[end] = _log_sum(before[end - k : end][::-1] + worth[end, 1 : k + 1])
    rows = np.arange(size + 1)
    for start in range(m - 1, -1, -1):
        k = min(m - start, size)
        after[start] = _log_sum(after[start + 1 : start + k + 1] + worth[start + rows[1 : k + 1], rows[1 : k + 1]])
    log_probs = np.minimum(before[:m] + after[:m] - before[m], -1e-9)
    logits[starts] = np.clip(log_probs - np.log(-np.expm1(log_probs)), NEVER, -NEVER)
    return logits


def segment_worths(vectors: Floats2d, bounds: np.ndarray, max_units: int) -> Floats2d:
    """Squared length of the sum of the vectors of a segment, per unit of it.

    bounds (ndarray): (m + 1,) where segments may start, the first unit among them, and the end.
    RETURNS (Floats2d): (m + 1, max_units + 1): entry [j, k] is of the segment from bounds[j - k] to bounds[j]; 0 where
        there is none.
    """
    # Sums of everything before each bound, not before each unit: a text may be long.
    sums = np.zeros((len(bounds), vectors.shape[1]))
    np.add.reduceat(vectors, bounds[:-1], axis=0, dtype=np.float64, out=sums[1:])
    np.cumsum(sums, axis=0, out=sums)
    squares = np.einsum("ij,ij->i", sums, sums)
    worths = np.zeros((len(bounds), max_units + 1))
    for k in range(1, min(max_units, len(bounds) - 1) + 1):
        # |a - b|^2 = |a|^2 + |b|^2 - 2ab, without an array of differences.
        total = squares[k:] + squares[:-k] - 2 * np.einsum("ij,ij->i", sums[k:], sums[:-k])
        worths[k:, k] = np.maximum(total, 0.0) / (bounds[k:] - bounds[:-k])
    return worths


def _log_sum(x: Floats2d) -> Floats1d:
    """Logarithm of the sum of exponentials of every column, faster than numpy's own reduction."""
    top = x.max(axis=0)
    return top + np.log(np.exp(x - top).sum(axis=0))
