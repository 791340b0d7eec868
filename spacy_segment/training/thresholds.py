"""Counts of right and wrong boundaries at many thresholds, in one prediction."""

from collections.abc import Iterable, Mapping

import numpy as np
from spacy.training import Example

from ..align import move_to_tokens, sent_start_offsets
from ..metrics import PRF, count

THRESHOLDS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8]

Counts = dict[float, PRF]  # threshold -> counts


def count_boundaries(pipe, example: Example) -> Counts:
    """Let a sentence segmenter predict `example.predicted`, and compare with the reference at every threshold."""
    doc = example.predicted
    boundaries = move_to_tokens(doc, pipe.predict([doc])[0], split=pipe.cfg["split_tokens"])
    gold = sent_start_offsets(example.reference)[1:].tolist()
    log_odds = [np.log(t / (1 - t)) for t in THRESHOLDS]
    found = [boundaries.offsets[boundaries.logits > limit].tolist() for limit in log_odds]
    return {t: count(gold, offsets) for t, offsets in zip(THRESHOLDS, found, strict=True)}


def add_counts(counts: Iterable[Mapping[float, PRF]]) -> Counts:
    """RETURNS (dict): The sum at every threshold."""
    total = dict.fromkeys(THRESHOLDS, PRF())
    for one in counts:
        total = {t: total[t] + one.get(t, PRF()) for t in THRESHOLDS}
    return total


def best_threshold(counts: Counts) -> float:
    """The threshold of best F1. Neighbours count half: a few examples make a ragged curve."""
    scores = [counts[t].fscore for t in THRESHOLDS]
    smooth = [(2 * f + scores[max(0, i - 1)] + scores[min(len(scores) - 1, i + 1)]) / 4 for i, f in enumerate(scores)]
    return THRESHOLDS[max(range(len(smooth)), key=smooth.__getitem__)]
