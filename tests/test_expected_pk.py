"""The segmentation of the smallest expected Pk, beside the best of all segmentations tried one by one."""

from itertools import combinations

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment.decoding import decode
from spacy_segment.expected_pk import EVEN, LEAST, OWN, USUAL, decided_log_odds, least_expected_pk
from spacy_segment.odds import log_odds

LOGITS = st.floats(-6, 6)


def nothing(n):
    return np.zeros(n, dtype=bool)


def value(probs, starts, k):
    """What a segmentation is worth, window by window, by the definition."""
    worth = sum(OWN * (log_odds(probs[start]) - log_odds(USUAL)) for start in starts)
    for first in range(len(probs) - k):
        inside = range(first + 1, first + k + 1)
        if any(start in inside for start in starts):
            worth += 2 * (EVEN - np.prod([1 - probs[unit] for unit in inside])) / k
    return worth


@given(st.lists(st.tuples(LOGITS, st.integers(0, 9)), min_size=2, max_size=9))
def test_no_other_segmentation_is_worth_more(units):
    logits = np.asarray([logit for logit, _ in units])
    forced = np.asarray([number == 0 for _, number in units])
    probs = 1 / (1 + np.exp(-logits))
    k = int(np.clip(round(len(units) / (2 * (1 + probs[1:].sum()))), 1, len(units) - 1))
    starts = least_expected_pk(logits, forced).tolist()
    must = set(np.flatnonzero(forced[1:]) + 1)
    may = [unit for unit in range(1, len(units)) if unit in must or probs[unit] >= LEAST]
    every = (chosen for size in range(len(may) + 1) for chosen in combinations(may, size) if must <= set(chosen))
    assert starts[0] == 0
    assert must <= set(starts)
    assert value(probs, starts[1:], k) == pytest.approx(max(value(probs, chosen, k) for chosen in every), abs=1e-9)


@pytest.mark.parametrize("n", [0, 1])
def test_texts_without_places(n):
    assert least_expected_pk(np.zeros(n), nothing(n)).tolist() == list(range(n))


@given(st.lists(st.tuples(LOGITS, st.integers(0, 9)), min_size=1, max_size=30), st.integers(1, 30))
def test_limits_and_numbers_start_from_it(units, number):
    logits = np.asarray([logit for logit, _ in units])
    forced = np.asarray([number == 0 for _, number in units])
    starts = least_expected_pk(logits, forced).tolist()
    odds = decided_log_odds(logits, forced)
    settings = dict(threshold=0.5, forced=forced)
    assert decode(odds, **settings).tolist() == starts
    assert decode(odds, max_length=len(units), **settings).tolist() == starts
    wanted = min(max(number, 1 + int(forced[1:].sum())), len(units))
    chosen = set(decode(odds, n_segments=wanted, **settings).tolist())
    assert chosen <= set(starts) if wanted <= len(starts) else chosen > set(starts)


def test_a_boundary_that_is_certain_within_a_few_units_stands_though_each_place_is_unlikely():
    probs = np.full(60, 0.001)
    probs[[27, 28, 29, 30, 31]] = [0.15, 0.22, 0.3, 0.22, 0.15]
    assert least_expected_pk(log_odds(probs), nothing(60)).tolist() == [0, 29]
    alone = np.full(60, 0.001)
    alone[29] = 0.3
    assert least_expected_pk(log_odds(alone), nothing(60)).tolist() == [0]


def test_places_that_cannot_be_stay_free():
    logits = np.full(50, -20.0)
    assert least_expected_pk(logits, nothing(50)).tolist() == [0]
    forced = nothing(50)
    forced[[0, 7, 8]] = True
    assert least_expected_pk(logits, forced).tolist() == [0, 7, 8]


def test_the_component_takes_it_unless_told_how_to_decide():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    pipe = nlp.add_pipe("topic_segmenter")
    doc = nlp(" ".join(f"Cats sleep {i} hours a day." for i in range(12)))
    probs = np.full(12, 0.001)
    probs[4:9] = [0.15, 0.22, 0.3, 0.22, 0.15]
    (logits,) = pipe.predict([doc])
    logits.boundary[:] = log_odds(probs)

    def n_topics(**settings):
        pipe.cfg.update({"threshold": None, "n_segments": None, "max_length": None, **settings})
        pipe.set_annotations([doc], [logits])
        return len(doc.spans["topics"])

    assert n_topics() == 2
    assert n_topics(threshold=0.5) == 1
    assert n_topics(max_length=4) == 4
    assert n_topics(n_segments=3) == 3


def test_logits_that_are_no_numbers_are_named():
    with pytest.raises(ValueError, match=r"SEG120.*1"):
        decided_log_odds(np.asarray([0.0, np.nan, 1.0]), nothing(3))
