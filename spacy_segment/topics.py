"""Units of a Doc, and the topics of a Doc told on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from .align import has_sents, is_space, same_place, starts_sentence, text_length, text_of, token_offsets
from .errors import Errors
from .text import newlines_before
from .types import Bools1d, Ints1d

# Key of `Doc.spans`, and the label of a topic that has none.
TOPICS = "topics"
NO_LABEL = "TOPIC"
# Paragraphs of more sentences in the mean are no sign of where topics start.
LONGEST_PARAGRAPH = 20


@dataclass(frozen=True)
class Units:
    """The units of one Doc.

    tokens (Ints1d): (n_units,) first token of each; 0 is the first of them.
    starts (Ints1d): (n_units,) character offset of the first character of each that is not white space.
    gaps (Ints1d): (n_units,) newlines before each, 2 for a blank line, 0 for the first.
    """

    tokens: Ints1d
    starts: Ints1d
    gaps: Ints1d


def find_units(doc: Doc, kind: str) -> Units:
    """Read the units off a Doc with sentence starts.

    kind (str): "sentences"; "paragraphs": sentences after a blank line, or after a newline in a Doc without blank lines.
    """
    if not len(doc):
        empty = np.zeros(0, dtype=np.int64)
        return Units(empty, empty, empty)
    tokens = np.flatnonzero(starts_sentence(doc))
    # Some components let a sentence start with the white space before it.
    spaces = is_space(doc)
    first_word = np.minimum.accumulate(np.where(spaces, len(doc), np.arange(len(doc)))[::-1])[::-1][tokens]
    starts = np.append(token_offsets(doc)[0], text_length(doc))[first_word]
    starts[0] = 0
    gaps = np.minimum(newlines_before(text_of(doc), starts), 2)
    if kind == "paragraphs":
        keep = gaps >= max(1, gaps.max())
        keep[0] = True
        tokens, starts, gaps = tokens[keep], starts[keep], gaps[keep]
    return Units(tokens, starts, gaps)


def topic_places(units: Units, *, paragraphs: bool = True) -> Bools1d:
    """Units that a topic could start with, and the first: those after a blank line, or else after a newline.

    In a document with long paragraphs, or with few units at line starts (hard-wrapped text), all.

    paragraphs (bool): False takes all in any document.
    """
    for newlines, share in ((2, 1 / LONGEST_PARAGRAPH), (1, 1 / 2)) if paragraphs else ():
        marked = units.gaps >= newlines
        if marked.any() and marked.mean() >= share:
            marked[0] = True
            return marked
    return np.ones(len(units.gaps), dtype=bool)


def sents_of(example: Example) -> Doc:
    """The Doc whose sentences count: the predicted one, or the reference if that has no sentence starts."""
    predicted = example.predicted
    return predicted if has_sents(predicted) else example.reference


def span_levels(group: SpanGroup) -> Ints1d:
    """The level of every span, 1 for a topic; all 1 if the group does not say.

    RAISES (ValueError): SEG144 if it says so of more or fewer spans than there are.
    """
    given: Any = group.attrs.get("levels")
    levels = np.ones(len(group), dtype=np.int64) if given is None else np.asarray(given, dtype=np.int64)
    if len(levels) != len(group):
        raise ValueError(Errors.SEG144.format(key=group.name, n_levels=len(levels), n_spans=len(group)))
    return levels


def main_spans(doc: Doc, key: str) -> list[Span]:
    """RETURNS (list of Spans): The topics of a Doc without their parts; none if there is no such group."""
    if key not in doc.spans:
        return []
    group = doc.spans[key]
    return [span for span, level in zip(group, span_levels(group), strict=True) if level == 1]


def topics_of(doc: Doc, key: str, starts: Ints1d, *, text: str | None = None) -> tuple[Bools1d, Bools1d, list[str]]:
    """Topics of a Doc, told on units.

    starts (Ints1d): (n_units,) character offsets of units, in `text`, which differs from the Doc's in white space alone.
    RETURNS (tuple): (n_units,) whether a topic starts with the unit, whether a topic or a part of one does, and the
        label of the topic the unit is in. A topic that starts inside a unit starts with the next one.
    RAISES (ValueError): SEG400 if the texts differ in more.
    """
    n = len(starts)
    boundary, any_level = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    group = doc.spans[key]
    offsets = np.asarray([span.start_char + _n_leading_spaces(span.text) for span in group], dtype=np.int64)
    units = np.searchsorted(starts, same_place(doc.text, doc.text if text is None else text, offsets))
    levels = span_levels(group)
    inside = units < n
    any_level[units[inside]] = True
    topics = np.flatnonzero(inside & (levels == 1))
    boundary[units[topics]] = True
    names = [group[int(i)].label_ or NO_LABEL for i in topics]
    owner = np.searchsorted(units[topics], np.arange(n), side="right") - 1
    labels = [names[i] if i >= 0 else NO_LABEL for i in owner.tolist()]
    if n:
        boundary[0] = any_level[0] = True
    return boundary, any_level, labels


def check_tiling(doc: Doc, key: str) -> None:
    """RAISES (ValueError): SEG142 if topics of a gold Doc overlap, or leave out more than white space."""
    n_spans = np.zeros(len(doc), dtype=np.int64)
    for span in main_spans(doc, key):
        n_spans[span.start : span.end] += 1
    wrong = np.flatnonzero((n_spans != 1) & ~is_space(doc))
    if len(wrong):
        first = doc[int(wrong[0])]
        problem = f"{'overlap' if n_spans[first.i] else 'leave a gap'} at character {first.idx}"
        raise ValueError(Errors.SEG142.format(key=key, problem=problem, text=doc[first.i : first.i + 5].text))


def _n_leading_spaces(text: str) -> int:
    """White space at the start of a span, but not of one that is nothing else."""
    stripped = text.lstrip()
    return len(text) - len(stripped) if stripped else 0
