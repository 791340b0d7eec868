"""Train a sentence model on packed batches: what `spacy train` does with the same config, without Examples between data and GPU."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from spacy.language import Language
from torch import Tensor, nn

from ..errors import Errors
from ..models.shim import VocabularyShim
from ..types import SentenceModel
from .checks import check_training
from .packed import NOT_TOLD, PackedBatch, Recipe, made_by_processes

# Share of the steps, at the end, that leave nothing out: after dropout alone probabilities come out too low.
LAST = 0.2
# Steps between two looks at the loss, which wait for the GPU.
LOOK = 50


@dataclass(frozen=True)
class PackedSettings:
    """How to train; the defaults are those of the embedded weights.

    steps (int): Batches. size (int): pieces of each. learn_rate (float): reached after `warmup` steps, then falling to 0.
    dropout (float): Share of the states left out, but not in the last fifth. n_processes (int): that make batches.
    """

    steps: int = 6600
    size: int = 65_536
    learn_rate: float = 0.004
    warmup: int = 400
    dropout: float = 0.05
    weight_decay: float = 0.01
    n_processes: int = 10
    seed: int = 1

    def check(self) -> None:
        """RAISES (ValueError): SEG200 for the first setting that cannot be."""
        check_training(self, steps=1, size=64, n_processes=1, warmup=0)
        if not 0 <= self.dropout < 1:
            raise ValueError(Errors.SEG200.format(name="dropout", expected="from 0 to below 1", value=self.dropout))

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        return self.learn_rate * min(1.0, (step + 1) / max(1, self.warmup)) * (1 - step / self.steps)

    def dropout_at(self, step: int) -> float:
        """The dropout of a step."""
        return self.dropout if step < (1 - LAST) * self.steps else 0.0


def train_packed(
    nlp: Language,
    config: dict[str, Any],
    settings: PackedSettings,
    *,
    component: str = "sentence_segmenter",
    watch: Callable[[int, float], Any] | None = None,
) -> None:
    """Train the model of a component that was initialised, where it stands (GPU or CPU).

    config (dict): Interpolated; `[corpora.train]` says what is read.
    watch (Callable or None): Called every LOOK steps with the number of steps done, and the loss of the last one.
    RAISES (ValueError): SEG434 for another encoder; SEG200, SEG210, SEG401 if the loss is not a number; errors of the readers.
    """
    settings.check()
    pipe: Any = nlp.get_pipe(component)
    encoder, head = cast(SentenceModel, pipe.model).layers
    if encoder.name != "banded_encoder":
        raise ValueError(Errors.SEG434.format(kind=encoder.name))
    shim = cast(VocabularyShim, encoder.shims[0])
    recipe = Recipe.of(config, shim.meta, size=settings.size, gap=shim.module.reach)
    torch.manual_seed(settings.seed)
    output = nn.Linear(head.get_dim("nI"), head.get_dim("nO"), device=shim.device)
    with torch.no_grad():
        for name, parameter in (("W", output.weight), ("b", output.bias)):
            parameter.copy_(torch.as_tensor(head.ops.to_numpy(head.get_param(name))))
    with made_by_processes(recipe, settings.n_processes) as batches:
        _train(shim, output, islice(batches, settings.steps), settings, pipe.cfg["mark_weight"], watch)
    shim.forget_changes()
    for name, parameter in (("W", output.weight), ("b", output.bias)):
        head.set_param(name, head.ops.asarray(parameter.detach().cpu().numpy()))


def _train(
    shim: VocabularyShim,
    output: nn.Linear,
    batches: Iterator[PackedBatch],
    settings: PackedSettings,
    mark_weight: float,
    watch: Callable[[int, float], Any] | None,
) -> None:
    parameters = [*shim.module.parameters(), *output.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=shim.device.type == "cuda")
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate(step)
        shim.set_dropout(settings.dropout_at(step))
        loss = packed_loss(shim, output, batch, mark_weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % LOOK == LOOK - 1 or step == settings.steps - 1:
            now = float(loss.detach())
            if not np.isfinite(now):
                raise ValueError(Errors.SEG401.format(text=f"step {step}"))
            if watch is not None:
                watch(step + 1, now)


def packed_loss(shim: VocabularyShim, output: nn.Linear, batch: PackedBatch, mark_weight: float) -> Tensor:
    """What `loss.sentence_loss` is, on the device of the module."""
    features = shim.tensor(batch.features.astype(np.int32))
    boundaries, marks = shim.tensor(batch.boundaries), shim.tensor(batch.marks)
    with shim.autocast():
        logits = output(shim.module.train()(features, shim.tensor(batch.segments))).float()
    counts = boundaries != NOT_TOLD
    n = counts.sum().clamp(min=1)
    gold = boundaries.clamp(min=0).float()
    loss = (F.binary_cross_entropy_with_logits(logits[:, 0], gold, reduction="none") * counts).sum() / n
    if logits.shape[1] > 1:
        told = counts & (marks != NOT_TOLD)
        mark_loss = F.cross_entropy(logits[:, 1:], marks.clamp(min=0).long(), reduction="none")
        loss = loss + mark_weight * (mark_loss * told).sum() / n
    return loss
