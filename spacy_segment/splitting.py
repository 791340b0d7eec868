"""Tokens that sentences start inside of, split; all that a Doc carries stays where it is in the text."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from spacy.attrs import DEP, ENT_IOB, ENT_KB_ID, ENT_TYPE, HEAD, LEMMA, MORPH, NORM, POS, SENT_START, TAG
from spacy.tokens import Doc, Span, SpanGroup

from .align import inside_tokens, split_words, token_offsets
from .types import TOPIC_PROBS, Ints1d

# From so many splits on, a Doc is made anew; what tokens carry that this would lose, and what of a Doc stays.
MANY = 16
CARRIED = [TAG, POS, MORPH, LEMMA, DEP, HEAD, ENT_TYPE, ENT_IOB, ENT_KB_ID]
KEPT = (
    "user_data",
    "cats",
    "sentiment",
    "has_unknown_spaces",
    "user_hooks",
    "user_token_hooks",
    "user_span_hooks",
    "_context",
    "_vector",
    "_vector_norm",
)


def split_tokens(doc: Doc, offsets: Ints1d) -> None:
    """Split, in place, every token that one of the offsets, ascending, falls inside of. Span groups stay where they are in the text."""
    inside, owners = inside_tokens(doc, offsets)
    if not len(inside):
        return
    groups = {key: _Group.read(group) for key, group in doc.spans.items()}
    before, _ = token_offsets(doc)
    if len(inside) >= MANY and _is_bare(doc):
        _rebuild(doc, inside)
    else:
        with doc.retokenize() as retokenizer:
            for index in np.unique(owners).tolist():
                token = doc[index]
                edges = [0, *(inside[owners == index] - token.idx).tolist(), len(token)]
                orths = [token.text[a:b] for a, b in pairwise(edges)]
                retokenizer.split(token, orths, heads=[(token, 0)] * len(orths))
    if groups:
        starts, ends = token_offsets(doc)
        for key, group in groups.items():
            doc.spans[key] = group.write(doc, starts, ends, np.searchsorted(starts, before))


@dataclass(frozen=True)
class _Group:
    """A span group told by characters.

    spans (list of tuples): Start, end, label, identifier in a knowledge base, and identifier of each.
    """

    name: str
    spans: list[tuple[int, int, int, int, int]]
    attrs: dict[str, Any]

    @classmethod
    def read(cls, group: SpanGroup) -> "_Group":
        spans = [(span.start_char, span.end_char, span.label, span.kb_id, span.id) for span in group]
        return cls(group.name, spans, dict(group.attrs))

    def write(self, doc: Doc, starts: Ints1d, ends: Ints1d, first: Ints1d) -> SpanGroup:
        """The group over the tokens of today. starts, ends (Ints1d): theirs; first (Ints1d): the first one of every token of before."""
        edges = np.asarray([span[:2] for span in self.spans], dtype=np.int64).reshape(-1, 2)
        begin, end = (
            np.searchsorted(starts, edges[:, 0]),
            np.searchsorted(ends, edges[:, 1]) + (edges[:, 1] > edges[:, 0]),
        )
        spans = [
            Span(doc, a, b, label=label, kb_id=kb_id, span_id=span_id)
            for a, b, (_, _, label, kb_id, span_id) in zip(begin.tolist(), end.tolist(), self.spans, strict=True)
        ]
        attrs = dict(self.attrs)
        probs = np.asarray(attrs.get(TOPIC_PROBS, ()))
        if len(probs) == len(first):
            attrs[TOPIC_PROBS] = np.zeros(len(doc), dtype=probs.dtype)
            attrs[TOPIC_PROBS][first] = probs
        return SpanGroup(doc, name=self.name, spans=spans, attrs=attrs)


def _is_bare(doc: Doc) -> bool:
    """Whether a Doc carries nothing that belongs to tokens, but norms and sentence starts; and span groups, which are made anew."""
    return not (doc.to_array(CARRIED).any() or doc.tensor.size)


def _rebuild(doc: Doc, offsets: Ints1d) -> None:
    """Split tokens of a bare Doc by making it anew where it stands: a retokenizer walks through the whole Doc for every split."""
    words, spaces, first = split_words(doc, offsets)
    kept = {name: getattr(doc, name) for name in KEPT}
    before, memory = {attr: doc.to_array(attr) for attr in (NORM, SENT_START)}, doc.mem
    Doc.__init__(doc, doc.vocab, words=words, spaces=spaces)
    doc.mem.refs.append(memory)  # somebody may hold tokens of before
    for name, value in kept.items():
        setattr(doc, name, value)
    is_whole = np.diff(first, append=len(words)) == 1
    norms, starts = doc.to_array(NORM), np.zeros(len(words), dtype=np.uint64)
    norms[first[is_whole]] = before[NORM][is_whole]
    starts[first] = before[SENT_START]
    doc.from_array([NORM, SENT_START], np.stack([norms, starts], axis=1))
