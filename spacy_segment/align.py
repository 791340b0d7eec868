"""Character offsets <-> tokens: where a sentence start falls, whatever the tokenisation.

A sentence start is always the offset of a character that is not white space. White space belongs to
the sentence on its left.
"""

from collections.abc import Callable, Sequence

import numpy as np
from spacy.attrs import ORTH, SPACY
from spacy.strings import StringStore
from spacy.tokens import Doc

from .errors import Errors
from .text import code_points, is_kind, newlines_before, running_total
from .types import Boundaries, Ints1d, PieceStates

ZWNJ = 0x200C
# Docs of fewer tokens have few that come again; of longer ones the text of so many tokens is put together at once.
SHORT = 200
PART = 10_000


def token_offsets(doc: Doc) -> tuple[Ints1d, Ints1d]:
    """Character offsets at which the tokens of a Doc start and end, trailing space left out.

    RETURNS (tuple of Ints1d): starts and ends, each (n_tokens,).
    """
    starts = doc.to_array("IDX").astype(np.int64)
    return starts, starts + doc.to_array("LENGTH").astype(np.int64)


def text_length(doc: Doc) -> int:
    """RETURNS (int): Characters of a Doc. (`Doc.text` puts the text together token by token.)"""
    if not len(doc):
        return 0
    last = doc[-1]
    return last.idx + len(last.text_with_ws)


def text_of(doc: Doc) -> str:
    """RETURNS (str): `Doc.text`, put together of one string for every word of a part, where that makes one of every token."""
    if len(doc) < SHORT:
        return doc.text
    tokens = doc.to_array([ORTH, SPACY])  # of the Doc: that of a Span makes the one of its Doc first
    return "".join(_text_of_part(doc.vocab.strings, tokens[i : i + PART]) for i in range(0, len(tokens), PART))


def _text_of_part(known: StringStore, tokens: np.ndarray) -> str:
    """The text of some tokens, (n_tokens, 2): word, and whether a space stands behind."""
    words, index = np.unique(tokens[:, 0], return_inverse=True)
    strings = [known[word] for word in words.tolist()]
    strings += [string + " " for string in strings]
    return "".join(map(strings.__getitem__, (index + len(words) * tokens[:, 1].astype(np.int64)).tolist()))


def is_among(values: Ints1d, places: Ints1d) -> np.ndarray:
    """Whether each value is one of ascending places, (len(values),). (`np.isin` sorts, and takes ten times as long for few.)"""
    if not len(places):
        return np.zeros(len(values), dtype=bool)
    return places[np.minimum(np.searchsorted(places, values), len(places) - 1)] == values


def next_text(text: str, offsets: Sequence[int]) -> Ints1d:
    """Move every offset on to the first character at or after it that is not white space.

    RETURNS (Ints1d): Sorted, without repetitions; offsets with nothing but white space after them are left out.
    RAISES (ValueError): SEG100 if the offsets do not ascend or leave the text.
    """
    moved: list[int] = []
    previous = 0
    for index, offset in enumerate(offsets):
        if not previous <= offset <= len(text):
            raise ValueError(Errors.SEG100.format(length=len(text), offset=offset, index=index))
        previous = offset
        while offset < len(text) and text[offset].isspace():
            offset += 1
        if offset < len(text) and (not moved or offset > moved[-1]):
            moved.append(offset)
    return np.asarray(moved, dtype=np.int64)


def reference_doc(tokenizer: Callable[[str], Doc], text: str, starts: Sequence[int]) -> Doc:
    """Make a Doc with sentence starts, whose tokens are split wherever a sentence starts inside one.

    tokenizer (Callable): Makes a Doc of a text, such as `nlp.tokenizer`.
    starts (Sequence[int]): Character offsets of sentence starts, ascending. The first token always starts one.
    RETURNS (Doc): Every token has `is_sent_start` True or False.
    RAISES (ValueError): SEG100.
    """
    offsets = next_text(text, starts)
    doc = tokenizer(text)
    inside, _ = inside_tokens(doc, offsets)
    if len(inside):
        words, spaces, _ = split_words(doc, inside)
        doc = Doc(doc.vocab, words=words, spaces=spaces)
    set_sent_starts(doc, is_among(token_offsets(doc)[0], offsets))
    return doc


