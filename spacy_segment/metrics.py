"""Figures of merit (pure numpy). One convention, stated with every number.

Sentences: the boundaries of a text are the places where a sentence starts, its first one left out; equivalently the ends
of sentences without the white space after them, the last one left out.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class PRF:
    """Counts that add up over documents: true positives, false positives, false negatives."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "PRF") -> "PRF":
        return PRF(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def fscore(self) -> float:
        """Harmonic mean of precision and recall; 1 if there was nothing to find and nothing was found."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def count(reference: Collection, hypothesis: Collection) -> PRF:
    """Compare two collections of boundaries (offsets) or of spans; repetitions count once."""
    gold, found = set(reference), set(hypothesis)
    right = len(gold & found)
    return PRF(tp=right, fp=len(found) - right, fn=len(gold) - right)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
