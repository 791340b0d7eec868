"""What happens to text on its way to us: newlines, punctuation, casing and spaces get lost.

Pure functions of a text and its sentence starts. Starts move along with the characters they stand at.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..text import TABLE_SIZE, code_points, is_kind, lower_case, upper_case
from ..types import Ints1d, Ints2d

# Families of punctuation marks. The class of a mark is its place here plus 1; 0 is "no mark". Trained weights depend on
# the order.
FAMILIES = {
    "stop": ".。．｡।॥۔።။។։᙮…‥‽⸮྾།༎",
    "comma": ",，、،՝፣၊",
    "question": "?？؟՞፧;",
    "exclamation": "!！¡՜",
    "colon": ":：፡፥",
    "semicolon": ";；؛፤",
    "quote": "\"'«»“”‘’„‚‹›「」『』`´",
    "bracket": "()[]{}（）［］【】〈〉《》",
    "dash": "-–—―‐‑‒〜～・",
    "other": "",
}
# Where several marks were lost at one place, the strongest counts.
STRENGTH = {"other": 1, "quote": 2, "bracket": 3, "dash": 4, "comma": 6, "semicolon": 7, "colon": 8, "stop": 9}
STRENGTH |= {"question": 10, "exclamation": 10}
NEWLINES = {ord(c): " " for c in "\r\n\x0b\x0c\x85\u2028\u2029"}
SENTENCE_MARKS = ("stop", "comma", "question", "exclamation")


@dataclass(frozen=True)
class Corrupted:
    """A corrupted text.

    starts (Ints1d): Offsets of sentence starts, ascending; a sentence of which nothing is left has none.
    marks (Ints2d or None): (n, 2): offset where the text before a lost mark ends, class of the mark. None if
        nobody kept count.
    """

    text: str
    starts: Ints1d
    marks: Ints2d | None = None


def clean(text: str, starts: Ints1d) -> Corrupted:
    """The text as it is."""
    return Corrupted(text, np.asarray(starts, dtype=np.int64))


def flat(text: str, starts: Ints1d) -> Corrupted:
    """Newlines become spaces, one for one."""
    return clean(text.translate(NEWLINES), starts)


def corrupted(text: str, starts: Ints1d) -> Corrupted:
    """Flat, lower-cased, all punctuation removed: what speech recognition gives."""
    stripped = unpunctuated(*_pair(flat(text, starts)))
    return Corrupted(lower_case(stripped.text), stripped.starts, stripped.marks)


CONDITIONS: dict[str, Callable[[str, Ints1d], Corrupted]] = {"clean": clean, "flat": flat, "corrupted": corrupted}


def unpunctuated(text: str, starts: Ints1d) -> Corrupted:
    """All punctuation (Unicode category P) removed; white space that this joins becomes a single space or newline."""
    return remove(text, starts, mark_classes(code_points(text)) > 0)


def lower(text: str, starts: Ints1d) -> Corrupted:
    """Lower-cased."""
    return clean(lower_case(text), starts)


def upper(text: str, starts: Ints1d) -> Corrupted:
    """In capitals; characters whose upper case is longer than one stay."""
    return clean(upper_case(text), starts)


def partial(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.5) -> Corrupted:
    """Every punctuation mark removed with probability `p`."""
    points = code_points(text)
    return remove(text, starts, (mark_classes(points) > 0) & (rng.random(len(points)) < p))


def lose_spaces(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.5) -> Corrupted:
    """The white space between two sentences lost with probability `p`."""
    space = is_kind(code_points(text), "space")
    gone = np.zeros(len(text), dtype=bool)
    for start in np.asarray(starts)[1:][rng.random(len(starts[1:])) < p].tolist():
        while start > 0 and space[start - 1]:
            start -= 1
            gone[start] = True
    kept = np.flatnonzero(~gone)
    return Corrupted(to_text(code_points(text)[kept]), np.searchsorted(kept, starts))


def lose_characters(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.02) -> Corrupted:
    """Letters dropped with probability `p` (the first one of a sentence never): typing and recognition errors."""
    points = code_points(text)
    gone = (rng.random(len(points)) < p) & ~is_kind(points, "space") & (mark_classes(points) == 0)
    gone[np.asarray(starts, dtype=np.int64)] = False
    return clean(*_pair(remove(text, starts, gone)))


def wrap(text: str, starts: Ints1d, rng: np.random.Generator) -> Corrupted:
    """Newlines that mean nothing: lines broken at a random width, most true newlines turned into spaces."""
    width = int(rng.integers(20, 90))
    characters, column = list(text), 0
    for i, character in enumerate(characters):
        column += 1
        if character == " " and column >= width:
            characters[i], column = "\n", 0
        elif character == "\n" and rng.random() < 0.7:
            characters[i] = " "
    return clean("".join(characters), starts)


def social(text: str, starts: Ints1d, rng: np.random.Generator) -> Corrupted:
    """Social-media-like: half lose their punctuation, the others repeat marks and lose some spaces; half lose case.

    Frohmann et al. (2024), section 3.2.
    """
    if rng.random() < 0.5:
        changed = unpunctuated(text, starts)
    else:
        repeated = repeat_marks(text, starts, rng)
        changed = lose_spaces(*_pair(repeated), rng, 0.1)
    if rng.random() < 0.5:
        changed = Corrupted(lower_case(changed.text), changed.starts, changed.marks)
    return changed


def repeat_marks(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.3) -> Corrupted:
    """Sentence marks and commas repeated, each with probability `p`, a geometric number of times."""
    points = code_points(text)
    classes = mark_classes(points)
    repeatable = np.isin(classes, [1 + list(FAMILIES).index(name) for name in SENTENCE_MARKS])
    times = np.where(repeatable & (rng.random(len(points)) < p), rng.geometric(0.5, len(points)), 1)
    places = np.concatenate([[0], np.cumsum(times)])
    return Corrupted(to_text(np.repeat(points, times)), places[np.asarray(starts, dtype=np.int64)])


def shorten(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.5) -> Corrupted:
    """A short input: a geometric number of sentences out of the middle."""
    starts = np.asarray(starts, dtype=np.int64)
    first = int(rng.integers(max(1, len(starts))))
    last = first + int(rng.geometric(p))
    begin = int(starts[first]) if len(starts) else 0
    end = int(starts[last]) if last < len(starts) else len(text)
    return Corrupted(text[begin:end].rstrip(), starts[first:last] - begin)


def remove(text: str, starts: Ints1d, gone: np.ndarray) -> Corrupted:
    """Remove characters. Of white space that this joins the first character stays, at the ends none.

    gone (ndarray): Booleans, (len(text),).
    RETURNS (Corrupted): With the marks among the removed characters. Marks inside a word, with letters glued to both
        sides, do not count.
    """
    points = code_points(text)
    kept = np.flatnonzero(~gone)
    space = is_kind(points[kept], "space")
    kept = kept[~(space & np.concatenate([[True], space[:-1]]))]
    if len(kept) and is_kind(points[kept[-1:]], "space")[0]:
        kept = kept[:-1]
    words = np.flatnonzero(~is_kind(points[kept], "space"))  # places in the new text
    following = np.searchsorted(kept[words], starts)
    moved = words[np.unique(following[following < len(words)])]
    return Corrupted(to_text(points[kept]), moved, _lost_marks(points, gone, kept[words], words))


def _lost_marks(points: Ints1d, gone: np.ndarray, old: Ints1d, new: Ints1d) -> Ints2d:
    """Marks after each kept character. old, new (Ints1d): where kept characters stood, and stand."""
    classes = mark_classes(points)
    lost = np.flatnonzero(gone & (classes > 0))
    before = np.searchsorted(old, lost) - 1
    kept = np.concatenate([[False], ~gone & ~is_kind(points, "space"), [False]])
    unspaced = np.append(is_kind(points, "unspaced"), False)
    inside_word = kept[lost] & kept[lost + 2] & ~unspaced[lost + 1]
    counts = (before >= 0) & ~inside_word
    lost, before = lost[counts], before[counts]
    order = np.argsort(_strengths()[classes[lost]], kind="stable")
    strongest = np.zeros(len(new), dtype=np.int64)
    strongest[before[order]] = classes[lost[order]]
    where = np.flatnonzero(strongest)
    return np.stack([new[where] + 1, strongest[where]], axis=1)


def mark_classes(points: Ints1d) -> Ints1d:
    """RETURNS (Ints1d): Class of every punctuation mark, 0 for other characters."""
    return np.where(points < TABLE_SIZE, _classes()[np.minimum(points, TABLE_SIZE - 1)], 0)


def to_text(points: Ints1d) -> str:
    """The opposite of `code_points`."""
    return points.astype(np.uint32).tobytes().decode("utf-32-le", "surrogatepass")


@cache
def _classes() -> np.ndarray:
    punctuation = (unicodedata.category(chr(i))[0] == "P" for i in range(TABLE_SIZE))
    table = np.fromiter(punctuation, dtype=np.int8, count=TABLE_SIZE) * len(FAMILIES)
    for number, characters in enumerate(FAMILIES.values(), start=1):
        for character in characters:
            if table[ord(character)]:
                table[ord(character)] = number
    return table


@cache
def _strengths() -> np.ndarray:
    return np.asarray([0, *(STRENGTH[name] for name in FAMILIES)])


def _pair(changed: Corrupted) -> tuple[str, Ints1d]:
    return changed.text, changed.starts
