"""What the benchmarks count: figures of a sentence splitter or a topic segmenter on one corpus."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from ..metrics import PRF, boundary_prf, boundary_similarity, count, pk, window_diff
from ..types import Bools1d


@dataclass
class SentenceFigures:
    """Sums of one splitter on one corpus under one condition."""

    boundaries: PRF = field(default_factory=PRF)
    sentences: PRF = field(default_factory=PRF)
    characters: int = 0
    seconds: float = 0.0

    def add(self, text: str, reference: Iterable[int], predicted: Iterable[int]) -> None:
        """Count one document. The start of the text is no boundary; a sentence is right if both its ends are."""
        gold, found = sorted(set(reference) | {0}), sorted(set(predicted) | {0})
        gold_spans = set(zip(gold, [*gold[1:], len(text)], strict=True))
        found_spans = set(zip(found, [*found[1:], len(text)], strict=True))
        self.boundaries += count(set(gold[1:]), set(found[1:]))
        self.sentences += count(gold_spans, found_spans)
        self.characters += len(text)

    def as_json(self) -> dict[str, float]:
        """RETURNS (dict): What a row of the JSON holds: figures, characters and seconds."""
        return {
            "boundary_p": self.boundaries.precision,
            "boundary_r": self.boundaries.recall,
            "boundary_f": self.boundaries.fscore,
            "sents_f": self.sentences.fscore,
            "characters": self.characters,
            "seconds": self.seconds,
        }


@dataclass
class TopicFigures:
    """Sums of one segmenter on one corpus."""

    pk: list[float] = field(default_factory=list)
    wd: list[float] = field(default_factory=list)
    b: list[float] = field(default_factory=list)
    prf: PRF = field(default_factory=PRF)
    seconds: float = 0.0
    n_sentences: int = 0

    def add(self, gold: Bools1d, found: Bools1d, seconds: float = 0.0) -> None:
        """Count a document: where topics start, (n_units,), in the gold and as found, and how long it took."""
        reference, hypothesis = (marks[1:].astype(np.int64) for marks in (gold, found))
        self.pk.append(pk(reference, hypothesis))
        self.wd.append(window_diff(reference, hypothesis))
        self.b.append(boundary_similarity(reference, hypothesis))
        self.prf += boundary_prf(reference, hypothesis)
        self.seconds += seconds
        self.n_sentences += len(gold)

    def means(self) -> dict[str, float]:
        """RETURNS (dict): Means over documents; F1 over all boundaries."""
        return {"pk": fmean(self.pk), "wd": fmean(self.wd), "b": fmean(self.b), "f": self.prf.fscore}


def trivial(golds: list[Bools1d]) -> dict[str, TopicFigures]:
    """What needs no model and stands beside every table: no boundary, and one before every k-th unit, k being the mean topic.

    golds (list of Bools1d): Where topics start, (n_units,), for every document of a corpus.
    """
    mean = mean_length(golds)
    rows = {"no boundary": TopicFigures(), "every k": TopicFigures()}
    for gold in golds:
        rows["no boundary"].add(gold, np.zeros(len(gold), dtype=bool))
        rows["every k"].add(gold, every_k(len(gold), mean))
    return rows


def mean_length(golds: Iterable[Bools1d]) -> float:
    """RETURNS (float): Units of a topic, of golds as those of `trivial`."""
    marks = np.concatenate(list(golds))
    return len(marks) / int(marks.sum())


def every_k(n_units: int, mean: float) -> Bools1d:
    """A topic starts with every k-th unit, k being the mean length of topics."""
    return np.arange(n_units) % max(1, round(mean)) == 0
