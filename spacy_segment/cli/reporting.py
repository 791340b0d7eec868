"""What a command says when something goes wrong: one line on standard error, exit code 1."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

# What a user can cause; everything else is a fault of ours and keeps its traceback.
EXPECTED = (ValueError, OSError, ImportError, RecursionError, MemoryError)


@contextmanager
def reported() -> Iterator[None]:
    """RAISES (typer.Exit): With code 1 for an error, 130 for Ctrl-C; with code 0 if the reader of a pipe has gone."""
    try:
        yield
    except BrokenPipeError:  # `... | head`; what is left in the buffer must not fail once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except EXPECTED as error:
        typer.secho("✘ " + (" ".join(str(error).split()) or type(error).__name__), fg="red", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.secho("✘ Stopped.", fg="red", err=True)
        raise typer.Exit(130) from None


def in_words(path: Path, error: Exception) -> str:
    """Why a file that should hold JSON of a known kind is of no use. error (Exception): What reading or using it raised."""
    if not path.is_file():
        return "there is no such file"
    if isinstance(error, KeyError):
        return f"{error} is missing in it or not known"
    return f"it is not JSON ({error})" if isinstance(error, ValueError) else "it holds something else"
