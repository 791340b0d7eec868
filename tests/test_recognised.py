"""Texts with gold topics as speech recognition gives them: topics tile what is left, sentences are those of before, more or less."""

import numpy as np
import pytest
import spacy

from spacy_segment.training.recognised import corrupt, recognise
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import MixedTopics, join_records, make_topic_example

WEATHER, FOOD = "It rains, it pours. It hails!\n\nSnow?\n\n", "“Bread rises.” Butter melts."
RECORD = TopicRecord(
    "r",
    WEATHER + FOOD,
    [
        Section(0, len(WEATHER), "Weather", "weather", 1),
        Section(31, len(WEATHER), "Snow", "", 2),
        Section(len(WEATHER), len(WEATHER + FOOD), "Food", "food", 1),
    ],
    "en",
)


def texts(record, level=1):
    return [record.text[s.start : s.end] for s in record.sections if s.level == level]


def test_sections_and_sentences_move_along():
    left = corrupt(RECORD, "corrupted")
    assert left.text == "it rains it pours it hails snow bread rises butter melts "
    assert texts(left) == ["it rains it pours it hails snow ", "bread rises butter melts "]
    assert texts(left, level=2) == ["snow "]
    assert [left.text[start:][:6] for start in left.sentences] == ["it rai", "it hai", "snow b", "bread ", "butter"]


def test_a_section_of_which_nothing_is_left_is_none():
    marks = TopicRecord(
        "m", "One. \n***\nTwo.", [Section(0, 6, "", "", 1), Section(6, 10, "", "", 1), Section(10, 14, "", "", 1)]
    )
    assert texts(corrupt(marks, "corrupted")) == ["one ", "two "]
    assert texts(corrupt(marks, "flat")) == ["One. ", "*** ", "Two. "]


def test_some_sentences_are_missed_and_others_begun():
    long = TopicRecord("l", "It was so and so. " * 400, [Section(0, 7200, "", "", 1)])
    left = recognise(long, np.random.default_rng(0))
    true = set(corrupt(long, "corrupted").sentences)
    assert 0.6 < len(true & set(left.sentences)) / len(true) < 0.8
    assert 0.1 < len(set(left.sentences) - true) / len(true) < 0.3
    assert left.sentences[0] == 0
    assert all(left.text[start - 1] == " " for start in left.sentences[1:])


def test_examples_have_these_sentences_and_those_of_topics():
    nlp = spacy.blank("en")
    left = recognise(RECORD, np.random.default_rng(1))
    reference = make_topic_example(nlp, left, "c", "topics", "rule").reference
    starts = {sent.start_char for sent in reference.sents}
    assert starts == {*left.sentences, *(section.start for section in left.sections)}
    assert [span.label_ for span in reference.spans["topics"]] == ["weather", "TOPIC", "food"]


def test_joined_texts_keep_their_sentences():
    left = corrupt(RECORD, "corrupted")
    both = join_records(RECORD, left)
    assert [both.text[start:][:3] for start in both.sentences[:4]] == ["It ", "It ", "Sno", "“Br"]
    assert both.sentences[-5:] == [start + len(RECORD.text) + 2 for start in left.sentences]


def test_a_mixture_has_some_of_them_cut_to_runs_or_whole(tmp_path):
    (tmp_path / "train.md").write_text("".join(f"# {day}\n\n{day}! It is. It is so.\n\n" for day in "ABCDEFGH"))
    for max_units in (0, 6):
        stream = MixedTopics(str(tmp_path), max_units=max_units, join=0.3, recognised=0.5, coarse=True)(
            spacy.blank("en")
        )
        lost = ["!" not in next(stream).reference.text for _ in range(60)]
        assert 10 < sum(lost) < 50
    with pytest.raises(ValueError, match=r"SEG200.*'recognised'"):
        MixedTopics(str(tmp_path), recognised=-1)
