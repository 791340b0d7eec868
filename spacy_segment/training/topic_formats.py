"""Gold topics in files: our JSONL and the field's own formats. Bad records are named, never dropped."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import Errors
from . import cnxml
from .formats import name_in, tile
from .headings import read_sections
from .topic_json import as_object, from_labels, read_json
from .topic_records import Heading, Section, TopicRecord, build, check_sections

__all__ = ["Section", "TopicRecord", "read_topics"]


def read_topics(path: Path) -> Iterator[TopicRecord]:
    """Read the documents of a file; its format follows from its name and its beginning, `.gz` is unpacked. Line ends may be
    those of any system.

    RAISES (ValueError): SEG141 naming file, record and reason.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise bad_record(path, 1, error) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    records = find_reader(path, text)(text, path)
    number = 0
    while True:
        number += 1
        try:
            record = next(records)
            check_sections(record)
        except StopIteration:
            return
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, SyntaxError, RecursionError) as error:
            raise bad_record(path, number, f"no key {error}" if isinstance(error, KeyError) else error) from error
        yield record


def find_reader(path: Path, text: str) -> Callable[[str, Path], Iterator[TopicRecord]]:
    """The reader for a file, by its suffix or by what its lines begin with."""
    suffix = Path(path.name.removesuffix(".gz")).suffix
    readers = {".jsonl": read_jsonl, ".json": read_json, ".cnxml": read_cnxml, ".md": read_headings}
    if suffix in readers:
        return readers[suffix]
    if re.search("^={8},", text, flags=re.MULTILINE):
        return read_wiki727k
    if suffix == ".ref" or text.lstrip().startswith("====="):
        return read_choi
    return read_headings


def read_jsonl(text: str, path: Path) -> Iterator[TopicRecord]:
    """One document per line: "text" and "sections" with "start", "end" and, if known, "title", "label", "level", "lang" and "sents"; or
    "sentences" and "labels" (1 where a topic ends, else 0), as other projects' preprocessing writes.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        data = as_object(json.loads(line))
        if "sentences" in data:
            yield from_labels(name_in(data, "id", number), data["sentences"], data["labels"])
            continue
        sections = [
            Section(s["start"], s["end"], s.get("title") or "", s.get("label") or "", s.get("level", 1))
            for s in map(as_object, data["sections"])
        ]
        text, lang = data["text"], name_in(data, "lang", "")
        sentences = tile(text, [(start, end) for start, end in data["sents"]]) if "sents" in data else None
        yield TopicRecord(name_in(data, "id", number), text, sections, lang, sentences)


def read_cnxml(text: str, path: Path) -> Iterator[TopicRecord]:
    """A module of a textbook of OpenStax."""
    yield build(path.stem, [Heading(*section) for section in cnxml.read_sections(text)])


def read_choi(text: str, path: Path) -> Iterator[TopicRecord]:
    """A sentence per line, a row of "=" before each segment (the first may lack it) and at the end."""
    parts = [part.strip().split("\n") for part in re.split(r"^=+\s*$", text, flags=re.MULTILINE)]
    yield build(
        path.stem, [Heading("", 1, [line.strip() for line in lines]) for lines in parts if lines], separator="\n"
    )


def read_wiki727k(text: str, path: Path) -> Iterator[TopicRecord]:
    """A sentence per line below lines "========,level,title."; the preface has level 1, top sections level 2. Text before the first is
    a section without a title.
    """
    headings: list[Heading] = []
    for line in text.split("\n"):
        found = re.match(r"={8},(\d+),(.*?)\.?$", line)
        if found:
            headings.append(Heading(found[2], max(1, int(found[1]) - 1), []))
        elif line.startswith("========"):
            raise ValueError(f"expected a heading such as '========,2,Title.', got '{line[:80]}'")
        elif line.strip():
            headings = headings or [Heading("", 1, [])]
            headings[-1].paragraphs.append(line.strip())
    yield build(path.stem, headings, separator="\n")


def read_headings(text: str, path: Path) -> Iterator[TopicRecord]:
    """Markdown or plain text with headings, see `headings`. They leave the text; the text before the first is a section without
    a title.
    """
    yield build(path.stem, [Heading(*section) for section in read_sections(text)])


def bad_record(path: Path, record: int, reason: object) -> ValueError:
    """RETURNS (ValueError): SEG141, to be raised."""
    return ValueError(Errors.SEG141.format(path=path, record=record, reason=" ".join(str(reason).split())))
