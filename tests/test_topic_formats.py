"""Readers of the formats of topic segmentation, on short texts of our own."""

import json

import pytest
import spacy

from spacy_segment.training.topic_formats import read_topics
from spacy_segment.training.topic_readers import MixedTopics, TopicCorpus, find_labels

MARKDOWN = "# Bread\n\nMix the flour. Bake it.\n\n# Rain\n\nIt fell all night.\n"
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


def test_headings_become_boundaries_and_leave_the_text(tmp_path):
    (record,) = read_topics(write(tmp_path / "a.md", MARKDOWN))
    assert "#" not in record.text
    assert [s.title for s in record.sections if s.level == 1] == ["Bread", "Rain"]
    assert record.text[record.sections[1].start :].strip() == "It fell all night."


def test_choi(tmp_path):
    (record,) = read_topics(
        write(tmp_path / "a.ref", "==========\nMix it.\nBake it.\n==========\nIt rained.\n==========")
    )
    assert [record.text[s.start : s.end].split() for s in record.sections] == [
        ["Mix", "it.", "Bake", "it."],
        ["It", "rained."],
    ]


def test_jsonl_and_its_labels(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps(RECORD))
    (record,) = read_topics(path)
    assert [(s.start, s.end, s.label) for s in record.sections] == [(0, 24, "food"), (24, 34, "weather")]
    assert find_labels(str(path)) == ["food", "weather"]


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
