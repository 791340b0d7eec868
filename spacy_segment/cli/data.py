"""`python -m spacy segment-data`: check gold data, bring any known format into one, make test sets of every condition."""

from collections.abc import Callable
from pathlib import Path

import typer
from spacy.cli._util import app
from wasabi import msg

from ..training.assets import verify
from ..training.convert import concatenations, convert_sentences, convert_topics, corrupt
from .options import Characters
from .reporting import reported

data_app = typer.Typer(help="Check gold data, convert and corrupt it", no_args_is_help=True)
app.add_typer(data_app, name="segment-data")

SOURCE = typer.Argument(..., help="Folder (or pattern) of gold files that name their split: train, dev or test")
OUTPUT = typer.Argument(..., help="Folder to write to")


@data_app.command("sentences")
def sentences_cli(source: str = SOURCE, output: Path = OUTPUT) -> None:
    """JSONL, CoNLL-U, one sentence per line and DocBin -> FOLDER/NAME.SPLIT.jsonl.gz."""
    _run(lambda: convert_sentences(source, output), output)


@data_app.command("topics")
def topics_cli(source: str = SOURCE, output: Path = OUTPUT) -> None:
    """JSONL, WikiSection, QMSum, Choi, Wiki-727k, Markdown and others -> CORPUS/SPLIT.jsonl.gz."""
    _run(lambda: convert_topics(source, output), output)


@data_app.command("concatenate")
def concatenate_cli(
    source: list[str] = typer.Argument(..., help="Gold files with sentences, folders or patterns"),
    output: Path = OUTPUT,
    number: int = typer.Option(12, min=1, help="Documents made of every file"),
    seed: int = typer.Option(0, min=0, help="Of their random parts"),
) -> None:
    """Sentences -> SPLIT.jsonl.gz: documents whose topics are the first sentences of others, in every language."""
    _run(lambda: concatenations(source, output, number, seed), output)


@data_app.command("corrupt")
def corrupt_cli(
    source: list[str] = typer.Argument(..., help="Gold files, folders or patterns"),
    output: Path = OUTPUT,
    limit: Characters = 0,
) -> None:
    """Sentences -> CONDITION/FOLDER/NAME.spacy for clean, flat and corrupted text, which `spacy evaluate` reads."""
    _run(lambda: corrupt(source, output, limit), output)


@data_app.command("verify")
def verify_cli(
    source: Path = typer.Argument(..., help="Folder with sentences and topics"),
    output: Path = typer.Argument(..., help="Table of its files to write"),
    project: Path = typer.Option(Path("project.yml"), help="Project file that declares assets"),
) -> None:
    """Checksums of the assets below a folder -> a table of all its files with their MD5."""
    with reported():
        n, n_checked = verify(source, project, output)
    right = f"with a checksum in {project}, and right: {n_checked}"
    compared = right if n_checked else f"none was compared, for {project} has no checksum of them"
    msg.good(f"{n} files in {output}; {compared}")


def _run(convert: Callable[[], int], output: Path) -> None:
    with reported():
        n = convert()
    msg.good(f"{n} files in {output}")
