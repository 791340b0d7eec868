"""Abbreviations put into gold sentences: a full stop that ends none.

Gold sentences of most languages are too few to show a model what is abbreviated. spaCy's tokenizers know it for some forty
languages: those of their exceptions that end with a full stop. Words cut short serve in all languages.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from spacy.lang.tokenizer_exceptions import BASE_EXCEPTIONS
from spacy.util import get_lang_class

from ..text import code_points, is_kind
from ..types import Ints1d
from .corruption import Corrupted
from .insertion import put_before

LONGEST = 8
# How often a word inside a sentence gets an abbreviation before it, and the full stop at the end of a sentence one.
INSIDE, AT_END = 0.08, 0.15
# How often it is the initial of a name, before a word with a capital; how often several of them ("U.K."), there and at the
# end of a sentence; how often a word of the text cut short, although abbreviations are known, and how long it is then.
INITIAL, INITIALS, CUT = 0.3, 0.3, 0.3
CUT_LENGTHS = (2, 5)


@cache
def known_abbreviations(lang: str) -> tuple[str, ...]:
    """RETURNS (tuple of str): Abbreviations that end with a full stop, sorted; none for a language that spaCy does not know."""
    try:
        exceptions = get_lang_class(lang).Defaults.tokenizer_exceptions
    except (ImportError, AttributeError):
        return ()
    found = (word for word in exceptions if word not in BASE_EXCEPTIONS and 2 < len(word) <= LONGEST)
    return tuple(sorted(word for word in found if word[-1] == "." and word[0].isalpha() and word[-2] != "."))


def abbreviate(text: str, starts: Ints1d, rng: np.random.Generator, lang: str) -> Corrupted:
    """Put abbreviations and initials before some words inside sentences, and at the end of some sentences.

    Whether "the U.K." ends a sentence is seen from the word behind it alone, so both happen. Initials and words cut short are
    made of the text itself. A text without spaces stays as it is.
    """
    points = code_points(text)
    letter, upper, space = (is_kind(points, kind) for kind in ("letter", "upper", "space"))
    inside = np.zeros(len(text), dtype=bool)
    inside[2:] = letter[2:] & space[1:-1] & letter[:-2]
    inside[np.asarray(starts, dtype=np.int64)] = False
    stops = np.zeros(len(text), dtype=bool)
    stops[1:] = (points[1:] == ord(".")) & letter[:-1] & np.append(space[2:], True)
    capitals, draw = np.flatnonzero(upper), _drawer(text, known_abbreviations(lang), rng)

    def initials(*, several: bool) -> str:
        places = rng.choice(capitals, rng.integers(2, 4) if several else 1)
        return "".join(text[place] + "." for place in places)

    added: dict[int, str] = {}
    for place in np.flatnonzero(inside & (rng.random(len(text)) < INSIDE)).tolist():
        kind = rng.random() if upper[place] else 1.0
        added[place] = (initials(several=kind >= INITIAL) if kind < INITIAL + INITIALS else draw()) + " "
    for place in np.flatnonzero(stops & (rng.random(len(text)) < AT_END)).tolist():
        are_initials = len(capitals) and rng.random() < INITIALS
        added[place] = " " + (initials(several=True) if are_initials else draw())[:-1]
    return insert(text, starts, added)


def _drawer(text: str, known: tuple[str, ...], rng: np.random.Generator) -> Callable[[], str]:
    words = [word for word in text.split() if word.isalpha() and len(word) > CUT_LENGTHS[1]]

    def draw() -> str:
        if words and (not known or rng.random() < CUT):
            return words[rng.integers(len(words))][: rng.integers(*CUT_LENGTHS)] + "."
        return known[rng.integers(len(known))] if known else "a."

    return draw


def insert(text: str, starts: Ints1d, added: dict[int, str]) -> Corrupted:
    """Put strings before characters; sentence starts move along."""
    places = sorted(added)
    new, moved = put_before(text, places, [added[place] for place in places])
    return Corrupted(new, moved(np.asarray(starts, dtype=np.int64), side="right"))
