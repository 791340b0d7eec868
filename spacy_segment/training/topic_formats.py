"""Gold topics in files: our JSONL and the field's own formats. Bad records are named, never dropped."""

import ast
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..errors import Errors
from . import cnxml
from .formats import check_text, tile
from .headings import read_sections
from .plain_sentences import sentence_starts

BLANK = "\n\n"


@dataclass(frozen=True)
class Section:
    """A topic or a part of one. start, end (int): character offsets; level (int): 1 for a topic."""

    start: int
    end: int
    title: str
    label: str
    level: int


@dataclass(frozen=True)
class TopicRecord:
    """A document with gold topics: sections in document order, a topic before its parts; those of level 1 tile the text.

    lang (str): Code of its language, "" if the file does not say.
    sentences (list of int or None): Where its sentences start, None to be found by a rule.
    """

    id: str
    text: str
    sections: list[Section]
    lang: str = ""
    sentences: list[int] | None = None

    def sentence_starts(self, kind: str = "rule") -> list[int]:
        """Where its sentences start: `sentences`, or by a rule. kind (str): "rule" or "lines"."""
        return sentence_starts(self.text, kind) if self.sentences is None else self.sentences


@dataclass(frozen=True)
class Heading:
    """What a reader of a format finds: a heading and the paragraphs (or lines) below it, up to the next heading."""

    title: str
    level: int
    paragraphs: list[str]
    label: str = ""


def read_topics(path: Path) -> Iterator[TopicRecord]:
    """Read the documents of a file; its format follows from its name and its beginning, `.gz` is unpacked.

    RAISES (ValueError): SEG141 naming file, record and reason.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise bad_record(path, 1, error) from error
    reader = find_reader(path, text)
    records = reader(text, path)
    number = 0
    while True:
        number += 1
        try:
            record = next(records)
            _check_sections(record)
        except StopIteration:
            return
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, SyntaxError, RecursionError) as error:
            raise bad_record(path, number, f"no key {error}" if isinstance(error, KeyError) else error) from error
        yield record


def find_reader(path: Path, text: str) -> Callable[[str, Path], Iterator[TopicRecord]]:
    """The reader for a file, by its suffix and its first line."""
    suffix = Path(path.name.removesuffix(".gz")).suffix
    start = text.lstrip()[:20]
    if suffix == ".jsonl":
        return read_jsonl
    if suffix == ".json":
        return read_json
    if suffix == ".cnxml":
        return read_cnxml
    if start.startswith("========,"):
        return read_wiki727k
    if start.startswith("====="):
        return read_choi
    return read_headings


def read_jsonl(text: str, path: Path) -> Iterator[TopicRecord]:
    """One document per line: "text" and "sections" with "start", "end" and, if known, "title", "label", "level", "lang" and "sents"; or
    "sentences" and "labels" (1 where a topic ends), as other projects' preprocessing writes.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        data = _object(json.loads(line))
        if "sentences" in data:
            yield _from_labels(str(data.get("id", number)), data["sentences"], data["labels"])
            continue
        sections = [
            Section(s["start"], s["end"], s.get("title") or "", s.get("label") or "", s.get("level", 1))
            for s in map(_object, data["sections"])
        ]
        text, lang = data["text"], str(data.get("lang") or "")
        sentences = tile(text, [(start, end) for start, end in data["sents"]]) if "sents" in data else None
        yield TopicRecord(str(data.get("id", number)), text, sections, lang, sentences)


def read_json(text: str, path: Path) -> Iterator[TopicRecord]:
    """WikiSection (a list of documents with "annotations"), QMSum (one meeting), terms of service ("level1_headings"),
    or dialogues ("utterances" and "segments").
    """
    data = json.loads(text)
    for number, document in enumerate(map(_object, data if isinstance(data, list) else [data]), start=1):
        if "annotations" in document:
            yield _wikisection(document, number)
        elif "meeting_transcripts" in document:
            yield _qmsum(document, path)
        elif "level1_headings" in document:
            yield build(path.stem, list(_terms(document["level1_headings"], 1)))
        elif "utterances" in document:
            yield _dialogue(document, number)
        else:
            raise ValueError(f"none of the known formats has the keys {', '.join(sorted(document))[:80]}")


