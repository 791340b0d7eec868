"""Counts of right and wrong boundaries at many thresholds, in one prediction."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from spacy.training import Example

from ..align import move_to_tokens, sent_start_offsets, text_length
from ..decoding import decode
from ..length_prior import LengthPrior
from ..metrics import PRF, count

THRESHOLDS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8]
TRIED: tuple[float | None, ...] = (*THRESHOLDS, None)

# What so many gold boundaries are worth may be chance, see `is_plainly_better`.
CHANCE = 3.0

Counts = dict[float | None, PRF]  # threshold -> counts; None: the threshold that promises the best F1


def count_boundaries(pipe, example: Example, prior: LengthPrior | None = None) -> Counts:
    """Let a sentence segmenter predict `example.predicted`, and compare with the reference at every threshold,
    and at the one that promises the best F1 (None).

    prior (LengthPrior or None): How long sentences are, if that is to count.
    """
    doc = example.predicted
    boundaries = move_to_tokens(doc, pipe.predict([doc])[0], split=pipe.cfg["split_tokens"])
    gold = sent_start_offsets(example.reference)[1:].tolist()
    offsets = np.append(0, boundaries.offsets)
    logits = np.append(0.0, boundaries.logits)
    lengths = np.diff(offsets, append=text_length(doc))
    starts = [decode(logits, threshold=t, lengths=lengths, prior=prior) for t in TRIED]
    found = [offsets[chosen[1:]].tolist() for chosen in starts]
    return {t: count(gold, offsets) for t, offsets in zip(TRIED, found, strict=True)}


def add_counts(counts: Iterable[Mapping[float | None, PRF]]) -> Counts:
    """RETURNS (dict): The sum at every threshold."""
    total: Counts = dict.fromkeys(TRIED, PRF())
    for one in counts:
        total = {t: total[t] + one.get(t, PRF()) for t in total}
    return total


def counts_at(counts: Counts, threshold: float | None) -> PRF:
    """RETURNS (PRF): Counts at the threshold that comes nearest."""
    return counts[None] if threshold is None else counts[min(THRESHOLDS, key=lambda t: abs(t - threshold))]


def best_threshold(counts: Counts) -> float:
    """The threshold of best F1. Neighbours count half: a few examples make a ragged curve."""
    scores = [counts[t].fscore for t in THRESHOLDS]
    smooth = [(2 * f + scores[max(0, i - 1)] + scores[min(len(scores) - 1, i + 1)]) / 4 for i, f in enumerate(scores)]
    return THRESHOLDS[max(range(len(smooth)), key=smooth.__getitem__)]


def best_choice(counts: Counts) -> float | None:
    """The threshold of best F1 if it is plainly better than the one that promises the best F1, else None, which suits every text."""
    threshold = best_threshold(counts)
    return threshold if is_plainly_better(counts[threshold], counts[None]) else None


def best_counts(counts: Counts) -> PRF:
    """RETURNS (PRF): Counts at the best choice."""
    return counts[best_choice(counts)]


def choose_prior(
    judge: Callable[[LengthPrior | None], Counts], prior: LengthPrior | None
) -> tuple[Counts, LengthPrior | None]:
    """Judge without and with a prior of lengths. RETURNS (tuple): The counts, and the prior if it plainly helps."""
    counts = judge(None)
    if prior is not None:
        with_prior = judge(prior)
        if is_plainly_better(best_counts(with_prior), best_counts(counts)):
            return with_prior, prior
    return counts, None


def is_plainly_better(one: PRF, other: PRF) -> bool:
    """Whether the F1 of one way to decide is above that of another on the same texts by more than chance may do."""
    return one.fscore > other.fscore + CHANCE / max(1, other.tp + other.fn)
