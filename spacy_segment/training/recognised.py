"""Texts with gold topics as speech recognition gives them: without newlines, case and punctuation, cut into sentences here and there."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..text import code_points
from .corruption import CONDITIONS
from .topic_formats import TopicRecord

# Of the sentences of such a text so many are not found, and so many more are begun at other words.
MISSED, BEGUN = 0.3, 0.2


def corrupt(record: TopicRecord, condition: str) -> TopicRecord:
    """What is left of every section under one of `CONDITIONS`, with a space behind it; its sentences are those of before."""
    edges = sorted({0, len(record.text), *(edge for s in record.sections for edge in (s.start, s.end))})
    starts = np.asarray(record.sentence_starts())
    text, sentences, moved = "", [], {}
    for start, end in pairwise(edges):
        moved[start] = len(text)
        inside = np.union1d(start, starts[(starts >= start) & (starts < end)])
        left = CONDITIONS[condition](record.text[start:end], inside - start)
        if kept := left.text.rstrip():
            sentences += (left.starts + len(text)).tolist()
            text += kept + " "
    moved[len(record.text)] = len(text)
    sections = [replace(s, start=moved[s.start], end=moved[s.end]) for s in record.sections]
    return replace(record, text=text, sections=[s for s in sections if s.start < s.end], sentences=sentences)


def recognise(record: TopicRecord, rng: np.random.Generator) -> TopicRecord:
    """The record under the condition "corrupted", with sentences as they are found then."""
    left = corrupt(record, "corrupted")
    true = np.asarray(left.sentences, dtype=np.int64)
    words = 1 + np.flatnonzero(code_points(left.text[:-1]) == ord(" "))
    begun = words[rng.random(len(words)) < BEGUN * len(true) / max(1, len(words))]
    found = true[rng.random(len(true)) >= MISSED]
    return replace(left, sentences=sorted({0, *found.tolist(), *begun.tolist()}))
