"""The commands, run as a user would run them (in this process, so that they are quick)."""

import gzip
import importlib.metadata
import json
import os
import sys
import threading
from io import BytesIO

import numpy as np
import pytest
import spacy
from conftest import TEXTS
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_segment.cli import segment, sentence_benchmark, speed, threshold  # noqa: F401 (registers their commands)
from spacy_segment.cli.figures import SentenceFigures
from spacy_segment.cli.inputs import decode_parts
from spacy_segment.cli.outputs import write_conllu
from spacy_segment.cli.peers import make_splitter
from spacy_segment.metrics import PRF

RUNNER = CliRunner()
JOINED = [" ".join(sentences) for sentences in TEXTS]


@pytest.fixture
def run(model):
    def run(*arguments, text=None):
        return RUNNER.invoke(app, ["segment", *map(str, arguments), "--model", model], input=text)

    return run


def test_segment_prints_one_sentence_per_line(run, tmp_path):
    (tmp_path / "a.txt").write_text(JOINED[0])
    result = run(tmp_path / "a.txt")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == TEXTS[0]


def test_segment_reads_standard_input(run):
    assert run(text=JOINED[2]).stdout.splitlines() == TEXTS[2]
    assert run("-", text=JOINED[2]).stdout.splitlines() == TEXTS[2]


def test_segment_reads_folders_patterns_and_gz(run, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(JOINED[0])
    (tmp_path / "in" / "b.txt.gz").write_bytes(gzip.compress(JOINED[1].encode()))
    expected = [*TEXTS[0], *TEXTS[1]]
    assert run(tmp_path / "in").stdout.splitlines() == expected
    assert run(tmp_path / "in" / "*").stdout.splitlines() == expected


def test_segment_jsonl_offsets(run, tmp_path):
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(JOINED)]
    (tmp_path / "a.jsonl").write_text("\n\n".join(lines) + "\n \n")
    result = run(tmp_path / "a.jsonl", "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [[r["text"][a:b] for a, b in r["sents"]] for r in records] == TEXTS
    assert [r["id"] for r in records] == ["0", "1", "2", "3"]


def test_issue_null_was_the_name_of_a_text(run, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": None, "text": JOINED[0]}))
    record = json.loads(run(tmp_path / "a.jsonl", "--format", "jsonl").stdout)
    assert record["id"] == f"{tmp_path / 'a.jsonl'}:1"


def test_issue_an_empty_text_had_no_record(run, tmp_path):
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(["", JOINED[0], " ", ""])]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    records = [json.loads(line) for line in run(tmp_path / "a.jsonl", "-f", "jsonl").stdout.splitlines()]
    assert [(r["id"], len(r["sents"])) for r in records] == [("0", 0), ("1", len(TEXTS[0])), ("2", 0), ("3", 0)]
    assert run(tmp_path / "a.jsonl", "-f", "text").stdout.splitlines() == TEXTS[0]
    assert run(tmp_path / "a.jsonl", "-f", "conllu").stdout.count("# newdoc") == 1
    assert run(tmp_path / "a.jsonl", "-f", "spacy", "-o", tmp_path / "a.spacy").exit_code == 0
    docs = DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("xx").vocab)
    assert [doc.text for doc in docs] == ["", JOINED[0], " ", ""]


def test_segment_docbin(run, tmp_path):
    (tmp_path / "a.txt").write_text(JOINED[0])
    assert run(tmp_path / "a.txt", "--format", "spacy", "--output", tmp_path / "a.spacy").exit_code == 0
    (doc,) = DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("xx").vocab)
    assert [sent.text for sent in doc.sents] == TEXTS[0]


def test_segment_conllu_comes_back(run, tmp_path):
    from spacy_segment.training.formats import read_records

    (tmp_path / "a.txt").write_text(JOINED[0].replace(" Shall", "\nShall"))
    assert run(tmp_path / "a.txt", "-f", "conllu", "-o", tmp_path / "a.conllu").exit_code == 0
    (record,) = read_records(tmp_path / "a.conllu")
    assert record.text == JOINED[0]
    assert len(record.starts) == 3


def test_segment_conllu_keeps_a_name_on_its_line(run, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "a\nb\tc", "text": JOINED[0]}))
    lines = run(tmp_path / "a.jsonl", "-f", "conllu").stdout.splitlines()
    assert lines[:2] == ["# newdoc id = a b c", "# sent_id = a b c:0"]
    assert all(line.startswith("#") or len(line.split("\t")) == 10 for line in lines if line)


