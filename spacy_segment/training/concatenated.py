"""Documents with gold topics made of documents with gold sentences, in every language that has these.

Choi (2000), Advances in domain independent linear text segmentation: segments are the first sentences of random documents.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .corruption import NEWLINES
from .formats import Record
from .topic_formats import Section, TopicRecord

# Segments of a document, sentences of a segment; documents of fewer sentences are left out.
N_SEGMENTS = (4, 12)
N_SENTENCES = (3, 11)
# What ends a sentence inside a segment, and a segment; None: what stands between the sentences of the document.
LAYOUTS = ((None, None), ("\n", "\n"), (None, "\n\n"))
# How often a sentence inside a segment ends as the segments do.
BROKEN = 0.3


def concatenate(documents: Sequence[Record], rng: np.random.Generator, name: str) -> TopicRecord:
    """A document of segments: the first sentences of other ones, of `N_SENTENCES[0]` or more each.

    documents (Sequence of Record): At least two, in one language.
    """
    ends = LAYOUTS[rng.integers(len(LAYOUTS))]
    most = min(N_SEGMENTS[1], len(documents))
    n_segments = int(rng.integers(min(N_SEGMENTS[0], most), most + 1))
    text, sections, sentences = "", [], []
    for i in rng.permutation(len(documents))[:n_segments].tolist():
        start = len(text)
        gap = " " if documents[i].text[documents[i].starts[1] - 1].isspace() else ""
        inner, last = (gap if end is None else end for end in ends)
        for sentence in openings(documents[i])[: rng.integers(N_SENTENCES[0], N_SENTENCES[1] + 1)]:
            sentences.append(len(text))
            end = last if rng.random() < BROKEN else inner
            text += sentence + end
        text = text.removesuffix(end) + last
        sections.append(Section(start, len(text), "", "", 1))
    return TopicRecord(name, text, sections, documents[0].lang, sentences)


def openings(document: Record) -> list[str]:
    """Its first sentences, as many as a segment may have, on one line each."""
    edges = [*document.starts, len(document.text)][: N_SENTENCES[1] + 1]
    texts = [document.text[a:b].translate(NEWLINES).strip() for a, b in pairwise(edges)]
    return [text for text in texts if re.search(r"\w", text)]
