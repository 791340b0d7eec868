"""Figures of merit (pure numpy). One convention, stated with every number.

Sentences: the boundaries of a text are the places where a sentence starts, its first one left out; equivalently the ends
of sentences without the white space after them, the last one left out.

Topics: n units have n - 1 gaps; reference and hypothesis mark gaps with 0 and 1. Pk and WindowDiff use a window of half
the mean segment of the reference, document by document (`window_size`), unless another is given.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .types import Ints1d


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


def gaps(starts: Sequence[int], n_units: int) -> Ints1d:
    """Starts of segments -> marks of gaps, (max(0, n_units - 1),); gap i is the one before unit i + 1."""
    marks = np.zeros(max(0, n_units - 1), dtype=np.int64)
    inner = [start - 1 for start in starts if 0 < start < n_units]
    marks[inner] = 1
    return marks


def window_size(reference: Ints1d) -> int:
    """k = max(2, round(units / segments / 2)) of the reference."""
    return max(2, round((len(reference) + 1) / (int(reference.sum()) + 1) / 2))


def pk(reference: Ints1d, hypothesis: Ints1d, k: int | None = None) -> float:
    """Share of windows in which one has a boundary and the other none; 0 for a text shorter than the window.

    Beeferman, Berger & Lafferty (1999).
    """
    r, h = _windows(reference, hypothesis, k)
    return float(np.mean((r > 0) != (h > 0))) if len(r) else 0.0


def window_diff(reference: Ints1d, hypothesis: Ints1d, k: int | None = None) -> float:
    """Share of windows in which the numbers of boundaries differ; 0 for a text shorter than the window.

    Pevzner & Hearst (2002).
    """
    r, h = _windows(reference, hypothesis, k)
    return float(np.mean(r != h)) if len(r) else 0.0


def boundary_similarity(reference: Ints1d, hypothesis: Ints1d) -> float:
    """B with transpositions between neighbouring gaps: 1 - (additions + deletions + 0.5 * transpositions) / (edits + matches).

    1 if neither has a boundary.

    Fournier (2013), Evaluating text segmentation using boundary edit distance, n_t = 2.
    """
    matches, near, missed = _match(reference, hypothesis, tolerance=1)
    total = matches + near + missed
    return 1 - (missed + 0.5 * near) / total if total else 1.0


def boundary_prf(reference: Ints1d, hypothesis: Ints1d, tolerance: int = 0) -> PRF:
    """Boundaries found, each matched with at most one of the reference at most `tolerance` gaps away."""
    exact, near, _ = _match(reference, hypothesis, tolerance)
    right = exact + near
    return PRF(tp=right, fp=int(hypothesis.sum()) - right, fn=int(reference.sum()) - right)


def _match(reference: Ints1d, hypothesis: Ints1d, tolerance: int) -> tuple[int, int, int]:
    """One-to-one matching, exact pairs first, then near ones from the left. RETURNS: exact pairs, near pairs, rest."""
    exact = int((reference & hypothesis).sum())
    gold = np.flatnonzero(reference > hypothesis).tolist()
    found = np.flatnonzero(hypothesis > reference).tolist()
    near = i = j = 0
    while i < len(gold) and j < len(found):
        if abs(gold[i] - found[j]) <= tolerance:
            near, i, j = near + 1, i + 1, j + 1
        elif gold[i] < found[j]:
            i += 1
        else:
            j += 1
    return exact, near, len(gold) + len(found) - 2 * near


def segment_label_f(reference: Sequence[tuple[int, int, str]], hypothesis: Sequence[tuple[int, int, str]]) -> float:
    """Share of reference sections whose label is that of the hypothesis segment that overlaps them most.

    reference, hypothesis (sequences of tuples): start, end (units or characters), label, in order and without overlaps inside of
        each; the first of equal overlaps.

    Arnold et al. (2019), SECTOR.
    """
    if not reference:
        return 1.0
    right = first = 0
    for start, end, label in reference:
        while first < len(hypothesis) and hypothesis[first][1] <= start:
            first += 1
        largest, found = 0, None
        for begin, stop, name in map(hypothesis.__getitem__, range(first, len(hypothesis))):
            if begin >= end:
                break
            overlap = min(end, stop) - max(start, begin)
            if overlap > largest:
                largest, found = overlap, name
        right += found == label
    return right / len(reference)


def _windows(reference: Ints1d, hypothesis: Ints1d, k: int | None) -> tuple[Ints1d, Ints1d]:
    """Number of boundaries in every window of k gaps, (n_units - k,) each."""
    k = window_size(reference) if k is None else k
    return tuple(_sums(marks, k) for marks in (reference, hypothesis))  # type: ignore[return-value]


def _sums(marks: Ints1d, k: int) -> Ints1d:
    total = np.concatenate([[0], np.cumsum(marks)])
    return total[k:] - total[:-k]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
