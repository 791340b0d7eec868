"""A document with gold topics, as every reader gives it, and what must hold of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .formats import check_text
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
    """Raise sections that stand above the first of level 1, and lead text of the document, to level 1; their parts follow."""
    first = next((s.start for s in sections if s.level == 1), n)
    lead = [replace(s, end=min(s.end, first), level=s.level - 1) for s in sections if s.start < first]
    return (_tiled(lead, first) if lead else []) + [s for s in sections if s.start >= first]


def check_sections(record: TopicRecord) -> None:
    """RAISES (ValueError, TypeError): If there is no text, sections are not what `Section` says, those of level 1 do not tile the text,
    or a part leaves the section that it lies in or overlaps the part before it.
    """
    check_text(record.text)
    if not record.text.strip():
        raise ValueError("there is no text")
    place = 0
    opened: list[Section] = []  # what the next section may lie in, the outermost first
    for section in record.sections:
        _check_values(section)
        while opened and opened[-1].level >= section.level:
            place = opened.pop().end
        if section.level == 1:
            if section.start != place:
                problem = "overlap" if section.start < place else "leave a gap"
                raise ValueError(f"the sections {problem} at character {min(place, section.start)}")
        elif not opened or section.start < place or section.end > opened[-1].end:
            raise ValueError(
                f"the part '{section.title}' [{section.start}, {section.end}] leaves the section that it lies in, "
                "or overlaps the part before it"
            )
        opened.append(section)
        place = section.start
    end = opened[0].end if opened else 0
    if end != len(record.text):
        raise ValueError(f"the sections end at {end}, the text at {len(record.text)}")


def _check_values(section: Section) -> None:
    """RAISES (ValueError, TypeError): If a value is of another type, the level below 1, or the section empty."""
    for name, kind in Section.__annotations__.items():
        value = getattr(section, name)
        if type(value) is not kind:
            raise TypeError(f"'{name}' of a section must be of type {kind.__name__}, got {value!r}")
    if section.level < 1 or section.start >= section.end:
        raise ValueError(
            f"section [{section.start}, {section.end}] of level {section.level}: expected a level from 1, and some text"
        )
