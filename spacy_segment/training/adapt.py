"""Adaptation of a sentence segmenter to one kind of text, from a handful of sentences.

Parts of the examples are held out in turn. One model learns from all of them, beside it one for each part learns from the
rest, step by step. The held-out parts say when to stop and which threshold is best.

    part       1 2 3        learns from    is judged on
    learner 0  x x x        all            -
    learner 1  . x x        2 3            1
    learner 2  x . x        1 3            2
    learner 3  x x .        1 2            3
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import warmup_linear

from ..adapters import Adapter, check_name
from ..checks import check_positive, check_share, check_whole, wrong
from ..errors import Errors
from ..length_prior import LengthPrior, fit_lengths
from ..models.lora import merge_adapter, read_adapter, train_adapter, write_adapter
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..pipeline.sources import configure
from ..types import Ints1d
from .augmenters import CORRUPTIONS, corruption_mix, make_example
from .corruption import clean
from .formats import Record, find_files, read_records
from .optimizer import AdamW
from .readers import batch_by_bytes, check_lengths, check_shelves, make_shelf, mix
from .thresholds import (
    Counts,
    Priors,
    add_counts,
    best_choice,
    best_counts,
    choose_prior,
    count_boundaries,
    counts_at,
    with_and_without,
)

# Boundaries between sentences that the examples must hold. With many, one part is enough to hold out.
FEWEST, MANY = 4, 200
# Steps until the full learning rate is reached.
WARM_UP = 10
# Less than this is no progress of the held-out F1.
MARGIN = 0.001


@dataclass(frozen=True)
class AdaptSettings:
    """How to adapt.

    conditions (tuple of str): What happens to copies of the examples, names of `augmenters.CORRUPTIONS`: "clean" is
        nothing, "flat" takes newlines away, "corrupted" also case and punctuation.
    rank (int), alpha (float): Of the low-rank matrices.
    learn_rate (float): Step size, reached after WARM_UP steps.
    strength (float): How far the adapter goes from the model as it was, 0, to what was learned, 1. A few examples pull it too
        far; part of the way generalises better (Wortsman et al. 2022, WiSE-FT).
    dropout (float): Share of the states that training leaves out.
    max_steps (int): Batches at most; every (int): batches between two looks at the held-out parts; patience (int):
        looks without progress before training stops.
    batch_bytes (int): Size of a batch, in bytes of UTF-8; lengths (tuple of int): characters of its texts.
    folds (int): Parts that are held out in turn.
    """

    conditions: tuple[str, ...] = ("clean", "flat")
    rank: int = 16
    alpha: float = 32.0
    learn_rate: float = 0.003
    strength: float = 0.5
    dropout: float = 0.1
    max_steps: int = 60
    every: int = 20
    patience: int = 2
    batch_bytes: int = 1500
    lengths: tuple[int, ...] = (150, 600)
    folds: int = 3
    seed: int = 0

    def check(self) -> None:
        """RAISES (ValueError): SEG200, SEG210 for the first setting that cannot be."""
        corruption_mix(dict.fromkeys(self.conditions, 1.0))
        check_whole(0, seed=self.seed)
        check_whole(1, max_steps=self.max_steps, every=self.every, patience=self.patience, batch_bytes=self.batch_bytes)
        check_whole(2, folds=self.folds)
        check_positive(learn_rate=self.learn_rate)
        check_share(dropout=self.dropout)
        check_lengths(self.lengths)
        check_strength(self.strength)


@dataclass(frozen=True)
class Adaptation:
    """What came of it. before, after (float): boundary F1 on the held-out parts, at the old and the new threshold.

    lengths (LengthPrior or None): What the lengths of the examples say, if that helps.
    """

    n_sentences: int
    n_steps: int
    threshold: float | None
    lengths: LengthPrior | None
    before: float
    after: float
    seconds: float


def adapt(
    nlp: Language,
    examples: str | Path | list[str] | list[Record],
    *,
    name: str = "adapted",
    settings: AdaptSettings | None = None,
    component: str = "sentence_segmenter",
    watch: Callable[[int, int], Any] | None = None,
) -> Adaptation:
    """Train an adapter, add it to the pipeline and switch it on. The weights of the model stay as they are.

    examples: Files, folders or patterns (one sentence per line, JSONL, CoNLL-U, DocBin), or records.
    watch (Callable or None): Called with the number of steps done, and of those there will be at most.
    RAISES (ValueError): SEG100, SEG110, SEG111, SEG200, SEG210, SEG211, SEG430, SEG432, SEG436. (ImportError): SEG431.
    """
    start = perf_counter()
    settings = settings or AdaptSettings()
    settings.check()
    check_name(name)
    documents = read_examples(examples)
    pipe = _segmenter(nlp, component)
    fix_random_seed(settings.seed)
    with pipe.without_adapter(), train_adapter(pipe.model, rank=settings.rank, alpha=settings.alpha):
        adapter, adaptation = _train(nlp, pipe, documents, settings, watch or (lambda done, total: None))
    pipe.add_adapter(name, adapter)
    pipe.set_adapter(name)
    return Adaptation(**adaptation, seconds=perf_counter() - start)


def merge(nlp: Language, *, component: str = "sentence_segmenter") -> None:
    """Make the adapter that is switched on part of the weights. All adapters go: they were made for the old weights.

    RAISES (ValueError): SEG230 if none is switched on; SEG331 if it was made for other weights.
    """
    pipe: Any = nlp.get_pipe(component)
    adapter = pipe.adapters.find(pipe.cfg["adapter"])
    if adapter is None:
        raise ValueError(Errors.SEG230.format(name=None, names=", ".join(pipe.adapters) or "none"))
    merge_adapter(pipe.model, adapter)
    pipe.set_adapter(None)
    pipe.adapters.clear()
    lengths = None if adapter.lengths is None else [adapter.lengths.mean, adapter.lengths.deviation]
    configure(pipe, nlp, threshold=adapter.threshold, length_prior=lengths)


def _segmenter(nlp: Language, component: str) -> Any:
    """RAISES (ValueError): SEG436 if there is no sentence segmenter of that name."""
    pipe = dict(nlp.components).get(component)
    if not isinstance(pipe, SentenceSegmenter):
        raise ValueError(Errors.SEG436.format(name=component, names=", ".join(nlp.component_names) or "none"))
    return pipe


def check_strength(strength: float) -> None:
    """RAISES (ValueError): SEG200 if an adapter could not go so far."""
    if not 0 < strength <= 1:
        raise wrong("strength", "above 0, 1 at most", strength)


def read_examples(examples: str | Path | list[str] | list[Record]) -> list[Record]:
    """Read documents with gold sentences.

    RAISES (ValueError): SEG110, SEG111; SEG432 if they hold too few sentences, SEG211 if these are too short; SEG100 for starts of
        a record that do not ascend inside its text.
    """
    given = [examples] if isinstance(examples, str | Path) else list(examples)
    records = [item for item in given if isinstance(item, Record)]
    paths = [str(item) for item in given if not isinstance(item, Record)]
    if paths:
        records += [record for path in find_files(paths) for record in read_records(path)]
    records = [record for record in records if record.starts]
    for record in records:
        starts = np.asarray(record.starts)
        misplaced = np.flatnonzero((np.diff(starts, prepend=-1) <= 0) | (starts >= len(record.text)))
        for index in misplaced[:1].tolist():
            raise ValueError(Errors.SEG100.format(length=len(record.text), offset=starts[index], index=index))
    n_sentences = sum(len(record.starts) for record in records)
    found = n_sentences - len(records)
    if found < FEWEST:
        raise ValueError(Errors.SEG432.format(found=found, n_sentences=n_sentences, needed=FEWEST))
    check_shelves([make_shelf("examples", records)], "the examples")
    return records


def split(records: list[Record], n: int) -> list[list[Record]]:
    """Split documents into `n` parts of equally many neighbouring sentences; a document may be cut at a sentence start."""
    total = sum(len(record.starts) for record in records)
    parts: list[list[Record]] = [[] for _ in range(n)]
    place = 0
    for record in records:
        owners = (place + np.arange(len(record.starts))) * n // total
        for owner in np.unique(owners).tolist():
            first, last = np.flatnonzero(owners == owner)[[0, -1]].tolist()
            begin = record.starts[first]
            end = record.starts[last + 1] if last + 1 < len(record.starts) else len(record.text)
            starts = [start - begin for start in record.starts[first : last + 1]]
            parts[owner].append(Record(record.text[begin:end].rstrip(), starts, record.id, record.lang))
        place += len(record.starts)
    return parts


def sentence_lengths(text: str, starts: Iterable[int]) -> Ints1d:
    """RETURNS (Ints1d): Characters from every sentence start to the next, and from the last one to the end."""
    return np.diff([*starts, len(text)])


class Learner:
    """One adapter in training, with its own texts and optimizer. `adapter` goes part of the way to what it has learned.

    held_out (list of Record): Documents that it does not learn from, to judge it.
    """

    def __init__(
        self, nlp: Language, pipe: Any, records: list[Record], held_out: list[Record], settings: AdaptSettings
    ) -> None:
        rng = np.random.default_rng(settings.seed)
        self.pipe = pipe
        self.settings = settings
        self.learned = self.adapter = read_adapter(pipe.model, pipe.cfg["threshold"])
        self.optimizer = AdamW(warmup_linear(settings.learn_rate, WARM_UP, 10**9), L2=0.0)
        self.batches = batch_by_bytes(settings.batch_bytes)(_texts(nlp, records, settings, rng))
        self.held_out = [
            make_example(nlp, CORRUPTIONS[condition](record.text, np.asarray(record.starts), rng))
            for record in held_out
            for condition in settings.conditions
        ]

    def learn(self, n_steps: int) -> None:
        """Take so many steps."""
        write_adapter(self.pipe.model, self.learned)
        for batch in islice(self.batches, n_steps):
            self.pipe.update(batch, drop=self.settings.dropout, sgd=self.optimizer)
            self.optimizer.step_schedules()
        threshold = self.pipe.cfg["threshold"]
        self.learned = read_adapter(self.pipe.model, threshold)
        self.adapter = read_adapter(self.pipe.model, threshold, self.settings.strength)

    def judge(self, priors: Priors) -> list[Counts]:
        """Right and wrong boundaries in the held-out documents, for each prior of lengths."""
        write_adapter(self.pipe.model, self.adapter)
        return count_boundaries(self.pipe, (example for example in self.held_out if len(example.reference)), priors)


def _train(
    nlp: Language, pipe: Any, records: list[Record], settings: AdaptSettings, watch: Callable[[int, int], Any]
) -> tuple[Adapter, dict[str, Any]]:
    """RETURNS (tuple): The adapter of the best round, and what there is to tell."""
    learners = _make_learners(nlp, pipe, records, settings)
    fitted = fit_lengths(np.concatenate([sentence_lengths(record.text, record.starts) for record in records]))
    priors = with_and_without(fitted)
    steps = [*range(0, settings.max_steps, settings.every), settings.max_steps]  # done after each round
    start = _judge(learners, priors)
    best = Round(0, *choose_prior(start, priors), learners[0].adapter)
    for done, (before, after) in enumerate(pairwise(steps), start=1):
        for i, learner in enumerate(learners, start=1):
            learner.learn(after - before)
            watch(before * len(learners) + i * (after - before), settings.max_steps * len(learners))
        latest = Round(done, *choose_prior(_judge(learners, priors), priors), learners[0].adapter)
        if best_counts(latest.counts).fscore > best_counts(best.counts).fscore + MARGIN:
            best = latest
        elif done - best.number >= settings.patience:
            break
    threshold = best_choice(best.counts)
    adapter = replace(best.adapter, threshold=threshold, lengths=best.lengths)
    return adapter, {
        "n_sentences": sum(len(record.starts) for record in records),
        "n_steps": steps[best.number],
        "threshold": threshold,
        "lengths": best.lengths,
        "before": counts_at(start[0], pipe.cfg["threshold"]).fscore,
        "after": best.counts[threshold].fscore,
    }


@dataclass(frozen=True, eq=False)
class Round:
    """What training has come to. counts (Counts): of the held-out parts, with `lengths` if there are."""

    number: int
    counts: Counts
    lengths: LengthPrior | None
    adapter: Adapter


def _make_learners(nlp: Language, pipe: Any, records: list[Record], settings: AdaptSettings) -> list[Learner]:
    """The one that learns from all, and one for each part that is held out."""
    is_rich = sum(len(record.starts) for record in records) > MANY
    parts = split(records, 5 if is_rich else settings.folds)
    learners = [Learner(nlp, pipe, records, [], settings)]
    for part in parts[:1] if is_rich else parts:
        rest = [record for other in parts if other is not part for record in other]
        learners.append(Learner(nlp, pipe, rest, part, settings))
    return learners


def _judge(learners: list[Learner], priors: Priors) -> list[Counts]:
    """Counts of all held-out parts, for each prior of lengths."""
    return [add_counts(column) for column in zip(*(learner.judge(priors) for learner in learners), strict=True)]


def _texts(
    nlp: Language, records: list[Record], settings: AdaptSettings, rng: np.random.Generator
) -> Iterator[Example]:
    """Runs of neighbouring sentences, each under one of the conditions."""
    augmenter = corruption_mix(dict.fromkeys(settings.conditions, 1.0), seed=settings.seed)
    for _, text, starts in mix([make_shelf("examples", records)], list(settings.lengths), 0.05, rng):
        yield from augmenter(nlp, make_example(nlp, clean(text, np.asarray(starts))))
