"""Counts of right and wrong boundaries at many thresholds, in one prediction."""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

from spacy.training import Example

from ..align import move_to_tokens, sent_start_offsets
from ..length_prior import LengthPrior
from ..metrics import PRF, count
from ..pipeline.sentence_starts import find_candidates

THRESHOLDS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8]
TRIED: tuple[float | None, ...] = (*THRESHOLDS, None)

# Over the root of the number of gold boundaries: what may be chance, see `is_plainly_better`.
CHANCE = 0.7

Counts = dict[float | None, PRF]  # threshold -> counts; None: the threshold that promises the best F1
Priors = Sequence[LengthPrior | None]


def count_boundaries(pipe, examples: Iterable[Example], priors: Priors = (None,)) -> list[Counts]:
    """Let a sentence segmenter predict `example.predicted` of all Examples, and compare with the reference at every threshold,
    and at the one that promises the best F1 (None).

    priors (Sequence): How long sentences are, None if that is not to count.
    RETURNS (list of Counts): One for each prior.
    """
    columns = zip(*(_count_in_one(pipe, example, priors) for example in examples), strict=True)
    return [add_counts(column) for column in columns] or [add_counts([]) for _ in priors]


def _count_in_one(pipe, example: Example, priors: Priors) -> list[Counts]:
    doc = example.predicted
    at_tokens = move_to_tokens(doc, pipe.predict([doc])[0], split=pipe.cfg["split_tokens"])
    candidates = find_candidates(doc, at_tokens, pipe.cfg)
    gold = sent_start_offsets(example.reference)[1:].tolist()
    return [{t: count(gold, candidates.choose(t, prior)[1:].tolist()) for t in TRIED} for prior in priors]


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


def with_and_without(prior: LengthPrior | None) -> list[LengthPrior | None]:
    """The priors of lengths to choose from: none, and this one if it is one."""
    return [None] if prior is None else [None, prior]


def choose_prior(counts: Sequence[Counts], priors: Priors) -> tuple[Counts, LengthPrior | None]:
    """The first of several priors of lengths, unless a later one is plainly better, or regular and not plainly worse: where a model
    knows its examples by heart, nothing is better on them than no prior, and on other texts of their kind it is.

    counts (Sequence of Counts): One for each prior. RETURNS (tuple): The counts, and the prior.
    """
    best = 0
    for i, prior in enumerate(priors[1:], start=1):
        latest, before = best_counts(counts[i]), best_counts(counts[best])
        is_believed = prior is not None and prior.is_regular and not is_plainly_better(before, latest)
        if is_believed or is_plainly_better(latest, before):
            best = i
    return counts[best], priors[best]


def is_plainly_better(one: PRF, other: PRF) -> bool:
    """Whether the F1 of one way to decide is above that of another on the same texts by more than chance may do."""
    return one.fscore > other.fscore + CHANCE / sqrt(max(1, other.tp + other.fn))
