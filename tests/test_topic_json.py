"""Readers of the JSON of topic segmentation, on short texts of our own."""

import json

import pytest
from test_topic_formats import parts, write

from spacy_segment.training.topic_formats import read_topics

WORDS = ("Tea?", "Yes.", "Rain.", "Wet.", "Snow.", "White.")


def terms(**section):
    return {"level1_headings": [{"section": "fees", "text": ["You pay."], **section}]}


def meeting(*spans, topics="abcdef"):
    """Six turns, and a topic for each list of spans."""
    return {
        "meeting_transcripts": [{"speaker": "A", "content": word} for word in WORDS],
        "topic_list": [{"topic": t, "relevant_text_span": s} for t, s in zip(topics, spans, strict=False)],
    }


def article(*marks, text="Mix it. It fell all night, and all day. It lay."):
    annotations = [
        {"begin": begin, "length": length, "sectionHeading": "Bread", "sectionLabel": "disease.food"}
        for begin, length in marks
    ]
    return [{"text": text, "annotations": annotations}]


def talk(*segments):
    return {"utterances": ["Hi.", "Tea?", "Rain."], "segments": segments}


FOOD = ("Bread", "food", 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            terms(level2_headings=[{"section": "tax", "text": "So."}]),
            [("You pay.\n\nSo.", "fees", "fees", 1), ("So.", "tax", "tax", 2)],
        ),
        (terms(section=None), [("You pay.", "", "", 1)]),
        (
            meeting([["0", "1"]], [["3", "3"], [5, 5]]),
            [
                ("A: Tea?\nA: Yes.", "a", "", 1),
                ("A: Rain.", "", "", 1),
                ("A: Wet.", "b", "", 1),
                ("A: Snow.", "", "", 1),
                ("A: White.", "b", "", 1),
            ],
        ),
        # Of topics that overlap the one that begins last has a turn, in whatever order they stand.
        *[
            (
                meeting(*spans, topics=topics),
                [("A: Tea?\nA: Yes.", "a", "", 1), ("A: Rain.\nA: Wet.\nA: Snow.\nA: White.", "b", "", 1)],
            )
            for spans, topics in (
                (([["0", "2"]], [["2", "5"]]), "ab"),
                (([["2", "5"]], [["0", "2"]]), "ba"),
                (([["0", "5"]], [["2", "5"]]), "ab"),
                (([["2", "5"]], [["0", "5"]]), "ba"),
            )
        ],
        (
            article((0, 8), (8, 32), (40, 7)),
            [("Mix it.", *FOOD), ("It fell all night, and all day.", *FOOD), ("It lay.", *FOOD)],
        ),
        (
            article((0, 7), (8, 31), (40, 4)),
            [("Mix it.", *FOOD), ("It fell all night, and all day.", *FOOD), ("It lay.", *FOOD)],
        ),
        (article((2, 6), text="\n\nMix it."), [("Mix it.", *FOOD)]),
        ([{"text": "Mix it.", "annotations": "[{'begin': 0, 'length': 7}]"}], [("Mix it.", "", "", 1)]),
        (talk(2, 1), [("Hi.\nTea?", "", "", 1), ("Rain.", "", "", 1)]),
    ],
)
def test_formats_of_json(tmp_path, data, expected):
    (record,) = read_topics(write(tmp_path / "a.json", json.dumps(data)))
    assert parts(record) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([3], "expected a JSON object, got int"),
        ({"a": 1, "b": 2}, "none of the known formats has the keys a, b"),
        (terms(section=3), "'title' of a section must be of type str, got 3"),
        (terms(text=[]), "there is no text"),
        (meeting([["-2", "2"]]), "turns -2 to 2 of 'a', but there are 0 to 5"),
        (meeting([["3", "6"]]), "turns 3 to 6 of 'a', but there are 0 to 5"),
        (meeting([["30", "50"]]), "turns 30 to 50 of 'a', but there are 0 to 5"),
        (meeting([["4", "2"]]), "turns 4 to 2 of 'a', but there are 0 to 5"),
        (meeting([[0.7, 2]]), "invalid literal for int.* '0.7'"),
        (meeting([[True, 2]]), "invalid literal for int.* 'True'"),
        (meeting([["0", "2"]], [["0", "2"]]), "'a' has no turn of its own"),
        (meeting([["0", "5"]], [["0", "2"], ["3", "5"]]), "'a' has no turn of its own"),
        (meeting([]), "'a' has no turn of its own"),
        (article((0, 30), (8, 32), (40, 7)), "one ends at 30 and the next begins at 8"),
        (article((0, 8), (20, 27)), "one ends at 8 and the next begins at 20"),
        (article((8, 39)), "one ends at 0 and the next begins at 8"),
        (article((-1, 9), (8, 39)), "one ends at 0 and the next begins at -1"),
        (article((8, 39), (0, 8)), "one ends at 0 and the next begins at 8"),
        (article((0, 8), (8, 20)), "one ends at 28 and the next begins at 47"),
        (article((0, 8), (8, 90)), "one ends at 98 and the next begins at 47"),
        (article(), "one ends at 0 and the next begins at 47"),
        (talk(1, 1), "segments of 2 utterances in all, but there are 3"),
        (talk(5, -2), "segments must be whole numbers from 1"),
        (talk(0, 3), "segments must be whole numbers from 1"),
        (talk(1.0, 2), "segments must be whole numbers from 1"),
        ({**talk(3), "utterances": "abc"}, "expected a list of sentences"),
    ],
)
def test_bad_documents_are_named(tmp_path, data, reason):
    with pytest.raises(ValueError, match=rf"SEG141.*a\.json, record 1: .*{reason}"):
        list(read_topics(write(tmp_path / "a.json", json.dumps(data))))
