"""What a page shows of a Doc: its text, cut into runs wherever a sentence or a topic starts or could have started.

The runs join to the text. Everything the page decides later, it decides on runs: a new threshold joins them in another
way and cuts none.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from spacy.tokens import Doc

from ..align import has_sents, starts_sentence, token_offsets
from ..text import code_points, is_kind
from ..topics import main_spans, span_levels
from ..types import BOUNDARY_PROBS, INNER_PROBS, TOPIC_PROBS, Bools1d, Floats1d, Ints1d

# No character before this one (the first of Hebrew) belongs to a script that runs from right to left.
FIRST_RTL = 0x0590
# Probabilities below this have no mark on the page.
FLOOR = 0.05
# A block of text is laid out on its own, so that long texts stay quick. It ends with a line where it can.
BLOCK = 2_000
LONGEST_BLOCK = 6_000


@dataclass(frozen=True)
class Places:
    """Where something starts, or could have started.

    offsets (Ints1d): (n,) character offsets, ascending.
    probs (Floats1d): (n,) their probabilities; NaN where nobody said.
    is_start (Bools1d): (n,) whether it does start there.
    """

    offsets: Ints1d
    probs: Floats1d
    is_start: Bools1d


@dataclass(frozen=True)
class View:
    """One Doc on a page.

    title, lang, direction (str): Heading, "" for none; language, "" if not known; "ltr" or "rtl", as the text begins.
    runs (list of str): Parts of the text, which tile it.
    sents, topics (Places): One entry per run: a place before each. A probability of 0 stands for one below FLOOR.
    breaks (Bools1d): (n_runs,) whether a new block of text begins with the run.
    labels (list of str): Label of the topic that every run is in, "" for none.
    parts (dict): Label of the part of a topic that begins with a run, by run.
    has_sents, has_topics, has_sent_probs, has_topic_probs (bool): What the Doc knows.
    """

    title: str
    lang: str
    direction: str
    runs: list[str]
    sents: Places
    topics: Places
    breaks: Bools1d
    labels: list[str]
    parts: dict[int, str]
    has_sents: bool
    has_topics: bool
    has_sent_probs: bool
    has_topic_probs: bool


def view(doc: Doc, spans_key: str) -> View:
    """Read a view off a Doc. Probabilities that do not fit its tokens any more are left aside."""
    text = doc.text
    words = np.flatnonzero(~is_kind(code_points(text), "space"))
    sents, has_sent_probs = _sentence_places(doc, words)
    topics, has_topic_probs = _topic_places(doc, spans_key, words)
    labels = _labels(doc, spans_key, words, level=1)
    parts = _labels(doc, spans_key, words, level=2)
    places = np.unique(np.concatenate([[0], sents.offsets, topics.offsets, sorted(parts)])).astype(np.int64)
    breaks = np.union1d(_breaks(text, places), _turns(text))
    places = np.union1d(places, breaks)
    edges = np.append(places, len(text)).tolist()
    return View(
        title=str(doc.user_data.get("title") or ""),
        lang="" if doc.lang_ in ("", "xx") else doc.lang_,
        direction=direction(text) or "ltr",
        runs=[text[a:b] for a, b in pairwise(edges)],
        sents=_spread(sents, places),
        topics=_spread(topics, places),
        breaks=np.isin(places, [*breaks.tolist(), *parts]),
        labels=_hold(labels, places),
        parts={int(np.searchsorted(places, offset)): label for offset, label in parts.items()},
        has_sents=len(sents.offsets) > 0,
        has_topics=len(topics.offsets) > 0,
        has_sent_probs=has_sent_probs,
        has_topic_probs=has_topic_probs,
    )


def nearest_threshold(places: Sequence[Places], thresholds: np.ndarray, default: float) -> float:
    """The threshold that comes nearest to the boundaries there are; of several, the one nearest to the default."""
    probs = np.concatenate([p.probs[1:] for p in places])
    is_start = np.concatenate([p.is_start[1:] for p in places])
    wrong = [int(((probs > t) != is_start).sum()) for t in thresholds]
    return float(min(zip(wrong, np.abs(thresholds - default), thresholds, strict=True))[2])


def _sentence_places(doc: Doc, words: Ints1d) -> tuple[Places, bool]:
    """Sentence starts and near misses, at tokens and inside them."""
    if not len(doc) or not has_sents(doc):
        return _no_places(), False
    flags = starts_sentence(doc)
    offsets = token_offsets(doc)[0]
    stored = doc.user_data.get(BOUNDARY_PROBS)
    if stored is None or len(stored) != len(doc):
        return _merge(words, offsets, np.full(len(doc), np.nan), flags), False
    inner = np.asarray(doc.user_data.get(INNER_PROBS, ())).reshape(-1, 2)
    inside = np.zeros(len(inner), dtype=bool)
    offsets = np.concatenate([offsets, inner[:, 0].astype(np.int64)])
    return _merge(words, offsets, np.concatenate([stored, inner[:, 1]]), np.concatenate([flags, inside])), True


def _topic_places(doc: Doc, key: str, words: Ints1d) -> tuple[Places, bool]:
    """Topic starts and near misses; what no topic covers begins a stretch of its own."""
    spans = main_spans(doc, key)
    if not spans:
        return _no_places(), False
    flags = np.zeros(len(doc) + 1, dtype=bool)
    flags[[0, *(span.start for span in spans), *(span.end for span in spans)]] = True
    attrs = doc.spans[key].attrs
    probs = np.asarray(attrs.get(TOPIC_PROBS, ()))
    known = len(probs) == len(doc)
    if not known:
        probs = np.full(len(doc), np.nan)
        scores = attrs.get("scores", ())
        if len(scores) == len(doc.spans[key]):
            for span, score in zip(doc.spans[key], scores, strict=True):
                probs[span.start] = np.fmax(probs[span.start], score)
    return _merge(words, token_offsets(doc)[0], probs, flags[:-1]), known


def _labels(doc: Doc, key: str, words: Ints1d, *, level: int) -> dict[int, str]:
    """Labels of the spans of a level by the offset they start at; "" where a span ends and none goes on."""
    found: dict[int, str] = {}
    group = doc.spans.get(key)
    if group is not None:
        spans = [span for span, n in zip(group, span_levels(group).tolist(), strict=True) if n == level]
        if level == 1:
            found.update((offset, "") for offset in _to_words(words, [span.end_char for span in spans]).tolist())
        found.update(
            zip(_to_words(words, [s.start_char for s in spans]).tolist(), (s.label_ for s in spans), strict=True)
        )
    return {offset: label for offset, label in found.items() if offset >= 0}


def _merge(words: Ints1d, offsets: Ints1d, probs: Floats1d, flags: Bools1d) -> Places:
    """Keep starts and what is above FLOOR, at the first character that is not white space; the largest of each place."""
    keep = flags | (probs >= FLOOR)
    at = _to_words(words, offsets[keep])
    unique, owner = np.unique(at, return_inverse=True)
    largest = np.full(len(unique), np.nan)
    np.fmax.at(largest, owner, probs[keep].astype(np.float64))
    is_start = np.zeros(len(unique), dtype=bool)
    np.logical_or.at(is_start, owner, flags[keep])
    return Places(unique[unique >= 0], largest[unique >= 0], is_start[unique >= 0])


def _to_words(words: Ints1d, offsets: Sequence[int] | Ints1d) -> Ints1d:
    """Move offsets on to the next character that is not white space, the first one back to 0; -1 if there is none."""
    offsets = np.asarray(offsets, dtype=np.int64)
    rank = np.searchsorted(words, offsets)
    moved = np.append(words, -1)[rank]
    return np.where((rank == 0) | (offsets == 0), 0, moved)


def _breaks(text: str, places: Ints1d) -> Ints1d:
    """Where blocks begin: after a line, or else at a place, after a space, or anywhere."""
    breaks: list[int] = []
    start = 0
    while len(text) - start > BLOCK:
        low, high = start + BLOCK, start + LONGEST_BLOCK
        end = text.find("\n", low, high) + 1
        while 0 < end < len(text) and text[end].isspace():
            end += 1
        if not end:
            following = places[np.searchsorted(places, low) :][:1].tolist()
            end = following[0] if following and following[0] < high else text.rfind(" ", low, high) + 1 or high
        if end >= len(text):
            break
        breaks.append(end)
        start = end
    return np.asarray(breaks, dtype=np.int64)


def _turns(text: str) -> Ints1d:
    """Where lines begin that run in another direction than the line before."""
    turns: list[int] = []
    if any(ord(char) >= FIRST_RTL for char in set(text)):
        start, current = 0, direction(text)
        for line in text.splitlines(keepends=True):
            if direction(line) not in ("", current):
                current = direction(line)
                turns.append(start + len(line) - len(line.lstrip()))
            start += len(line)
    return np.asarray(turns, dtype=np.int64)


def direction(text: str) -> str:
    """RETURNS (str): "ltr" or "rtl", that of the first letter that has one; "" if none has."""
    kinds = (unicodedata.bidirectional(char) for char in text)
    return next(({"L": "ltr"}.get(kind, "rtl") for kind in kinds if kind in ("L", "R", "AL")), "")


def _spread(places: Places, onto: Ints1d) -> Places:
    """The same places told on all of `onto`, which holds them."""
    probs, is_start = np.zeros(len(onto)), np.zeros(len(onto), dtype=bool)
    at = np.searchsorted(onto, places.offsets)
    probs[at], is_start[at] = places.probs, places.is_start
    return Places(onto, probs, is_start)


def _hold(labels: dict[int, str], places: Ints1d) -> list[str]:
    """Each label from its offset up to the next one."""
    offsets = sorted(labels)
    owner = np.searchsorted(offsets, places, side="right") - 1
    return [labels[offsets[i]] if i >= 0 else "" for i in owner.tolist()]


def _no_places() -> Places:
    return Places(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool))
