"""Commands on a pipeline whose component has a name of its own: they find it, change it and save it where it is to go."""

import json
import os
from pathlib import Path

import pytest
import spacy
from conftest import TEXTS, TINY_MODEL, make_examples
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_segment.adapters import Adapter
from spacy_segment.cli import (  # noqa: F401 (registers their commands)
    ablation,
    adapt,
    adapt_benchmark,
    calibrate,
    card,
    evaluate,
    importer,
    rescore,
    segment,
    sentence_benchmark,
    speed,
    threshold,
    topic_benchmark,
)
from spacy_segment.cli.pipelines import change_settings, load_pipeline, write_pipeline
from spacy_segment.files import check_folder, check_output
from spacy_segment.training.augmenters import conditions
from spacy_segment.training.calibration import calibrate as calibrate_model
from spacy_segment.training.readers import SentenceCorpus
from spacy_segment.training.rescoring import fit_rescoring

RUNNER = CliRunner()


@pytest.fixture
def mine(tmp_path):
    """Directory of a pipeline with the component "mine", which takes newlines for spaces."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentence_segmenter", name="mine", config={"model": TINY_MODEL, "newlines": "ignore"})
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path / "mine")
    return str(tmp_path / "mine")


@pytest.fixture
def gold(tmp_path):
    (tmp_path / "gold").mkdir()
    for name in ("a", "b"):
        (tmp_path / "gold" / f"{name}.dev.txt").write_text("\n".join(s for sentences in TEXTS for s in sentences))
    return str(tmp_path / "gold")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("config.cfg", "[nlp]\nlang = 'en'\n[nlp]\nlang = 'en'\n"),
        ("vocab/vectors.cfg", "[]"),
        ("vocab/vectors", ""),
        ("meta.json", "3"),
    ],
)
def test_issue_files_of_a_pipeline_that_hold_anything_had_no_code(mine, name, data):
    Path(mine, name).write_text(data)
    result = RUNNER.invoke(app, ["segment", "-m", mine], input="One.")
    assert result.exit_code == 1
    assert f"✘ [SEG133] Cannot load the pipeline '{mine}'" in result.stderr


def test_settings_reach_it_also_those_of_the_factory(mine):
    cfg = load_pipeline(mine, "xx", {"threshold": 1.0, "newlines": "model"}).get_pipe("mine").cfg
    assert (cfg["threshold"], cfg["newlines"]) == (1.0, "model")
    result = RUNNER.invoke(
        app, ["segment", "-m", mine, "--threshold", "1", "--newlines", "hard"], input="One.\nTwo. Three"
    )
    assert result.stdout.splitlines() == ["One.", "Two. Three"]


def test_a_threshold_holds_for_adapters_too(mine):
    nlp = spacy.load(mine)
    pipe = nlp.get_pipe("mine")
    pipe.add_adapter("a", Adapter({}, 1.0, 0.5, "base"))
    change_settings(nlp, {"threshold": 0.25})
    assert pipe.adapters["a"].threshold == pipe.cfg["threshold"] == 0.25
    with pytest.raises(ValueError, match="SEG200"):
        change_settings(nlp, {"threshold": 2})
    assert pipe.cfg["threshold"] == 0.25


@pytest.mark.parametrize(
    "command",
    [
        "segment-benchmark threshold {gold} --model {mine} --output {out}",
        "segment-calibrate {mine} {gold} --output {out}",
        "segment-rescore {gold} --model {mine} --output {out}",
    ],
)
def test_commands_find_it_and_make_the_folders_of_their_output(mine, gold, tmp_path, command):
    out = tmp_path / "new" / "folder"
    result = RUNNER.invoke(app, command.format(gold=gold, mine=mine, out=out).split())
    assert result.exit_code == 0, result.output
    assert spacy.load(out).pipe_names == ["mine"]
    (tmp_path / "file").write_text("old")
    result = RUNNER.invoke(app, command.format(gold=gold, mine=mine, out=tmp_path / "file").split())
    assert result.exit_code == 1
    assert "SEG303" in result.stderr
    assert (tmp_path / "file").read_text() == "old"
    spacy.blank("en").to_disk(tmp_path / "blank")
    result = RUNNER.invoke(app, command.format(gold=gold, mine=tmp_path / "blank", out=out).split())
    assert result.exit_code == 1
    assert "SEG133" in result.stderr
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "other")
    result = RUNNER.invoke(app, command.format(gold=gold, mine=tmp_path / "other", out=out).split())
    assert result.exit_code == 1
    assert "SEG135" in result.stderr


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("segment-benchmark sentences {broken} -o {out}", "SEG139"),
        ("segment-benchmark topics {broken} -o {out}", "SEG139"),
        ("segment-benchmark ablation {broken} {broken} {broken} -o {out}", "SEG139"),
        ("segment-benchmark adapt {broken} -o {out}", "SEG139"),
        ("segment-evaluate sentences {broken} -o {out}", "SEG139"),
        ("segment-evaluate topics {broken} -o {out}", "SEG139"),
        ("segment-benchmark threshold {broken} -o {out}", "SEG303"),
        ("segment-adapt {broken} -o {out}", "SEG303"),
        ("segment-calibrate {broken} {broken} -o {out}", "SEG303"),
        ("segment-rescore {broken} -o {out}", "SEG303"),
        ("segment-card {broken} {out} --name a", "SEG303"),
        ("segment-import {broken} {out}", "SEG303"),
    ],
)
def test_issue_the_place_of_the_output_was_looked_at_after_the_work(tmp_path, monkeypatch, command, code):
    (tmp_path / "broken.train.txt").write_bytes(b"\xff")  # the work would stop at this
    monkeypatch.chdir(tmp_path)
    for out in ("broken.train.txt/out", ""):
        arguments = [argument.format(broken="broken.train.txt", out=out) for argument in command.split()]
        result = RUNNER.invoke(app, arguments)
        assert result.exit_code == 1
        assert f"✘ [{code}]" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken.train.txt"]


def test_places_that_cannot_be_looked_at(locked):
    with pytest.raises(OSError, match="SEG303"):
        check_folder(locked)
    with pytest.raises(OSError, match="SEG139"):
        check_output(locked)


def test_places_that_can_be_written_to(tmp_path):
    (tmp_path / "old.json").write_text("old")
    for name in ("old.json", "new.json", "new/folder/new.json"):
        check_output(tmp_path / name)
    check_output(Path(os.devnull))
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sentences", "{gold}", "--conditions", "clean,dirty"], "SEG200"),
        (["sentences", "{gold}", "--conditions", ""], "SEG200"),
        (["sentences", "{gold}", "--systems", ","], "SEG200"),
        (["sentences", "{gold}", "--systems", "no_such_pipeline"], "SEG133"),
        (["sentences", "{gold}/ja_a.txt", "--systems", "nupunkt,sentence-splitter"], "SEG200"),
        (["speed", "{gold}", "--dtypes", "foo"], "SEG200"),
        (["sentences", "{gold}/empty.txt"], "SEG115"),
        (["sentences", "{gold}", "--systems", "sentencizer", "--output", "{gold}/a.dev.txt/x"], "SEG139"),
        (["threshold", "{gold}/empty.txt"], "SEG115"),
        (["topics", "{gold}/empty.jsonl", "--systems", "none"], "SEG115"),
    ],
)
def test_benchmark_says_what_is_wrong(gold, tmp_path, arguments, code):
    for name in ("empty.txt", "empty.jsonl"):
        (tmp_path / "gold" / name).write_text("")
    (tmp_path / "gold" / "ja_a.txt").write_text("雨です。")
    result = RUNNER.invoke(app, ["segment-benchmark", *(a.format(gold=gold) for a in arguments)])
    assert result.exit_code == 1
    assert f"✘ [{code}]" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_files_of_one_name_are_one_corpus(gold, tmp_path):
    (tmp_path / "gold" / "a.test.txt").write_text("One more.\nThe last.")
    arguments = [gold, "--systems", "sentencizer", "--conditions", "clean, flat", "-o", str(tmp_path / "out.json")]
    assert RUNNER.invoke(app, ["segment-benchmark", "sentences", *arguments]).exit_code == 0
    rows = json.loads((tmp_path / "out.json").read_text())
    sizes = {row["corpus"]: row["characters"] for row in rows if row["condition"] == "clean"}
    assert list(sizes) == ["gold/a", "gold/b"]
    assert sizes["gold/a"] == sizes["gold/b"] + len("One more. The last.")


def test_issue_no_system_that_knows_the_language_was_nothing_to_measure(tmp_path):
    (tmp_path / "ja_a.txt").write_text("雨です。")
    result = RUNNER.invoke(app, ["segment-benchmark", "sentences", str(tmp_path), "--systems", "nupunkt"])
    assert (
        "'systems' must be splitters of which one is installed and knows a language of the data (ja)" in result.stderr
    )


def test_issue_files_in_the_folder_we_are_in_were_of_no_corpus(gold, tmp_path, monkeypatch):
    monkeypatch.chdir(gold)
    for path in ("a.dev.txt", "../gold/a.dev.txt"):
        arguments = [path, "--systems", "sentencizer", "--conditions", "clean", "-o", str(tmp_path / "out.json")]
        result = RUNNER.invoke(app, ["segment-benchmark", "sentences", *arguments])
        assert "gold (macro)" in result.stdout
        assert {row["corpus"] for row in json.loads((tmp_path / "out.json").read_text())} == {"gold/a"}


def test_a_pipeline_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    nlp = spacy.blank("en")

    def fill_half(path, **_):
        (path / "meta.json").write_text("{}")
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(nlp, "to_disk", fill_half)
        with pytest.raises(OSError, match=r"SEG303.*no space left"):
            write_pipeline(nlp, tmp_path / "new" / "model")
    assert list(tmp_path.iterdir()) == []
    write_pipeline(nlp, tmp_path / "new" / "model")
    assert spacy.load(tmp_path / "new" / "model").pipe_names == []


@pytest.fixture
def shared(tmp_path):
    """Directory of a pipeline whose sentence segmenter listens to a `tok2vec` before it."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "tok2vec"}
    encoder = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": tok2vec}
    model = {"@architectures": "spacy_segment.SaT.v1", "encoder": encoder, "pretrained": None}
    nlp.add_pipe("sentence_segmenter", config={"model": model})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path / "shared")
    return str(tmp_path / "shared")


def test_issue_a_shared_encoder_was_measured_on_nothing(shared, gold):
    nlp = spacy.load(shared)
    scores = threshold.try_thresholds(nlp, [gold], 0)
    assert max(score for score in scores["clean"].values()) > 0.9
    pipe = nlp.get_pipe("sentence_segmenter")
    corpus = list(SentenceCorpus(gold, conditions(["clean"]))(nlp))
    assert max(calibrate_model(nlp, corpus, "sentence_segmenter").values()) > 0.9
    assert fit_rescoring(nlp, [corpus])[0].before > 0.9
    assert pipe.model.get_param("rescoring") is not None


@pytest.mark.parametrize(
    "command", ["segment-calibrate {mine} {empty} -o {out}", "segment-rescore {empty} -m {mine} -o {out}"]
)
def test_issue_dev_files_without_text_were_taken(mine, tmp_path, command):
    (tmp_path / "empty.txt").write_text("")
    places = {"mine": mine, "empty": tmp_path / "empty.txt", "out": tmp_path / "out"}
    result = RUNNER.invoke(app, command.format(**places).split())
    assert "[SEG115]" in result.stderr
    assert not (tmp_path / "out").exists()
