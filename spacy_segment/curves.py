"""Figures over all thresholds, of probabilities and of lengths (pure numpy). What `plot` draws is counted here."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .metrics import PRF
from .types import Bools1d, Floats1d, Ints1d

# Thresholds that are told apart: multiples of 1 / N_BINS.
N_BINS = 200


@dataclass
class Histogram:
    """How many candidates of which probability are boundaries. Bin k holds probabilities in (k, k + 1] / N_BINS.

    true, false (Ints1d): (N_BINS,) boundaries and other candidates.
    mass (Floats1d): (N_BINS,) sum of their probabilities.
    missed (int): Boundaries that are no candidates.
    """

    true: Ints1d = field(default_factory=lambda: np.zeros(N_BINS, dtype=np.int64))
    false: Ints1d = field(default_factory=lambda: np.zeros(N_BINS, dtype=np.int64))
    mass: Floats1d = field(default_factory=lambda: np.zeros(N_BINS))
    missed: int = 0

    def add(self, probs: Floats1d, gold: Bools1d) -> None:
        """Count candidates."""
        bins = np.clip(np.ceil(np.asarray(probs, dtype=np.float64) * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
        self.true += np.bincount(bins[gold], minlength=N_BINS)
        self.false += np.bincount(bins[~gold], minlength=N_BINS)
        self.mass += np.bincount(bins, weights=probs, minlength=N_BINS)

    def at(self, threshold: float) -> PRF:
        """Counts if every candidate above a threshold were a boundary; it is rounded to a multiple of 1 / N_BINS."""
        first = round(threshold * N_BINS)
        right = int(self.true[first:].sum())
        return PRF(tp=right, fp=int(self.false[first:].sum()), fn=int(self.true.sum()) - right + self.missed)

    def calibration(self, n: int = 10) -> list[dict[str, float]]:
        """What probabilities mean: `n` groups of equal width with their mean, the share of boundaries, and their size."""
        total = (self.true + self.false).reshape(n, -1).sum(axis=1)
        mass, true = self.mass.reshape(n, -1).sum(axis=1), self.true.reshape(n, -1).sum(axis=1)
        return [
            {"prob": float(m / t), "true": float(r / t), "n": int(t)}
            for m, r, t in zip(mass, true, total, strict=True)
            if t
        ]

    def calibration_error(self, n: int = 10) -> float:
        """Expected calibration error: the mean distance of probability and share over all candidates.

        Naeini et al. (2015), Obtaining well calibrated probabilities using Bayesian binning.
        """
        rows = self.calibration(n)
        total = sum(row["n"] for row in rows)
        return sum(abs(row["prob"] - row["true"]) * row["n"] for row in rows) / total if total else 0.0


@dataclass
class Lengths:
    """How many reference segments of which length were found with both their ends; a bin is a doubling of the length."""

    n: dict[int, int] = field(default_factory=dict)
    wrong: dict[int, int] = field(default_factory=dict)

    def add(self, reference: Sequence[int], hypothesis: Sequence[int], end: int) -> None:
        """Count the segments of one text, given by their ascending starts; the text ends at `end`."""
        found = {*hypothesis, end}
        for start, stop in zip(reference, [*reference[1:], end], strict=True):
            place = max(0, (stop - start).bit_length() - 1)
            self.n[place] = self.n.get(place, 0) + 1
            self.wrong[place] = self.wrong.get(place, 0) + (start not in found or stop not in found)

    def rows(self) -> list[dict[str, int]]:
        """RETURNS (list of dict): Lengths from "from" to below "to", "n" segments, "wrong" of them not found."""
        return [{"from": 2**k, "to": 2 ** (k + 1), "n": self.n[k], "wrong": self.wrong[k]} for k in sorted(self.n)]
