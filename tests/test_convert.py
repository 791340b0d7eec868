"""Gold data from any format into one; corrupted test sets."""

import gzip
import json

import pytest
import spacy
from conftest import TEXTS
from small_corpus import write_corpus
from spacy.tokens import DocBin

from spacy_segment.scorers import CONDITION, CORPUS
from spacy_segment.training.convert import convert_sentences, convert_topics, corrupt
from spacy_segment.training.formats import find_files, read_records, split_of
from spacy_segment.training.topic_formats import read_topics


@pytest.fixture
def corpus(tmp_path):
    write_corpus(tmp_path / "data")
    return tmp_path


def test_sentences_lose_nothing_and_come_out_the_same(corpus):
    source = str(corpus / "data" / "sentences" / "*" / "*")
    assert convert_sentences(source, corpus / "a") == 6
    assert convert_sentences(str(corpus / "a"), corpus / "b") == 6
    for path in (corpus / "a").rglob("*.gz"):
        given = corpus / "data" / "sentences" / path.relative_to(corpus / "a")
        assert list(read_records(path)) == list(read_records(given))
        assert path.read_bytes() == (corpus / "b" / path.relative_to(corpus / "a")).read_bytes()


def test_sentences_of_other_formats(tmp_path):
    (tmp_path / "in" / "news").mkdir(parents=True)
    (tmp_path / "in" / "news" / "en_x-ud-dev.txt").write_text("\n".join(TEXTS[0]))
    (tmp_path / "in" / "news" / "notes.txt").write_text("no split in the name")
    assert convert_sentences(str(tmp_path / "in"), tmp_path / "out") == 1
    (record,) = read_records(tmp_path / "out" / "news" / "en_x.dev.jsonl.gz")
    assert (record.text, record.lang, len(record.starts)) == (" ".join(TEXTS[0]), "en", 3)


def test_topics_of_a_split_are_put_together(corpus):
    folder = corpus / "data" / "topics" / "themes"
    (folder / "more.train.md").write_text("# One\n\nBread and tea.\n\n# Two\n\nRain and wind.\n")
    assert convert_topics(str(corpus / "data" / "topics" / "*" / "*"), corpus / "out") == 6
    rows = list(read_topics(corpus / "out" / "themes" / "train.jsonl.gz"))
    assert rows[:-1] == list(read_topics(folder / "train.jsonl.gz")) or rows[1:] == list(
        read_topics(folder / "train.jsonl.gz")
    )
    assert {"One", "Two"} <= {section.title for row in rows for section in row.sections}


@pytest.mark.parametrize("convert", [convert_sentences, convert_topics])
def test_files_without_a_split_are_refused(tmp_path, convert):
    (tmp_path / "notes.txt").write_text("Nothing.")
    with pytest.raises(ValueError, match="SEG112"):
        convert(str(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "en.train.jsonl.gz").write_bytes(gzip.compress(json.dumps({"text": "No spans."}).encode()))
    with pytest.raises(ValueError, match=r"SEG111.*en\.train\.jsonl\.gz, line 1"):
        convert_sentences(str(tmp_path), tmp_path / "out")


def test_corrupt_writes_every_condition(corpus):
    assert corrupt(str(corpus / "data" / "sentences" / "*" / "*.test.*"), corpus / "out", limit=500) == 6
    docs = list(
        DocBin().from_disk(corpus / "out" / "corrupted" / "letters" / "en_two.spacy").get_docs(spacy.blank("xx").vocab)
    )
    assert docs
    assert all(doc.text == doc.text.lower() and "." not in doc.text and "\n" not in doc.text for doc in docs)
    assert {doc.user_data[CORPUS] for doc in docs} == {"letters/en_two"}
    assert {doc.user_data[CONDITION] for doc in docs} == {"corrupted"}
    assert all(doc.has_annotation("SENT_START") for doc in docs)


def test_split_of(tmp_path):
    names = ["a.train.jsonl.gz", "en_ewt-ud-dev.conllu", "test.jsonl", "en_ewt-dev-first9.conllu", "contest.txt"]
    assert [split_of(tmp_path / name) for name in names] == ["train", "dev", "test", None, None]


def test_files_that_are_called_by_their_split_alone_are_found_again(corpus, tmp_path):
    (tmp_path / "in" / "health").mkdir(parents=True)
    (tmp_path / "in" / "health" / "test.txt").write_text("\n".join(TEXTS[0]))
    convert_sentences(str(tmp_path / "in"), tmp_path / "out")
    assert [path.name for path in find_files(str(tmp_path / "out"))] == ["test.jsonl.gz"]


def test_files_of_one_corpus_are_put_together(tmp_path):
    folder = tmp_path / "in" / "news"
    folder.mkdir(parents=True)
    for split, text in (("train", "Bread is good."), ("test", "Rain falls.")):
        (folder / f"en_x.{split}.txt").write_text(text)
    assert corrupt(str(folder), tmp_path / "out") == 3
    docs = DocBin().from_disk(tmp_path / "out" / "clean" / "news" / "en_x.spacy").get_docs(spacy.blank("xx").vocab)
    assert sorted(doc.text for doc in docs) == ["Bread is good.", "Rain falls."]


def test_issue_files_of_one_corpus_and_split_overwrote_each_other(tmp_path):
    for folder, text in (("a", "Bread is good."), ("b", "Rain falls.")):
        (tmp_path / folder / "news").mkdir(parents=True)
        (tmp_path / folder / "news" / "en_x.train.txt").write_text(text)
    assert convert_sentences(str(tmp_path / "*" / "news" / "*"), tmp_path / "out") == 1
    records = read_records(tmp_path / "out" / "news" / "en_x.train.jsonl.gz")
    assert [record.text for record in records] == ["Bread is good.", "Rain falls."]


def test_files_that_are_left_out_are_named(tmp_path, caplog):
    for name in ("en_x.train.txt", "en_y_train.txt"):
        (tmp_path / name).write_text("Bread is good.")
    assert convert_sentences(str(tmp_path), tmp_path / "out") == 1
    assert "en_y_train.txt" in caplog.text
