"""Logits of units -> the spans of topics of a Doc."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from ..align import text_length, text_of
from ..decoding import decode
from ..errors import Errors
from ..expected_pk import decided_log_odds
from ..odds import sigmoid
from ..topics import NO_LABEL, Units, find_units, main_spans
from ..types import TOPIC_PROBS, Bools1d, Floats1d, Ints1d, TopicLogits

Settings = dict[str, Any]


class Topic(NamedTuple):
    """A topic or a part of one, over the units from start to end. level (int): 1 or 2; parent (int): place of the topic of a part among
    all topics and parts, -1 for none.
    """

    start: int
    end: int
    score: float
    level: int = 1
    parent: int = -1


def make_group(doc: Doc, logits: TopicLogits, settings: Settings, *, labels: tuple[str, ...], name: str) -> SpanGroup:
    """Decide on boundaries and labels. A Doc of white space is one topic, an empty one none, however many are wanted.

    settings (dict): As of `TopicSegmenter`. labels (tuple of str): Those of the columns of `logits.labels`.
    RAISES (ValueError): SEG221, with the name of the component.
    """
    key, wanted = settings["spans_key"], settings["n_segments"]
    units = find_units(doc, settings["units"])
    n = len(units.starts)
    if wanted is not None and not text_of(doc).strip():
        wanted = None
    if wanted is not None and wanted > n:
        raise ValueError(Errors.SEG221.format(name=name, n_segments=wanted, n_units=n))
    lengths = _lengths(doc, units, settings["length_unit"])
    starts = parts = _decide(logits.boundary, settings, lengths, _presets(doc, units, settings), wanted)
    if settings["levels"] == 2 and logits.any_level is not None:
        is_start = np.zeros(n, dtype=bool)
        is_start[starts] = True
        parts = _decide(logits.any_level, settings, lengths, is_start)
    topics = list(_topics(logits, starts, parts))
    named = [_label(logits, topic, labels) for topic in topics]
    bounds = np.append(units.tokens, len(doc)).tolist()
    spans = [
        Span(
            doc,
            bounds[topic.start],
            bounds[topic.end],
            label=label if score > settings["label_threshold"] else NO_LABEL,
        )
        for topic, (label, score) in zip(topics, named, strict=True)
    ]
    attrs = {
        "scores": np.asarray([topic.score for topic in topics], dtype=np.float32),
        "label_scores": np.asarray([score for _, score in named], dtype=np.float32),
        "levels": np.asarray([topic.level for topic in topics], dtype=np.int64),
        "parents": np.asarray([topic.parent for topic in topics], dtype=np.int64),
    }
    if settings["store_probs"]:
        attrs[TOPIC_PROBS] = _token_probs(doc, units, logits.boundary)
    return SpanGroup(doc, name=key, spans=spans, attrs=attrs)


def _decide(
    logits: Floats1d, settings: Settings, lengths: Ints1d, forced: Bools1d, wanted: int | None = None
) -> Ints1d:
    """Units that open a topic."""
    threshold = settings["threshold"]
    if threshold is None:
        logits, threshold = decided_log_odds(logits, forced), 0.5
    limits = {limit: settings[limit] for limit in ("min_length", "max_length")}
    return decode(logits, threshold=threshold, n_segments=wanted, lengths=lengths, forced=forced, **limits)


def _presets(doc: Doc, units: Units, settings: Settings) -> Bools1d:
    """Units that topics of the group that is there already start with; one that starts inside a unit starts with the next."""
    presets = np.zeros(len(units.tokens) + 1, dtype=bool)
    if not settings["overwrite"]:
        starts = [span.start for span in main_spans(doc, settings["spans_key"])]
        presets[np.searchsorted(units.tokens, np.asarray(starts, dtype=np.int64))] = True
    return presets[:-1]


def _lengths(doc: Doc, units: Units, length_unit: str) -> Ints1d:
    """Length of every unit in the unit of the limits."""
    if length_unit == "characters":
        return np.diff(np.append(units.starts, text_length(doc)))
    if length_unit == "tokens":
        return np.diff(np.append(units.tokens, len(doc)))
    sents = find_units(doc, "sentences").tokens
    return np.diff(np.append(np.searchsorted(sents, units.tokens), len(sents)))


def _topics(logits: TopicLogits, starts: Ints1d, parts: Ints1d) -> Iterator[Topic]:
    """YIELDS (Topic): Topics, each followed by its parts. The lead text of a topic, before its first part, is no part."""
    place = 0
    for start, end in pairwise([*starts.tolist(), len(logits.boundary)]):
        yield Topic(start, end, float(sigmoid(logits.boundary[start])) if start else 1.0)
        inner = parts[(parts > start) & (parts < end)].tolist()
        for first, last in pairwise([*inner, end]):
            yield Topic(first, last, float(sigmoid(logits.any_level[first])), 2, place)  # type: ignore[index]
        place += 1 + len(inner)


def _label(logits: TopicLogits, topic: Topic, labels: tuple[str, ...]) -> tuple[str, float]:
    """The likeliest label of a topic and its probability, by the mean of the log-probabilities of its units."""
    if logits.labels is None or not logits.labels.shape[1]:
        return NO_LABEL, 0.0
    x = logits.labels[topic.start : topic.end].astype(np.float64)
    x = x - x.max(axis=1, keepdims=True)
    mean = (x - np.log(np.exp(x).sum(axis=1, keepdims=True))).mean(axis=0)
    probs = np.exp(mean - mean.max())
    probs /= probs.sum()
    best = int(probs.argmax())
    return labels[best], float(probs[best])


def _token_probs(doc: Doc, units: Units, logits: Floats1d) -> Floats1d:
    probs = np.zeros(len(doc), dtype=np.float32)
    probs[units.tokens] = sigmoid(logits)
    probs[:1] = 1.0
    return probs
