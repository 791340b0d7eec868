"""Text -> pieces of the embedded vocabulary, with surface features and character offsets.

One vocabulary serves clean and lower-cased text: pieces are those of the lower-cased text, and what
lower-casing and splitting took away comes back as small features.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding, Tokenizer, normalizers, pre_tokenizers
from tokenizers import models as tokenizer_models
from tokenizers.trainers import BpeTrainer

from ..text import code_points, is_kind, running_total
from ..types import Ints1d, Ints2d

PAD, UNKNOWN = "[PAD]", "[UNK]"
# Unknown characters share these rows of the embedding by Unicode block, so a new script is not one blur.
N_BUCKETS = 256
# Values of the surface features: case (none, lower, Title, UPPER, mIxed); gap before, gap after
# (none, space, newline, blank line).
N_VALUES = (5, 4, 4)
# Texts are tokenised in parts of about this many characters, which bounds the memory the tokenizer takes.
PART = 20_000
# Pieces whose surface is looked at together.
BLOCK = 50_000


@dataclass(frozen=True)
class Pieces:
    """The pieces of one text.

    features (Ints2d): (n_pieces, 4): vocabulary index, case, gap before, gap after.
    starts, ends (Ints1d): (n_pieces,) character offsets.
    """

    features: Ints2d
    starts: Ints1d
    ends: Ints1d


def train_vocabulary(texts: Iterable[str], *, size: int) -> Tokenizer:
    """Learn a byte-pair vocabulary of lower-cased pieces that never cross white space, punctuation or scripts.

    Sennrich et al. (2016).
    """
    tokenizer = Tokenizer(tokenizer_models.BPE(unk_token=UNKNOWN, fuse_unk=False))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.UnicodeScripts(),
            pre_tokenizers.Digits(individual_digits=False),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, UNKNOWN],
        limit_alphabet=size // 4,
        max_token_length=16,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tokenize(cutter: Callable[[str], Ints2d], text: str, *, see_newlines: bool) -> Pieces:
    """Cut a text into pieces.

    cutter (Callable): As `WordCutter`.
    see_newlines (bool): Tell newlines and spaces apart in the gap features.
    """
    rows, starts, ends = cutter(text)
    features = np.empty((len(rows), 1 + len(N_VALUES)), dtype=np.int32)
    features[:, 0] = rows
    features[:, 1:] = surface_of_pieces(code_points(text), starts, ends, see_newlines=see_newlines)
    return Pieces(features=features, starts=starts, ends=ends)


def cut(tokenizer: Tokenizer, text: str) -> tuple[Ints1d, Ints1d, Ints1d]:
    """RETURNS (tuple of Ints1d): Vocabulary index, start and end of every piece as the tokenizer has them, (n_pieces,) each."""
    rows = []
    for begin, end in parts(text, PART):  # a loop: a generator of encodings leaves more memory behind
        encoding = tokenizer.encode(text[begin:end], add_special_tokens=False)
        rows.append(_rows(begin, encoding))
    ids, starts, ends = (np.concatenate([part[:, i] for part in rows]) for i in range(3))
    return ids, starts, ends


def encode_all(tokenizer: Tokenizer, texts: list[str]) -> list[list[tuple[int, Encoding]]]:
    """Many texts at once, for tokenizers that take several threads. RETURNS (list): The parts of every text, and where they begin."""
    places = [(i, begin, end) for i, text in enumerate(texts) for begin, end in parts(text, PART)]
    encodings = tokenizer.encode_batch([texts[i][begin:end] for i, begin, end in places], add_special_tokens=False)
    found: list[list[tuple[int, Encoding]]] = [[] for _ in texts]
    for (i, begin, _), encoding in zip(places, encodings, strict=True):
        found[i].append((begin, encoding))
    return found


def _rows(begin: int, encoding: Encoding) -> Ints2d:
    offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2) + np.int32(begin)
    return np.column_stack([np.asarray(encoding.ids, dtype=np.int32), offsets])


def surface_of_pieces(points: Ints1d, starts: Ints1d, ends: Ints1d, *, see_newlines: bool) -> Ints2d:
    """Case, gap before and gap after of every piece, (n_pieces, len(N_VALUES)), found block by block, which bounds the memory it takes.

    points (Ints1d): Code points of the text. see_newlines (bool): Tell newlines and spaces apart.
    """
    surface = np.empty((len(starts), len(N_VALUES)), dtype=np.int32)
    for first in range(0, len(starts), BLOCK):
        rows = slice(first, first + BLOCK)
        begin = min(starts[first], ends[first - 1]) if first else 0
        end = max(starts[rows.stop], ends[rows.stop - 1]) if rows.stop < len(starts) else len(points)
        inside = points[begin:end], starts[rows] - begin, ends[rows] - begin
        gaps = _gap_features(*inside, see_newlines)
        surface[rows] = np.column_stack([_case_features(*inside), gaps[:-1], gaps[1:]])
    return surface


def parts(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Cut a long text after white space, where no piece can stand across the cut.

    A run without white space that is longer than `size` is cut after punctuation, or else hard.
    YIELDS (tuple of int): Offsets of a part; parts tile the text.
    """
    begin = 0
    while len(text) - begin > size:
        window = range(begin + size, begin + size // 2, -1)
        end = next((i for i in window if text[i - 1].isspace()), None)
        end = end or next((i for i in window if not text[i - 1].isalnum()), begin + size)
        yield begin, end
        begin = end
    yield begin, len(text)


def _case_features(points: Ints1d, starts: Ints1d, ends: Ints1d) -> Ints1d:
    n_upper = _count(is_kind(points, "upper"), starts, ends)
    n_lower = _count(is_kind(points, "lower"), starts, ends)
    starts_upper = is_kind(points[np.minimum(starts, len(points) - 1)], "upper")
    return np.select(
        [n_upper + n_lower == 0, n_upper == 0, starts_upper & (n_upper == 1), n_lower == 0],
        [0, 1, 2, 3],
        default=4,
    )


def _gap_features(points: Ints1d, starts: Ints1d, ends: Ints1d, see_newlines: bool) -> Ints1d:
    """The gap before every piece and after the last one, (n_pieces + 1,)."""
    gap_starts = np.concatenate([[0], ends])
    gap_ends = np.concatenate([starts, [len(points)]])
    newlines = _count(points == ord("\n"), gap_starts, gap_ends) if see_newlines else 0
    return np.where(gap_ends > gap_starts, 1 + np.minimum(newlines, 2), 0)


def _count(flags: np.ndarray, starts: Ints1d, ends: Ints1d) -> Ints1d:
    total = running_total(flags)
    return total[ends] - total[starts]
