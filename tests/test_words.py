"""Words are cut once: the pieces are those of the tokenizer, whatever was cut before."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment.models import words
from spacy_segment.models.pieces import N_BUCKETS, UNKNOWN, cut, train_vocabulary
from spacy_segment.models.words import ROOM, WORD, WordCutter
from spacy_segment.text import code_points

TEXTS = ["The cat sat on the mat, and ran away from it all.", "ねこだ。いぬだ。 12 Katzen\tund 34 Hunde!"]
VOCABULARY = train_vocabulary(TEXTS * 20, size=90)
CUTTER = WordCutter(VOCABULARY, 90)


def plainly(text):
    """Row, start and end of every piece, from the whole text at once."""
    ids, starts, ends = cut(VOCABULARY, text)
    unknown = 90 + (code_points(text)[starts] >> 7) % N_BUCKETS
    return np.stack([np.where(ids == VOCABULARY.token_to_id(UNKNOWN), unknown, ids), starts, ends])


@given(
    st.text(
        alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from(" \n\taA.ÄİΣς́が1\x1c\x85\u200b\u3000")),
        max_size=60,
    )
)
def test_pieces_are_those_of_the_whole_text(text):
    np.testing.assert_array_equal(CUTTER(text), plainly(text))


@pytest.mark.parametrize("text", ["", " \n ", *TEXTS, " ".join(TEXTS * 2000), "x" * 50_000, "ねこだ。" * 20_000])
def test_long_and_empty_texts(text):
    np.testing.assert_array_equal(CUTTER(text), plainly(text))


def test_words_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(words, "ROOM", 40)
    cutter = WordCutter(VOCABULARY, 90)
    for text in [*TEXTS, "away all the", *TEXTS, "mat " * 30]:
        np.testing.assert_array_equal(cutter(text), plainly(text))
        assert len(cutter._known) <= 40


def test_a_part_of_a_text_always_finds_room():
    text = " ".join(chr(0x4E00 + i) for i in range(10_000))
    assert len(set(WORD.findall(text))) == 10_000
    cutter = WordCutter(VOCABULARY, 90)
    for shift in range(4):  # each has other words
        other = "".join(c if c == " " else chr(ord(c) + 10_000 * shift) for c in text[:8000])
        np.testing.assert_array_equal(cutter(other), plainly(other))
    assert cutter._ends[len(cutter._known)] <= ROOM


def test_a_word_is_not_given_to_the_tokenizer_twice(monkeypatch):
    seen = []
    monkeypatch.setattr(words, "cut", lambda tokenizer, text: seen.append(text) or cut(tokenizer, text))
    cutter = WordCutter(VOCABULARY, 90)
    cutter("the cat the cat")
    cutter("the cat ran")
    assert [sorted(text.split()) for text in seen] == [["cat", "the"], ["ran"]]


def test_dropout_cuts_anew():
    tokenizer = train_vocabulary(TEXTS * 20, size=90)
    tokenizer.model.dropout = 0.5
    cutter = WordCutter(tokenizer, 90)
    found = {cutter("away from the mat").tobytes() for _ in range(20)}
    assert len(found) > 1


def test_several_threads_and_copies():
    cutter = WordCutter(VOCABULARY, 90)
    texts = [f"{TEXTS[i % 2]} {i} w{i}" for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for text, pieces in zip(texts, pool.map(cutter, texts), strict=True):
            np.testing.assert_array_equal(pieces, plainly(text))
    copied = pickle.loads(pickle.dumps(cutter))
    np.testing.assert_array_equal(copied(TEXTS[0]), plainly(TEXTS[0]))
