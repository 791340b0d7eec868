"""Configurations: complete, and trainable on a CPU by override."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import spacy
from small_corpus import write_corpus
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.util import load_config
from test_project import ROOT

from spacy_segment.pipeline.sources import forget_paths

CONFIGS = sorted((ROOT / "configs").glob("*.cfg"), key=lambda path: path.name)
# run_smoke.py trains the others.
PRETRAINED = [
    path for path in CONFIGS if "encoder" in load_config(path, interpolate=False)["paths"] or "finetune" in path.name
]
SMALL = {
    "components.topic_segmenter.model.width": 32,
    "components.transformer.model.get_spans.window": 16,
    "components.transformer.model.get_spans.stride": 12,
    "components.sentence_segmenter.model.encoder.window": 64,
    "components.topic_segmenter.model.encoder.window": 64,
    "components.sentence_segmenter.model.encoder.lookback": 16,
    "components.sentence_segmenter.model.encoder.lookahead": 8,
    "components.topic_segmenter.model.encoder.lookback": 16,
    "components.sentence_segmenter.model.encoder.n_layers": 1,
    "components.topic_segmenter.model.encoder.n_layers": 1,
    "components.topic_segmenter.model.unit_encoder.n_layers": 1,
    "components.topic_segmenter.model.unit_encoder.window": 64,
    "components.topic_segmenter.model.unit_encoder.lookback": 16,
    "corpora.dev.limit_chars": 300,
    "corpora.dev.limit": 1,
    "training.batcher.size": 2000,
    "training.eval_frequency": 1,
    "training.max_steps": 2,
    "variables.total_steps": 2,
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_fill_config_changes_nothing(path, tmp_path):
    _, filled = fill_config(tmp_path / "filled.cfg", path, silent=True)
    assert flat(filled) == flat(load_config(path, interpolate=False))


@pytest.mark.slow
@pytest.mark.parametrize("path", PRETRAINED, ids=lambda path: path.name)
def test_a_config_trains_on_a_cpu(path, bert, tmp_path):
    given = load_config(path, interpolate=False)
    overrides = {key: value for key, value in SMALL.items() if has(given, key)}
    for name, component in given["components"].items():
        if component.get("model", {}).get("pretrained"):
            sizes = (f"components.{name}.model.encoder", f"components.{name}.model.width")
            overrides = {key: value for key, value in overrides.items() if not key.startswith(sizes)}
    if has(given, "training.max_steps.total"):
        del overrides["training.max_steps"]
    if "bytes" not in given["training"]["batcher"]["@batchers"]:
        del overrides["training.batcher.size"]
    encoder = shutil.copytree(bert, tmp_path / "encoder")
    overrides |= make_data(given, tmp_path)
    if "encoder" in given["paths"]:
        overrides["paths.encoder"] = str(encoder)
    if "checkpoint" in given["paths"]:
        overrides["paths.checkpoint"] = str(tmp_path / "checkpoint.safetensors")
    train(path, tmp_path / "out", overrides=overrides)
    shutil.rmtree(encoder)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    forget_paths(nlp)
    nlp.to_disk(tmp_path / "given")
    places = [str(tmp_path), os.path.join(tempfile.gettempdir(), tempfile.gettempprefix())]
    assert [path for path in (tmp_path / "given").rglob("*") if names_any(path, places)] == []
    doc = nlp("The baker kneads the dough. A sailor mends the sail.")
    assert doc.has_annotation("SENT_START")
    assert "topic_segmenter" not in nlp.pipe_names or doc.spans["topics"]


def names_any(path: Path, places: list[str]) -> bool:
    return path.is_file() and any(place.encode() in path.read_bytes() for place in places)


def make_data(given: dict, folder: Path) -> dict:
    """Paths of a small corpus that fits the readers of a configuration."""
    write_corpus(folder)
    if given["corpora"]["train"]["@readers"] == "spacy.Corpus.v1":
        write_annotated(folder / "train.spacy")
        return {"paths.train": str(folder / "train.spacy"), "paths.dev": str(folder / "train.spacy")}
    kind = "topics" if "topic_segmenter" in given["components"] else "sentences"
    return {f"paths.{split}": str(folder / kind / "*" / f"*{split}.*") for split in ("train", "dev")}


def write_annotated(path: Path) -> None:
    """Docs with tags, entities and sentence starts."""
    nlp = spacy.blank("en")
    docs = DocBin()
    for _ in range(8):
        doc = nlp.make_doc("The baker kneads the dough. Anna mends the sail.")
        for token in doc:
            token.tag_ = "P" if token.is_punct else "W"
            token.is_sent_start = token.i in (0, 6)
        doc.set_ents([spacy.tokens.Span(doc, 6, 7, label="PERSON")])
        docs.add(doc)
    docs.to_disk(path)


def has(config: dict, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return True


def flat(config: dict, prefix: str = "") -> dict:
    """Nested sections -> {"a.b.c": value}."""
    rows = {}
    for key, value in config.items():
        rows |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: value}
    return rows
