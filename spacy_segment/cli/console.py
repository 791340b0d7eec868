"""Where commands print: tables, progress, what a comparison lacks."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def wide_console() -> Console:
    """For tables of many columns: as wide as the terminal, or 160 characters where there is none."""
    return Console(width=None if Console().is_terminal else 160)


def progress(corpora: Iterable[Item]) -> Iterable[Item]:
    """The same, with a bar on a terminal."""
    console = Console(stderr=True)
    return track(corpora, "corpora", console=console, disable=not console.is_terminal, transient=True)


def say_missing(names: list[str]) -> None:
    """Name the peers that a comparison lacks, if there are any."""
    if names:
        Console().print(
            f"not installed, so not compared: {', '.join(names)} (pip install 'spacy-segment[peers]')",
            soft_wrap=True,
            markup=False,
        )