def test_segment_conllu_tells_topics(run, tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(JOINED))
    lines = run(tmp_path / "a.txt", "--topics", "-f", "conllu").stdout.splitlines()
    assert lines[1] == "# topic = TOPIC"
    (record,) = map(json.loads, run(tmp_path / "a.txt", "--topics", "-f", "jsonl").stdout.splitlines())
    assert lines.count("# topic = TOPIC") == len(record["topics"])


def test_issue_white_space_inside_a_token_ended_a_line_of_conllu():
    nlp = spacy.blank("xx")
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=["It", "\n\u200drained", "\t\u0301", "."], spaces=[False] * 4)
    nlp.add_pipe("sentencizer")
    file = BytesIO()
    write_conllu(file, "a", 0, nlp(""), "topics")
    rows = [line.split("\t") for line in file.getvalue().decode().splitlines() if line and not line.startswith("#")]
    assert [row[:2] for row in rows] == [["1", "It"], ["2", "\u200drained"], ["3", "\u0301"], ["4", "."]]
    assert all(len(row) == 10 for row in rows)


def test_segment_html_is_one_page_with_probabilities(run, tmp_path):
    for i, text in enumerate(JOINED[:2]):
        (tmp_path / f"{i}.txt").write_text(text)
    assert run(tmp_path, "--topics", "--format", "html", "--output", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count("<article") == 2
    assert all(name in page for name in ("0.txt", "1.txt", "Nobody has put tea in the pot!"))
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["sentThreshold"] is not None
    assert data["topicThreshold"] is not None
    assert run("-f", "html", text=JOINED[2] + "\n<script>").stdout.count("<script") == 2


def test_segment_jsonl_with_topics(run, tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(JOINED))
    (record,) = map(json.loads, run(tmp_path / "a.txt", "--topics", "-f", "jsonl").stdout.splitlines())
    topics = record["topics"]
    assert (topics[0]["start"], topics[-1]["end"]) == (0, len(record["text"]))
    assert topics[0]["score"] == 1.0
    assert all(set(t) == {"start", "end", "label", "level", "score", "label_score", "parent"} for t in topics)


def test_issue_topics_of_a_pipeline_of_other_names_were_not_found(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("topic_segmenter", name="chapters", config={"spans_key": "chapters", "n_segments": 4})
    nlp.to_disk(tmp_path / "chapters")
    text = "Mix it. Bake it.\n\nIt rained. It snowed. We left."
    arguments = ["segment", "--topics", "--model", str(tmp_path / "chapters")]
    lines = RUNNER.invoke(app, arguments, input=text).stdout.splitlines()
    assert lines.count("") == 3
    (record,) = map(json.loads, RUNNER.invoke(app, [*arguments, "-f", "jsonl"], input=text).stdout.splitlines())
    assert len(record["topics"]) == 4


def test_issue_a_number_of_topics_was_that_of_every_block(tmp_path, monkeypatch):
    monkeypatch.setattr(segment, "BLOCK", 300)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("topic_segmenter", config={"n_segments": 2})
    nlp.to_disk(tmp_path / "two")
    arguments = ["segment", "--model", str(tmp_path / "two"), "-f", "jsonl"]
    (record,) = map(json.loads, RUNNER.invoke(app, arguments, input=" ".join(JOINED * 10)).stdout.splitlines())
    assert len(record["topics"]) == 2


def test_segment_a_long_text_in_blocks(run, tmp_path, monkeypatch):
    monkeypatch.setattr(segment, "BLOCK", 300)
    text = " ".join(JOINED * 30)
    (tmp_path / "a.txt").write_text(text)
    records = [json.loads(line) for line in run(tmp_path / "a.txt", "-f", "jsonl").stdout.splitlines()]
    assert len(records) > 5
    assert "".join(r["text"] for r in records) == text
    assert [r["offset"] for r in records] == np.cumsum([0, *(len(r["text"]) for r in records[:-1])]).tolist()
    found = [r["text"][a:b] for r in records for a, b in r["sents"]]
    assert found == [s for sentences in TEXTS * 30 for s in sentences]


def test_issue_topics_of_a_long_text_were_lost(run, tmp_path, monkeypatch):
    monkeypatch.setattr(segment, "BLOCK", 700)
    text = 6 * (
        "Bake the bread for an hour. Let it cool on the table. Slice it with a long knife.\n\n"
        "The parliament has two houses. Elections are held in May. Members sit for five years.\n\n"
    )
    (tmp_path / "a.txt").write_text(text)
    result = run(tmp_path / "a.txt", "--topics", "-f", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(records) > 1
    assert "".join(r["text"][t["start"] : t["end"]] for r in records for t in r["topics"] if t["level"] == 1) == text
    assert all(0 < t["score"] <= 1 for r in records for t in r["topics"])
    lines = run(tmp_path / "a.txt", "--topics").stdout.splitlines()
    assert lines.count("") == sum(len(r["topics"]) for r in records) - 1
    assert run(tmp_path / "a.txt", "--topics", "-f", "spacy", "-o", tmp_path / "a.spacy").exit_code == 0
    docs = list(DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("xx").vocab))
    for doc, record in zip(docs, records, strict=True):
        group = doc.spans["topics"]
        assert [(span.start_char, span.end_char) for span in group] == [
            (t["start"], t["end"]) for t in record["topics"]
        ]
        assert len(group.attrs["scores"]) == len(group)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["missing.txt"], "SEG131"),
        (["{tmp}/latin.txt"], "SEG132.*latin.txt, line 2"),
        (["{tmp}/bad.jsonl"], "SEG132.*bad.jsonl, line 1"),
        (["{tmp}/short.gz"], "SEG132.*short.gz"),
        (["{tmp}/good.txt", "--format", "pdf"], "SEG134"),
        (["{tmp}/good.txt", "--format", "spacy"], "SEG134"),
        (["{tmp}/good.txt", "--model", "no_such_pipeline"], "SEG133"),
        (["{tmp}/good.txt", "--threshold", "7"], "SEG200"),
    ],
)
def test_segment_errors_are_one_coded_line_and_leave_nothing(model, tmp_path, arguments, code):
    (tmp_path / "good.txt").write_text("Good.")
    (tmp_path / "latin.txt").write_bytes(b"good\nb\xe4d\n")
    (tmp_path / "bad.jsonl").write_text('{"no": "text"}')
    (tmp_path / "short.gz").write_bytes(gzip.compress(b"text " * 999)[:40])
    before = sorted(p.name for p in tmp_path.iterdir())
    given = [a.format(tmp=tmp_path) for a in arguments]
    given += [] if "spacy" in given else ["--output", str(tmp_path / "out")]
    result = RUNNER.invoke(app, ["segment", *given, *([] if "--model" in given else ["--model", model])])
    assert result.exit_code == 1
    import re

    assert re.search(code, " ".join(result.output.split()))
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_segment_keeps_the_old_output_when_it_fails(run, tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"good\nb\xe4d\n")
    (tmp_path / "out").write_text("old")
    assert run(tmp_path / "latin.txt", "-o", tmp_path / "out").exit_code == 1
    assert (tmp_path / "out").read_text() == "old"


