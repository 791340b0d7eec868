import itertools
from time import perf_counter

import numpy as np
import pytest
import segeval
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment.metrics import (
    PRF,
    boundary_prf,
    boundary_similarity,
    count,
    gaps,
    pk,
    segment_label_f,
    window_diff,
    window_size,
)

PAIRS = st.integers(3, 40).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 1), min_size=n, max_size=n).map(np.asarray) for _ in range(2)])
)


def masses(marks):
    """Lengths of the segments, as segeval takes them."""
    starts = [0, *(np.flatnonzero(marks) + 1).tolist(), len(marks) + 1]
    return tuple(b - a for a, b in itertools.pairwise(starts))


def test_gaps():
    assert gaps([0, 2, 5], 6).tolist() == [0, 1, 0, 0, 1]
    assert gaps([], 1).tolist() == []
    assert gaps([1, 3], 3).tolist() == [1, 0]
    assert gaps([1], 3).dtype == np.int64


@pytest.mark.parametrize(("starts", "n", "k"), [([0, 5], 10, 2), ([0, 6, 12], 18, 3), ([0], 20, 10), ([0, 1, 2], 3, 2)])
def test_window_size(starts, n, k):
    assert window_size(gaps(starts, n)) == k


def test_pk_and_window_diff_by_hand():
    reference, hypothesis = gaps([0, 4], 8), gaps([0, 3, 4], 8)
    # windows of 2 gaps: reference 0 0 1 1 0 0, hypothesis 0 1 2 1 0 0
    assert pk(reference, hypothesis) == pytest.approx(1 / 6)
    assert window_diff(reference, hypothesis) == pytest.approx(2 / 6)


@given(PAIRS, st.integers(2, 6))
def test_pk_and_window_diff_agree_with_segeval(pair, k):
    reference, hypothesis = pair
    if len(reference) + 1 <= k:
        return
    ours, theirs = masses(reference), masses(hypothesis)
    assert pk(reference, hypothesis, k) == pytest.approx(float(segeval.pk(theirs, ours, window_size=k)))
    expected = float(segeval.window_diff(theirs, ours, window_size=k))
    assert window_diff(reference, hypothesis, k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ([0, 1, 0, 0], [0, 1, 0, 0], 1.0),
        ([0, 1, 0, 0], [0, 0, 0, 0], 0.0),
        ([0, 1, 0, 0], [0, 0, 1, 0], 0.5),
        ([0, 0, 0, 0], [0, 0, 0, 0], 1.0),
        ([1, 0, 0, 1], [1, 0, 0, 0], 0.5),
        ([1, 0, 0, 1, 0], [1, 0, 0, 0, 1], 0.75),
    ],
)
def test_boundary_similarity(reference, hypothesis, expected):
    reference, hypothesis = np.asarray(reference), np.asarray(hypothesis)
    assert boundary_similarity(reference, hypothesis) == expected
    if not (reference.any() or hypothesis.any()):
        return  # segeval has no answer
    oracle = segeval.boundary_similarity(masses(hypothesis), masses(reference), n_t=2)
    assert boundary_similarity(reference, hypothesis) == pytest.approx(float(oracle))


@given(PAIRS)
def test_perfect_and_bounded(pair):
    reference, hypothesis = pair
    assert pk(reference, reference) == window_diff(reference, reference) == 0
    assert boundary_similarity(reference, reference) == 1
    assert 0 <= pk(reference, hypothesis) <= window_diff(reference, hypothesis) <= 1
    assert 0 <= boundary_similarity(reference, hypothesis) <= 1
    strict, loose = (boundary_prf(reference, hypothesis, tolerance=t) for t in (0, 2))
    assert strict.tp <= loose.tp
    assert loose.tp + loose.fn == reference.sum()
    assert loose.tp + loose.fp == hypothesis.sum()


def test_boundary_prf_matches_one_to_one():
    reference, hypothesis = np.asarray([0, 0, 1, 0, 0]), np.asarray([0, 1, 0, 1, 0])
    assert boundary_prf(reference, hypothesis) == PRF(0, 2, 1)
    assert boundary_prf(reference, hypothesis, tolerance=1) == PRF(1, 1, 0)


def test_count_and_what_adds_up():
    total = count([1, 2, 2, 3], [2, 3, 4, 4, 5]) + count([7], [])
    assert total == PRF(tp=2, fp=2, fn=2)
    assert (total.precision, total.recall, total.fscore) == (0.5, 0.5, 0.5)
    assert count([1, 2, 3], [3]).precision == 1
    assert count([1, 2, 3], [3]).recall == pytest.approx(1 / 3)
    assert count([1, 2, 3], [3]).fscore == pytest.approx(1 / 2)
    assert count([3], [1, 2, 3]).precision == pytest.approx(1 / 3)


def test_nothing_to_find_and_nothing_found_is_right():
    assert (PRF().precision, PRF().recall, PRF().fscore) == (1, 1, 1)
    assert count([1], []).fscore == 0


def test_segment_label_f():
    reference = [(0, 4, "a"), (4, 8, "b"), (8, 9, "c")]
    assert segment_label_f(reference, [(0, 5, "a"), (5, 9, "b")]) == pytest.approx(2 / 3)
    assert segment_label_f(reference, []) == 0
    assert segment_label_f([], []) == 1


def test_labels_of_many_segments_take_linear_time():
    def seconds(n):
        sections = [(i, i + 1, "a") for i in range(n)]
        start = perf_counter()
        assert segment_label_f(sections, sections) == 1.0
        return perf_counter() - start

    seconds(100)
    assert seconds(20_000) < 1


def test_a_section_without_any_overlap_is_wrong():
    assert segment_label_f([(0, 5, "a"), (5, 9, "b")], [(0, 5, "a")]) == 0.5
