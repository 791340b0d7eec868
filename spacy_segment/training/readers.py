"""Corpora for `spacy train`: files as they are, or an endless mixture of many."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from spacy.language import Language
from spacy.training import Example

from ..checks import check_least, check_probability, check_whole, wrong
from ..errors import Errors
from ..scorers import CORPUS, LANGUAGE
from .augmenters import Augmenter, make_example
from .corruption import Corrupted, clean
from .formats import Record, by_corpus, corpus_name, find_files, folder_name, read_records

Corpus = Callable[[Language], Iterator[Example]]

# A text with fewer characters than this teaches nothing.
SHORTEST = 4


def SentenceCorpus(
    path: str | list[str], augmenter: Augmenter | None = None, max_chars: int = 0, limit_chars: int = 0
) -> Corpus:
    """All documents of all files, corpus by corpus.

    path (str or list of str): Files, folders or patterns: JSONL, CoNLL-U, one sentence per line, DocBin.
    augmenter (Augmenter or None): Applied to every Example.
    max_chars (int): Documents are cut at sentence starts into parts of at most so many characters, 0 for no limit.
        A longer sentence stays whole.
    limit_chars (int): So many characters of every corpus (the files of one folder and name), 0 for all.
    RAISES (ValueError): SEG200 for a negative number; SEG110, SEG111 when it is read.
    """
    check_least(0, max_chars=max_chars, limit_chars=limit_chars)

    def read(nlp: Language) -> Iterator[Example]:
        for corpus, files in by_corpus(find_files(path)).items():
            records = (record for file in files for record in read_records(file, nlp.vocab))
            for record in limited(records, max_chars, limit_chars):
                example = make_example(nlp, clean(record.text, np.asarray(record.starts)), {CORPUS: corpus})
                yield from augmenter(nlp, example) if augmenter else [example]

    return read


def MixedCorpus(
    path: str | list[str],
    lengths: list[int],
    augmenter: Augmenter | None = None,
    exponent: float = 0.5,
    weights: dict[str, float] | None = None,
    join: float = 0.05,
    shuffle: float = 0.0,
    seed: int = 0,
) -> Corpus:
    """An endless stream of crops from many corpora, for `max_epochs = -1`. Every file is a corpus.

    lengths (list of int): Lengths of crops in characters, one drawn for every crop.
    exponent (float): A corpus is drawn with probability ~ (its characters) ** exponent * weight: 1 follows the sizes,
        0 gives every corpus the same.
    weights (dict or None): Factors by name of the folder a file is in.
    join (float): How often two crops of different documents stand in one text.
    shuffle (float): How often a text is made of single sentences of a corpus, one from here and one from there: texts that are not
        there to be known by heart.
    RAISES (ValueError): SEG200 for numbers that cannot be; SEG110, SEG111 when it is read; SEG211 if no document is long enough.
    """
    check_probability(join=join, shuffle=shuffle)
    check_lengths(lengths)
    check_whole(0, seed=seed)
    check_least(0, exponent=exponent, **{f"weights.{name}": weight for name, weight in (weights or {}).items()})

    def read(nlp: Language) -> Iterator[Example]:
        """An Example for every crop, without end."""
        shelves = load_shelves(path, exponent, weights)
        languages = {shelf.name: shelf.lang for shelf in shelves}
        for corpus, text, starts in mix(shelves, lengths, join, np.random.default_rng(seed), shuffle):
            data = {CORPUS: corpus, LANGUAGE: languages[corpus]}
            example = make_example(nlp, Corrupted(text, np.asarray(starts)), data)
            yield from augmenter(nlp, example) if augmenter else [example]

    return read


def mix(
    shelves: list["Shelf"], lengths: list[int], join: float, rng: np.random.Generator, shuffle: float = 0.0
) -> Iterator[tuple[str, str, list[int]]]:
    """Draw crops without end, see `MixedCorpus`.

    YIELDS (tuple): Name of the corpus, text, starts of its sentences.
    """
    shares = np.cumsum([shelf.share for shelf in shelves])
    while True:
        shelf = shelves[_draw(shares, rng)]
        draw = _shuffled if shuffle and rng.random() < shuffle else _crop
        text, starts = draw(shelf, int(rng.choice(lengths)), rng)
        if rng.random() < join:
            other = shelves[_draw(shares, rng)]
            text, starts = _join(text, starts, *_crop(other, int(rng.choice(lengths)), rng), rng)
        if len(text.strip()) >= SHORTEST:
            yield shelf.name, text, starts


def batch_by_bytes(size: int) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Batches of about `size` bytes of UTF-8: fair to all scripts, for a piece takes about as many bytes in each.

    RAISES (ValueError): SEG200.
    """
    check_whole(1, size=size)

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        """Gather Examples; the last batch may be smaller."""
        gathered: list[Example] = []
        n_bytes = 0
        for example in examples:
            gathered.append(example)
            n_bytes += len(example.predicted.text.encode("utf-8", "surrogatepass"))
            if n_bytes >= size:
                yield gathered
                gathered, n_bytes = [], 0
        if gathered:
            yield gathered

    return batch