def test_decode_parts_drops_a_byte_order_mark(tmp_path):
    import io

    assert "".join(decode_parts(io.BytesIO("\ufeffhé".encode()), "x")) == "hé"


@pytest.fixture
def gold(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "en_a.test.txt").write_text("\n".join(s for sentences in TEXTS for s in sentences))
    return tmp_path / "mine"


def test_benchmark_sentences(model, gold, tmp_path):
    output = tmp_path / "out.json"
    arguments = ["sentences", str(gold), "--systems", f"{model},sentencizer", "--output", str(output)]
    result = RUNNER.invoke(app, ["segment-benchmark", *arguments])
    assert result.exit_code == 0, result.output
    assert "mine (macro)" in result.stdout
    assert "characters/s" in result.stdout
    rows = {(r["condition"], r["system"]): r for r in json.loads(output.read_text())}
    assert {c for c, _ in rows} == {"clean", "flat", "corrupted"}
    assert rows["clean", "sentencizer"]["boundary_f"] == 1.0
    assert rows["corrupted", "sentencizer"]["boundary_f"] == 0.0
    assert rows["clean", model]["boundary_r"] > 0.5


def test_benchmark_names_the_peers_that_are_not_installed(gold, monkeypatch):
    installed = importlib.metadata.version
    monkeypatch.setattr("spacy_segment.cli.peers.version", lambda name: installed("none" if name == "pysbd" else name))
    monkeypatch.setitem(sys.modules, "pysbd", None)
    result = RUNNER.invoke(app, ["segment-benchmark", "sentences", str(gold), "--systems", "sentencizer,pysbd"])
    assert result.exit_code == 0, result.output
    assert "not installed, so not compared: pysbd (pip install 'spacy-segment[peers]')" in result.stdout
    result = RUNNER.invoke(app, ["segment-benchmark", "sentences", str(gold), "--systems", "sentencizer"])
    assert "not installed" not in result.stdout


