"""What texts of users have and most gold texts lack: paragraphs, questions, quotations, lists, headings, margins, speakers, terms.

Pure functions of a text and its sentence starts, as those of `corruption`.
"""

import re
from itertools import pairwise

import numpy as np

from ..text import upper_case
from ..types import Ints1d
from .corruption import FAMILIES, Corrupted, clean, corrupted, flat, upper
from .spoken import Turns

# What else may end a sentence that ends with this full stop; "?!…" if it is not here.
OTHER_ENDS = {"。": "？！．｡?!…", "．": "。？！｡?!…", "।": "?!॥", "۔": "؟!.", "።": "፧!", "։": ":?!"}
STOPS = tuple(FAMILIES["stop"])
FINAL_MARKS = STOPS + tuple(FAMILIES["question"] + FAMILIES["exclamation"])
QUOTATION_MARKS = ("“”", '""', "«»", "»«", "„“", "””", "「」", "『』")
# Words of a short item of a list, at most.
LONGEST_ITEM = 5
# What opens an item of a list (or a line of an address), by itself and with the number of the item; the numbers of items.
BULLETS = ("- ", "* ", "• ", "– ", "# ", "## ", "> ", "")
NUMBERED = ("{}. ", "{}) ", "({}) ", "{}.) ", "• {}. ", "## {}. ", "2.{} ", "4.{}. ", "§ {} ")
NUMBERS = (
    tuple(map(str, range(1, 31))),
    tuple("abcdefghijklmnopqrstuvwxyz"),
    ("i", "ii", "iii", "iv", "v", "vi", "vii"),
)
# How often a sentence begins a turn.
TURN = 0.6
# A word that a contract may define as a term.
TERM = re.compile(r"\b[^\W\d_]{4,}\b")


def paragraphs(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.3) -> Corrupted:
    """Blank lines between sentences, each with probability `p`; half of the texts lose case and punctuation before.

    Few gold texts have blank lines, and most texts of users do.
    """
    before = corrupted(text, starts) if rng.random() < 0.5 else clean(text, starts)
    sentences = _sentences(before.text, before.starts)
    for i, sentence in enumerate(sentences[:-1]):
        if rng.random() < p:
            sentences[i] = sentence.rstrip() + "\n\n"
    return _joined(sentences)


def exchanged(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.5) -> Corrupted:
    """Full stops at the end of sentences become other marks that end one, each with probability `p`: many gold texts have no questions."""
    sentences = _sentences(text, starts)
    for i, sentence in enumerate(sentences):
        body = sentence.rstrip()
        if body.endswith(STOPS) and rng.random() < p:
            is_arabic = "\u0600" <= body[-2:-1] <= "\u06ff"
            ends = OTHER_ENDS.get(body[-1], "؟!…" if is_arabic else "?!…")
            sentences[i] = body[:-1] + ends[rng.integers(len(ends))] + sentence[len(body) :]
    return _joined(sentences)


def quoted(text: str, starts: Ints1d, rng: np.random.Generator, p: float = 0.25) -> Corrupted:
    """Sentences that end in a final mark and hold no quotation put between quotation marks, each with probability `p`."""
    opening, closing = rng.choice(QUOTATION_MARKS)
    any_mark = set("".join(QUOTATION_MARKS))
    sentences = _sentences(text, starts)
    for i, sentence in enumerate(sentences):
        body = sentence.rstrip()
        if rng.random() < p and body.endswith(FINAL_MARKS) and any_mark.isdisjoint(body):
            sentences[i] = opening + body + closing + sentence[len(body) :]
    return _joined(sentences)


