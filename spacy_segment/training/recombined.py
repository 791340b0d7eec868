"""Documents made of topics of several documents of a corpus, so that there are more of them than were written.

As the augmentation of Yu et al. (2023), section 3.2, but of texts, and with topics from about the same part of their documents.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .topic_formats import Section, TopicRecord

# How often a topic is that of another document; topics of the record that are left behind the first one taken, at least;
# characters after which no further topic is begun.
REPLACED = 0.5
SHORTEST = 4
LONGEST = 20_000


def recombine(record: TopicRecord, others: Sequence[TopicRecord], rng: np.random.Generator) -> TopicRecord:
    """A run of topics of the record, about half of them replaced by topics of the others, with their parts.

    others (Sequence of TopicRecord): Documents in the same language, as the record's corpus has them.
    """
    own = _topics(record)
    gap = "\n\n" if "\n\n" in record.text else "\n"
    first = int(rng.integers(max(1, len(own) - SHORTEST)))
    text, sections, sentences = "", [], []
    for place in range(first, len(own)):
        if len(text) > LONGEST:
            break
        source, topic = record, own[place]
        if rng.random() < REPLACED:
            source = others[int(rng.integers(len(others)))]
            foreign = _topics(source)
            topic = foreign[place * len(foreign) // len(own)]
        shift = len(text) - topic[0].start
        sentences += [s + shift for s in source.sentences or () if topic[0].start <= s < topic[0].end]
        text += source.text[topic[0].start : topic[0].end].rstrip() + gap
        ends = [len(text) if s.level == 1 else min(s.end + shift, len(text)) for s in topic]
        sections += [replace(s, start=s.start + shift, end=end) for s, end in zip(topic, ends, strict=True)]
    text = text.rstrip()
    sections = [replace(s, end=min(s.end, len(text))) for s in sections]
    return replace(record, text=text, sections=sections, sentences=sentences or None)


def _topics(record: TopicRecord) -> list[list[Section]]:
    """RETURNS (list of list of Section): Every topic and its parts."""
    topics: list[list[Section]] = []
    for section in record.sections:
        if section.level == 1:
            topics.append([])
        topics[-1].append(section)
    return topics
