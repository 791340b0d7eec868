"""Pure functions text + sentence starts -> corrupted text + moved starts (+ the marks that were lost)."""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..text import TABLE_SIZE, code_points, is_kind

MARKS = ("stop", "comma", "question", "exclamation", "colon", "semicolon", "quote", "bracket", "dash", "other")
FAMILIES = {
    "stop": ".。．｡।॥۔።။។։᙮…‥‽⸮྾།༎", "comma": ",，、،՝፣၊", "question": "?？؟՞፧;", "exclamation": "!！¡՜",
    "colon": ":：፡፥", "semicolon": ";；؛፤", "quote": "\"'«»“”‘’„‚‹›「」『』`´", "bracket": "()[]{}（）［］【】〈〉《》",
    "dash": "-–—―‐‑‒〜～・",
}
RANK = np.array([0, 9, 6, 10, 8, 7, 7.5, 2, 3, 4, 1])


@dataclass
class Corrupted:
    text: str
    starts: np.ndarray
    marks: np.ndarray | None = None


@cache
def mark_classes():
    table = np.zeros(TABLE_SIZE, dtype=np.int8)
    for i in range(TABLE_SIZE):
        if unicodedata.category(chr(i))[0] == "P":
            table[i] = len(MARKS)
    for k, name in enumerate(MARKS[:-1], start=1):
        for c in FAMILIES[name]:
            table[ord(c)] = k
    return table


def classes(points):
    return np.where(points < TABLE_SIZE, mark_classes()[np.minimum(points, TABLE_SIZE - 1)], 0)


def to_text(points):
    return points.astype(np.uint32).tobytes().decode("utf-32-le", "surrogatepass")


def flatten(text):
    for c in "\r\n\x0b\x0c\x85\u2028\u2029":
        text = text.replace(c, " ")
    return text


def lower(text):
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def remove(text, starts, gone):
    """Remove characters; collapse the white space runs that this joins; move starts and note lost marks."""
    points = code_points(text)
    cls = classes(points)
    gone = np.asarray(gone, bool)
    kept = np.flatnonzero(~gone)
    space = is_kind(points[kept], "space")
    joined = space & np.concatenate([[True], space[:-1]])
    kept = kept[~joined]
    if len(kept) and is_kind(points[kept[-1:]], "space")[0]:
        kept = kept[:-1]
    new = to_text(points[kept])
    is_text = ~is_kind(points[kept], "space")
    text_places = np.flatnonzero(is_text)
    moved = np.searchsorted(kept[text_places], starts)
    moved = text_places[np.unique(moved[moved < len(text_places)])]
    lost = np.flatnonzero(gone & (cls > 0))
    marks = np.zeros((0, 2), dtype=np.int64)
    if len(lost) and len(text_places):
        before = np.searchsorted(kept[text_places], lost) - 1
        ok = before >= 0
        lost, before = lost[ok], before[ok]
        n = len(points)
        glued = np.array([0 < i < n - 1 and not gone[i - 1] and not gone[i + 1] for i in lost], bool) if len(lost) else np.zeros(0, bool)
        if len(lost):
            glued &= ~is_kind(points[np.maximum(lost - 1, 0)], "space") & ~is_kind(points[np.minimum(lost + 1, n - 1)], "space")
            glued &= ~is_kind(points[np.minimum(lost + 1, n - 1)], "unspaced")
        lost, before = lost[~glued], before[~glued]
        best = np.zeros(len(text_places), dtype=np.int64)
        order = np.argsort(RANK[cls[lost]], kind="stable")
        best[before[order]] = cls[lost[order]]
        where = np.flatnonzero(best)
        marks = np.stack([text_places[where] + 1, best[where]], axis=1)
    return Corrupted(new, moved, marks)


def strip_punctuation(text, starts):
    return remove(text, starts, classes(code_points(text)) > 0)


def clean(text, starts):
    return Corrupted(text, np.asarray(starts, dtype=np.int64))


def flat(text, starts):
    return Corrupted(flatten(text), np.asarray(starts, dtype=np.int64))


def corrupted(text, starts):
    c = strip_punctuation(flatten(text), starts)
    return Corrupted(lower(c.text), c.starts, c.marks)


def unpunctuated(text, starts):
    return strip_punctuation(text, starts)


def partial(text, starts, rng, p=0.5):
    points = code_points(text)
    return remove(text, starts, (classes(points) > 0) & (rng.random(len(points)) < p))


def noise(text, starts, rng, p=0.02):
    points = code_points(text)
    gone = (rng.random(len(points)) < p) & ~is_kind(points, "space") & (classes(points) == 0)
    gone[np.asarray(starts, dtype=np.int64)] = False
    c = remove(text, starts, gone)
    return Corrupted(c.text, c.starts)


def space_loss(text, starts, rng, p=0.5):
    points = code_points(text)
    gone = np.zeros(len(points), bool)
    for s in np.asarray(starts)[1:]:
        if rng.random() < p:
            i = s - 1
            while i >= 0 and text[i].isspace():
                gone[i] = True
                i -= 1
    kept = np.flatnonzero(~gone)
    return Corrupted(to_text(points[kept]), np.searchsorted(kept, starts))


def wrapped(text, starts, rng):
    width = int(rng.integers(30, 90))
    out, column = list(text), 0
    for i, c in enumerate(out):
        column += 1
        if c == " " and column >= width:
            out[i] = "\n"
            column = 0
        elif c == "\n":
            out[i] = " " if rng.random() < 0.7 else "\n"
    return Corrupted("".join(out), np.asarray(starts, dtype=np.int64))


def social(text, starts, rng):
    c = Corrupted(text, np.asarray(starts, dtype=np.int64))
    if rng.random() < 0.5:
        c = strip_punctuation(c.text, c.starts)
    else:
        points = code_points(c.text)
        cls = classes(points)
        repeat = np.where((cls > 0) & (cls <= 4) & (rng.random(len(points)) < 0.3), rng.geometric(0.5, len(points)), 1)
        place = np.concatenate([[0], np.cumsum(repeat)])
        c = Corrupted(to_text(np.repeat(points, repeat)), place[c.starts])
        c = space_loss(c.text, c.starts, rng, 0.1)
    if rng.random() < 0.5:
        c = Corrupted(lower(c.text), c.starts, c.marks)
    return c


CONDITIONS = {"clean": clean, "flat": flat, "corrupted": corrupted}
