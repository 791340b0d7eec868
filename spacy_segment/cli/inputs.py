"""Texts from files, folders, patterns and standard input, in blocks of bounded size."""

import codecs
import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import Errors
from ..files import files_at
from ..training.formats import check_text, name_in

STDIN = "-"
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A text, as an iterator over parts of it, and what it is called."""

    name: str
    parts: Iterable[str]


def expand(patterns: list[str], output: Path | None = None) -> list[str]:
    """Files, folders (all files below, hidden ones left out) and patterns -> files, in order, each once.

    output (Path or None): File that is written: it is no input of its own.
    RAISES (ValueError): SEG131 if nothing is there; SEG132 for what cannot be looked at.
    """
    names: dict[str, str] = {}  # by the place they lead to
    for pattern in patterns or [STDIN]:
        try:
            found = [STDIN] if pattern == STDIN else files_at(pattern)
        except OSError as error:
            raise ValueError(Errors.SEG132.format(path=pattern, line=1, reason=error)) from error
        if not found:
            raise ValueError(Errors.SEG131.format(path=pattern))
        for name in found:
            names.setdefault(os.path.realpath(name), name)
    if output is not None and len(names) > 1:
        names.pop(os.path.realpath(output), None)
    return list(names.values())


def read_sources(names: list[str]) -> Iterator[Source]:
    """Open one file after the other. `.gz` is unpacked; every line of a `.jsonl` that is not blank is a text of its own (key "text").

    RAISES (ValueError): SEG132 naming file and line.
    """
    for name in names:
        if name == STDIN:
            yield Source("stdin", decode_parts(sys.stdin.buffer, "standard input"))
            continue
        try:
            raw = open(name, "rb")  # noqa: SIM115 (closed below)
        except OSError as error:
            raise ValueError(Errors.SEG132.format(path=name, line=1, reason=error)) from error
        with raw:
            file: BinaryIO = gzip.GzipFile(fileobj=raw) if name.endswith(".gz") else raw  # type: ignore[assignment]
            if name.removesuffix(".gz").endswith(".jsonl"):
                yield from _json_sources(name, file)
            else:
                yield Source(printable(name), decode_parts(file, name))


def printable(name: str) -> str:
    """The name of a file, bytes of it that are not UTF-8 written as \\xff."""
    return os.fsencode(name).decode(errors="backslashreplace")


def decode_parts(file: BinaryIO, name: str) -> Iterator[str]:
    """Read UTF-8 (a byte order mark is dropped) part by part.

    RAISES (ValueError): SEG132 naming the line with the first byte that is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line = 1
    while True:
        try:
            data = file.read(READ_BYTES)
            part = decoder.decode(data, final=not data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(Errors.SEG132.format(path=name, line=line, reason=error)) from error
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise ValueError(
                Errors.SEG132.format(path=name, line=line, reason=f"not UTF-8 ({error.reason})")
            ) from error
        line += part.count("\n")
        if part:
            yield part
        if not data:
            return


def _json_sources(name: str, file: BinaryIO) -> Iterator[Source]:
    for number, line in _lines(name, file):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text = record["text"]
            check_text(text)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            got = "none" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
            reason = f'expected a JSON object with a text under the key "text", got {got}'
            raise ValueError(Errors.SEG132.format(path=name, line=number, reason=reason)) from error
        yield Source(name_in(record, "id", f"{printable(name)}:{number}"), [text])


def _lines(name: str, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines and their numbers. RAISES (ValueError): SEG132 if the file cannot be read on."""
    number = 0
    try:
        for number, line in enumerate(file, start=1):
            yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(Errors.SEG132.format(path=name, line=number + 1, reason=error)) from error
