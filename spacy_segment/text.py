"""Text as arrays of code points, and what kind of character each one is."""

import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np
import regex

from .types import Ints1d

# Beyond these planes there are Chinese characters and tags alone: no case, no white space, no punctuation.
TABLE_SIZE = 0x20000

# Blocks of scripts that put no space between words.
UNSPACED_BLOCKS = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x2FDF),  # Chinese radicals
    (0x3000, 0x30FF),  # CJK punctuation, Hiragana, Katakana
    (0x3100, 0x312F),  # Bopomofo
    (0x31A0, 0x9FFF),  # Chinese
    (0xA980, 0xA9FF),  # Javanese, Myanmar extended
    (0xAA60, 0xAADF),  # Myanmar extended, Tai Viet
    (0xF900, 0xFAFF),  # Chinese compatibility
    (0xFF00, 0xFFEF),  # full-width forms
)

# By Grapheme_Cluster_Break: what never stands apart from the character before it, and from the one after it.
EXTENDING = regex.compile(r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}\p{GCB=V}\p{GCB=T}]")
PREPENDING = regex.compile(r"[\p{GCB=Prepend}\p{GCB=L}]")

# Pictures that colour what was said; not flags, nor those drawn as text, which are bullets as often (but the heart and the smiley).
EMOJI = regex.compile(r"[[\p{Emoji_Presentation}❤☺]--\p{Regional_Indicator}]", regex.V1)

# Marks that belong to what stands right before them, beside closing brackets.
CLOSING_MARKS = ".,;:!?…‥”’。．、，；：！？｡､،؛؟۔।॥՝։።፣"

# Marks that end a sentence; what may stand between one and the end of a text, and how many characters of it at most.
FINAL_MARKS = tuple(".!?…‥‽。．！？｡؟۔।॥։።፧")
TAIL = 100
AFTER_FINAL = "\"'”’»«)]）」』】 \t\r\n"

# Signs that join the consonant before them to the one after them (Indic_Conjunct_Break=Linker of Unicode 17).
LINKERS = (
    0x094D, 0x09CD, 0x0ACD, 0x0B4D, 0x0C4D, 0x0D4D, 0x1039, 0x17D2, 0x1A60, 0x1B44, 0x1BAB, 0x1CF5, 0x1CF6, 0xA9C0,
    0xAAF6, 0x10A3F, 0x11133, 0x113D0, 0x1193E, 0x11A3A, 0x11A47, 0x11A99, 0x11F42,
)  # fmt: skip

TESTS: dict[str, Callable[[str], bool]] = {
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "extend": lambda c: unicodedata.category(c)[0] == "M" or EXTENDING.match(c) is not None,
    "prepend": lambda c: PREPENDING.match(c) is not None,
    "letter": str.isalpha,
    "digit": str.isdigit,
    "closing": lambda c: unicodedata.category(c) == "Pe" or c in CLOSING_MARKS,
    "emoji": lambda c: EMOJI.match(c) is not None,
    "linker": lambda c: ord(c) in LINKERS,
    "unspaced": lambda c: any(first <= ord(c) <= last for first, last in UNSPACED_BLOCKS),
}


def code_points(text: str) -> Ints1d:
    """RETURNS (Ints1d): One unsigned number per character, (len(text),)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def is_kind(points: Ints1d, kind: str) -> np.ndarray:
    """Whether each code point is of a kind: "upper", "lower", "letter", "digit", "space", "closing" (a mark that closes what is before
    it), "emoji", "extend" (part of the character before it), "prepend" (part of the character after it), "linker" (of consonants) or
    "unspaced" (of a script without spaces between words).

    RETURNS (ndarray): Booleans, same shape.
    """
    table = _table(kind)
    known = table[np.minimum(points, TABLE_SIZE - 1)] & (points < TABLE_SIZE)
    if kind == "extend":  # tags, as in the flag of Scotland, and selectors of variants
        return known | ((points >= 0xE0000) & (points <= 0xE0FFF))
    return known | (points >= TABLE_SIZE) if kind == "unspaced" else known


def running_total(flags: np.ndarray) -> Ints1d:
    """RETURNS (Ints1d): How many of n flags are set before each place, (n + 1,). Four bytes each: texts are long."""
    total = np.zeros(len(flags) + 1, dtype=np.int32)
    np.cumsum(flags, dtype=np.int32, out=total[1:])
    return total


def lower_case(text: str) -> str:
    """Lower-case; characters whose lower case is longer than one stay, so that offsets stay true."""
    return _change_case(text, str.lower)


def upper_case(text: str) -> str:
    """In capitals; characters whose upper case is longer than one stay, so that offsets stay true."""
    return _change_case(text, str.upper)


def ends_with_mark(text: str) -> bool:
    """Whether the last sentence of a text ends with a final mark."""
    return text[-TAIL:].rstrip(AFTER_FINAL).endswith(FINAL_MARKS)


def newlines_before(text: str, offsets: np.ndarray) -> np.ndarray:
    """How many newlines stand in the white space right before each offset; CR LF counts once, 0 at the start."""
    points = code_points(text)
    newline = (points == ord("\n")) | ((points == ord("\r")) & (np.append(points[1:], 0) != ord("\n")))
    newline |= np.isin(points, (0x0B, 0x0C, 0x85, 0x2028, 0x2029))
    total = running_total(newline)
    place = np.arange(len(points) + 1)
    last_text = np.maximum.accumulate(np.where(np.append(~is_kind(points, "space"), False), place + 1, 0))
    before = np.where(offsets > 0, last_text[np.maximum(offsets, 1) - 1], 0)
    return np.where(before > 0, total[offsets] - total[before], 0)


def _change_case(text: str, change: Callable[[str], str]) -> str:
    changed = change(text)
    if len(changed) == len(text):
        return changed
    return "".join(new if len(new := change(character)) == 1 else character for character in text)


@cache
def _table(kind: str) -> np.ndarray:
    test = TESTS[kind]
    return np.fromiter((test(chr(i)) for i in range(TABLE_SIZE)), dtype=bool, count=TABLE_SIZE)
