"""Lengths of sentences that say where they start."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment.decoding import decode
from spacy_segment.length_prior import CEILING, MOVES, NARROWEST, SHIFTS, LengthPrior, fit_lengths

PRIOR = LengthPrior(float(np.log(10)), 0.2)


def value(starts, logits, lengths, prior):
    """Gains less costs, at the mean that suits best."""
    positions = np.concatenate([[0], np.cumsum(lengths)])
    sizes = np.diff([*positions[list(starts)], positions[-1]])
    costs = [
        LengthPrior(prior.mean + shift, prior.deviation).cost(sizes).sum()
        + sum(1 for i in starts if i) * (shift / MOVES) ** 2 / 2
        for shift in SHIFTS
    ]
    return sum(logits[i] for i in starts if i) - min(costs)


@given(
    st.lists(st.tuples(st.floats(-6, 6), st.integers(1, 40), st.sampled_from("....fx")), min_size=1, max_size=6),
    st.sampled_from([0.15, 0.3, 0.5]),
)
def test_the_best_segmentation_of_all(units, deviation):
    logits, lengths, kinds = (list(column) for column in zip(*units, strict=True))
    prior = LengthPrior(float(np.log(10)), deviation)
    forced = np.asarray([kind == "f" for kind in kinds])
    forbidden = np.asarray([kind == "x" for kind in kinds])
    found = decode(np.asarray(logits), lengths=lengths, forced=forced, forbidden=forbidden, prior=prior).tolist()
    free = [i for i in range(1, len(units)) if kinds[i] == "."]
    always = {0, *(i for i in range(1, len(units)) if kinds[i] == "f")}
    candidates = [
        sorted(always | set(chosen)) for n in range(len(free) + 1) for chosen in itertools.combinations(free, n)
    ]
    best = max(value(starts, logits, lengths, prior) for starts in candidates)
    assert value(found, logits, lengths, prior) == pytest.approx(best)
    assert always <= set(found)


def test_weak_boundaries_stand_where_lengths_ask_for_them():
    lengths = np.ones(30, dtype=int)
    logits = np.where(np.arange(30) % 10 == 0, -1.0, -1.5)
    assert decode(logits, lengths=lengths).tolist() == [0]
    assert decode(logits, lengths=lengths, prior=PRIOR).tolist() == [0, 10, 20]
    logits[5] = 0.5
    assert decode(logits, lengths=lengths).tolist() == [0, 5]
    assert decode(logits, lengths=lengths, prior=PRIOR).tolist() == [0, 10, 20]


def test_lines_of_another_poem_may_be_longer():
    lengths = np.ones(900, dtype=int)
    logits = np.where(np.arange(900) % 15 == 0, 3.0, -3.0)
    prior = LengthPrior(float(np.log(10)), 0.1)
    assert np.diff(decode(logits, lengths=lengths, prior=prior)).tolist() == [15] * 59
    assert np.diff(decode(np.zeros(100), lengths=lengths[:100], prior=prior)).tolist() == [10] * 9


def test_a_segment_far_too_long_stays_only_where_cutting_it_costs_more():
    lengths = np.ones(400, dtype=int)
    assert np.diff(decode(np.full(400, -2.0), lengths=lengths, prior=PRIOR)).max() < PRIOR.longest
    logits = np.full(400, -2.0)
    logits[[100, 300]] = CEILING + 1
    chosen = decode(logits, lengths=lengths, prior=PRIOR).tolist()
    assert {0, 100, 300} <= set(chosen)
    assert decode(np.full(400, -CEILING), lengths=lengths, prior=PRIOR).tolist() == [0]


def test_issue_a_very_long_segment_costs_what_the_search_takes_it_to_cost():
    """Beyond the longest of the near ones the square of a logarithm was cheaper than the line that the search follows."""
    prior = LengthPrior(float(np.log(10)), 0.5)
    longer = np.asarray([1, 2, 4]) * prior.longest
    np.testing.assert_allclose(prior.cost(longer), np.asarray([1, 2, 4]) * CEILING)


def test_limits_come_before_lengths():
    lengths = np.ones(30, dtype=int)
    assert decode(np.full(30, -1.0), lengths=lengths, max_length=15, prior=PRIOR).tolist() == [0, 15]


def test_many_places_take_linear_time():
    n = 50_000
    logits = np.random.default_rng(0).normal(-3, 2, n)
    starts = decode(logits, lengths=np.full(n, 4), prior=LengthPrior(float(np.log(40)), 0.5))
    assert 30 < np.median(np.diff(starts)) * 4 < 50


@pytest.mark.parametrize(
    ("lengths", "deviation"), [([30, 31, 29], NARROWEST), ([20, 40, 28], 0.283), ([5, 300, 40], None), ([], None)]
)
def test_only_regular_lengths_tell(lengths, deviation):
    prior = fit_lengths(np.asarray(lengths))
    assert (None if prior is None else round(prior.deviation, 3)) == deviation
    assert prior is None or prior.is_sound
    assert prior is None or prior.mean == pytest.approx(np.log(np.median(lengths)), abs=0.02)
