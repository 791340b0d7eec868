"""Titles put back into texts: every section starts at its heading, and nothing else changes."""

import numpy as np
import pytest
import spacy

from spacy_segment.training.titled import put_headings
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import MixedTopics, TopicCorpus, change_record

LEAD, RAIN, HAIL, BREAD = "All of this is old.\n\n", "It rains.\n\n", "It hails.\n\n", "Bread rises."
TEXT = LEAD + RAIN + HAIL + BREAD
AFTER_LEAD, AFTER_RAIN, AFTER_HAIL = len(LEAD), len(LEAD + RAIN), len(LEAD + RAIN + HAIL)
RECORD = TopicRecord(
    "r",
    TEXT,
    [
        Section(0, AFTER_LEAD, "", "", 1),
        Section(AFTER_LEAD, AFTER_HAIL, "Weather", "weather", 1),
        Section(AFTER_LEAD, AFTER_RAIN, "Rain", "", 2),
        Section(AFTER_RAIN, AFTER_HAIL, "2. Hail", "", 2),
        Section(AFTER_HAIL, len(TEXT), "Food", "food", 1),
    ],
    "en",
)


def parts(record, level=1):
    return [record.text[s.start : s.end] for s in record.sections if s.level == level]


@pytest.mark.parametrize("seed", range(40))
def test_sections_start_at_their_headings_and_tile_the_text(seed):
    headed = put_headings(RECORD, np.random.default_rng(seed))
    assert "".join(parts(headed)) == headed.text
    lead, weather, food = parts(headed)
    assert lead == LEAD
    assert "weather" in weather.split("\n")[0].lower()
    assert "food" in food.split("\n")[0].lower()
    assert (weather.rstrip().endswith("It hails."), food.endswith("\n" + BREAD)) == (True, True)
    rain, hail = parts(headed, level=2)
    assert weather.endswith(rain + hail)
    has_parts = rain != RAIN
    assert (("rain" in rain.split("\n")[0].lower()), hail.startswith(HAIL)) == (True, not has_parts)
    assert [s.label for s in headed.sections] == [s.label for s in RECORD.sections]


def test_headings_come_in_many_styles():
    lines = {put_headings(RECORD, np.random.default_rng(seed)).text.split("\n")[2] for seed in range(200)}
    assert {"Weather", "# Weather", "WEATHER", "**Weather**", "Weather:", "1. Weather", "§ 1 Weather"} <= lines
    texts = [put_headings(RECORD, np.random.default_rng(seed)).text for seed in range(200)]
    assert any("Weather\n=======\n" in text for text in texts)
    assert any("1.1. Rain" in text for text in texts)
    assert not any("1.2. 2. Hail" in text for text in texts)


def test_a_record_without_titles_stays_as_it_is():
    bare = TopicRecord("b", TEXT, [Section(0, AFTER_LEAD, "", "", 1), Section(AFTER_LEAD, len(TEXT), "", "", 1)])
    assert put_headings(bare, np.random.default_rng(0)) == bare


def test_headings_of_a_document_are_the_same_in_every_benchmark():
    assert change_record(RECORD, "headed") == change_record(RECORD, "headed") != RECORD


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "days").mkdir()
    sections = [f"# {title}\n\n{title} it is. It is so.\n\n" for title in ("Monday", "Tuesday", "Wednesday")]
    (tmp_path / "days" / "train.md").write_text("".join(sections))
    return str(tmp_path / "days" / "train.md")


def test_a_corpus_under_the_condition_has_topics_at_headings(corpus):
    (example,) = TopicCorpus(corpus, condition="headed")(spacy.blank("en"))
    texts = [span.text for span in example.reference.spans["topics"]]
    assert [text.split("\n")[0].lower().strip("#*: 123.)").rpartition(" ")[2] for text in texts] == [
        "monday",
        "tuesday",
        "wednesday",
    ]


def test_a_mixture_has_some_documents_with_headings_each_made_once(corpus):
    stream = MixedTopics(corpus, max_units=0, join=0.0, headings=0.5, coarse=True)(spacy.blank("en"))
    examples = [next(stream) for _ in range(30)]
    assert len({id(example) for example in examples}) == len({eg.reference.text for eg in examples}) == 2
    with pytest.raises(ValueError, match=r"SEG200.*'headings'"):
        MixedTopics(corpus, headings=1.5)


def test_a_condition_that_there_is_none_of_is_named(corpus):
    with pytest.raises(ValueError, match=r"SEG200.*'condition'.*headed"):
        TopicCorpus(corpus, condition="burnt")