def test_benchmark_threshold(model, gold):
    result = RUNNER.invoke(app, ["segment-benchmark", "threshold", str(gold), "--model", model])
    assert result.exit_code == 0, result.output
    assert "best threshold" in result.stdout


def test_benchmark_speed(model, gold):
    arguments = ["speed", str(gold), "--model", model, "--size", "2000", "--long", "5000", "--runs", "2"]
    result = RUNNER.invoke(app, ["segment-benchmark", *arguments])
    assert result.exit_code == 0, result.output
    assert "en_a.test.txt" in result.stdout
    assert "5,000 characters" in result.stdout


def test_benchmark_says_what_is_wrong(tmp_path):
    result = RUNNER.invoke(app, ["segment-benchmark", "sentences", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "SEG110" in result.output


@pytest.mark.parametrize("name", ["sentencizer", "pysbd", "blingfire", "sentencex", "sentence-splitter", "nupunkt"])
def test_peers_give_offsets_of_sentence_starts(name):
    splitter = make_splitter(name, "en")
    if splitter is None:
        pytest.skip(f"{name} is not installed")
    assert splitter(["It rained. We left.\nThen sun."]) == [[0, 11, 20]]


def test_exceptions_lists_corpora_on_which_a_peer_is_better():
    good, bad = SentenceFigures(PRF(9, 0, 1)), SentenceFigures(PRF(5, 5, 5))
    results = {("a", "clean", "ours"): bad, ("a", "clean", "peer"): good, ("b", "clean", "ours"): good}
    results |= {("c", "clean", "peer"): good}  # of a language that the first does not know
    assert [row[:3] for row in sentence_benchmark.exceptions(results, "ours")] == [("a", "clean", "peer")]


def test_issue_figures_on_different_texts_were_compared():
    whole, part = SentenceFigures(PRF(5, 5, 5), characters=2000), SentenceFigures(PRF(9, 0, 1), characters=20)
    results = {("a", "clean", "ours"): whole, ("a", "clean", "peer"): part}
    assert not sentence_benchmark.exceptions(results, "ours")


@pytest.mark.parametrize("limit", [0, 30])
def test_issue_a_first_system_that_knows_fewer_languages_ended_in_a_traceback(tmp_path, limit):
    pytest.importorskip("nupunkt")
    (tmp_path / "de_x.test.txt").write_text("Es regnet heute.\nWir gehen nach Hause.")
    (tmp_path / "en_x.test.txt").write_text("It rains today.\nWe all go home.")
    arguments = ["sentences", str(tmp_path), "--systems", "nupunkt,sentencizer", "--limit", str(limit)]
    result = RUNNER.invoke(app, ["segment-benchmark", *arguments, "-o", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    assert {row["system"] for row in json.loads((tmp_path / "out.json").read_text())} == {"nupunkt", "sentencizer"}


def test_issue_a_limit_was_of_whole_documents(tmp_path):
    (tmp_path / "en_x.test.txt").write_text("\n".join(["It rains today."] * 100))
    arguments = ["sentences", str(tmp_path), "--systems", "sentencizer", "--limit", "100", "--conditions", "clean"]
    RUNNER.invoke(app, ["segment-benchmark", *arguments, "-o", str(tmp_path / "out.json")])
    (row,) = json.loads((tmp_path / "out.json").read_text())
    assert 80 < row["characters"] <= 100


def test_a_file_by_two_names_is_one_and_the_output_is_no_input(run, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("It rained.")
    (tmp_path / "in" / "b.txt").write_text("We left.")
    output = tmp_path / "in" / "out.txt"
    for _ in range(2):
        run(tmp_path / "in", f"{tmp_path}/in/../in/a.txt", "-o", output)
        assert output.read_text().split("\n") == ["It rained.", "We left.", ""]


def test_issue_pipes_were_refused(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("It rained. We left.",))
    writer.start()
    result = run(tmp_path / "pipe")
    writer.join()
    assert result.exit_code == 0
    assert result.stdout.startswith("It rained.")


@pytest.mark.parametrize("kind", ["jsonl", "conllu", "html", "spacy"])
def test_issue_a_name_that_is_not_utf8_had_no_code(run, tmp_path, kind):
    (tmp_path / "in").mkdir()
    with open(os.fsencode(tmp_path / "in") + b"/\xff name.txt", "w") as file:
        file.write("It rained.")
    assert run(tmp_path / "in", "--format", kind, "-o", tmp_path / "out").exit_code == 0
    data = (tmp_path / "out").read_bytes()
    assert kind == "spacy" or "xff name.txt" in data.decode()
