"""Titles of sections put back into the text as headings, as documents of users have them and most gold texts do not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from .insertion import put_before
from .topic_formats import Section, TopicRecord

# What a heading may begin with, its number inside; what is made of its line, by its level.
NUMBERS = ("{} ", "{}. ", "{}) ", "Section {}: ", "Article {}. ", "§ {} ")
DRESSES: tuple[Callable[[str, int], str], ...] = (
    lambda title, level: f"{'#' * level} {title}",
    lambda title, level: f"{title}\n{'=-~'[min(level, 3) - 1] * len(title)}",
    lambda title, level: f"**{title}**",
    lambda title, level: f"{title}:",
    lambda title, level: title.upper(),
)
# How often headings are numbered, if their titles are not, and dressed; how often parts keep theirs, and how often there is a
# blank line below.
NUMBERED, DRESSED, PARTS, BLANK_BELOW = 0.4, 0.5, 0.7, 0.7


@dataclass(frozen=True)
class Style:
    """How the headings of a document look. depth (int): levels that have headings; below (str): what follows a heading."""

    number: str | None
    dress: Callable[[str, int], str] | None
    depth: int
    below: str

    @classmethod
    def draw(cls, rng: np.random.Generator, *, has_blank_lines: bool) -> "Style":
        """A style at random, for a text with or without blank lines."""
        is_numbered, is_dressed, has_parts, is_blank = rng.random(4) < (NUMBERED, DRESSED, PARTS, BLANK_BELOW)
        return cls(
            NUMBERS[rng.integers(len(NUMBERS))] if is_numbered else None,
            DRESSES[rng.integers(len(DRESSES))] if is_dressed else None,
            depth=6 if has_parts else 1,
            below="\n\n" if has_blank_lines and is_blank else "\n",
        )

    def heading(self, section: Section, number: str) -> str:
        """RETURNS (str): With what follows; empty for a section without a title."""
        title = " ".join(section.title.split())
        if not title or section.level > self.depth:
            return ""
        if self.number is not None and title[0].isalpha():
            title = self.number.format(number) + title
        return (title if self.dress is None else self.dress(title, section.level)) + self.below


def put_headings(record: TopicRecord, rng: np.random.Generator) -> TopicRecord:
    """The record with its titles in the text, all in one style drawn at random; a section starts at its heading."""
    style = Style.draw(rng, has_blank_lines="\n\n" in record.text)
    titled = [style.heading(*one) for one in zip(record.sections, _numbers(record.sections), strict=True)]
    text, moved = put_before(record.text, [section.start for section in record.sections], titled)
    sections = [
        # Of sections that start at one place each starts at its own heading.
        replace(section, start=section.start + before, end=int(moved(section.end)))
        for section, before in zip(record.sections, accumulate(map(len, titled), initial=0), strict=False)
    ]
    sentences = record.sentences
    if sentences is not None:
        behind = moved([section.start for section in record.sections], side="right")
        sentences = np.union1d(moved(sentences), behind).tolist()
    return replace(record, text=text, sections=sections, sentences=sentences)


def _numbers(sections: list[Section]) -> list[str]:
    """Numbers of the sections that have titles: "1", "1.1", "1.2", "2"; lead text has none of its own."""
    counts: list[int] = []
    numbers = []
    for section in sections:
        counts = [*counts, *[0] * section.level][: section.level]
        counts[-1] += bool(section.title)
        numbers.append(".".join(map(str, counts)))
    return numbers
