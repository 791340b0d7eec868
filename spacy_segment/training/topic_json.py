"""Gold topics in the JSON of the field: WikiSection, QMSum, terms of service, dialogues, labels of sentences."""

import ast
import json
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from .formats import name_in
from .topic_records import Heading, Section, TopicRecord, build

# Whether a topic ends with a sentence that has this label; -100 says that nobody judged.
ENDS = {1: True, "1": True, "B-EOP": True, 0: False, "0": False, "O": False, -100: False}
# Characters, white space aside, that annotations of WikiSection may be apart: those of translations end a little early.
SLACK = 3


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


def from_labels(name: str, sentences: Any, labels: Any) -> TopicRecord:
    """A record of a list of sentences and a list of as many labels, see `ENDS`."""
    if not isinstance(sentences, list) or not isinstance(labels, list):
        raise TypeError("expected a list of sentences and a list of labels")
    if len(sentences) != len(labels):
        raise ValueError(f"{len(sentences)} sentences, but {len(labels)} labels")
    headings: list[Heading] = [Heading("", 1, [])]
    for sentence, label in zip(sentences, labels, strict=True):
        if label not in ENDS:
            raise ValueError(f"a label must be one of {', '.join(map(repr, ENDS))}, got {label!r}")
        headings[-1].paragraphs.append(" ".join(sentence.split()))
        if ENDS[label]:
            headings.append(Heading("", 1, []))
    return build(name, headings, separator="\n")


def _dialogue(document: dict[str, Any], number: int) -> TopicRecord:
    """ "segments" are numbers of utterances."""
    utterances, lengths = document["utterances"], document["segments"]
    if any(type(length) is not int or length < 1 for length in lengths):
        raise ValueError(f"segments must be whole numbers from 1, got {lengths!r}")
    if sum(lengths) != len(utterances):
        raise ValueError(f"segments of {sum(lengths)} utterances in all, but there are {len(utterances)}")
    ends = set(accumulate(lengths))
    labels = [int(i in ends) for i in range(1, len(utterances) + 1)]
    return from_labels(name_in(document, "dial_id", number), utterances, labels)


def _wikisection(document: dict[str, Any], number: int) -> TopicRecord:
    """Annotations with "begin", "length", "sectionHeading", "sectionLabel", from end to end; a string of them is a Python literal."""
    annotations = document["annotations"]
    if isinstance(annotations, str):
        annotations = ast.literal_eval(annotations)
    text = document["text"]
    end, starts = 0, []
    for begin, length in [*((a["begin"], a["length"]) for a in annotations), (len(text), 0)]:
        apart = len(text[end:begin].strip()) if end <= begin else end - begin
        if begin < 0 or apart > SLACK:
            raise ValueError(
                f"annotations must tile the text of {len(text)} characters, but one ends at {end} and the next begins at {begin}"
            )
        starts.append(begin)
        end = begin + length
    starts[0] = 0
    sections = []
    for i, a in enumerate(annotations):
        label = str(a.get("sectionLabel") or "").removeprefix("disease.").removeprefix("city.")
        sections.append(Section(starts[i], starts[i + 1], str(a.get("sectionHeading") or ""), label, 1))
    return TopicRecord(name_in(document, "id", number), text, sections)


def _qmsum(document: dict[str, Any], path: Path) -> TopicRecord:
    """A turn per line, "Speaker: words"; turns under no topic form sections without a title. Where topics overlap, as those of some
    meetings do, a turn belongs to the one that begins last.
    """
    turns = [" ".join((turn["speaker"] + ": " + turn["content"]).split()) for turn in document["meeting_transcripts"]]
    topics = document["topic_list"]
    # Numbers are strings there; int() alone would round others and take true for 1.
    spans = [
        (int(str(first)), int(str(last)), number)
        for number, topic in enumerate(topics)
        for first, last in topic["relevant_text_span"]
    ]
    owners = [-1] * len(turns)
    for first, last, number in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not 0 <= first <= last < len(turns):
            raise ValueError(
                f"turns {first} to {last} of '{topics[number]['topic']}', but there are 0 to {len(turns) - 1}"
            )
        owners[first : last + 1] = [number] * (last + 1 - first)
    for number, topic in enumerate(topics):
        if number not in owners:
            raise ValueError(f"'{topic['topic']}' has no turn of its own")
    headings: list[Heading] = []
    for turn, owner, before in zip(turns, owners, [None, *owners], strict=False):
        if owner != before:
            headings.append(Heading("" if owner < 0 else topics[owner]["topic"], 1, []))
        headings[-1].paragraphs.append(turn)
    return build(path.stem, headings, separator="\n")


def _terms(sections: list[dict[str, Any]], level: int) -> Iterator[Heading]:
    """Sections with "section" (their topic), "text" (a string or paragraphs) and sections of the next level."""
    for section in sections:
        text = section.get("text") or []
        paragraphs = [text] if isinstance(text, str) else list(text)
        title = section["section"] or ""
        yield Heading(title, level, [p.strip() for p in paragraphs], label=title)
        yield from _terms(section.get(f"level{level + 1}_headings") or [], level + 1)


def as_object(data: Any) -> dict[str, Any]:
    """RAISES (TypeError): If this is something else."""
    if not isinstance(data, dict):
        raise TypeError(f"expected a JSON object, got {type(data).__name__}")
    return data
