"""`python -m spacy segment-card`: a trained pipeline with a name and a model card, ready for `spacy package`."""

import json
from pathlib import Path
from typing import Any

import spacy
import srsly
import typer
from spacy.cli._util import app
from spacy.language import Language
from spacy.util import walk_dict
from wasabi import msg

from .. import __version__
from ..card import card, describe, find_sources, read_sources
from ..errors import Errors
from ..files import write_atomically
from ..training.formats import find_files
from ..training.readers import corpus_name
from ..training.topic_readers import SUFFIXES, corpus_of
from .reporting import reported

DESCRIPTION = "Sentence and topic segmentation with spacy-segment."


@app.command("segment-card")
def card_cli(
    pipeline: str = typer.Argument(..., help="Trained pipeline: a folder or the name of a package"),
    output: Path = typer.Argument(..., help="Folder for the pipeline with its card"),
    name: str = typer.Option(..., help="Name without the language, as in sents_mixed_sm"),
    version: str = typer.Option("1.0.0", help="Version of the package"),
    lang: str | None = typer.Option(None, help="Move the components to a blank pipeline of this language"),
    metrics: list[Path] = typer.Option([], help="JSON of segment-evaluate, one option for each"),
    sentences: list[str] = typer.Option([], help="Training files with sentences"),
    topics: list[str] = typer.Option([], help="Training files with topics"),
    sources: Path | None = typer.Option(None, help="Table of sources: corpus, repository, commit, licence"),
    description: str = typer.Option(DESCRIPTION, help="What the model is, in a sentence"),
    licence: str = typer.Option("MIT", help="Licence of the weights"),
) -> None:
    """Write the pipeline with README.md and meta.json that say what it was trained on and what it reaches."""
    with reported():
        nlp = load(pipeline, lang)
        corpora = [corpus_name(path) for path in find_files(sentences)] if sentences else []
        corpora += [corpus_of(path) for path in find_files(topics, SUFFIXES)] if topics else []
        known = read_sources(sources) if sources else []
        findings = [srsly.read_json(path) for path in metrics]
        nlp.meta.update(name=name, version=version, description=description, license=licence)
        write(nlp, output, find_sources(dict.fromkeys(corpora), known), findings)
    msg.good(f"{nlp.lang}_{name} {version} in {output}")


def load(pipeline: str, lang: str | None) -> Language:
    """Load a pipeline, in a blank one of another language on demand. RAISES (ValueError): SEG133."""
    try:
        nlp = spacy.load(pipeline)
    except (OSError, ImportError) as error:
        raise ValueError(Errors.SEG133.format(name=pipeline, reason=error)) from error
    if lang is None or lang == nlp.lang:
        return nlp
    other = spacy.blank(lang)
    for name in nlp.pipe_names:
        other.add_pipe(name, source=nlp)
    return other


def write(nlp: Language, output: Path, found: dict, findings: list[dict[str, Any]]) -> None:
    """Write the pipeline and its card."""
    forget_paths(nlp)
    nlp.meta["spacy_version"] = spacy.util.get_minor_version_range(spacy.__version__)
    nlp.meta["requirements"] = [f"spacy-segment{spacy.util.get_minor_version_range(__version__)}"]
    output.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(output)
    n_bytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    meta = {**nlp.meta, **describe(nlp, found, findings, n_bytes)}
    write_atomically(output / "meta.json", json.dumps(meta, indent=2, ensure_ascii=False).encode())
    write_atomically(output / "README.md", card(meta, found, findings).encode())


def forget_paths(nlp: Language) -> None:
    """Paths of the machine it was trained on are nobody's concern, unless a component needs them."""
    used = {value for _, value in walk_dict(nlp.config["components"]) if isinstance(value, str)}
    config = nlp.config
    for key, value in config.get("paths", {}).items():
        if f"${{paths.{key}}}" not in used and value not in used:
            config["paths"][key] = None
    if "output_file" in config.get("training", {}).get("logger", {}):
        config["training"]["logger"]["output_file"] = None
