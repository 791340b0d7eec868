"""Markdown and plain text with headings: what stands below each heading."""

import re
from collections.abc import Iterator

# "# Title", with or without marks behind it; may stand right after other text, but not in a fenced block.
MARKED = re.compile(r" {0,3}(#{1,6})(?:[ \t](.*))?")
CLOSING = re.compile(r"(?:^|[ \t])#+$")
# What begins a fenced block, and ends it when nothing stands behind it.
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")
UNDERLINE = re.compile(r"=+\s*|-{2,}\s*")
# A line that a number opens: a heading of plain text, or an item of a list.
NUMBERED = re.compile(r"(\d+(?:\.\d+)*\.?|[IVXLC]+\.)[^\S\n]+\S.*")
# What stands before a page of Markdown: names and values, which are no text.
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[\w-]+:.*\n(?:[ \t].*\n|- .*\n|\n)*)+---[ \t]*(?:\n|\Z)")
# Links and emphasis in a title; numbers and marks around what a label is made of.
# An item of a list or a quotation: a line below it is a rule, and underlines no heading.
LISTED = re.compile(r" {0,3}(?:[-+*>]|\d+[.)])(?:[ \t]|$)")
MARKUP = re.compile(r"!?\[(.*?)\]\(.*?\)|[*`]+")
NUMBERING = re.compile(r"^[\W\d_]+|[\W_]+$")
# Level (0 for none) and title of a heading, and what else its paragraph holds.
Found = tuple[int, str, str]


def read_sections(text: str) -> Iterator[tuple[str, int, list[str], str]]:
    """Title, level, paragraphs and label of the lead (level 1, no title) and of every section.

    Headings are "# Title" and lines underlined with "===" or "---"; in a text that has none of these, numbered or upper-case lines
    that stand alone. The label is the title in lower case without its number.
    """
    found = [_marked(block) for block in _blocks(FRONT_MATTER.sub("", text))]
    if not any(level for level, _, _ in found):
        found = _plain([paragraph for _, _, paragraph in found])
    sections: list[tuple[str, int, list[str]]] = [("", 0, [])]
    for level, title, rest in found:
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
    fence = ""
    for line in [*text.split("\n"), ""]:
        is_marked = not fence and MARKED.fullmatch(line) is not None
        if block and (is_marked or not (line.strip() or fence)):
            yield "\n".join(block)
            block = []
        if is_marked:
            yield line
        elif line.strip() or fence:
            block.append(line)
        marks = FENCE.fullmatch(line)
        if marks and not fence:
            fence = marks[1]
        elif marks and marks[1].startswith(fence) and not marks[2].strip():
            fence = ""
    if block:  # a fence that was never closed
        yield "\n".join(block)


def _marked(block: str) -> Found:
    """A heading that marks before or below it tell."""
    marked = MARKED.fullmatch(block)
    if marked:
        return len(marked[1]), CLOSING.sub("", (marked[2] or "").strip()), ""
    first, _, rest = block.partition("\n")
    underline, _, below = rest.partition("\n")
    if UNDERLINE.fullmatch(underline) and not FENCE.fullmatch(first) and not LISTED.match(first):
        return (1 if underline[0] == "=" else 2), first, below.strip()
    return 0, "", block.strip()


def _plain(blocks: list[str]) -> list[Found]:
    """Headings without marks: short lines alone, in upper case or with a number. Several of one kind of number in a row are a list."""
    shapes = [_shape(block) for block in blocks]
    found = []
    for block, before, shape, after in zip(blocks, ["", *shapes], shapes, [*shapes[1:], ""], strict=False):
        is_title = shape not in (before, after) if shape else block.isupper() and len(block) > 3
        if is_title and "\n" not in block and len(block) <= 80 and block[-1] not in ".:;,!?":
            found.append((2 + shape.count(".1"), block, ""))
        else:
            found.append((0, "", block))
    return found


def _shape(block: str) -> str:
    """The number that opens a line alone, as "1.1" for "2.10" and "I." for "IV."; empty if there is none."""
    numbered = NUMBERED.fullmatch(block)
    return re.sub(r"\w+", lambda part: "1" if part[0].isdigit() else "I", numbered[1]) if numbered else ""