def set_sent_starts(doc: Doc, is_start: np.ndarray) -> None:
    """Set `is_sent_start` of all tokens at once; the first token always starts a sentence.

    is_start (ndarray): Booleans, (n_tokens,).
    """
    if len(doc):
        values = np.where(is_start, 1, -1)
        values[0] = 1
        doc.from_array("SENT_START", values.astype(np.int64).astype(np.uint64))


def sent_start_offsets(doc: Doc) -> Ints1d:
    """Character offsets of the sentence starts of a Doc, see `starts_sentence`.

    RETURNS (Ints1d): Offsets of the first character that is not white space of every sentence.
    """
    if not len(doc):
        return np.zeros(0, dtype=np.int64)
    return next_text(text_of(doc), token_offsets(doc)[0][starts_sentence(doc)].tolist())


def boundaries_of(pieces: PieceStates) -> Boundaries:
    """Read boundaries off the logits of pieces: a sentence that ends with a piece starts at the next one.

    What follows a piece is the first one that starts where it ends, or later. Pieces that are followed by the same one
    (several pieces of one sign) are pooled by their maximum.
    """
    following = np.searchsorted(pieces.starts, pieces.ends)
    counts = following < len(pieces.starts)
    return _pool(pieces.starts[following[counts]], np.asarray(pieces.states)[counts, 0])


def move_to_tokens(doc: Doc, boundaries: Boundaries, *, split: bool | str) -> Boundaries:
    """Move boundaries that no token starts at on to the next token that is not white space, pooled by maximum.

    split (bool or "auto"): Whether a boundary inside a token stays where it is, for the token to be split there.
        "auto": in tokens of scripts that are written without spaces.
    RETURNS (Boundaries): None before white space or what goes on with the text before it, see `_goes_on`.
    """
    return _pool(_on_tokens(doc, boundaries.offsets, split), boundaries.logits)


def _on_tokens(doc: Doc, offsets: Ints1d, split: bool | str) -> Ints1d:
    """Where each offset of a boundary comes to stand, (len(offsets),); -1 where no token is left."""
    text = text_of(doc)
    points = code_points(text)
    starts, ends = token_offsets(doc)
    places = starts[~is_space(doc) & ~_goes_on(text, points, starts)]
    stays = is_among(offsets, places)
    if split:
        owner = np.searchsorted(starts, offsets, side="right") - 1
        inside = (offsets > starts[owner]) & (offsets < ends[owner])
        inside &= ~_goes_on(text, points, offsets) & ~is_kind(points[offsets], "space")
        stays |= inside if split is True else inside & _holds_unspaced(points, starts)[owner]
    following = np.append(places, -1)[np.searchsorted(places, offsets)]
    return np.where(stays, offsets, following)


def _pool(offsets: Ints1d, logits: np.ndarray) -> Boundaries:
    """Sort by offset; one entry per offset, the largest; offsets below 1 are left out."""
    order = np.argsort(offsets, kind="stable")
    places, logits = np.maximum(offsets[order], 0), logits[order]
    first = np.flatnonzero(np.diff(places, prepend=0))
    pooled = np.maximum.reduceat(logits, first) if len(first) else np.zeros(0, dtype=np.float32)
    return Boundaries(offsets=places[first], logits=pooled)


def _goes_on(text: str, points: Ints1d, offsets: Ints1d) -> np.ndarray:
    """Whether the character at each offset belongs to what is before it: inside a grapheme cluster, a mark that closes what is
    right before it, an emoji behind other text of its line.
    """
    emoji = is_kind(points[offsets], "emoji")
    if emoji.any():
        emoji &= newlines_before(text, offsets) == 0
    return emoji | _is_inside_grapheme(points, offsets) | _closes(points, offsets)


