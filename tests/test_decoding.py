import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment import decoding
from spacy_segment.decoding import best_thresholds, decode

LOGITS = st.lists(st.floats(-6, 6), min_size=1, max_size=9)


def best_by_trying_all(logits, min_length, max_length, lengths, forced, forbidden, n_segments=None):
    """The best sum of gains among all segmentations that keep the limits, or None."""
    n, best = len(logits), None
    positions = np.concatenate([[0], np.cumsum(lengths)])
    for bits in itertools.product([False, True], repeat=n - 1):
        chosen = np.asarray([True, *bits])
        if (chosen & forbidden).any() or (forced & ~chosen).any():
            continue
        sizes = np.diff(np.append(positions[:-1][chosen], positions[-1]))
        if n_segments not in (None, len(sizes)):
            continue
        if (sizes < min_length).any() or (max_length is not None and (sizes > max_length).any()):
            continue
        gain = float(np.asarray(logits)[1:][chosen[1:]].sum())
        best = gain if best is None else max(best, gain)
    return best


def test_decode_at_the_ends_of_the_scale():
    logits = np.asarray([0.0, -800.0, 0.0, 800.0])
    assert decode(logits, threshold=0.0).tolist() == [0, 1, 2, 3]
    assert decode(logits, threshold=1.0).tolist() == [0]
    assert decode(logits, threshold=0.0, max_length=2).tolist() == [0, 1, 2, 3]


def test_decode_takes_what_is_above_the_threshold():
    assert decode(np.asarray([0.0, 2.0, -2.0, 0.1])).tolist() == [0, 1, 3]


def test_decode_the_first_unit_opens_a_segment_whatever_its_logit():
    assert decode(np.asarray([-9.0, -9.0])).tolist() == [0]
    assert decode(np.zeros(0)).tolist() == []


@given(LOGITS)
def test_decode_a_higher_threshold_gives_a_subset(logits):
    low, high = (set(decode(np.asarray(logits), threshold=t).tolist()) for t in (0.3, 0.7))
    assert high <= low


def exact_threshold(probs):
    """Half of the best expected F1, by trying every set of the most probable boundaries; the end of the text counts a quarter."""
    falling = np.sort(probs)[::-1]
    taken, expected = np.cumsum([0.0, *falling]), falling.sum()
    return max(2 * (0.25 + taken[k]) / (0.5 + k + expected) for k in range(len(probs) + 1)) / 2


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=60))
def test_best_thresholds_are_half_of_the_best_expected_f1(logits):
    probs = 1 / (1 + np.exp(-np.asarray(logits)))
    found = best_thresholds(np.asarray(logits))
    assert np.ptp(found) < 1e-12  # all see all
    exact = exact_threshold(probs)
    assert exact - 0.05 < found[0] <= exact + 1e-12


def test_best_thresholds_fall_where_boundaries_are_hard_to_tell():
    plain, hard = [5.0, -6.0, -6.0, -6.0] * 200, [-0.8, -1.2, -1.5, -1.0] * 200
    found = best_thresholds(np.asarray(plain + hard))
    assert found[0] > 0.45
    assert found[-1] < 0.3
    assert decode(np.asarray(plain), threshold=None).tolist() == list(range(0, 800, 4))


def test_best_thresholds_do_not_cut_a_short_text_at_the_likeliest_of_unlikely_places():
    assert decode(np.asarray([0.0, -3.0, -2.0, -3.0]), threshold=None).tolist() == [0]


def test_a_final_mark_raises_the_thresholds_near_the_end_alone():
    logits = np.full(1000, -1.5)
    usual, marked = best_thresholds(logits), best_thresholds(logits, decoding.MARKED)
    near = len(logits) - decoding.REACH - 1
    assert marked[:near].tolist() == usual[:near].tolist()
    assert (marked[near:] > usual[near:]).all()
    assert decode(np.asarray([0.0, -3.0, 0.2, -3.0]), threshold=None, certain=decoding.MARKED).tolist() == [0, 2]
    assert decode(np.asarray([0.0, -3.0, -0.6, -3.0]), threshold=None, certain=decoding.MARKED).tolist() == [0]
    assert decode(np.asarray([0.0, -3.0, -0.6, -3.0]), threshold=None).tolist() == [0, 2]


def test_best_thresholds_find_nothing_in_a_long_stretch_without_boundaries():
    assert decode(np.full(2000, -6.0), threshold=None).tolist() == [0]


def test_best_thresholds_do_not_count_what_is_decided():
    logits = np.asarray([0.0, 3.0, -1.0, -1.0, -1.0])
    forbidden = np.asarray([False, True, False, False, False])
    assert (
        decode(logits, threshold=None, forbidden=forbidden).tolist()
        == decode(np.where(forbidden, -30.0, logits), threshold=None).tolist()
    )


def test_decode_forced_and_forbidden():
    forced, forbidden = np.asarray([0, 0, 1, 0], dtype=bool), np.asarray([0, 1, 0, 0], dtype=bool)
    assert decode(np.asarray([0.0, 5.0, -5.0, -5.0]), forced=forced, forbidden=forbidden).tolist() == [0, 2]


def test_decode_max_length_adds_the_best_cut_and_leaves_other_segments_alone():
    logits = np.asarray([0.0, -3.0, -1.0, -2.0, 4.0, -5.0])
    assert decode(logits, max_length=3).tolist() == [0, 2, 4]


def test_decode_min_length_drops_the_weakest():
    assert decode(np.asarray([0.0, 1.0, 3.0, -1.0]), min_length=2).tolist() == [0, 2]