def listed(text: str, starts: Ints1d, rng: np.random.Generator) -> Corrupted:
    """Some sentences in a row become the items of a list (or headings), each on a line or all in one.

    Half of the lists lose the final stops, and half of those all but the first words of each item.
    """
    sentences = _sentences(text, starts)
    first = int(rng.integers(max(1, len(sentences))))
    last = min(first + int(rng.geometric(0.3)), len(sentences))
    in_lines, bare, short = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5
    marker = str(rng.choice(BULLETS + NUMBERED if in_lines else NUMBERED))
    numbers = NUMBERS[rng.choice(len(NUMBERS), p=(0.6, 0.25, 0.15))]
    if first and in_lines:
        sentences[first - 1] = sentences[first - 1].rstrip() + "\n"
    for number, i in enumerate(range(first, last)):
        body = sentences[i].rstrip()
        if bare and short:
            body = " ".join(body.split(maxsplit=LONGEST_ITEM)[: rng.integers(1, LONGEST_ITEM + 1)])
        body = body.rstrip(FAMILIES["stop"]) if bare else body
        sentences[i] = marker.format(numbers[number % len(numbers)]) + body + ("\n" if in_lines else " ")
    return _joined(sentences)


def transcribed(text: str, starts: Ints1d, rng: np.random.Generator) -> Corrupted:
    """Turns of two speakers, opened by a time, a name, both or a dash, each on a line or (a fifth of the texts) all in one.

    Half of the texts lose case and punctuation before.
    """
    said = corrupted(text, starts) if rng.random() < 0.5 else flat(text, starts)
    sentences = _sentences(said.text, said.starts)
    turns, end = Turns.draw(text, rng), " " if rng.random() < 0.2 else "\n"
    for i, sentence in enumerate(sentences):
        if i == 0 or rng.random() < TURN:
            sentences[i] = turns.next(rng) + sentence.lstrip()
            if i:
                sentences[i - 1] = sentences[i - 1].rstrip() + end
    return _joined(sentences)


def indented(text: str, starts: Ints1d, rng: np.random.Generator) -> Corrupted:
    """Lines as in a file of plain text, broken at a random width, those that go on with a sentence after a margin.

    Half of the texts are lists, where every sentence begins a line. A third of the texts is in capitals.
    """
    margin, width = "\n" + " " * int(rng.choice((0, 2, 3, 4, 8))), int(rng.integers(30, 90))
    p_ends_line = 1.0 if rng.random() < 0.5 else 0.1
    changed = upper(text, starts) if rng.random() < 1 / 3 else clean(text, starts)
    sentences: list[str] = []
    column = 0
    for sentence in _sentences(changed.text, changed.starts):
        folded = ""
        for word in sentence.split():
            if column and column + len(word) > width:
                if folded:
                    folded = folded[:-1] + margin
                else:
                    sentences[-1] = sentences[-1][:-1] + margin
                column = len(margin) - 1
            folded += word + " "
            column += len(word) + 1
        if rng.random() < p_ends_line:
            folded, column = folded[:-1] + "\n", 0
        sentences.append(folded)
    return _joined(sentences)


def terms(text: str, starts: Ints1d, rng: np.random.Generator) -> Corrupted:
    """Some words get a capital wherever they stand, as the terms that a contract defines: "the Client shall pay Provider".

    Half of the texts lose their newlines too.
    """
    words = sorted(set(filter(str.islower, TERM.findall(text))))
    chosen = {word for word, drawn in zip(words, rng.random(len(words)) < rng.random(), strict=True) if drawn}
    changed = flat(text, starts) if rng.random() < 0.5 else clean(text, starts)
    return clean(TERM.sub(lambda word: _capital(word[0]) if word[0] in chosen else word[0], changed.text), starts)


def _capital(word: str) -> str:
    """A capital first letter, if that is one character."""
    return upper_case(word[0]) + word[1:]


def _sentences(text: str, starts: Ints1d) -> list[str]:
    """The sentences of a text with the white space behind them; the first one has what stands before it too."""
    inner = np.asarray(starts, dtype=np.int64)[1:].tolist()
    return [text[a:b] for a, b in pairwise([0, *inner, len(text)])] if text else []


def _joined(sentences: list[str]) -> Corrupted:
    lengths = np.asarray([len(sentence) for sentence in sentences], dtype=np.int64)
    return clean("".join(sentences).rstrip(), np.cumsum(lengths) - lengths)
