"""Independent parts of a prediction in several threads."""

import threading
import time
from contextvars import ContextVar

import numpy as np
import pytest
import spacy
import torch

from spacy_segment.models.threads import in_threads

WORD: ContextVar[str] = ContextVar("word", default="none")


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_are_in_order_and_items_run_side_by_side():
    both_are_here = threading.Barrier(2, timeout=30)

    def double(number):
        both_are_here.wait()
        return 2 * number

    assert in_threads(double, iter(range(6))) == [0, 2, 4, 6, 8, 10]


def test_a_product_inside_has_one_thread_and_the_number_comes_back():
    assert in_threads(lambda _: torch.get_num_threads(), range(4)) == [1, 1, 1, 1]
    assert torch.get_num_threads() == 2


def test_items_share_the_threads_of_one_product():
    torch.set_num_threads(16)
    assert in_threads(lambda _: torch.get_num_threads(), range(3)) == [5, 5, 5]
    assert in_threads(lambda _: torch.get_num_threads(), range(20)) == [2] * 20
    assert torch.get_num_threads() == 16


def test_an_error_reaches_the_caller_and_the_number_comes_back():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda number: 1 / number, [1, 0, 2])
    assert torch.get_num_threads() == 2


def test_whoever_breaks_off_does_not_wait_for_all():
    done = []

    def slow(number):
        if number == 0:
            raise KeyboardInterrupt
        time.sleep(0.01)
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        in_threads(slow, range(1000))
    assert len(done) < 100
    assert torch.get_num_threads() == 2


def test_context_variables_are_those_of_the_caller():
    token = WORD.set("here")
    try:
        assert in_threads(lambda _: WORD.get(), range(3)) == ["here"] * 3
    finally:
        WORD.reset(token)


def test_a_call_inside_of_another_runs_item_by_item():
    def inner_threads(_):
        return set(in_threads(lambda _: threading.get_ident(), range(4)))

    assert [len(found) for found in in_threads(inner_threads, range(2))] == [1, 1]


def test_a_long_text_has_the_same_logits_with_one_thread_and_with_two():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("sentence_segmenter")
    docs = [
        nlp.make_doc(" ".join(f"Number {i} went home. then it rained" for i in range(2000))),
        nlp.make_doc("One. Two."),
    ]
    two = pipe.predict(docs)
    torch.set_num_threads(1)
    for a, b in zip(two, pipe.predict(docs), strict=True):
        np.testing.assert_array_equal(a.offsets, b.offsets)
        np.testing.assert_allclose(a.logits, b.logits, atol=1e-5)


def test_one_item_stays_in_the_thread_of_the_caller():
    assert in_threads(lambda _: threading.get_ident(), [0]) == [threading.get_ident()]
    assert in_threads(str, []) == []
