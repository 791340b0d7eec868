"""Cutting texts into pieces, every word once: pieces of the embedded vocabulary never cross white space.

A word is cut the same wherever it stands, and most of a text are words that came before.
"""

import re
from itertools import accumulate
from threading import Lock

import numpy as np
from tokenizers import Tokenizer

from ..text import code_points
from ..types import Ints2d
from .pieces import N_BUCKETS, PART, UNKNOWN, cut, parts

# Pieces that are remembered, 12 bytes each; those of one part of a text always find room.
ROOM = 1 << 18
# What the pre-tokenizer takes for a word: white space is what Unicode says it is. (`str.split` has four control characters more.)
WORD = re.compile(r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


class WordCutter:
    """Cuts texts into pieces, and remembers those of the words in them, until there are too many.

    tokenizer (Tokenizer): Of `train_vocabulary`. One with dropout cuts words anew in every part of a text.
    n_known (int): Size of its vocabulary (asking takes longer than cutting).
    """

    def __init__(self, tokenizer: Tokenizer, n_known: int) -> None:
        self.tokenizer = tokenizer
        self.n_known = n_known
        self._unknown = tokenizer.token_to_id(UNKNOWN)
        self._remembers = not getattr(tokenizer.model, "dropout", None)
        self._lock = Lock()
        self._forget()

    def __call__(self, text: str) -> Ints2d:
        """RETURNS (Ints2d): (3, n_pieces): row of the embedding, start and end of every piece. Unknown characters share rows."""
        with self._lock:
            return np.concatenate([self._cut_part(begin, text[begin:end]) for begin, end in parts(text, PART)], axis=1)

    def __reduce__(self) -> tuple[type, tuple[Tokenizer, int]]:
        return WordCutter, (self.tokenizer, self.n_known)

    def _forget(self) -> None:
        self._known: dict[str, int] = {}
        self._ends = np.zeros(ROOM + 1, dtype=np.int64)  # where the pieces of the words before each end
        self._pieces = np.empty((3, ROOM), dtype=np.int32)

    def _cut_part(self, begin: int, text: str) -> Ints2d:
        found = list(WORD.finditer(text))
        words = [match.group() for match in found]
        fresh = list(set(words).difference(self._known))
        if fresh and not self._learn(fresh):
            self._forget()
            self._learn(list(set(words)))
        index = np.fromiter(map(self._known.__getitem__, words), dtype=np.int64, count=len(words))
        first, counts = self._ends[index], self._ends[index + 1] - self._ends[index]
        behind = np.cumsum(counts)
        n = int(behind[-1]) if len(behind) else 0
        pieces = self._pieces[:, np.repeat(first - behind + counts, counts) + np.arange(n)]
        pieces[1:] += np.repeat(np.asarray([begin + match.start() for match in found], dtype=np.int32), counts)
        if not self._remembers:
            self._forget()
        return pieces

    def _learn(self, words: list[str]) -> bool:
        """Cut new words. RETURNS (bool): Whether there was room for them."""
        text = " ".join(words)
        ids, starts, ends = cut(self.tokenizer, text)
        places = np.asarray([0, *accumulate(len(word) + 1 for word in words)], dtype=np.int64)
        owner = np.searchsorted(places, starts, side="right") - 1
        n_words = len(self._known)
        n_pieces = int(self._ends[n_words])
        if n_pieces + len(ids) > ROOM or n_words + len(words) > ROOM:
            return False
        unknown = self.n_known + (code_points(text)[starts] >> 7) % N_BUCKETS
        rows = np.where(ids == self._unknown, unknown, ids)
        self._pieces[:, n_pieces : n_pieces + len(ids)] = rows, starts - places[owner], ends - places[owner]
        counts = np.bincount(owner, minlength=len(words))
        self._ends[n_words + 1 : n_words + 1 + len(words)] = n_pieces + np.cumsum(counts)
        self._known.update(zip(words, range(n_words, n_words + len(words)), strict=True))
        return True
