"""Documents of topics of several documents: they tile the text, keep their parts, and every text is made of texts that were there."""

import numpy as np
import pytest
import spacy

from spacy_segment.training.recombined import recombine
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import MixedTopics, TopicCorpus


def record(name: str, gap: str = "\n\n") -> TopicRecord:
    """Three topics, the second of two parts."""
    parts = [f"{name} opens.{gap}", f"{name} rains.{gap}", f"{name} hails.{gap}", f"{name} ends."]
    places = [0, *np.cumsum([len(part) for part in parts]).tolist()]
    return TopicRecord(
        name,
        "".join(parts),
        [
            Section(places[0], places[1], "Opening", "", 1),
            Section(places[1], places[3], "Weather", "weather", 1),
            Section(places[1], places[2], "Rain", "", 2),
            Section(places[2], places[3], "Hail", "", 2),
            Section(places[3], places[4], "End", "", 1),
        ],
        "en",
    )


OTHERS = [record(name) for name in ("Monday", "Tuesday", "Wednesday")]


def topics(made, level=1):
    return [made.text[s.start : s.end] for s in made.sections if s.level == level]


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
@pytest.mark.parametrize("seed", range(30))
def test_topics_tile_the_text_in_their_places(seed, gap):
    others = [record(name, gap) for name in ("Monday", "Tuesday", "Wednesday")]
    made = recombine(others[0], others, np.random.default_rng(seed))
    assert "".join(topics(made)) == made.text
    opening, weather, end = topics(made)
    assert (opening.split()[1], end.split()[1]) == ("opens.", "ends.")
    assert [part.split()[1] for part in topics(made, level=2)] == ["rains.", "hails."]
    assert weather == "".join(topics(made, level=2))
    assert opening.endswith(f"opens.{gap}")
    assert [s.label for s in made.sections] == [s.label for s in others[0].sections]


def test_parts_stay_inside_their_topics_where_white_space_is_lost():
    text = "Rain.   \n\n\n\nBread."
    topic, part = Section(0, 12, "", "", 1), Section(0, 12, "", "", 2)
    spaced = TopicRecord("s", text, [topic, part, Section(12, len(text), "", "", 1)])
    made = recombine(spaced, [spaced], np.random.default_rng(0))
    assert (topics(made), topics(made, level=2)) == (["Rain.\n\n", "Bread."], ["Rain.\n\n"])


def test_half_of_the_topics_are_those_of_others():
    made = [recombine(OTHERS[0], OTHERS[1:], np.random.default_rng(seed)) for seed in range(300)]
    foreign = [not topic.startswith("Monday") for one in made for topic in topics(one)]
    assert 0.4 < np.mean(foreign) < 0.6


def test_no_topic_is_begun_in_a_long_document():
    long = TopicRecord("l", "word " * 9000, [Section(i * 9000, (i + 1) * 9000, "", "", 1) for i in range(5)])
    made = recombine(long, [long], np.random.default_rng(0))
    assert 20_000 < len(made.text) < 30_000


def test_a_mixture_has_several_variants_each_made_once(tmp_path):
    (tmp_path / "train.md").write_text("".join(f"# {day}\n\n{day} it is. It is so.\n\n" for day in "ABCDEFGH"))
    (tmp_path / "more.md").write_text("".join(f"# {day}\n\n{day} it is. It is so.\n\n" for day in "IJKLMNOP"))
    stream = MixedTopics(str(tmp_path), max_units=0, join=0.0, recombined=0.5, coarse=True)(spacy.blank("en"))
    examples = [next(stream) for _ in range(120)]
    assert len({id(example) for example in examples}) == 2 * (1 + 4)


@pytest.mark.parametrize(
    "settings",
    [
        {"recombined": -1},
        {"join": 5},
        {"max_chars": -4},
        {"max_units": -5},
        {"exponent": float("nan")},
        {"seed": -1},
        {"sentences": "words"},
    ],
)
def test_settings_of_a_mixture_that_cannot_be_are_named(tmp_path, settings):
    with pytest.raises(ValueError, match=f"SEG200.*'{next(iter(settings))}'"):
        MixedTopics(str(tmp_path), **settings)


@pytest.mark.parametrize("settings", [{"limit": -1}, {"sentences": "words"}, {"condition": "purple"}])
def test_settings_of_a_corpus_that_cannot_be_are_named(tmp_path, settings):
    with pytest.raises(ValueError, match=f"SEG200.*'{next(iter(settings))}'"):
        TopicCorpus(str(tmp_path), **settings)
