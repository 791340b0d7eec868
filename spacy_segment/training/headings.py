"""Markdown and plain text with headings: what stands below each heading."""

import re
from collections.abc import Iterator

# "# Title", with or without marks behind it; may stand right after other text, but not in a fenced block.
MARKED = re.compile(r" {0,3}(#{1,6})(?:[ \t](.*))?")
CLOSING = re.compile(r"(?:^|[ \t])#+$")
FENCE = re.compile(r" {0,3}`{3,}[^`]*")
# What stands before a page of Markdown: names and values, which are no text.
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[\w-]+:.*\n(?:[ \t].*\n|- .*\n|\n)*)+---[ \t]*(?:\n|\Z)")
# Links and emphasis in a title; numbers and marks around what a label is made of.
MARKUP = re.compile(r"!?\[(.*?)\]\(.*?\)|[*`]+")
NUMBERING = re.compile(r"^[\W\d_]+|[\W_]+$")


def read_sections(text: str) -> Iterator[tuple[str, int, list[str], str]]:
    """Title, level, paragraphs and label of the lead (level 1, no title) and of every section.

    Headings are "# Title", lines underlined with "===" or "---", and numbered or upper-case lines that stand alone. The label is the
    title in lower case without its number.
    """
    sections: list[tuple[str, int, list[str]]] = [("", 0, [])]
    for block in _blocks(FRONT_MATTER.sub("", text.replace("\r\n", "\n"))):
        level, title, rest = _heading(block)
        if level:
            sections.append((MARKUP.sub(r"\1", title).strip(), level, []))
        if rest:
            sections[-1][2].append(rest)
    levels = sorted({level for _, level, _ in sections if level})
    # A single heading above all others is the title of the document, not of a section.
    if len(levels) > 1 and sum(level == levels[0] for _, level, _ in sections) == 1:
        levels = levels[1:]
    rank = {level: i for i, level in enumerate(levels, start=1)}
    for title, level, paragraphs in sections:
        yield title, rank.get(level, 1), paragraphs, NUMBERING.sub("", title).lower() if level in rank else ""


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs; a heading with marks and a fenced block, blank lines and all, are one each."""
    block: list[str] = []
    is_fenced = False
    for line in [*text.split("\n"), ""]:
        is_marked = not is_fenced and MARKED.fullmatch(line) is not None
        if block and (is_marked or not (line.strip() or is_fenced)):
            yield "\n".join(block).strip()
            block = []
        if is_marked:
            yield line
        elif line.strip() or is_fenced:
            block.append(line)
        is_fenced ^= FENCE.fullmatch(line) is not None
    if block:  # a fence that was never closed
        yield "\n".join(block).strip()


def _heading(block: str) -> tuple[int, str, str]:
    """Level (0 for none), title, and what follows in the same paragraph."""
    marked = MARKED.fullmatch(block)
    if marked:
        return len(marked[1]), CLOSING.sub("", (marked[2] or "").strip()), ""
    first, _, rest = block.partition("\n")
    underline, _, below = rest.partition("\n")
    if re.fullmatch(r"=+\s*|-{2,}\s*", underline) and not FENCE.fullmatch(first):
        return (1 if underline[0] == "=" else 2), first, below.strip()
    alone = not rest and len(first) <= 80 and first[-1] not in ".:;,!?"
    if alone and (re.match(r"(\d+(\.\d+)*\.?|[IVXLC]+\.)\s+\S", first) or (first.isupper() and len(first) > 3)):
        number = re.match(r"\d+(\.\d+)*", first)
        return 2 + (number[0].count(".") if number else 0), first, ""
    return 0, "", block