def _is_inside_grapheme(points: Ints1d, offsets: Ints1d) -> np.ndarray:
    """Whether the character at each offset belongs to the one before it: marks, joiners, jamo, flags,
    consonants joined to one another, what stands after a sign that spans a number.

    Unicode Standard Annex 29, in its rules that matter between words; pairs of flags are never told apart.
    """
    here = points[offsets]
    before = points[np.maximum(offsets - 1, 0)]
    flag = (here >= 0x1F1E6) & (here <= 0x1F1FF) & (before >= 0x1F1E6) & (before <= 0x1F1FF)
    joined = is_kind(here, "letter") & _follows_linker(points, offsets) | is_kind(before, "prepend")
    return (offsets > 0) & (is_kind(here, "extend") | (before == 0x200D) | flag | joined)


def _closes(points: Ints1d, offsets: Ints1d) -> np.ndarray:
    """Whether a mark stands at each offset that closes what is right before it: no sentence begins with one."""
    glued = (offsets > 0) & ~is_kind(points[np.maximum(offsets - 1, 0)], "space")
    return glued & is_kind(points[offsets], "closing")


def _follows_linker(points: Ints1d, offsets: Ints1d) -> np.ndarray:
    """Whether a linker is among the marks that stand right before each offset (rule GB9c)."""
    linker = is_kind(points, "linker")
    if not linker.any():
        return np.zeros(len(offsets), dtype=bool)
    marks = linker | is_kind(points, "extend") & (points != ZWNJ)
    run_starts = np.maximum.accumulate(np.where(marks, 0, np.arange(1, len(points) + 1)))
    n_linkers = running_total(linker)
    return n_linkers[offsets] > n_linkers[run_starts[np.maximum(offsets - 1, 0)]]


def _holds_unspaced(points: Ints1d, starts: Ints1d) -> np.ndarray:
    """Whether a character of a script without spaces is in the token at each start, (len(starts),)."""
    return np.logical_or.reduceat(is_kind(points, "unspaced"), starts)


def starts_sentence(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): Whether each token starts a sentence, (n_tokens,). Token 0 does; unset tokens do not."""
    flags = doc.to_array("SENT_START").astype(np.int64) == 1
    flags[:1] = True
    return flags


def has_sents(doc: Doc) -> bool:
    """Whether sentence starts are told, as a Doc of one token needs not. (`Doc.has_annotation` walks through it token by token.)"""
    return len(doc) < 2 or bool(doc.to_array("SENT_START")[1:].any())


def is_space(doc: Doc) -> np.ndarray:
    """RETURNS (ndarray): Whether each token is white space, (n_tokens,)."""
    return doc.to_array("IS_SPACE").astype(bool)


def inside_tokens(doc: Doc, offsets: Ints1d) -> tuple[Ints1d, Ints1d]:
    """The offsets that fall inside of tokens, and the tokens."""
    starts, ends = token_offsets(doc)
    owners = np.searchsorted(starts, offsets, side="right") - 1
    inside = (offsets > starts[owners]) & (offsets < ends[owners])
    return offsets[inside], owners[inside]


def split_words(doc: Doc, offsets: Ints1d) -> tuple[list[str], list[bool], Ints1d]:
    """Words and spaces of a Doc whose tokens are split at offsets inside of them, and the first word of every token, (n_tokens,)."""
    text = text_of(doc)
    starts, ends = token_offsets(doc)
    edges = np.union1d(starts, offsets)
    owner = np.searchsorted(starts, edges, side="right") - 1
    stops = np.minimum(np.append(edges[1:], len(text)), ends[owner])
    spaces = doc.to_array(SPACY).astype(bool)[owner] & (stops == ends[owner])
    words = [text[a:b] for a, b in zip(edges.tolist(), stops.tolist(), strict=True)]
    return words, spaces.tolist(), np.searchsorted(edges, starts)


def same_place(source: str, target: str, offsets: Ints1d) -> Ints1d:
    """Carry character offsets over to a text that differs in white space alone.

    RAISES (ValueError): SEG400 if it differs in anything else.
    """
    if source == target:
        return offsets
    if "".join(source.split()) != "".join(target.split()):
        raise ValueError(Errors.SEG400.format(reference=source[:40], predicted=target[:40]))
    places = np.flatnonzero(~is_kind(code_points(target), "space"))
    ranks = np.cumsum(~is_kind(code_points(source), "space")) - 1
    return places[ranks[offsets]]
