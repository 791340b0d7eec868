"""`python -m spacy segment-card`: a trained pipeline with a name and a model card, ready for `spacy package`."""

import json
import re
from pathlib import Path
from typing import Any

import spacy
import srsly
import typer
from spacy.cli._util import app
from spacy.cli.package import get_third_party_dependencies
from spacy.language import Language
from wasabi import msg

from .. import __version__
from ..card import card, describe, find_sources, read_sources, results
from ..checks import wrong
from ..errors import Errors, is_coded
from ..files import check_folder, write_output
from ..pipeline.sources import forget_paths
from ..training.formats import corpus_name, find_files, folder_name
from ..training.topic_readers import SUFFIXES
from .pipelines import write_pipeline
from .reporting import in_words, reported

# What `import` and pip take behind the language.
NAME = re.compile("[a-zA-Z0-9_]*[a-zA-Z0-9]")
VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc|\.dev|\.post)\d+)*")
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
        if not NAME.fullmatch(name):
            raise wrong("name", "letters, digits and underscores", name)
        if not VERSION.fullmatch(version):
            raise wrong(
                "version",
                "numbers with dots between them, as in 1.0.2, and at most a suffix like rc1 or .dev3",
                version,
            )
        check_folder(output)
        nlp = load(pipeline, lang)
        corpora = [corpus_name(path) for path in find_files(sentences)] if sentences else []
        corpora += [folder_name(path) for path in find_files(topics, SUFFIXES)] if topics else []
        known = read_sources(sources) if sources else []
        findings = [read_finding(path) for path in metrics]
        nlp.meta.update(name=name, version=version, description=description, license=licence)
        write(nlp, output, find_sources(dict.fromkeys(corpora), known), findings)
    if not metrics:
        msg.warn("No figures were given (--metrics): the card says nothing of what the pipeline reaches.")
    if not corpora:
        msg.warn(
            "No training files were given (--sentences, --topics): the card names no data and no licences of data."
        )
    msg.good(f"{nlp.lang}_{name} {version} in {output}")


def read_finding(path: Path) -> dict[str, Any]:
    """Read figures of a pipeline. RAISES (ValueError): SEG143."""
    try:
        finding = srsly.read_json(path)
        results(finding)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(Errors.SEG143.format(path=path, reason=in_words(path, error))) from error
    return finding


def load(pipeline: str, lang: str | None) -> Language:
    """Load a pipeline, in a blank one of another language on demand. RAISES (ValueError): SEG133."""
    try:
        nlp = spacy.load(pipeline)
        other = spacy.blank(lang or nlp.lang)
    except Exception as error:  # the files of a pipeline may hold anything
        if is_coded(error):
            raise
        raise ValueError(Errors.SEG133.format(name=pipeline, reason=error)) from error
    if other.lang == nlp.lang:
        return nlp
    for name in nlp.pipe_names:
        other.add_pipe(name, source=nlp)
    return other


def write(nlp: Language, output: Path, found: dict, findings: list[dict[str, Any]]) -> None:
    """Write the pipeline and its card. RAISES (OSError): SEG303, SEG139."""
    forget_paths(nlp)
    nlp.meta["spacy_version"] = spacy.util.get_minor_version_range(spacy.__version__)
    ours = f"spacy-segment{spacy.util.get_minor_version_range(__version__)}"
    nlp.meta["requirements"] = [ours, *sorted(get_third_party_dependencies(nlp.config, exclude=["spacy-segment"]))]
    write_pipeline(nlp, output)
    n_bytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    meta = {**nlp.meta, **describe(nlp, found, findings, n_bytes)}
    write_output(output / "meta.json", json.dumps(meta, indent=2, ensure_ascii=False).encode())
    write_output(output / "README.md", card(meta, found, findings).encode())
