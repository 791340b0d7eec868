"""`python -m spacy segment-data`: gold data of any known format into one, and test sets under every condition."""

from collections.abc import Callable
from pathlib import Path

import typer
from spacy.cli._util import app
from wasabi import msg

from ..training.convert import convert_sentences, convert_topics, corrupt
from .reporting import reported

data_app = typer.Typer(help="Convert gold data, and corrupt it", no_args_is_help=True)
app.add_typer(data_app, name="segment-data")
data_cli = data_app

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


@data_app.command("corrupt")
def corrupt_cli(
    source: list[str] = typer.Argument(..., help="Gold files, folders or patterns"),
    output: Path = OUTPUT,
    limit: int = typer.Option(0, help="Characters per corpus, 0 for all"),
) -> None:
    """Sentences -> CONDITION/FOLDER/NAME.spacy for clean, flat and corrupted text, which `spacy evaluate` reads."""
    _run(lambda: corrupt(source, output, limit), output)


def _run(convert: Callable[[], int], output: Path) -> None:
    with reported():
        n = convert()
    msg.good(f"{n} files in {output}")
