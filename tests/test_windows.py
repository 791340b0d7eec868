"""Windows over a run of pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment.models.windows import Window, windows


@given(st.integers(0, 300), st.integers(5, 60), st.integers(0, 2), st.integers(0, 2))
def test_windows_tile_the_run_and_see_enough(n, size, lookback, lookahead):
    found = list(windows(n, size=size, lookback=lookback, lookahead=lookahead))
    kept = [i for w in found for i in range(w.keep_start, w.keep_stop)]
    assert kept == list(range(n))
    for w in found:
        assert w.stop - w.start <= size
        assert w.start == 0 or w.keep_start - w.start >= lookback
        assert w.stop == n or w.stop - w.keep_stop >= lookahead


def test_windows_without_room():
    message = r"SEG200\] 'window' must be more than 3 pieces back and 2 ahead, got 5"
    with pytest.raises(ValueError, match=message):
        list(windows(10, size=5, lookback=3, lookahead=2))
    assert len(list(windows(10, size=6, lookback=3, lookahead=2))) == 5  # 4, then a step of one


def test_windows_by_hand():
    assert list(windows(10, size=6, lookback=2, lookahead=1)) == [
        Window(start=0, stop=6, keep_start=0, keep_stop=5),
        Window(start=3, stop=9, keep_start=5, keep_stop=8),
        Window(start=6, stop=10, keep_start=8, keep_stop=10),
    ]
    assert list(windows(0, size=6, lookback=2, lookahead=1)) == []


def test_the_inner_part_of_a_window_counts_from_its_start():
    assert Window(start=3, stop=9, keep_start=5, keep_stop=8).inner == slice(2, 5)
