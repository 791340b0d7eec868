"""Options that several commands have, and those that hold several values with commas between them."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from ..checks import wrong

GoldSentences = Annotated[
    list[str], typer.Argument(help="Gold files, folders or patterns (JSONL, CoNLL-U, text, DocBin)")
]
GoldTopics = Annotated[list[str], typer.Argument(help="Gold files of any format of topics, folders or patterns")]
Model = Annotated[str | None, typer.Option("--model", "-m", help="Pipeline; the embedded models if left out")]
Lang = Annotated[str, typer.Option("--lang", "-l", help="Language of the tokenizer, with the embedded model")]
Characters = Annotated[int, typer.Option("--limit", min=0, help="Characters per corpus, 0 for all")]
Documents = Annotated[int, typer.Option("--limit", min=0, help="Documents per file, 0 for all")]
FiguresFile = Annotated[Path | None, typer.Option("--output", "-o", help="Write all figures as JSON")]
PipelineFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder to write the pipeline to")]
Gpu = Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, -1 for the CPU")]


def split_names(option: str, given: str, known: Collection[str] | None = None) -> list[str]:
    """RETURNS (list of str): Names. RAISES (ValueError): SEG200 if there are none, or one that is not known; None for any."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if not names or (known is not None and not set(names) <= set(known)):
        expected = "names with commas between them" if known is None else f"some of {', '.join(known)}"
        raise wrong(option, expected, given)
    return names


def split_numbers(option: str, given: str) -> list[int]:
    """RETURNS (list of int): Whole numbers. RAISES (ValueError): SEG200 if one is none, or below 1."""
    names = split_names(option, given)
    if not all(name.isdecimal() and int(name) for name in names):
        raise wrong(option, "numbers from 1 on with commas between them", given)
    return [int(name) for name in names]
