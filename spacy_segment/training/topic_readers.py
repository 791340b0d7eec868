"""Corpora with gold topics for `spacy train`: files as they are, or an endless mixture of many."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from zlib import crc32

import numpy as np
from spacy.attrs import IS_SPACE
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from spacy.vocab import Vocab

from ..align import reference_doc
from ..checks import check_choice, check_least, check_probability
from ..errors import Errors
from ..scorers import CORPUS, LANGUAGE
from ..topics import NO_LABEL, TOPICS
from .corruption import CONDITIONS
from .formats import find_files, folder_name, take
from .plain_sentences import SENTENCES
from .recognised import corrupt, recognise
from .recombined import recombine
from .spoken import put_turns
from .titled import put_headings
from .topic_formats import Section, TopicRecord, read_topics

Corpus = Callable[[Language], Iterator[Example]]

SUFFIXES = (".jsonl", ".json", ".ref", ".txt", ".md", ".cnxml", "")
# What may become of a document before it is judged.
HEADED = "headed"
SPOKEN = "spoken"
TOPIC_CONDITIONS = (*CONDITIONS, HEADED, SPOKEN)
# What may be put into the text of a record, and what may happen to it in training.
ADDITIONS = {HEADED: put_headings, SPOKEN: put_turns}
RECOGNISED = "recognised"
CHANGES = {**ADDITIONS, RECOGNISED: recognise}
# Documents that are made of a document and others of its corpus.
VARIANTS = 4


def TopicCorpus(
    path: str | list[str],
    spans_key: str = TOPICS,
    limit: int = 0,
    sentences: str = "rule",
    condition: str = "clean",
) -> Corpus:
    """All documents of all files, in order; gold topics in `reference.spans[spans_key]`, a topic before its parts.

    path (str or list of str): Files, folders or patterns: JSONL, WikiSection, QMSum and terms-of-service JSON, Choi,
        Wiki-727k, Markdown and text with headings.
    limit (int): So many documents of every file and no more, 0 for all.
    sentences (str): Sentences of the reference: "rule" (a plain splitter) or "lines". They serve training where no
        component sets sentences on the predicted Docs.
    condition (str): Of `TOPIC_CONDITIONS`.
    RAISES (ValueError): SEG200; SEG110, SEG141 when it is read.
    """
    check_choice(TOPIC_CONDITIONS, condition=condition)
    check_choice(SENTENCES, sentences=sentences)
    check_least(0, limit=limit)

    def read(nlp: Language) -> Iterator[Example]:
        for file in find_files(path, SUFFIXES):
            for number, record in enumerate(read_topics(file)):
                if limit and number >= limit:
                    break
                yield make_topic_example(nlp, change_record(record, condition), folder_name(file), spans_key, sentences)

    return read


def MixedTopics(
    path: str | list[str],
    spans_key: str = TOPICS,
    max_units: int = 256,
    exponent: float = 0.5,
    join: float = 0.05,
    sentences: str = "rule",
    coarse: bool = False,
    seed: int = 0,
    max_chars: int = 0,
    headings: float = 0.0,
    turns: float = 0.0,
    recombined: float = 0.0,
    recognised: float = 0.0,
) -> Corpus:
    """An endless stream of documents, or runs of sentences of them, from many corpora, for `max_epochs = -1`. Every file is a corpus.

    max_units (int): Runs have between half and three halves of so many sentences; shorter documents stay whole. 0: all stay
        whole, and each is made once.
    exponent (float): A corpus is drawn with probability ~ (its characters) ** exponent.
    join (float): How often two runs of different documents stand in one text; a topic starts between them.
    coarse (bool): Every token is a sentence: enough for models that read the text itself, and made many times faster.
    max_chars (int): Characters of every file that are read at most, in whole documents from the first on; 0 for all.
    headings (float): How often a document has its titles in the text, see `put_headings`; of the others,
    turns (float): how often one has openings of turns before its lines, see `put_turns`; of the others,
    recognised (float): how often one has lost newlines, case and punctuation, see `recognise`.
    recombined (float): How often a document is made of topics of several, see `recombine`; `VARIANTS` are made of each.
    RAISES (ValueError): SEG200; SEG110, SEG141 when it is read; SEG211 if there is no document.
    """
    check_probability(join=join, headings=headings, turns=turns, recombined=recombined, recognised=recognised)
    check_choice(SENTENCES, sentences=sentences)
    check_least(0, max_units=max_units, exponent=exponent, seed=seed, max_chars=max_chars)

    def read(nlp: Language) -> Iterator[Example]:
        """An Example for every run of units, without end."""
        rng = np.random.default_rng(seed)
        found = ((file, take(read_topics(file), max_chars)) for file in find_files(path, SUFFIXES))
        shelves = [_Shelf(folder_name(file), [r for r in records if r.text.strip()]) for file, records in found]
        shelves = [shelf for shelf in shelves if shelf.records]
        if not shelves:
            raise ValueError(Errors.SEG211.format(path=path))
        changes = {HEADED: headings, SPOKEN: turns, RECOGNISED: recognised}
        mixture = _Mixture(shelves, exponent, changes, recombined, rng)

        def draw() -> tuple[str, TopicRecord]:
            corpus, record = mixture.draw()
            return corpus, _run(record, max_units, sentences, rng) if max_units else record

        made: dict[int, Example] = {}
        while True:
            corpus, record = draw()
            if rng.random() < join:
                record = join_records(record, draw()[1])
            if id(record) in made:
                yield made[id(record)]
                continue
            example = make_topic_example(nlp, record, corpus, spans_key, sentences, coarse)
            if not max_units and not join:
                made[id(record)] = example
            yield example

    return read


def make_topic_example(
    nlp: Language, record: TopicRecord, corpus: str, spans_key: str, sentences: str, coarse: bool = False
) -> Example:
    """Make an Example of a record; tokens are split where a section starts inside one, or are the sentences if coarse."""
    starts = record.sentence_starts(sentences)
    sections = [s for s in record.sections if record.text[s.start : s.end].strip()]
    starts = sorted({*starts, *(s.start for s in sections)})

    # Of its own: that of the pipeline would keep every sentence as a string, and ask twenty things about each.
    vocab = Vocab(lex_attr_getters={IS_SPACE: str.isspace}) if coarse else nlp.vocab

    def tokenize(text: str) -> Doc:
        if not coarse:
            return nlp.tokenizer(text)
        words = [text[a:b] for a, b in pairwise([*starts, len(text)])]
        return Doc(vocab, words=words, spaces=[False] * len(words))

    reference = reference_doc(tokenize, record.text, starts)
    reference.spans[spans_key] = _group(reference, sections, spans_key)
    reference.user_data.update({CORPUS: corpus, LANGUAGE: record.lang})
    return Example(tokenize(record.text), reference)


def find_labels(path: str | list[str]) -> list[str]:
    """All labels of topics in a corpus, sorted. RAISES (ValueError): SEG110, SEG141."""
    records = (record for file in find_files(path, SUFFIXES) for record in read_topics(file))
    return sorted({section.label for record in records for section in record.sections if section.level == 1} - {""})


def join_records(first: TopicRecord, second: TopicRecord) -> TopicRecord:
    """Two documents behind each other, with a blank line between them if the first has any."""
    gap = "\n\n" if "\n\n" in first.text else "\n"
    shift = len(first.text) + len(gap)
    # The white space between them belongs to the last section on the left.
    lang = first.lang if first.lang == second.lang else ""
    left = [replace(s, end=shift) if s.end == len(first.text) else s for s in first.sections]
    right = [replace(s, start=s.start + shift, end=s.end + shift) for s in second.sections]
    sentences = None
    if first.sentences is not None or second.sentences is not None:
        sentences = [*first.sentence_starts(), *(start + shift for start in second.sentence_starts())]
    return TopicRecord(f"{first.id}+{second.id}", first.text + gap + second.text, left + right, lang, sentences)


def change_record(record: TopicRecord, condition: str) -> TopicRecord:
    """A record under one of `TOPIC_CONDITIONS`: as it is, with its titles as headings, with its lines as turns, or
    what is left of its topics and their parts.
    """
    if condition == "clean":
        return record
    if condition in ADDITIONS:
        return ADDITIONS[condition](record, np.random.default_rng(crc32(record.id.encode())))
    return corrupt(record, condition)


@dataclass(frozen=True)
class _Shelf:
    name: str
    records: list[TopicRecord]

    @cached_property
    def of_language(self) -> dict[str, list[TopicRecord]]:
        """Documents by their languages."""
        languages = defaultdict(list)
        for record in self.records:
            languages[record.lang].append(record)
        return languages


class _Mixture:
    """Draws documents of many corpora, some of them changed; what a change makes of a document is made once.

    exponent, recombined (float): See `MixedTopics`. changes (dict): How often each of `CHANGES` happens, one after the other.
    """

    def __init__(
        self,
        shelves: list[_Shelf],
        exponent: float,
        changes: dict[str, float],
        recombined: float,
        rng: np.random.Generator,
    ) -> None:
        sizes = np.asarray([sum(len(r.text) for r in shelf.records) ** exponent for shelf in shelves])
        self.shelves = shelves
        self.shares = sizes / sizes.sum()
        self.changes = changes
        self.recombined = recombined
        self.rng = rng
        self.changed: dict[tuple[int, str], TopicRecord] = {}

    def draw(self) -> tuple[str, TopicRecord]:
        """RETURNS (tuple): The corpus, and a document of it."""
        shelf = self.shelves[self.rng.choice(len(self.shelves), p=self.shares)]
        record = shelf.records[self.rng.integers(len(shelf.records))]
        if self.rng.random() < self.recombined:
            others = shelf.of_language[record.lang]
            record = self._change(record, f"{self.rng.integers(VARIANTS)}", partial(recombine, others=others))
        kind = next((kind for kind, share in self.changes.items() if self.rng.random() < share), None)
        return shelf.name, record if kind is None else self._change(record, kind, CHANGES[kind])

    def _change(self, record: TopicRecord, kind: str, change: Callable[..., TopicRecord]) -> TopicRecord:
        key = id(record), kind
        if key not in self.changed:
            self.changed[key] = change(record, rng=self.rng)
        return self.changed[key]


def _run(record: TopicRecord, max_units: int, sentences: str, rng: np.random.Generator) -> TopicRecord:
    """A run of sentences of a document; sections are cut to it."""
    starts = [*record.sentence_starts(sentences), len(record.text)]
    size = int(max_units * rng.uniform(0.5, 1.5))
    if len(starts) - 1 <= size:
        return record
    first = int(rng.integers(len(starts) - size))
    begin, end = starts[first], starts[first + size]
    sections = [
        Section(max(s.start, begin) - begin, min(s.end, end) - begin, s.title, s.label, s.level)
        for s in record.sections
        if s.start < end and s.end > begin
    ]
    inside = None if record.sentences is None else [start - begin for start in starts[first : first + size]]
    return replace(record, text=record.text[begin:end], sections=sections, sentences=inside)


def _group(doc: Doc, sections: list[Section], key: str) -> SpanGroup:
    text, starts = doc.text, doc.to_array("IDX").astype(np.int64)
    spans, levels = [], []
    for section in sections:
        first = int(np.searchsorted(starts, section.start + _lead(text, section)))
        first = 0 if section.start == 0 else first
        last = int(np.searchsorted(starts, section.end))
        if first < last:
            spans.append(Span(doc, first, last, label=section.label or NO_LABEL))
            levels.append(1 if section.level == 1 else 2)
    return SpanGroup(doc, name=key, spans=spans, attrs={"levels": np.asarray(levels, dtype=np.int64)})


def _lead(text: str, section: Section) -> int:
    part = text[section.start : section.end]
    return len(part) - len(part.lstrip())
