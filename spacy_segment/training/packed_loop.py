"""Train a sentence model on packed batches: what `spacy train` does with the same config, without Examples between data and GPU."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from spacy.language import Language
from torch import Tensor, nn

from ..errors import Errors
from ..models.shim import VocabularyShim
from ..rescoring import NO_RESCORING
from ..types import SentenceModel
from .checks import check_training
from .optimizer import read_checkpoint, stored_state, write_checkpoint
from .packed import NOT_TOLD, PackedBatch, Recipe, made_by_processes

# Share of the steps, at the end, that leave nothing out: after dropout alone probabilities come out too low.
LAST = 0.2
# Steps between two looks at the loss, which wait for the GPU; and between checkpoints.
LOOK = 50
EVERY = 200


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

    def is_due(self, step: int, every: int) -> bool:
        """Whether something is done after this step that is done every so many steps, and at the end."""
        return step % every == every - 1 or step == self.steps - 1


def train_packed(
    nlp: Language,
    config: dict[str, Any],
    settings: PackedSettings,
    *,
    component: str = "sentence_segmenter",
    checkpoint: Path | None = None,
    watch: Callable[[int, float], Any] | None = None,
) -> None:
    """Train the model of a component that was initialised, where it stands (GPU or CPU).

    config (dict): Interpolated; `[corpora.train]` says what is read.
    checkpoint (Path or None): Written every EVERY steps and at the end; if it is there, training goes on from it, on other texts.
    watch (Callable or None): Called every LOOK steps with the number of steps done, and the loss of the last one.
    RAISES (ValueError): SEG434 for another encoder; SEG200, SEG210, SEG401 if the loss is not a number; SEG420 for a checkpoint of another
        model; errors of the readers; OSError: SEG421, SEG435.
    """
    settings.check()
    pipe: Any = nlp.get_pipe(component)
    encoder, head = cast(SentenceModel, pipe.model).layers
    if encoder.name != "banded_encoder":
        raise ValueError(Errors.SEG434.format(kind=encoder.name))
    pipe.model.set_param("rescoring", NO_RESCORING)
    shim = cast(VocabularyShim, encoder.shims[0])
    recipe = Recipe.of(config, shim.meta, size=settings.size, gap=shim.module.reach)
    torch.manual_seed(settings.seed)
    output = nn.Linear(head.get_dim("nI"), head.get_dim("nO"), device=shim.device)
    with torch.no_grad():
        for name, parameter in (("W", output.weight), ("b", output.bias)):
            parameter.copy_(torch.as_tensor(head.ops.to_numpy(head.get_param(name))))
    optimizer = _optimizer([*shim.module.parameters(), *output.parameters()], settings.weight_decay)
    done = _resume(checkpoint, optimizer) if checkpoint is not None and checkpoint.exists() else 0
    with made_by_processes(recipe, settings.n_processes, first_seed=done) as batches:
        for step, batch in zip(range(done, settings.steps), batches, strict=False):
            shim.set_dropout(settings.dropout_at(step))
            loss = packed_loss(shim, output, batch, pipe.cfg["mark_weight"])
            _step(optimizer, loss, settings.rate(step))
            if settings.is_due(step, LOOK):
                now = float(loss.detach())
                if not np.isfinite(now):
                    raise ValueError(Errors.SEG401.format(text=f"step {step}"))
                if watch is not None:
                    watch(step + 1, now)
            if checkpoint is not None and settings.is_due(step, EVERY):
                _write(checkpoint, step + 1, optimizer)
    shim.forget_changes()
    for name, parameter in (("W", output.weight), ("b", output.bias)):
        head.set_param(name, head.ops.asarray(parameter.detach().cpu().numpy()))


def _optimizer(parameters: list[nn.Parameter], weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; vectors (biases, norms) do not decay."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=parameters[0].device.type == "cuda")


def _step(optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(_parameters(optimizer), 1.0)
    optimizer.step()


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _write(path: Path, steps: int, optimizer: torch.optim.Optimizer) -> None:
    """Write weights, moments and the number of steps. RAISES (OSError): SEG421."""
    of = ((p, optimizer.state[p]) for p in _parameters(optimizer))
    states = ((p, state["exp_avg"], state["exp_avg_sq"]) for p, state in of)
    write_checkpoint(path, steps, ([tensor.detach().cpu().numpy() for tensor in state] for state in states))


def _resume(path: Path, optimizer: torch.optim.Optimizer) -> int:
    """Put weights and moments of a checkpoint in place. RETURNS (int): Steps done. RAISES (ValueError): SEG420."""
    steps, arrays = read_checkpoint(path)
    for place, parameter in enumerate(_parameters(optimizer)):
        stored = stored_state(path, arrays, place, parameter.shape, f"parameter {place}")
        weights, first, second = (torch.as_tensor(array, device=parameter.device) for array in stored)
        with torch.no_grad():
            parameter.copy_(weights)
        count = torch.tensor(float(steps), device=parameter.device)
        optimizer.state[parameter] = {"step": count, "exp_avg": first, "exp_avg_sq": second}
    return steps


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
