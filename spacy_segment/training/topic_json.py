"""Gold topics in the JSON of the field: WikiSection, QMSum, terms of service, dialogues, labels of sentences."""

import ast
import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from .topic_records import Heading, Section, TopicRecord, build


def read_json(text: str, path: Path) -> Iterator[TopicRecord]:
    """WikiSection (a list of documents with "annotations"), QMSum (one meeting), terms of service ("level1_headings"),
    or dialogues ("utterances" and "segments").
    """
    data = json.loads(text)
    for number, document in enumerate(map(as_object, data if isinstance(data, list) else [data]), start=1):
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


def from_labels(name: str, sentences: list[str], ends: list[Any]) -> TopicRecord:
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
    return from_labels(str(document.get("dial_id", number)), utterances, labels)


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


def as_object(data: Any) -> dict[str, Any]:
    """RAISES (TypeError): If this is something else."""
    if not isinstance(data, dict):
        raise TypeError(f"expected a JSON object, got {type(data).__name__}")
    return data