@dataclass(frozen=True)
class Shelf:
    """A corpus in memory. lang: language of its first document; shares: cumulated characters of its documents; share: how
    often it is drawn.
    """

    name: str
    lang: str
    documents: list[tuple[str, list[int]]]
    shares: np.ndarray
    share: float


def make_shelf(name: str, records: Iterable[Record], exponent: float = 1.0, weight: float = 1.0) -> Shelf:
    """Put the documents of a corpus on a shelf. share: (its characters) ** exponent * weight, 0 if there are none."""
    kept = [record for record in records if record.starts]
    documents = [(record.text, record.starts) for record in kept]
    shares = np.cumsum([len(text) for text, _ in documents])
    share = float(shares[-1]) ** exponent * weight if documents else 0.0
    return Shelf(name, kept[0].lang if kept else "xx", documents, shares, share)


def load_shelves(path: str | list[str], exponent: float, weights: dict[str, float] | None) -> list[Shelf]:
    """Every file is a corpus; see `MixedCorpus`. RAISES (ValueError): SEG110, SEG111; SEG211 if no document is long
    enough to be drawn.
    """
    found = [
        make_shelf(corpus_name(file), read_records(file), exponent, (weights or {}).get(folder_name(file), 1.0))
        for file in find_files(path)
    ]
    shelves = [shelf for shelf in found if shelf.share]
    check_shelves(shelves, path)
    return shelves


def check_shelves(shelves: list[Shelf], path: str | list[str]) -> None:
    """RAISES (ValueError): SEG211 if no document is long enough to be drawn."""
    if not any(len(text.strip()) >= SHORTEST for shelf in shelves for text, _ in shelf.documents):
        raise ValueError(Errors.SEG211.format(path=path))


def check_lengths(lengths: Sequence[int]) -> None:
    """RAISES (ValueError): SEG200 if texts could not have these lengths in characters."""
    if min(lengths, default=0) < SHORTEST:
        expected = f"numbers of at least {SHORTEST}"
        raise wrong("lengths", expected, lengths)


def _draw(cumulated: np.ndarray, rng: np.random.Generator) -> int:
    return min(int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")), len(cumulated) - 1)


def _crop(shelf: Shelf, length: int, rng: np.random.Generator) -> tuple[str, list[int]]:
    """A run of about `length` characters. Three in ten begin and four in ten end inside a sentence."""
    text, starts = shelf.documents[_draw(shelf.shares, rng)]
    first = int(rng.integers(len(starts)))
    begin = starts[first]
    if rng.random() < 0.3:
        end = starts[first + 1] if first + 1 < len(starts) else len(text)
        begin = int(rng.integers(begin, max(begin + 1, end)))
        space = text.find(" ", begin, end)
        begin = space + 1 if begin <= space < end - 1 else begin
    last = bisect_left(starts, begin + length)
    end = starts[last] if last < len(starts) else len(text)
    if rng.random() < 0.4 and begin + length < end:
        space = text.rfind(" ", begin + 10, begin + length)
        end = space if space > 0 else begin + length
    inside = starts[bisect_right(starts, begin) : bisect_left(starts, end)]
    return text[begin:end], [0, *(start - begin for start in inside)]


def _shuffled(shelf: Shelf, length: int, rng: np.random.Generator) -> tuple[str, list[int]]:
    """Sentences from anywhere, at least `length` characters, each with what stands behind it in its document."""
    text, found = "", []
    while len(text) < length:
        document, starts = shelf.documents[_draw(shelf.shares, rng)]
        i = int(rng.integers(len(starts)))
        found.append(len(text))
        text += document[starts[i] : starts[i + 1]] if i + 1 < len(starts) else document[starts[i] :] + " "
    return text.rstrip(), found


def _join(
    text: str, starts: list[int], other: str, other_starts: list[int], rng: np.random.Generator
) -> tuple[str, list[int]]:
    text = text.rstrip() + (" " if rng.random() < 0.5 else "\n")
    return text + other, [*starts, *(start + len(text) for start in other_starts)]


def limited(records: Iterable[Record], max_chars: int, limit_chars: int) -> Iterator[Record]:
    """Documents in parts of at most `max_chars`, cut at sentence starts, until the next would exceed `limit_chars`; the first one
    always; 0 for no limit.
    """
    taken = 0
    for record in records:
        size = min(max_chars or float("inf"), (limit_chars or float("inf")) - taken)
        for text, starts in _parts(record.text, record.starts, size):
            if limit_chars and taken and taken + len(text) > limit_chars:
                return
            yield replace(record, text=text, starts=starts)
            taken += len(text)


def _parts(text: str, starts: list[int], size: float) -> Iterator[tuple[str, list[int]]]:
    """Cut a document at sentence starts."""
    begin = 0
    while begin < len(text):
        if len(text) - begin <= size:
            end = len(text)
        else:
            fitting = bisect_right(starts, begin + size) - 1
            longer = bisect_right(starts, begin)
            place = fitting if fitting >= 0 and starts[fitting] > begin else longer
            end = starts[place] if place < len(starts) else len(text)
        inside = starts[bisect_left(starts, begin) : bisect_left(starts, end)]
        yield text[begin:end], [start - begin for start in inside]
        begin = end