def read_cnxml(text: str, path: Path) -> Iterator[TopicRecord]:
    """A module of a textbook of OpenStax."""
    yield build(path.stem, [Heading(*section) for section in cnxml.read_sections(text)])


def read_choi(text: str, path: Path) -> Iterator[TopicRecord]:
    """A sentence per line, a row of "=" before each segment and at the end."""
    parts = [part.strip().splitlines() for part in re.split(r"^=+\s*$", text, flags=re.MULTILINE)]
    yield build(
        path.stem, [Heading("", 1, [line.strip() for line in lines]) for lines in parts if lines], separator="\n"
    )


def read_wiki727k(text: str, path: Path) -> Iterator[TopicRecord]:
    """A sentence per line below lines "========,level,title."; the preface has level 1, top sections level 2."""
    headings: list[Heading] = []
    for line in text.splitlines():
        found = re.match(r"={8},(\d+),(.*?)\.?$", line)
        if found:
            headings.append(Heading(found[2], max(1, int(found[1]) - 1), []))
        elif line.startswith("========"):
            raise ValueError(f"expected a heading such as '========,2,Title.', got '{line[:80]}'")
        elif line.strip():
            headings[-1].paragraphs.append(line.strip())
    yield build(path.stem, headings, separator="\n")


def read_headings(text: str, path: Path) -> Iterator[TopicRecord]:
    """Markdown or plain text with headings, see `headings`. They leave the text; the text before the first is a section without
    a title.
    """
    yield build(path.stem, [Heading(*section) for section in read_sections(text)])


def build(name: str, headings: Iterable[Heading], separator: str = BLANK) -> TopicRecord:
    """Put the paragraphs of all sections together; a section reaches to the next heading of its level or above."""
    text = ""
    starts: list[int | None] = []
    headings = list(headings)
    for heading in headings:
        body = separator.join(p for p in heading.paragraphs if p)
        starts.append(len(text) + (len(separator) if text else 0) if body else None)
        text += separator + body if text and body else body
    # A heading right above its first part starts where that does; one without any text is no section.
    for i in reversed(range(len(headings) - 1)):
        if starts[i] is None and headings[i + 1].level > headings[i].level:
            starts[i] = starts[i + 1]
    opened = [(start, heading) for start, heading in zip(starts, headings, strict=True) if start is not None]
    sections = []
    for i, (start, h) in enumerate(opened):
        end = next((s for s, other in opened[i + 1 :] if other.level <= h.level), len(text))
        sections.append(Section(start, end, h.title, h.label, h.level))
    return TopicRecord(name, text, _tiled(sections, len(text)))


def _tiled(sections: list[Section], n: int) -> list[Section]:
    """Raise sections that stand above the first of level 1, and lead text of the document, to level 1."""
    top = [s for s in sections if s.level == 1]
    first = top[0].start if top else n
    lead = [Section(s.start, min(s.end, first), s.title, s.label, 1) for s in sections if s.start < first]
    return lead + [s for s in sections if s.start >= first]


def _from_labels(name: str, sentences: list[str], ends: list[Any]) -> TopicRecord:
    headings: list[Heading] = [Heading("", 1, [])]
    if len(sentences) != len(ends):
        raise ValueError(f"{len(sentences)} sentences, but {len(ends)} labels")
    for sentence, is_end in zip(sentences, ends, strict=True):
        headings[-1].paragraphs.append(" ".join(sentence.split()))
        if is_end in (1, "1", "B-EOP", True):
            headings.append(Heading("", 1, []))
    return build(name, headings, separator="\n")


