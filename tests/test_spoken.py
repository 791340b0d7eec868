"""Turns of a transcript: every line of a text is opened, and topics start where their first line does."""

import numpy as np
import pytest
import spacy

from spacy_segment.training.spoken import Turns, put_turns
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import MixedTopics, TopicCorpus, change_record

RAIN, HAIL, BREAD = "It rains.\n", "It hails. All day.\n\n", "Bread rises."
TEXT = RAIN + HAIL + BREAD
RECORD = TopicRecord(
    "r",
    TEXT,
    [Section(0, len(RAIN + HAIL), "", "weather", 1), Section(len(RAIN + HAIL), len(TEXT), "", "food", 1)],
    "en",
)


@pytest.mark.parametrize("seed", range(40))
def test_every_line_that_is_not_blank_is_a_turn_of_its_topic(seed):
    spoken = put_turns(RECORD, np.random.default_rng(seed))
    weather, food = (spoken.text[s.start : s.end] for s in spoken.sections)
    assert weather + food == spoken.text
    lines, before = spoken.text.split("\n"), TEXT.split("\n")
    assert [line.endswith(end) for line, end in zip(lines, before, strict=True)] == [True] * 4
    assert [len(line) > len(end) for line, end in zip(lines, before, strict=True)] == [True, True, False, True]
    assert food == lines[3]
    assert [s.label for s in spoken.sections] == ["weather", "food"]


def test_a_text_of_one_line_stays_as_it_is():
    record = TopicRecord("b", BREAD, [Section(0, len(BREAD), "", "", 1)])
    assert put_turns(record, np.random.default_rng(0)) == record


def test_turns_come_in_many_styles_and_time_goes_on():
    turns = Turns("[{time}] {name}: ", ("Q", "A"), has_hours=True, seconds=3590)
    rng = np.random.default_rng(0)
    openings = [turns.next(rng) for _ in range(50)]
    assert openings == sorted(openings, key=lambda opening: opening[:10])
    assert openings[0].startswith("[00:59:") or openings[0].startswith("[01:00:")
    assert {opening[11:] for opening in openings} == {"Q: ", "A: "}
    drawn = {Turns.draw(TEXT, np.random.default_rng(seed)).opening for seed in range(300)}
    assert {"- ", "{name}: ", "[{time}] ", "{time} - {name}: "} <= drawn
    named = [Turns.draw("Anna spoke", np.random.default_rng(seed)).speakers for seed in range(50)]
    assert {"Anna", "ANNA", "Spoke", "Speaker 1"} <= {name for names in named for name in names}


def test_a_corpus_may_be_spoken_in_a_benchmark_and_a_mixture(tmp_path):
    (tmp_path / "days").mkdir()
    path = tmp_path / "days" / "train.md"
    path.write_text("# Monday\n\nMonday it is.\nIt is so.\n\n# Friday\n\nFriday it is.\n")
    assert change_record(RECORD, "spoken") == change_record(RECORD, "spoken") != RECORD
    (example,) = TopicCorpus(str(path), condition="spoken")(spacy.blank("en"))
    first, second = example.reference.spans["topics"]
    assert first.text.rstrip().endswith("It is so.")
    assert second.text.endswith("Friday it is.")
    assert second.text != "Friday it is."
    stream = MixedTopics(str(path), max_units=0, join=0.0, turns=0.5, coarse=True)(spacy.blank("en"))
    assert len({next(stream).reference.text for _ in range(30)}) == 2
    with pytest.raises(ValueError, match=r"SEG200.*'turns'"):
        MixedTopics(str(path), turns=-1)
