"""Readers of the formats of topic segmentation, on short texts of our own."""

import json

import pytest
import spacy

from spacy_segment.training.topic_formats import read_topics
from spacy_segment.training.topic_readers import MixedTopics, TopicCorpus, find_labels

RECORD = {
    "id": "a",
    "text": "Mix the flour.\nBake it.\nIt rained.",
    "sections": [
        {"start": 0, "end": 24, "title": "Bread", "label": "food", "level": 1},
        {"start": 24, "end": 34, "title": "Rain", "label": "weather", "level": 1},
    ],
}


def write(path, text):
    path.write_text(text, encoding="utf8")
    return path


def parts(record):
    return [(record.text[s.start : s.end].strip(), s.title, s.label, s.level) for s in record.sections]


KEYS = ("start", "end", "level")
PART = "leaves the section that it lies in, or overlaps the part before it"
WRONG_PARTS = [
    ([(0, 50, 1), (50, 100, 1), (10, 60, 2)], PART),
    ([(0, 50, 1), (50, 100, 1), (40, 60, 2)], PART),
    ([(0, 50, 1), (40, 60, 2), (50, 100, 1)], PART),
    ([(0, 100, 1), (0, 60, 2), (30, 90, 2)], PART),
    ([(0, 100, 1), (50, 100, 2), (0, 50, 2)], PART),
    ([(0, 100, 1), (0, 50, 2), (40, 60, 3)], PART),
    ([(0, 50, 2), (0, 100, 1)], PART),
    ([(0, 100, 1), (10, 20, 2), (15, 100, 1)], "the sections overlap at character 15"),
    ([(0, 40, 1), (10, 20, 2), (50, 100, 1)], "the sections leave a gap at character 40"),
]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jsonl", [1], "expected a JSON object, got list"),
        ("a.jsonl", {"text": ["a"], "sections": [{"start": 0, "end": 1}]}, '"text" is not a string'),
        ("a.jsonl", {"text": "a\ud800", "sections": [{"start": 0, "end": 2}]}, "surrogates not allowed"),
        (
            "a.jsonl",
            {"text": "ab", "sections": [{"start": 0.0, "end": 2.0}]},
            "'start' of a section must be of type int",
        ),
        ("a.jsonl", {"text": "ab", "sections": [{"start": 0, "end": 2, "level": 0}]}, "expected a level from 1"),
        ("a.jsonl", {"text": "ab", "sections": [{"start": 0, "end": 2}, {"start": 2, "end": 2}]}, "some text"),
        ("a", "========,1,preface.\nTea.\n========,x,Rain.\nIt fell.", "expected a heading such as"),
        (
            "a.jsonl",
            {"text": "ab", "sections": [{"start": False, "end": 2}]},
            "'start' of a section must be of type int",
        ),
        *[
            ("a.jsonl", {"text": "a" * 100, "sections": [dict(zip(KEYS, s, strict=True)) for s in sections]}, reason)
            for sections, reason in WRONG_PARTS
        ],
        ("a.jsonl", {"sentences": ["Tea.", "Hot."], "labels": [0, 2]}, "a label must be one of"),
        (
            "a.jsonl",
            {"sentences": ["Tea.", "Hot."], "labels": "01"},
            "expected a list of sentences and a list of labels",
        ),
        ("a.jsonl", {"sentences": "ab", "labels": [0, 1]}, "expected a list of sentences and a list of labels"),
        # A record without text is wrong, whatever the reason.
        ("a.jsonl", {"text": "", "sections": []}, "there is no text"),
        ("a.jsonl", {"sentences": [], "labels": []}, "there is no text"),
        ("a.md", "", "there is no text"),
        ("a.md", "# Bread\n\n## Rain\n", "there is no text"),
        ("a.ref", "", "there is no text"),
        ("a.ref", "==========\n==========\n", "there is no text"),
        ("a", "========,1,preface.\n", "there is no text"),
    ],
)
def test_bad_records_are_named(tmp_path, name, content, reason):
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(ValueError, match=rf"SEG141.*{name}, record 1: .*{reason}"):
        list(read_topics(write(tmp_path / name, text)))


@pytest.mark.parametrize("first", ["==========\n", ""])
def test_choi(tmp_path, first):
    (record,) = read_topics(write(tmp_path / "a.ref", f"{first}Mix it.\nBake it.\n==========\nIt rained.\n=========="))
    assert [text for text, *_ in parts(record)] == ["Mix it.\nBake it.", "It rained."]


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("", []),
        ("Lead.\n", [("Lead.", "", "", 1)]),
        # Parts above the first topic are topics, their parts are parts.
        ("========,3,Soup.\n========,4,Pot.\nStir.\n", [("Stir.", "Soup", "", 1), ("Stir.", "Pot", "", 2)]),
    ],
)
def test_wiki727k(tmp_path, above, expected):
    text = "========,1,preface.\nTea.\n========,2,Bread.\nMix it.\n========,3,Oven.\nHot."
    (record,) = read_topics(write(tmp_path / "727", above + text))
    topics = [("Tea.", "preface", "", 1), ("Mix it.\nHot.", "Bread", "", 1), ("Hot.", "Oven", "", 2)]
    assert parts(record) == expected + topics


