"""Character offsets <-> tokens: where a sentence start falls, whatever the tokenisation.

A sentence start is always the offset of a character that is not white space. White space belongs to
the sentence on its left.
"""

from collections.abc import Callable, Sequence

import numpy as np
from spacy.tokens import Doc
from thinc.types import Ints1d

from .errors import Errors


def token_offsets(doc: Doc) -> tuple[Ints1d, Ints1d]:
    """Character offsets at which the tokens of a Doc start and end, trailing space left out.

    RETURNS (tuple of Ints1d): starts and ends, each (n_tokens,).
    """
    starts = doc.to_array("IDX").astype(np.int64)
    return starts, starts + doc.to_array("LENGTH").astype(np.int64)


def next_text(text: str, offsets: Sequence[int]) -> Ints1d:
    """Move every offset on to the first character at or after it that is not white space.

    RETURNS (Ints1d): Sorted, without repetitions; offsets with nothing but white space after them are left out.
    RAISES (ValueError): SEG100 if the offsets do not ascend or leave the text.
    """
    moved = []
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
    token_starts, _ = token_offsets(doc)
    inside = np.setdiff1d(offsets, token_starts)
    if len(inside):
        doc = _split_tokens(doc, inside)
        token_starts, _ = token_offsets(doc)
    set_sent_starts(doc, np.isin(token_starts, offsets))
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
    """Character offsets of the sentence starts of a Doc. Token 0 starts one; unset tokens do not.

    RETURNS (Ints1d): Offsets of the first character that is not white space of every sentence.
    """
    if not len(doc):
        return np.zeros(0, dtype=np.int64)
    flags = doc.to_array("SENT_START").astype(np.int64) == 1
    flags[0] = True
    return next_text(doc.text, token_offsets(doc)[0][flags].tolist())


def _split_tokens(doc: Doc, offsets: Ints1d) -> Doc:
    words, spaces = [], []
    for token in doc:
        cuts = offsets[(offsets > token.idx) & (offsets < token.idx + len(token))] - token.idx
        edges = [0, *cuts.tolist(), len(token)]
        parts = [token.text[a:b] for a, b in zip(edges, edges[1:], strict=False)]
        words.extend(parts)
        spaces.extend([False] * (len(parts) - 1) + [bool(token.whitespace_)])
    return Doc(doc.vocab, words=words, spaces=spaces)
