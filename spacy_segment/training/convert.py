"""Gold data of any known format -> one format, and test sets under the conditions of the benchmark.

Files carry their split in the name, as in `en_ewt.train.conllu`, `en_ewt-ud-dev.conllu` or `health/test.jsonl.gz`; others
(samples, notes) are left out. The same input gives the same bytes.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.tokens import DocBin
from spacy.util import logger

from ..align import reference_doc
from ..errors import Errors
from ..files import write_output
from ..scorers import CONDITION, CORPUS
from .concatenated import N_SENTENCES, concatenate, openings
from .corruption import CONDITIONS
from .formats import Record, by_corpus, corpus_name, find_files, folder_name, read_records, split_of
from .readers import limited
from .topic_formats import TopicRecord, read_topics
from .topic_readers import SUFFIXES


def convert_sentences(source: str, output: Path) -> int:
    """Write FOLDER/NAME.SPLIT.jsonl.gz for every corpus of sentences below a folder; files of one corpus and split are put together.

    RETURNS (int): Number of files.
    RAISES (ValueError): SEG110, SEG111; SEG112 if no file names its split. (OSError): SEG139.
    """
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path, split in _with_splits(find_files(source), source).items():
        groups[corpus_name(path), split].append(path)
    for (corpus, split), paths in groups.items():
        records = (record for path in paths for record in read_records(path))
        place = output / corpus.removesuffix("/")
        file = (
            place / f"{split}.jsonl.gz" if corpus.endswith("/") else place.with_name(f"{place.name}.{split}.jsonl.gz")
        )
        _write_lines(file, map(_sentences, records))
    return len(groups)


def convert_topics(source: str, output: Path) -> int:
    """Write CORPUS/SPLIT.jsonl.gz for every folder of topic files below a folder; files of a split are put together.

    RETURNS (int): Number of files.
    RAISES (ValueError): SEG110, SEG141; SEG112 if no file names its split. (OSError): SEG139.
    """
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path, split in _with_splits(find_files(source, SUFFIXES), source).items():
        groups[folder_name(path), split].append(path)
    for (corpus, split), paths in groups.items():
        records = (record for path in paths for record in read_topics(path))
        _write_lines(output / corpus / f"{split}.jsonl.gz", map(_topics, records))
    return len(groups)


def corrupt(source: str | list[str], output: Path, limit: int = 0) -> int:
    """Write CONDITION/FOLDER/NAME.spacy: test sets under every condition, for `spacy evaluate` and its like. Files of one folder
    and name are one corpus, whatever their splits.

    limit (int): Characters of every corpus, 0 for all.
    RETURNS (int): Number of files.
    RAISES (ValueError): SEG110, SEG111. (OSError): SEG139.
    """
    nlp = spacy.blank("xx")
    corpora = by_corpus(find_files(source))
    for corpus, paths in corpora.items():
        records = (record for path in paths for record in read_records(path, nlp.vocab))
        kept = list(limited(records, 0, limit))
        for condition, change in CONDITIONS.items():
            docs = DocBin(store_user_data=True)
            for record in kept:
                changed = change(record.text, np.asarray(record.starts))
                if changed.text.strip():
                    doc = reference_doc(nlp.tokenizer, changed.text, changed.starts.tolist())
                    doc.user_data.update({CORPUS: corpus, CONDITION: condition})
                    docs.add(doc)
            write_output(output / condition / f"{corpus}.spacy", docs.to_bytes())
    return len(corpora) * len(CONDITIONS)


def concatenations(source: str | list[str], output: Path, n: int = 12, seed: int = 0) -> int:
    """Write SPLIT.jsonl.gz: documents with gold topics, made of the openings of documents with gold sentences.

    n (int): Documents made of every file that has two that are long enough.
    RETURNS (int): Number of files.
    RAISES (ValueError): SEG110, SEG111; SEG112 if no file names its split; SEG116 if there is no such file. (OSError): SEG139.
    """
    rng = np.random.default_rng(seed)
    files = _with_splits(find_files(source), source)
    made: dict[str, list[TopicRecord]] = defaultdict(list)
    for path, split in files.items():
        long = [record for record in read_records(path) if len(openings(record)) >= N_SENTENCES[0]]
        if len(long) > 1:
            made[split] += [concatenate(long, rng, f"{corpus_name(path)}-{i}") for i in range(n)]
    if not made:
        raise ValueError(Errors.SEG116.format(n=N_SENTENCES[0], path=", ".join(map(str, files))))
    for split, records in made.items():
        _write_lines(output / f"{split}.jsonl.gz", map(_topics, records))
    return len(made)


def _with_splits(files: list[Path], source: str | list[str]) -> dict[Path, str]:
    """Files whose names say their split, with it. RAISES (ValueError): SEG112 if there are none."""
    found = {file: split for file in files if (split := split_of(file))}
    if not found:
        raise ValueError(Errors.SEG112.format(path=source))
    for file in files:
        if file not in found:
            logger.warning("Left out, for its name says no split: %s", file)
    return found


def _sentences(record: Record) -> dict:
    return {"id": record.id, "lang": record.lang, "text": record.text, "sents": _spans(record.starts, record.text)}


def _topics(record: TopicRecord) -> dict:
    sections = [vars(section) for section in record.sections]
    row: dict[str, Any] = {"id": record.id, "lang": record.lang, "text": record.text, "sections": sections}
    if record.sentences is not None:
        row["sents"] = _spans(record.sentences, record.text)
    return row


def _spans(starts: list[int], text: str) -> list[list[int]]:
    return [[start, end] for start, end in pairwise([*starts, len(text)])]


def _write_lines(path: Path, rows: Iterable[dict]) -> None:
    lines: Iterator[str] = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_output(path, gzip.compress("".join(lines).encode(), compresslevel=6, mtime=0))
