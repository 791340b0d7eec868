"""Readers of the JSON of topic segmentation, on short texts of our own."""

import json

from test_topic_formats import parts, write

from spacy_segment.training.topic_formats import read_topics


def test_formats_of_json(tmp_path):
    terms = {
        "level1_headings": [
            {"section": "fees", "text": ["You pay."], "level2_headings": [{"section": "tax", "text": "So."}]}
        ]
    }
    (record,) = read_topics(write(tmp_path / "terms.json", json.dumps(terms)))
    assert parts(record) == [("You pay.\n\nSo.", "fees", "fees", 1), ("So.", "tax", "tax", 2)]
    turns = [{"speaker": "A", "content": word} for word in ("Tea?", "Yes.", "Rain.")]
    topics = [{"topic": "tea", "relevant_text_span": [["0", "1"]]}]
    (record,) = read_topics(
        write(tmp_path / "meeting.json", json.dumps({"meeting_transcripts": turns, "topic_list": topics}))
    )
    assert parts(record) == [("A: Tea?\nA: Yes.", "tea", "", 1), ("A: Rain.", "", "", 1)]
    marks = [
        {"begin": 0, "length": 8, "sectionHeading": "Bread", "sectionLabel": "disease.food"},
        {"begin": 8, "length": 8},
    ]
    (record,) = read_topics(
        write(tmp_path / "wiki.json", json.dumps([{"text": "Mix it. It fell.", "annotations": marks}]))
    )
    assert parts(record) == [("Mix it.", "Bread", "food", 1), ("It fell.", "", "", 1)]
    (record,) = read_topics(
        write(tmp_path / "talk.json", json.dumps({"utterances": ["Hi.", "Tea?", "Rain."], "segments": [2, 1]}))
    )
    assert [text for text, *_ in parts(record)] == ["Hi.\nTea?", "Rain."]
    (record,) = read_topics(
        write(tmp_path / "727", "========,1,preface.\nTea.\n========,2,Bread.\nMix it.\n========,3,Oven.\nHot.")
    )
    assert parts(record) == [("Tea.", "preface", "", 1), ("Mix it.\nHot.", "Bread", "", 1), ("Hot.", "Oven", "", 2)]
