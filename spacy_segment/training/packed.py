"""Batches of packed pieces for the small encoder, made by several processes at once: one alone cannot feed a GPU."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from queue import Empty, Full
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ..checks import wrong
from ..errors import Errors
from ..loss import gold_marks, piece_boundaries
from ..models.banded import flatten
from ..models.pieces import Pieces, tokenize
from ..models.words import WordCutter
from .augmenters import corruption_mix, draw_corruption
from .corruption import Corrupted
from .readers import MixedCorpus, load_shelves, mix

# Of a place whose boundary, or whose mark, does not count.
NOT_TOLD = -1
# Share of the texts that are cut with dropout of merges.
DROPPING = 0.5
# Batches that wait; seconds until a look at whether the processes still live.
WAITING = 48
PATIENCE = 5.0
# How processes start: where it can be, as copies of one that has imported all they need.
START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@dataclass(frozen=True)
class PackedBatch:
    """Texts behind each other with pads between them, filled up to a fixed length.

    features (ndarray): (n, n_features) unsigned integers. segments (ndarray): (n,) text of every piece, -1 on pads.
    boundaries, marks (ndarray): (n,) gold of what follows a piece, NOT_TOLD where it does not count.
    """

    features: np.ndarray
    segments: np.ndarray
    boundaries: np.ndarray
    marks: np.ndarray


@dataclass(frozen=True)
class Recipe:
    """How batches are made; see `MixedCorpus` and `corruption_mix`, whose settings stand in a config.

    corpus, augmenter (dict): Those settings. tokenizer (str): JSON of the vocabulary; n_known (int): its size.
    size (int): Pieces of a batch, pads included. gap (int): Pads after each text.
    bpe_dropout (float): In half of the texts, share of the merges of pieces that is left out: the same word in other pieces.

    Provilkov et al. (2020), BPE-dropout.
    """

    corpus: dict[str, Any]
    augmenter: dict[str, Any]
    tokenizer: str
    n_known: int
    size: int
    gap: int
    bpe_dropout: float = 0.0

    @classmethod
    def of(
        cls, config: dict[str, Any], meta: dict[str, Any], *, size: int, gap: int, bpe_dropout: float = 0.0
    ) -> "Recipe":
        """From `[corpora.train]` of a config, what it leaves out as the mixture and the corruptions have it.

        RAISES (ValueError): SEG200 if it is no mixture with corruptions, SEG210.
        """
        corpus = dict(config["corpora"]["train"])
        augmenter = dict(corpus.pop("augmenter", None) or {})
        kinds = corpus.pop("@readers", None), augmenter.pop("@augmenters", None)
        wanted = ("spacy_segment.MixedCorpus.v1", "spacy_segment.corruption_mix.v1")
        if kinds != wanted:
            raise wrong("corpora.train", " with ".join(wanted), kinds)
        corpus, augmenter = {**_defaults(MixedCorpus), **corpus}, {**_defaults(corruption_mix), **augmenter}
        if "weights" not in augmenter or "lengths" not in corpus:
            expected = "with `lengths`, and an augmenter with `weights`"
            raise wrong("corpora.train", expected, sorted(corpus))
        draw_corruption(augmenter["weights"], augmenter["abbreviated"])
        return cls(corpus, augmenter, meta["tokenizer"], meta["n_known"], size, gap, bpe_dropout)


def _defaults(function: Callable) -> dict[str, Any]:
    """What its parameters are if left out."""
    parameters = signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


def packed_batches(recipe: Recipe, seed: int) -> Iterator[PackedBatch]:
    """An endless stream. RAISES (ValueError): as `load_shelves`."""
    tokenizers = [Tokenizer.from_str(recipe.tokenizer) for _ in range(2)]
    tokenizers[1].model.dropout = recipe.bpe_dropout or None
    cutter, dropping = (WordCutter(tokenizer, recipe.n_known) for tokenizer in tokenizers)
    corpus, rng = recipe.corpus, np.random.default_rng(seed)
    corrupt = draw_corruption(recipe.augmenter["weights"], recipe.augmenter["abbreviated"])
    shelves = load_shelves(corpus["path"], corpus["exponent"], corpus["weights"])
    languages = {shelf.name: shelf.lang for shelf in shelves}
    gathered: list[tuple[Pieces, Corrupted]] = []
    n = 0
    for name, text, starts in mix(shelves, corpus["lengths"], corpus["join"], rng, corpus["shuffle"]):
        changed = corrupt(text, np.asarray(starts), rng, languages[name])
        if not changed.text.strip():
            continue
        chosen = dropping if rng.random() < DROPPING else cutter
        pieces = tokenize(chosen, changed.text, see_newlines=True)
        if len(pieces.starts) + recipe.gap > recipe.size:
            continue  # one sentence longer than a batch
        if n + len(pieces.starts) + recipe.gap > recipe.size:
            yield pack(gathered, recipe)
            gathered, n = [], 0
        gathered.append((pieces, changed))
        n += len(pieces.starts) + recipe.gap


def pack(texts: list[tuple[Pieces, Corrupted]], recipe: Recipe) -> PackedBatch:
    """Lay texts behind each other. The last piece of a text does not count: what follows it is unknown."""
    features, segments, rows = flatten([pieces for pieces, _ in texts], recipe.gap)
    fill = recipe.size - len(segments)
    boundaries = np.full(recipe.size, NOT_TOLD, dtype=np.int8)
    marks = np.full(recipe.size, NOT_TOLD, dtype=np.int8)
    for row, (pieces, changed) in zip(rows, texts, strict=True):
        counting = slice(row.start, row.stop - 1)
        boundaries[counting] = piece_boundaries(changed.starts, pieces.ends)
        if changed.marks is not None:
            marks[counting] = gold_marks(changed.marks, pieces.ends)
    return PackedBatch(
        np.pad(features, ((0, fill), (0, 0))).astype(np.uint16 if recipe.n_known < 65_000 else np.uint32),
        np.pad(segments, (0, fill), constant_values=-1),
        boundaries,
        marks,
    )


class Producers:
    """Processes that make batches, and where these wait to be taken."""

    def __init__(self, processes: list[Any], queue: Any) -> None:
        self.processes = processes
        self.queue = queue

    def take(self) -> PackedBatch:
        """The next batch, once there is one. RAISES: as `made_by_processes`."""
        while (made := self.take_ready(PATIENCE)) is None:
            pass
        return made

    def take_ready(self, patience: float = 0.0) -> PackedBatch | None:
        """The next batch if it is there within so many seconds. RAISES: as `made_by_processes`."""
        try:
            made = self.queue.get(timeout=patience) if patience else self.queue.get_nowait()
        except Empty:
            if any(process.exitcode for process in self.processes):
                raise OSError(Errors.SEG435) from None
            return None
        if isinstance(made, Exception):
            raise made
        return made


@contextmanager
def made_by_processes(recipe: Recipe, n_processes: int, *, first_seed: int = 0) -> Iterator[Producers]:
    """The same stream from so many processes, each with a seed of its own, from `first_seed` on.

    RAISES (ValueError, OSError): What went wrong in one of them, when a batch is taken; OSError: SEG435 if one was killed.
    """
    context: Any = multiprocessing.get_context(START)
    if START == "forkserver":
        context.set_forkserver_preload([__name__])
    queue = context.Queue(WAITING)
    processes = [
        context.Process(target=_produce, args=(recipe, first_seed + i, queue), daemon=True) for i in range(n_processes)
    ]
    for process in processes:
        process.start()
    try:
        yield Producers(processes, queue)
    finally:
        for process in processes:
            process.kill()


def _produce(recipe: Recipe, seed: int, queue: Any) -> None:
    try:
        for batch in packed_batches(recipe, seed):
            if not _hand_over(batch, queue):
                return
    except (ValueError, OSError) as error:
        _hand_over(error, queue)


def _hand_over(made: PackedBatch | Exception, queue: Any) -> bool:
    """RETURNS (bool): False if whoever asked for batches was killed: nobody would ever take this one."""
    while True:
        try:
            queue.put(made, timeout=PATIENCE)
            return True
        except Full:
            parent = multiprocessing.parent_process()
            if parent is not None and not parent.is_alive():
                queue.cancel_join_thread()
                return False
