"""Learn the shared sub-word vocabulary of the embedded encoder from a corpus."""

import random
from collections import defaultdict
from collections.abc import Iterator

from tokenizers import Tokenizer

from ..models.pieces import train_vocabulary as train
from .formats import find_files, read_records


def train_vocabulary(
    path: str | list[str],
    size: int,
    exponent: float = 0.5,
    max_characters: int = 40_000_000,
    boost: dict[str, float] | None = None,
    seed: int = 0,
) -> Tokenizer:
    """Learn a vocabulary on texts in which every language has a share of (its characters) ** exponent.

    path (str or list of str): Files, folders or patterns in any format of `spacy_segment.SentenceCorpus.v1`.
    max_characters (int): Size of the sample over all languages.
    boost (dict or None): Factors on the share of single languages.
    RAISES (ValueError): As `find_files` and `read_records`.
    """
    texts = defaultdict(list)
    for file in find_files(path):
        for record in read_records(file):
            texts[record.lang].append(record.text)
    shares = {lang: sum(map(len, docs)) ** exponent * (boost or {}).get(lang, 1) for lang, docs in texts.items()}
    scale = max_characters / max(1.0, sum(shares.values()))
    return train(_sample(texts, {lang: share * scale for lang, share in shares.items()}, seed), size=size)


def _sample(texts: dict[str, list[str]], wanted: dict[str, float], seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for lang in sorted(texts):
        docs = sorted(texts[lang])
        rng.shuffle(docs)
        size, i = 0, 0
        while size < wanted[lang] and any(docs):
            text = docs[i % len(docs)]
            yield text
            size += len(text)
            i += 1
