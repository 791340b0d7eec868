"""Vectors of pieces that a corpus does not have, out of the same documents in several languages.

What stands at the same place of a document in a language whose pieces have vectors says what a piece is about, as folding in does
for latent semantic analysis (Deerwester et al. 1990).
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from tokenizers import Tokenizer

from ..errors import Errors
from ..models.words import WordCutter
from ..types import Bools1d, Floats2d, Ints1d
from .formats import Record, corpus_name, find_files, read_records

# The language whose pieces have vectors.
PIVOT = "en"
# A piece needs so many places; so many more without meaning are put to each; so much of its vector stays random.
FEWEST, SHRINKAGE, RANDOM = 2, 6, 0.5


def fold_in(
    vectors: Floats2d, is_known: Bools1d, path: str | list[str], tokenizer: Tokenizer, n_known: int
) -> Floats2d:
    """Vectors with those of unknown pieces put half of the way to the mean of what stands in their places in `PIVOT`.

    vectors (Floats2d): (n_pieces, width); is_known (Bools1d): (n_pieces,) whose are to stay, the others' are random.
    path (str or list of str): Files with gold sentences, one for each language; the same documents have the same identifiers
        behind the name of their file.
    RETURNS (Floats2d): (n_pieces, width), the changed ones as long in the median as they were.
    RAISES (ValueError): SEG110, SEG111; SEG211 if there is nothing in `PIVOT`.
    """
    cutter = WordCutter(tokenizer, n_known)

    def pieces_of(record: Record) -> list[Ints1d]:
        edges = [*record.starts, len(record.text)]
        return [cutter(record.text[a:b])[0] for a, b in pairwise(edges)]

    meanings: dict[str, Floats2d] = {}
    others: dict[str, list[Record]] = defaultdict(list)
    for key, record in _documents(path):
        if record.lang == PIVOT:
            meanings[key] = np.stack([vectors[pieces].mean(axis=0) for pieces in pieces_of(record)])
        else:
            others[key].append(record)
    if not meanings:
        raise ValueError(Errors.SEG211.format(path=path))
    usual = np.concatenate(list(meanings.values())).mean(axis=0)
    sums, counts = np.zeros(vectors.shape), np.zeros(len(vectors))
    for key, meaning in meanings.items():
        around = (_smooth(meaning) + meaning) / 2 - usual
        for record in others[key]:
            sentences = pieces_of(record)
            # Translators leave sentences out: places are those of the same share of the document.
            places = (np.arange(len(sentences)) + 0.5) * len(meaning) / len(sentences)
            for place, pieces in zip(places.astype(int).tolist(), sentences, strict=True):
                present = np.unique(pieces)
                sums[present] += around[place]
                counts[present] += 1
    found = ~is_known & (counts >= FEWEST)
    folded = sums[found] / (counts[found] + SHRINKAGE)[:, None]
    folded *= _length(vectors[found]) / _length(folded)
    new = vectors.copy()
    new[found] = RANDOM * vectors[found] + (1 - RANDOM) * folded
    return new


def _documents(path: str | list[str]) -> Iterator[tuple[str, Record]]:
    for file in find_files(path):
        name = corpus_name(file).rpartition("/")[2]
        for record in read_records(file):
            yield record.id.removeprefix(f"{name}-"), record


def _smooth(rows: Floats2d) -> Floats2d:
    """The mean of every row and its neighbours."""
    padded = np.pad(rows, ((1, 1), (0, 0)), mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


def _length(rows: Floats2d) -> float:
    return float(np.median(np.linalg.norm(rows, axis=1))) if len(rows) else 1.0
