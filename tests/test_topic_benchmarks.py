"""The benchmark commands of topics, on a small corpus of files."""

import json

import numpy as np
import pytest
import spacy
from typer.testing import CliRunner

from spacy_segment.cli.ablation import MODELS
from spacy_segment.cli.benchmark import benchmark_app
from spacy_segment.cli.topic_benchmark import topics_cli  # noqa: F401 (registers the command)
from spacy_segment.cli.topic_details import topic_details_cli  # noqa: F401 (registers the command)
from spacy_segment.models.static import StaticEncoder
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import change_record
from spacy_segment.training.vectors import random_directions, train_vectors

BREAD = "Mix the flour with water. Let the dough rest for an hour. Bake the bread, then let it cool."
STATE = "The parliament has two houses. Elections are held in May. The president signs the laws."
RAIN = "Rain fell on the hills. The wind turned north. Clouds covered the valley."


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "weather"
    folder.mkdir()
    for i, parts in enumerate([(BREAD, STATE, RAIN), (RAIN, BREAD), (STATE, RAIN, BREAD)]):
        text = "\n\n".join(f"# Part {j}\n\n{part}" for j, part in enumerate(parts))
        (folder / f"{i}.md").write_text(text)
    return folder


def test_ablation_prints_a_row_for_every_model(corpus, tmp_path):
    data = str(corpus / "*.md")
    arguments = ["ablation", data, data, data, "--steps", "1", "-o", str(tmp_path / "rows.json")]
    result = CliRunner().invoke(benchmark_app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert list(rows) == [*MODELS, "no boundary", "every k"]
    assert all(0 <= row["corpora"]["weather"]["pk"] <= 1 for row in rows.values())
    assert all(name in result.output for name in rows)


def test_topic_details_show_units_levels_and_stripped_text(corpus):
    arguments = ["topic-details", str(corpus)]
    result = CliRunner().invoke(benchmark_app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0
    assert "weather" in result.output
    assert "no punctuation or case" in result.output
    assert "no boundary" in result.output


@pytest.fixture
def chapters(tmp_path):
    """A pipeline of a user: its components have other names, sentences of a rule, topics of another key."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", name="rule")
    nlp.add_pipe("topic_segmenter", name="chapters", config={"spans_key": "chapters"})
    nlp.to_disk(tmp_path / "chapters")
    return str(tmp_path / "chapters")


@pytest.mark.parametrize("command", [["topics", "--systems", "none,ours"], ["topic-details"]])
def test_issue_components_of_other_names_broke_benchmarks_of_topics(corpus, chapters, command):
    arguments = [*command, str(corpus), "--model", chapters]
    result = CliRunner().invoke(benchmark_app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0


@pytest.mark.parametrize("command", ["topics", "topic-details"])
def test_issue_documents_of_one_sentence_broke_benchmarks_of_topics(tmp_path, command):
    (tmp_path / "a.txt").write_text("One.")
    result = CliRunner().invoke(benchmark_app, [command, str(tmp_path / "a.txt")])
    assert result.exit_code == 1
    assert "SEG115" in result.output


def test_issue_a_text_without_paragraphs_broke_topic_details(tmp_path):
    (tmp_path / "a.ref").write_text("=====\nMix the flour. Bake it.\n=====\nIt rained. The wind turned.\n=====")
    arguments = ["topic-details", str(tmp_path / "a.ref")]
    result = CliRunner().invoke(benchmark_app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0


def test_an_ablation_of_no_model_is_a_coded_error(corpus):
    data = str(corpus / "*.md")
    result = CliRunner().invoke(benchmark_app, ["ablation", data, data, data, "--only", "nothing"])
    assert result.exit_code == 1
    assert "SEG200" in result.output


def test_chosen_segmenters_and_a_pipeline_of_the_user(corpus, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("topic_segmenter", config={"threshold": 0.999999})
    nlp.to_disk(tmp_path / "careful")
    systems = ["none", "ours", str(tmp_path / "careful"), "change point"]
    arguments = ["topics", str(corpus), "--systems", ",".join(systems), "-o", str(tmp_path / "rows.json")]
    result = CliRunner().invoke(benchmark_app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads((tmp_path / "rows.json").read_text())["macro"]
    assert list(rows) == systems
    assert rows["none"]["f"] == rows[systems[2]]["f"] == 0
    assert rows["ours"]["f"] > 0


def test_figures_by_language(tmp_path):
    rows = []
    for lang in ("en", "de", "en"):
        sections = [{"start": 0, "end": len(BREAD) + 2}, {"start": len(BREAD) + 2, "end": len(BREAD) + 2 + len(RAIN)}]
        rows.append({"lang": lang, "text": f"{BREAD}\n\n{RAIN}", "sections": sections})
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    arguments = [
        "topics",
        str(tmp_path / "a.jsonl"),
        "--systems",
        "none",
        "--by-language",
        "-o",
        str(tmp_path / "rows.json"),
    ]
    assert CliRunner().invoke(benchmark_app, arguments, catch_exceptions=False).exit_code == 0
    assert set(json.loads((tmp_path / "rows.json").read_text())["corpora"]["none"]) == {"en", "de"}


def test_segmenters_that_are_not_installed_are_named(corpus, monkeypatch):
    monkeypatch.setattr("spacy_segment.cli.topic_peers.find_spec", lambda name: None)
    result = CliRunner().invoke(benchmark_app, ["topics", str(corpus)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "not installed, so not compared: TextTiling, chonkie semantic" in result.output


def test_an_unknown_segmenter_is_a_coded_error(corpus):
    result = CliRunner().invoke(benchmark_app, ["topics", str(corpus), "--systems", "none,nobody"])
    assert result.exit_code == 1
    assert "SEG133" in result.output


@pytest.mark.parametrize("command", [["ablation", "no", "no", "no"], ["topic-details", "no"]])
def test_missing_data_is_a_coded_error(command):
    result = CliRunner().invoke(benchmark_app, command)
    assert result.exit_code == 1
    assert "SEG110" in result.output


def test_vectors_of_a_small_corpus_have_the_wanted_width_and_meaning(corpus):
    tokenizer, vectors = train_vectors(str(corpus / "*.md"), width=64)
    assert vectors.shape[1] == 64
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    hour, water, parliament = (unit[tokenizer.token_to_id(word)] for word in ("hour", "water", "parliament"))
    assert hour @ water > hour @ parliament + 0.2
    unseen = tokenizer.token_to_id("ship")
    np.testing.assert_allclose(vectors[unseen], random_directions(len(vectors), 64, 0)[unseen], rtol=1e-5)


def test_words_no_topic_text_has_are_about_what_they_translate(corpus, tmp_path):
    pages = {"en": (RAIN, BREAD), "de": ("Haus Haus. " * 3, "Wahl Wahl. " * 3)}
    for lang, texts in pages.items():
        rows = [
            {"id": f"talk_{lang}-{i}", "lang": lang, "text": text, "sents": [[0, len(text.rstrip())]]}
            for i, text in enumerate(texts)
        ]
        (tmp_path / f"talk_{lang}.train.jsonl").write_text("\n".join(map(json.dumps, rows * 4)))
    tokenizer, before = train_vectors(str(corpus / "*.md"), width=64)
    _, vectors = train_vectors(str(corpus / "*.md"), width=64, translations=str(tmp_path / "*.jsonl"))
    assert vectors.dtype == before.dtype
    house, vote = (tokenizer.token_to_id(word) for word in ("haus", "wahl"))
    wind, hour = (before[tokenizer.token_to_id(word)] for word in ("wind", "hour"))
    for own, other, piece in ((wind, hour, house), (hour, wind, vote)):
        learned = vectors[piece] - before[piece] / 2
        assert learned @ own > learned @ other
    ship = tokenizer.token_to_id("ship")
    np.testing.assert_array_equal(vectors[ship], before[ship])


def test_a_run_that_goes_on_reads_its_vectors_and_a_fresh_one_makes_them(corpus, tmp_path, monkeypatch):
    texts, checkpoint = str(corpus / "*.md"), tmp_path / "run.safetensors"
    _, made = train_vectors(texts, width=32, checkpoint=str(checkpoint))
    checkpoint.touch()
    with monkeypatch.context() as patch:
        patch.setattr("spacy_segment.training.vectors.analyse", None)
        _, kept = train_vectors(texts, width=32, checkpoint=str(checkpoint))
        with pytest.raises(ValueError, match=r"SEG420.*SEG301"):
            train_vectors(texts, width=64, checkpoint=str(checkpoint))
    np.testing.assert_array_equal(kept, made)
    checkpoint.unlink()
    _, wider = train_vectors(texts, width=64, checkpoint=str(checkpoint))
    assert wider.shape[1] == 64
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="SEG421"):
        train_vectors(texts, width=32, checkpoint=str(tmp_path / "file" / "run.safetensors"))


def test_static_vectors_of_the_package():
    encoder = StaticEncoder(pretrained="topics")
    nlp = spacy.blank("en")
    (pieces,) = encoder.predict([nlp.make_doc("water and weather")])
    assert pieces.states.shape == (len(pieces.starts), encoder.get_dim("nO"))
    assert np.abs(pieces.states).sum() > 0


def test_stripped_records_keep_their_topics():
    record = TopicRecord("1", "Bread. It rises!\n\n...\n\nRain, then.", [])
    record.sections.extend(
        [
            Section(0, 18, "a", "A", 1),
            Section(0, 7, "", "", 2),
            Section(18, 23, "b", "B", 1),
            Section(23, 33, "c", "C", 1),
        ]
    )
    stripped = change_record(record, "corrupted")
    assert stripped.text == "bread it rises rain then "
    assert [(stripped.text[s.start : s.end], s.label) for s in stripped.sections] == [
        ("bread it rises ", "A"),
        ("bread ", ""),
        ("rain then ", "C"),
    ]
    assert change_record(record, "clean") is record
