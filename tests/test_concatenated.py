"""Concatenations: segments are first sentences of documents in one language, and a file keeps their sentences."""

import json
import re

import numpy as np
import pytest
import spacy

from spacy_segment.training.concatenated import concatenate, openings
from spacy_segment.training.convert import concatenations
from spacy_segment.training.formats import Record, tile
from spacy_segment.training.recombined import recombine
from spacy_segment.training.topic_formats import read_topics
from spacy_segment.training.topic_readers import CHANGES, make_topic_example


def record(name: str, n: int, gap: str = " ") -> Record:
    sentences = [f"{name} says {i}." for i in range(n)]
    text = gap.join(sentences)
    return Record(text, [i * (len(sentences[0]) + len(gap)) for i in range(n)], name, "en")


RECORDS = [record(name, n) for name, n in (("Ann", 4), ("Bob", 6), ("Cat", 9), ("Dan", 3), ("Eve", 5))]


@pytest.mark.parametrize("seed", range(30))
def test_segments_are_the_first_sentences_of_documents(seed):
    made = concatenate(RECORDS, np.random.default_rng(seed), "x")
    segments = [made.text[s.start : s.end] for s in made.sections]
    assert "".join(segments) == made.text
    assert 4 <= len(segments) <= 5
    for segment in segments:
        names, numbers = zip(*re.findall(r"(\w+) says (\d+)\.", segment), strict=True)
        assert len(set(names)) == 1
        assert [int(number) for number in numbers] == list(range(max(3, len(numbers))))
    assert made.sentences == [found.start() for found in re.finditer(r"\w+ says", made.text)]


def test_documents_are_flat_or_have_a_sentence_a_line_or_paragraphs():
    texts = [concatenate(RECORDS, np.random.default_rng(seed), "x").text for seed in range(60)]
    flat = [text for text in texts if "\n" not in text]
    lines = [text for text in texts if "\n" in text and "\n\n" not in text]
    paragraphs = [text for text in texts if "\n\n" in text]
    assert min(map(len, (flat, lines, paragraphs))) >= 10
    assert all(". " not in text for text in lines)
    assert any(text.count("\n\n") > 5 for text in paragraphs)


def test_a_script_without_spaces_gets_none():
    records = [record(name, 4, gap="") for name in ("Ann", "Bob", "Cat", "Dan")]
    texts = [concatenate(records, np.random.default_rng(seed), "x").text for seed in range(20)]
    assert any("\n" not in text and ". " not in text for text in texts)


def test_openings_are_on_one_line_and_have_a_word():
    assert openings(Record("One\nline.\n***\nTwo.", [0, 10, 14], "x", "en")) == ["One line.", "Two."]


def test_files_give_as_many_documents_as_are_wanted(tmp_path):
    rows = [
        {"id": r.id, "lang": "en", "text": r.text, "sents": [[s, s + 11] for s in r.starts]}
        for r in (*RECORDS, record("Fay", 2))
    ]
    (tmp_path / "news_en.train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "one.train.jsonl").write_text(json.dumps(rows[0]))
    assert concatenations(str(tmp_path), tmp_path / "out", n=7) == 1
    made = list(read_topics(tmp_path / "out" / "train.jsonl.gz"))
    assert [one.id for one in made] == [f"{tmp_path.name}/news_en-{i}" for i in range(7)]
    assert not any("Fay" in one.text for one in made)
    assert all(one.sentences == tile(one.text, [(s, s + 11) for s in one.sentences]) for one in made)
    with pytest.raises(ValueError, match=r"SEG116.*of 3 sentences.*one\.train\.jsonl"):
        concatenations(str(tmp_path / "one.train.jsonl"), tmp_path / "none")
    (tmp_path / "one.train.jsonl").rename(tmp_path / "one.jsonl")
    with pytest.raises(ValueError, match="SEG112"):
        concatenations(str(tmp_path / "one.jsonl"), tmp_path / "none")


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_happens_to_a_text_sentences_move_along(change):
    rng = np.random.default_rng(5)
    made = CHANGES[change](recombine(concatenate(RECORDS, rng, "x"), [concatenate(RECORDS, rng, "y")], rng), rng)
    assert made.sentences == sorted(set(made.sentences))
    reference = make_topic_example(spacy.blank("en"), made, "c", "topics", "rule").reference
    starts = {sent.start_char for sent in reference.sents}
    assert {s.start for s in made.sections} <= starts
    assert len(starts) >= len(made.sentences)
