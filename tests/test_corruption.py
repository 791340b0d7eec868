import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_segment.text import lower_case
from spacy_segment.training.augmenters import CORRUPTIONS
from spacy_segment.training.corruption import CONDITIONS, FAMILIES, corrupted, remove, shorten, upper

SENTENCES = [
    "Hello, World!",
    "“No”, she said…",
    "It's 5 o'clock?",
    "- end",
    "Ça va ?",
    "我来了。",
    "İyi",
    "...",
    "a-b (c)",
]
TEXTS = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6)
GAPS = st.sampled_from([" ", "\n", "\n\n", "  "])


def join(sentences, gap=" "):
    text, starts = "", []
    for sentence in sentences:
        text += gap if text else ""
        starts.append(len(text))
        text += sentence
    return text, np.asarray(starts)


def classes(marks):
    return [(offset, list(FAMILIES)[number - 1]) for offset, number in marks.tolist()]


def test_corrupted_removes_punctuation_case_and_newlines():
    changed = corrupted("Hello, World!\n\nHow  are you?", np.asarray([0, 15]))
    assert changed.text == "hello world how are you"
    assert changed.starts.tolist() == [0, 12]
    assert classes(changed.marks) == [(5, "comma"), (11, "exclamation"), (23, "question")]


def test_corrupted_leaves_no_doubled_space_where_a_mark_stood_alone():
    assert corrupted("Oui ! Non ?", np.asarray([0, 6])).text == "oui non"


def test_corrupted_drops_the_start_of_a_sentence_without_words():
    assert corrupted("Yes. ... No.", np.asarray([0, 5, 9])).starts.tolist() == [0, 4]


def test_corrupted_ignores_marks_inside_a_word_but_not_between_chinese_sentences():
    assert classes(corrupted("don't", np.asarray([0])).marks) == []
    assert classes(corrupted("我来了。他走了。", np.asarray([0, 4])).marks) == [(3, "stop"), (6, "stop")]


def test_lost_marks_the_strongest_counts():
    assert classes(corrupted('He said "no."', np.asarray([0])).marks) == [(7, "quote"), (10, "stop")]


@given(TEXTS, GAPS)
def test_corrupted_keeps_nothing_that_gives_a_boundary_away(sentences, gap):
    text = corrupted(*join(sentences, gap)).text
    assert not any(unicodedata.category(c)[0] == "P" for c in text)
    assert "  " not in text
    assert "\n" not in text
    assert text == text.strip()
    assert lower_case(text) == text


@pytest.mark.parametrize("name", CORRUPTIONS)
@given(sentences=TEXTS, gap=GAPS, seed=st.integers(0, 99))
def test_corruptions_move_starts_with_their_characters(name, sentences, gap, seed):
    text, starts = join(sentences, gap)
    changed = CORRUPTIONS[name](text, starts, np.random.default_rng(seed))
    moved = changed.starts.tolist()
    assert moved == sorted(set(moved))
    assert all(0 <= start < len(changed.text) and not changed.text[start].isspace() for start in moved)
    if name == "indented":
        assert changed.text.upper().split() == text.upper().split()
    if name in ("flat", "wrapped", "clean"):
        assert moved == starts.tolist()
        assert changed.text.split() == text.split()


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_repeat(name):
    text, starts = join(SENTENCES)
    first, second = (CONDITIONS[name](text, starts) for _ in range(2))
    assert first.text == second.text
    assert first.starts.tolist() == second.starts.tolist()


def test_remove_keeps_the_first_of_joined_white_space():
    changed = remove("a .\nb", np.asarray([0, 4]), np.asarray([0, 0, 1, 0, 0], dtype=bool))
    assert changed.text == "a b"
    assert changed.starts.tolist() == [0, 2]


def test_lower_case_keeps_offsets():
    assert lower_case("İSTANBUL A") == "İstanbul a"


def test_upper_keeps_offsets():
    assert upper("straße a", np.asarray([0])).text == "STRAßE A"


def test_shorten_gives_whole_sentences():
    text, starts = join(["One two.", "Three.", "Four five."])
    for seed in range(20):
        changed = shorten(text, starts, np.random.default_rng(seed))
        assert changed.text in text
        assert changed.starts[0] == 0