def _dialogue(document: dict[str, Any], number: int) -> TopicRecord:
    """ "segments" are numbers of utterances."""
    utterances, ends = document["utterances"], list(accumulate(document["segments"]))
    if ends[-1:] != [len(utterances)]:
        raise ValueError(f"segments of {ends[-1] if ends else 0} utterances in all, but there are {len(utterances)}")
    labels = [int(i in ends) for i in range(1, len(utterances) + 1)]
    return _from_labels(str(document.get("dial_id", number)), utterances, labels)


def _wikisection(document: dict[str, Any], number: int) -> TopicRecord:
    """Annotations with "begin", "length", "sectionHeading", "sectionLabel"; a string of them is a Python literal."""
    annotations = document["annotations"]
    if isinstance(annotations, str):
        annotations = ast.literal_eval(annotations)
    text = document["text"]
    starts = [0, *[a["begin"] for a in annotations[1:]], len(text)]
    sections = []
    for i, a in enumerate(annotations):
        label = str(a.get("sectionLabel") or "").removeprefix("disease.").removeprefix("city.")
        sections.append(Section(starts[i], starts[i + 1], str(a.get("sectionHeading") or ""), label, 1))
    return TopicRecord(str(document.get("id", number)), text, sections)


def _qmsum(document: dict[str, Any], path: Path) -> TopicRecord:
    """A turn per line, "Speaker: words"; turns under no topic form sections without a title."""
    turns = [" ".join(f"{t['speaker']}: {t['content']}".split()) for t in document["meeting_transcripts"]]
    topic: list[tuple[int, str]] = [(-1, "")] * len(turns)
    for number, entry in enumerate(document["topic_list"]):
        for first, last in entry["relevant_text_span"]:
            for i in range(int(first), min(int(last) + 1, len(turns))):
                topic[i] = (number, entry["topic"])
    headings: list[Heading] = []
    for i, turn in enumerate(turns):
        if not i or topic[i] != topic[i - 1]:
            headings.append(Heading(topic[i][1], 1, []))
        headings[-1].paragraphs.append(turn)
    return build(path.stem, headings, separator="\n")


def _terms(sections: list[dict[str, Any]], level: int) -> Iterator[Heading]:
    """Sections with "section" (their topic), "text" (a string or paragraphs) and sections of the next level."""
    for section in sections:
        text = section.get("text") or []
        paragraphs = [text] if isinstance(text, str) else list(text)
        title = str(section["section"])
        yield Heading(title, level, [p.strip() for p in paragraphs], label=title)
        yield from _terms(section.get(f"level{level + 1}_headings") or [], level + 1)


def _check_sections(record: TopicRecord) -> None:
    """RAISES (ValueError, TypeError): If sections are not what `Section` says, those of level 1 do not tile the text, or a part leaves
    its topic.
    """
    check_text(record.text)
    place, end = 0, 0
    for section in record.sections:
        for name, kind in Section.__annotations__.items():
            if not isinstance(getattr(section, name), kind):
                raise TypeError(
                    f"'{name}' of a section must be of type {kind.__name__}, got {getattr(section, name)!r}"
                )
        if section.level < 1 or section.start >= section.end:
            raise ValueError(
                f"section [{section.start}, {section.end}] of level {section.level}: expected a level from 1, and some text"
            )
        if section.level == 1:
            if section.start != place:
                problem = "overlap" if section.start < place else "leave a gap"
                raise ValueError(f"the sections {problem} at character {min(place, section.start)}")
            place = end = section.end
        elif not section.start < section.end <= end:
            raise ValueError(f"the part '{section.title}' at {section.start} leaves its topic")
    if place != len(record.text):
        raise ValueError(f"the sections end at {place}, the text at {len(record.text)}")


def _object(data: Any) -> dict[str, Any]:
    """RAISES (TypeError): If this is something else."""
    if not isinstance(data, dict):
        raise TypeError(f"expected a JSON object, got {type(data).__name__}")
    return data


def bad_record(path: Path, record: int, reason: object) -> ValueError:
    """RETURNS (ValueError): SEG141, to be raised."""
    return ValueError(Errors.SEG141.format(path=path, record=record, reason=" ".join(str(reason).split())))
