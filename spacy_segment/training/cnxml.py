"""CNXML, the format of OpenStax' textbooks: the prose of a module and its sections."""

from collections.abc import Iterator
from xml.etree import ElementTree

# What is no running prose, or says again what the prose says.
DROPPED = {"caption", "equation", "example", "exercise", "figure", "footnote", "media", "note", "table", "title"}
# Stands for a reference to a figure or a table: its number is known to the whole book alone.
REFERENCE = "…"


def read_sections(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Title, level and paragraphs of the lead (level 1, no title) and of every section; the items of a list are paragraphs.

    RAISES (ValueError): If the text declares entities, which could grow without limit, or has no content.
    RAISES (SyntaxError): If the text is no XML.
    """
    if "<!ENTITY" in text:
        raise ValueError("XML that declares entities is not read")
    content = ElementTree.fromstring(text).find("{*}content")
    if content is None:
        raise ValueError("no element 'content': expected a module of CNXML")
    yield "", 1, list(_paragraphs(content))
    yield from _sections(content, 1)


def _sections(element: ElementTree.Element, level: int) -> Iterator[tuple[str, int, list[str]]]:
    for child in element:
        if _name(child) == "section":
            title = child.find("{*}title")
            yield _words(title) if title is not None else "", level, list(_paragraphs(child))
            yield from _sections(child, level + 1)


def _paragraphs(element: ElementTree.Element) -> Iterator[str]:
    """The paragraphs of an element, without those of the sections in it."""
    for child in element:
        name = _name(child)
        if name in ("para", "item"):
            yield _words(child)
        elif name not in DROPPED and name != "section":
            yield from _paragraphs(child)


def _words(element: ElementTree.Element) -> str:
    return " ".join("".join(_text(element)).split())


def _text(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or (REFERENCE if _name(element) == "link" else "")
    for child in element:
        if _name(child) not in DROPPED:
            yield from _text(child)
        yield child.tail or ""


def _name(element: ElementTree.Element) -> str:
    """The name without its namespace; comments have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
