"""Train a sentence model on packed batches, by the config of `spacy train`, without Examples between data and GPU."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from spacy.language import Language
from torch import Tensor, nn

from ..checks import check_least, check_positive, check_probability, check_share, check_whole
from ..errors import Errors
from ..models.shim import VocabularyShim
from ..rescoring import NO_RESCORING
from ..types import SentenceModel
from .packed import PackedBatch, Producers, Recipe, made_by_processes
from .packed_losses import HiddenPieces, PackedTensors, gold_loss, hide_pieces, taught_loss
from .packed_optimizer import PackedOptimizer, check_torch

# Batches that are kept, to be trained on again while new ones are being made.
KEPT = 1024
# Steps between two looks at the loss, which wait for the GPU; and between checkpoints.
LOOK = 50
EVERY = 200
# Seeds of processes between one seed of a training and the next.
SEEDS = 1_000_000


@dataclass(frozen=True)
class PackedSettings:
    """How to train; the defaults are those of the embedded weights' workflow (`project run embedded`).

    steps (int): Batches. size (int): pieces of each. learn_rate (float): reached after `warmup` steps, then falling to 0.
    dropout (float): Share of the states left out. hidden (float): Share of the pieces hidden. bpe_dropout (float): See `Recipe`.
    guess_weight (float): What guessing the hidden pieces counts at first, falling to 0.
    teacher_weight (float): What a teacher counts, if there is one; the gold counts the rest.
    weight_decay (float): Of matrices, times the learning rate.
    n_processes (int): that make batches.
    """

    steps: int = 8_000
    size: int = 65_536
    learn_rate: float = 0.003
    warmup: int = 400
    dropout: float = 0.1
    hidden: float = 0.05
    bpe_dropout: float = 0.1
    guess_weight: float = 0.0
    teacher_weight: float = 0.7
    weight_decay: float = 0.01
    n_processes: int = 10
    seed: int = 1

    def check(self) -> None:
        """RAISES (ValueError): SEG200 for the first setting that cannot be; ImportError: SEG438, before anything is read."""
        check_torch()
        check_whole(0, warmup=self.warmup, seed=self.seed)
        check_whole(1, steps=self.steps, n_processes=self.n_processes)
        check_whole(64, size=self.size)
        check_positive(learn_rate=self.learn_rate)
        check_share(dropout=self.dropout, hidden=self.hidden, bpe_dropout=self.bpe_dropout)
        check_least(0, guess_weight=self.guess_weight, weight_decay=self.weight_decay)
        check_probability(teacher_weight=self.teacher_weight)

    def left(self, step: int) -> float:
        """The share of the training that is still to come."""
        return 1 - step / self.steps

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return self.learn_rate * min(1.0, (step + 1) / max(1, self.warmup)) * self.left(step)

    def is_due(self, step: int, every: int) -> bool:
        """Whether something is done after this step that is done every so many steps, and at the end."""
        return step % every == every - 1 or step == self.steps - 1


def train_packed(
    nlp: Language,
    config: dict[str, Any],
    settings: PackedSettings,
    *,
    component: str = "sentence_segmenter",
    teacher: SentenceModel | None = None,
    checkpoint: Path | None = None,
    watch: Callable[[int, float], Any] | None = None,
) -> None:
    """Train the model of a component that was initialised, where it stands (GPU or CPU).

    config (dict): Interpolated; `[corpora.train]` says what is read.
    teacher (SentenceModel or None): A trained model with the same vocabulary and marks, to learn from beside the gold.
    checkpoint (Path or None): Written every EVERY steps and at the end; if it is there, training goes on from it, on other texts.
    watch (Callable or None): Called every LOOK steps with the number of steps done, and the loss of the last one.
    RAISES (ValueError): SEG434 for another encoder; SEG437 for a teacher of another vocabulary; SEG200, SEG210, SEG401 if the loss is
        not a number; SEG420 for a checkpoint of another model; errors of the readers; OSError: SEG421, SEG435; ImportError: SEG438.
    """
    settings.check()
    pipe: Any = nlp.get_pipe(component)
    pipe.model.set_param("rescoring", NO_RESCORING)
    student, head = Torn.of(pipe.model), pipe.model.layers[1]
    taught_by = Torn.of(teacher) if teacher is not None else None
    if taught_by is not None and not taught_by.fits(student):
        raise ValueError(Errors.SEG437)
    recipe = Recipe.of(
        config, student.shim.meta, size=settings.size, gap=student.reach, bpe_dropout=settings.bpe_dropout
    )
    torch.manual_seed(settings.seed)
    student.shim.set_dropout(settings.dropout)
    guess = HiddenPieces(student.shim.module.embed).to(student.shim.device) if settings.guess_weight else None
    others = [student.output] if guess is None else [student.output, guess]
    optimizer = PackedOptimizer(student.shim.module, others, settings.weight_decay)
    made_of = hashlib.sha256(recipe.tokenizer.encode()).hexdigest()
    done = optimizer.resume(checkpoint, made_of) if checkpoint is not None and checkpoint.exists() else 0
    with made_by_processes(recipe, settings.n_processes, first_seed=settings.seed * SEEDS + done) as producers:
        pool = Pool(producers, student.shim, np.random.default_rng(settings.seed + done))
        for step in range(done, settings.steps):
            batch = pool.draw()
            if taught_by is not None and batch.taught is None:
                batch.taught = taught_by.predict(batch)
            loss = _loss(student, batch, settings, pipe.cfg["mark_weight"], guess, settings.left(step))
            optimizer.step(loss, settings.rate(step))
            if settings.is_due(step, LOOK):
                now = float(loss.detach())
                if not np.isfinite(now):
                    raise ValueError(Errors.SEG401.format(text=f"step {step}"))
                if watch is not None:
                    watch(step + 1, now)
            if checkpoint is not None and settings.is_due(step, EVERY):
                optimizer.write(checkpoint, step + 1, made_of)
    student.shim.forget_changes()
    for name, parameter in (("W", student.output.weight), ("b", student.output.bias)):
        head.set_param(name, head.ops.asarray(parameter.detach().cpu().numpy()))


@dataclass(frozen=True)
class Torn:
    """A sentence model taken apart: the shim of its encoder, and its head as a layer of torch on the same device."""

    shim: VocabularyShim
    output: nn.Linear

    @classmethod
    def of(cls, model: SentenceModel) -> "Torn":
        """RAISES (ValueError): SEG434 for another encoder."""
        encoder, head = model.layers
        if encoder.name != "banded_encoder":
            raise ValueError(Errors.SEG434.format(kind=encoder.name))
        shim = cast(VocabularyShim, encoder.shims[0])
        output = nn.Linear(head.get_dim("nI"), head.get_dim("nO"), device=shim.device)
        with torch.no_grad():
            for name, parameter in (("W", output.weight), ("b", output.bias)):
                parameter.copy_(torch.as_tensor(head.ops.to_numpy(head.get_param(name))))
        return cls(shim, output)

    @property
    def reach(self) -> int:
        """Pads that keep texts apart."""
        return self.shim.module.reach

    def fits(self, other: "Torn") -> bool:
        """Whether the other reads the same batches and predicts the same marks."""
        same = self.shim.meta == other.shim.meta and self.reach <= other.reach
        return same and self.output.out_features == other.output.out_features

    def states(self, features: Tensor, segments: Tensor) -> Tensor:
        """(n, hidden_width), with dropout."""
        with self.shim.autocast():
            return self.shim.module.train()(features, segments)

    def logits(self, states: Tensor) -> Tensor:
        """(n, 1 + n_marks)"""
        with self.shim.autocast():
            return self.output(states).float()

    def predict(self, batch: PackedTensors) -> Tensor:
        """Logits as they are taught, (n, 1 + n_marks) in 16 bits: thousands of batches are kept."""
        self.shim.module.eval()
        with torch.no_grad(), self.shim.autocast():
            return self.output(self.shim.module(batch.features, batch.segments)).half()


class Pool:
    """The last KEPT batches: a new one if there is one, or else one of them again, for a GPU trains faster than batches are made."""

    def __init__(self, producers: Producers, shim: VocabularyShim, rng: np.random.Generator) -> None:
        self.producers = producers
        self.shim = shim
        self.rng = rng
        self.batches: list[PackedTensors] = []
        self.made = 0

    def draw(self) -> PackedTensors:
        """RAISES (ValueError, OSError): As `made_by_processes`."""
        made = self.producers.take_ready() if self.batches else self.producers.take()
        return self.batches[self.rng.integers(len(self.batches))] if made is None else self._keep(made)

    def _keep(self, made: PackedBatch) -> PackedTensors:
        batch = PackedTensors.of(made, self.shim)
        if len(self.batches) < KEPT:
            self.batches.append(batch)
        else:
            self.batches[self.made % KEPT] = batch
        self.made += 1
        return batch


def _loss(
    student: Torn,
    batch: PackedTensors,
    settings: PackedSettings,
    mark_weight: float,
    guess: HiddenPieces | None,
    left: float,
) -> Tensor:
    features, places = hide_pieces(batch.features, settings.hidden)
    states = student.states(features, batch.segments)
    logits = student.logits(states)
    loss = gold_loss(logits, batch, mark_weight)
    if batch.taught is not None:
        taught = taught_loss(logits, batch.taught.float(), batch, mark_weight)
        loss = settings.teacher_weight * taught + (1 - settings.teacher_weight) * loss
    if guess is not None:
        with student.shim.autocast():
            loss = loss + settings.guess_weight * left * guess(states[places], batch.features[places, 0])
    return loss
