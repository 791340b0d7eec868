import re

import numpy as np
import pytest
import spacy

from spacy_segment.scorers import LANGUAGE
from spacy_segment.training.abbreviations import abbreviate, insert, known_abbreviations
from spacy_segment.training.augmenters import corruption_mix, make_example
from spacy_segment.training.corruption import Corrupted

TEXT = "We met Alice Miller at the old harbour. She was waiting for Peter and his brother. Nobody came that evening."
STARTS = np.asarray([0, 40, 83])


def test_abbreviations_come_from_the_tokenizer_of_the_language():
    assert {"Mr.", "vs.", "Mt."} <= set(known_abbreviations("en"))
    assert {"bzw.", "usw."} <= set(known_abbreviations("de"))
    assert known_abbreviations("ja") == known_abbreviations("no-such-language") == ()
    assert all(word.endswith(".") and word[0].isalpha() for word in known_abbreviations("nl"))


@pytest.mark.parametrize("lang", ["en", "de", "xx"])
def test_sentences_begin_with_the_same_words_after_abbreviations(lang):
    texts = set()
    for seed in range(30):
        longer = abbreviate(TEXT, STARTS, np.random.default_rng(seed), lang)
        assert [longer.text[start:].split()[0] for start in longer.starts] == ["We", "She", "Nobody"]
        ends = [*longer.starts[1:], len(longer.text)]
        assert all(longer.text[:end].rstrip().endswith(".") for end in ends)
        texts.add(longer.text)
    assert max(text.count(".") for text in texts) > 4
    assert TEXT in texts or len(texts) > 20


def test_initials_stand_before_words_with_a_capital():
    texts = [abbreviate(TEXT, STARTS, np.random.default_rng(seed), "xx").text for seed in range(200)]
    initials = {found[1] for text in texts if (found := re.search(r" (.)\. (?=Miller|Alice|Peter)", text))}
    assert len(initials) > 3
    assert initials <= set("WAMSPN")


def test_initials_end_sentences_and_stand_inside_of_them():
    texts = [abbreviate(TEXT, STARTS, np.random.default_rng(seed), "xx").text for seed in range(300)]
    assert any(re.search(r" [WAMSPN]\.[WAMSPN]\. She ", text) for text in texts)
    assert any(re.search(r" [WAMSPN]\.[WAMSPN]\. Miller ", text) for text in texts)


def test_text_without_spaces_gets_none():
    text = "昨日は雨でした。今日は晴れです。"
    longer = abbreviate(text, np.asarray([0, 8]), np.random.default_rng(0), "ja")
    assert (longer.text, longer.starts.tolist()) == (text, [0, 8])


def test_insert_moves_the_starts_behind_what_is_put_in():
    changed = insert("ab cd. ef", np.asarray([0, 7]), {3: "x. ", 5: "!"})
    assert isinstance(changed, Corrupted)
    assert (changed.text, changed.starts.tolist()) == ("ab x. cd!. ef", [0, 11])


def test_corruption_mix_abbreviates_in_the_language_of_the_text():
    nlp = spacy.blank("xx")
    augment = corruption_mix({"clean": 1.0}, abbreviated=1.0, seed=0)
    example = make_example(nlp, Corrupted(TEXT, STARTS), {LANGUAGE: "en"})
    texts = [next(augment(nlp, example)).text for _ in range(40)]
    assert any(f" {word} " in text for text in texts for word in known_abbreviations("en"))
    with pytest.raises(ValueError, match=r"SEG200.*'abbreviated'"):
        corruption_mix({"clean": 1.0}, abbreviated=2.0)