def test_decode_limits_yield_to_forced_boundaries_and_uncuttable_runs():
    assert decode(np.zeros(3) - 1, min_length=5, forced=np.asarray([0, 1, 0], dtype=bool)).tolist() == [0, 1]
    assert decode(np.zeros(2) - 1, max_length=3, lengths=np.asarray([9, 1])).tolist() == [0, 1]
    assert decode(np.zeros(1), max_length=3, lengths=np.asarray([9])).tolist() == [0]


@given(LOGITS, st.integers(0, 4), st.none() | st.integers(4, 8), st.data())
def test_decode_is_the_best_of_all_segmentations_within_limits(logits, min_length, max_length, data):
    n = len(logits)
    lengths = np.asarray(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    forced = np.asarray(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) & (np.arange(n) % 3 == 2)
    forbidden = np.asarray(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) & ~forced & (np.arange(n) > 0)
    best = best_by_trying_all(logits, min_length, max_length, lengths, forced, forbidden)
    starts = decode(
        np.asarray(logits),
        min_length=min_length,
        max_length=max_length,
        lengths=lengths,
        forced=forced,
        forbidden=forbidden,
    )
    assert set(np.flatnonzero(forced)) <= set(starts.tolist())
    assert not set(np.flatnonzero(forbidden)) & set(starts.tolist())
    if best is not None:
        assert np.isclose(np.asarray(logits)[starts[starts > 0]].sum(), best)


@given(LOGITS, st.integers(0, 4), st.none() | st.integers(4, 8), st.data())
def test_decode_is_the_best_of_all_segmentations_of_a_number(logits, min_length, max_length, data):
    n = len(logits)
    lengths = np.asarray(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    forced = np.arange(n) % 4 == 3
    forbidden = np.arange(n) % 5 == 2
    n_segments = data.draw(st.integers(1 + int(forced.sum()), n - int((forbidden & ~forced).sum())))
    settings = dict(lengths=lengths, forced=forced, forbidden=forbidden & ~forced, n_segments=n_segments)
    best = best_by_trying_all(logits, min_length, max_length, **settings)
    starts = decode(np.asarray(logits), min_length=min_length, max_length=max_length, **settings)
    assert len(starts) == n_segments
    assert set(np.flatnonzero(forced)) <= set(starts.tolist())
    assert not set(np.flatnonzero(settings["forbidden"])) & set(starts.tolist())
    if best is not None:
        assert np.isclose(np.asarray(logits)[starts[starts > 0]].sum(), best)


@given(LOGITS, st.integers(1, 9))
def test_decode_gives_the_wanted_number_of_segments(logits, n_segments):
    if n_segments > len(logits):
        with pytest.raises(ValueError, match="SEG200"):
            decode(np.asarray(logits), n_segments=n_segments)
    else:
        assert len(decode(np.asarray(logits), n_segments=n_segments)) == n_segments
        assert len(decode(np.asarray(logits), n_segments=n_segments, max_length=4)) == n_segments


def test_decode_n_segments_takes_the_strongest():
    logits = np.asarray([0.0, -3.0, -1.0, -2.0])
    assert decode(logits, n_segments=2).tolist() == [0, 2]
    assert decode(logits, n_segments=2, max_length=3, min_length=1).tolist() == [0, 2]
    assert decode(logits, n_segments=2, min_length=2).tolist() == [0, 2]


def test_decode_n_segments_keeps_forced_ones_leaves_forbidden_ones_and_takes_the_first_of_equals():
    forced, forbidden = np.asarray([0, 0, 0, 1], dtype=bool), np.asarray([0, 1, 0, 0], dtype=bool)
    logits = np.asarray([0.0, 9.0, -1.0, -5.0])
    assert decode(logits, n_segments=2, forced=forced, forbidden=forbidden).tolist() == [0, 3]
    assert decode(logits, n_segments=3, forced=forced, forbidden=forbidden).tolist() == [0, 2, 3]
    assert decode(np.tile([1.0, 0.0], 60), n_segments=5).tolist() == [0, 2, 4, 6, 8]


def test_decode_is_quick_on_many_units():
    logits = np.random.default_rng(0).normal(size=200_000) - 2
    sizes = np.diff(np.append(decode(logits, min_length=5, max_length=40), len(logits)))
    assert sizes.min() >= 5
    assert sizes.max() <= 40


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"threshold": -0.1}, "SEG200"),
        ({"threshold": 1.1}, "SEG200"),
        ({"min_length": -1}, "SEG200"),
        ({"max_length": 0}, "SEG200"),
        ({"min_length": 5, "max_length": 4}, "SEG200"),
        ({"n_segments": 0}, "SEG200"),
    ],
)
def test_decode_rejects_contradictions(settings, code):
    with pytest.raises(ValueError, match=code):
        decode(np.zeros(3), **settings)


def test_decode_says_which_number_of_segments_is_possible():
    message = r"SEG200\] 'n_segments' must be between 2 \(forced boundaries\) and 3 .*, got 4"
    forced, forbidden = np.asarray([0, 0, 1, 0], dtype=bool), np.asarray([0, 1, 0, 0], dtype=bool)
    with pytest.raises(ValueError, match=message):
        decode(np.zeros(4), n_segments=4, forced=forced, forbidden=forbidden)


def test_decode_rejects_what_is_not_a_number():
    with pytest.raises(ValueError, match=r"SEG120.*unit 1"):
        decode(np.asarray([0.0, np.nan]))