def test_parts_may_lie_in_parts(tmp_path):
    sections = [(0, 60, 1), (10, 60, 2), (10, 30, 3), (40, 60, 3), (60, 100, 1), (60, 70, 4), (70, 100, 2)]
    data = {"text": "a" * 100, "sections": [dict(zip(KEYS, section, strict=True)) for section in sections]}
    (record,) = read_topics(write(tmp_path / "a.jsonl", json.dumps(data)))
    assert [(s.start, s.end, s.level) for s in record.sections] == sections


def test_jsonl_and_its_labels(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps(RECORD))
    (record,) = read_topics(path)
    assert [(s.start, s.end, s.label) for s in record.sections] == [(0, 24, "food"), (24, 34, "weather")]
    assert find_labels(str(path)) == ["food", "weather"]


@pytest.mark.parametrize("labels", [[0, 1, 0], ["0", "1", "1"], ["O", "B-EOP", "O"], [-100, 1, -100]])
def test_labels_of_sentences(tmp_path, labels):
    data = {"sentences": ["Mix it.", "Bake it.", "It rained."], "labels": labels}
    (record,) = read_topics(write(tmp_path / "a.jsonl", json.dumps(data)))
    assert [text for text, *_ in parts(record)] == ["Mix it.\nBake it.", "It rained."]


@pytest.mark.parametrize(
    "sections",
    [
        [{"start": 0, "end": 10, "title": "", "label": "", "level": 1}],
        [
            {"start": 0, "end": 24, "title": "", "label": "", "level": 1},
            {"start": 20, "end": 34, "title": "", "label": "", "level": 1},
        ],
    ],
)
def test_sections_that_do_not_tile_the_text_are_named(tmp_path, sections):
    path = write(tmp_path / "a.jsonl", json.dumps(RECORD) + "\n" + json.dumps({**RECORD, "sections": sections}))
    with pytest.raises(ValueError, match=r"SEG14\d"):
        list(read_topics(path))


def test_broken_json_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"SEG141.*a\.jsonl"):
        list(read_topics(write(tmp_path / "a.jsonl", json.dumps(RECORD) + "\n{")))


def test_corpora(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps(RECORD))
    nlp = spacy.blank("en")
    (example,) = TopicCorpus(str(path))(nlp)
    assert [span.label_ for span in example.reference.spans["topics"]] == ["food", "weather"]
    assert [sent.text.strip() for sent in example.reference.sents] == ["Mix the flour.", "Bake it.", "It rained."]
    stream = MixedTopics(str(path), join=1.0, seed=1)(nlp)
    joined = next(stream)
    assert len(joined.reference.spans["topics"]) == 4


def test_the_first_documents_of_a_corpus(tmp_path):
    records = [{**RECORD, "id": str(i), "text": RECORD["text"].replace("Bake", f"Bake {i}")} for i in range(3)]
    for record in records:
        record["sections"] = [
            {**s, "start": s["start"] and s["start"] + 2, "end": s["end"] + 2} for s in RECORD["sections"]
        ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)))

    def seen(max_chars):
        stream = MixedTopics(str(path), max_units=0, join=0.0, max_chars=max_chars)(spacy.blank("en"))
        return {next(stream).text for _ in range(50)}

    texts = [record["text"] for record in records]
    assert seen(1) == set(texts[:1])
    assert seen(len(texts[0]) + 1) == set(texts[:2])
    assert seen(0) == set(texts)


CNXML = """<document xmlns="http://cnx.rice.edu/cnxml"><title>Bread</title><content>
<para>Bread is <term>old</term> (<link target-id="f"/>).</para><figure><caption>A loaf.</caption></figure>
<section><title>Dough</title><para>Mix it<footnote>By hand.</footnote> well.</para>
<list><item>Flour</item><item>Water</item></list><section><title>Rest</title><para>Wait.</para></section></section>
<section><title>Oven</title><!-- hot --><para>Bake it.</para></section></content></document>"""


def test_textbooks_keep_prose_and_sections(tmp_path):
    (record,) = read_topics(write(tmp_path / "a.cnxml", CNXML))
    assert record.text.split("\n\n") == ["Bread is old (…).", "Mix it well.", "Flour", "Water", "Wait.", "Bake it."]
    assert [(s.title, s.level) for s in record.sections] == [("", 1), ("Dough", 1), ("Rest", 2), ("Oven", 1)]
    assert record.text[record.sections[3].start :] == "Bake it."


@pytest.mark.parametrize(
    "text", ["<document>", "<document/>", '<!DOCTYPE d [<!ENTITY a "b">]><document><content>&a;</content></document>']
)
def test_broken_textbooks_are_named(tmp_path, text):
    with pytest.raises(ValueError, match=r"SEG141.*a\.cnxml, record 1"):
        list(read_topics(write(tmp_path / "a.cnxml", text)))


def test_issue_other_line_ends_of_unicode_cut_a_sentence(tmp_path):
    (record,) = read_topics(write(tmp_path / "a.choi", "==========\nOne \u2028 two.\nThree.\n==========\n"))
    assert record.text == "One \u2028 two.\nThree."
