"""Figures over thresholds and lengths, against counting by hand."""

import numpy as np
import pytest

from spacy_segment.curves import N_BINS, Histogram, Lengths
from spacy_segment.metrics import count


@pytest.fixture
def candidates():
    rng = np.random.default_rng(0)
    probs = rng.random(500)
    return probs, rng.random(500) < probs


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.25, 0.5, 0.995])
def test_histogram_counts_as_by_hand(candidates, threshold):
    probs, gold = candidates
    histogram = Histogram()
    histogram.add(probs[:200], gold[:200])
    histogram.add(probs[200:], gold[200:])
    assert histogram.at(threshold) == count(np.flatnonzero(gold), np.flatnonzero(probs > threshold))


def test_a_boundary_that_is_no_candidate_is_missed_at_every_threshold():
    histogram = Histogram()
    histogram.add(np.asarray([0.0, 0.9]), np.asarray([True, True]))
    assert [histogram.at(t).recall for t in (1 / N_BINS, 0.5)] == [0.5, 0.5]


def test_calibration_of_honest_and_of_vain_probabilities(candidates):
    probs, gold = candidates
    honest, vain = Histogram(), Histogram()
    honest.add(probs, gold)
    vain.add(np.full(100, 0.95), np.arange(100) < 40)
    assert honest.calibration_error() < 0.08
    assert sum(row["n"] for row in honest.calibration()) == 500
    assert vain.calibration() == [{"prob": pytest.approx(0.95), "true": 0.4, "n": 100}]
    assert vain.calibration_error() == pytest.approx(0.55)
    assert Histogram().calibration_error() == 0


def test_lengths_need_both_ends():
    lengths = Lengths()
    lengths.add([0, 3, 10], [0, 3], 26)
    assert lengths.rows() == [
        {"from": 2, "to": 4, "n": 1, "wrong": 0},
        {"from": 4, "to": 8, "n": 1, "wrong": 1},
        {"from": 16, "to": 32, "n": 1, "wrong": 1},
    ]


def test_a_boundary_that_is_no_candidate_is_missed_at_threshold_0_too():
    histogram = Histogram()
    histogram.add(np.asarray([0.2, 0.9]), np.asarray([False, True]))
    histogram.missed += 1
    assert (histogram.at(0.0).recall, histogram.at(0.5).recall) == (0.5, 0.5)
    assert sum(row["n"] for row in histogram.calibration()) == 2
