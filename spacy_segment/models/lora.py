"""Training of adapters with `peft`. Prediction needs nothing but the adapter (`models/torch/low_rank.py`).

Low-rank layers are put into the encoder for the time of training and taken out again: the base is never changed.

Hu et al. (2022), LoRA.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from ..adapters import TRAINING, Adapter
from ..checks import check_positive
from ..errors import Errors
from ..types import Floats2d, SentenceModel
from .shim import TorchShim
from .sizes import check_sizes
from .torch.low_rank import changed_weights, find_targets, fingerprint, freeze_key, to_array

HEAD = ("W", "b")


@dataclass(frozen=True, eq=False)
class Training:
    """An adapter in training. tuner: of `peft`; base: fingerprint; head, dropout: of the base."""

    tuner: Any
    scale: float
    targets: list[str]
    base: str
    head: dict[str, Floats2d]
    dropout: float


def begin_training(model: SentenceModel, *, rank: int, alpha: float) -> None:
    """Make `model` train an adapter: low-rank changes of query, value and feed-forward up, and the head.
    What its encoder still has to read is read.

    RAISES (ImportError): SEG431 without `peft`. (ValueError): SEG430 if the encoder has no such layers; SEG200.
    """
    check_positive(alpha=alpha)
    shim, head = _shim(model), model.layers[1]
    if not head.has_param("W"):
        model.initialize()
    targets = find_targets(shim.module)
    if not targets:
        raise ValueError(Errors.SEG430.format(kind=type(shim.module).__name__))
    # No matrix has a rank above its smaller side.
    check_sizes(most=min(min(shim.module.get_submodule(name).weight.shape) for name in targets), rank=rank)
    try:
        from peft import LoraConfig, LoraModel
    except ImportError as error:
        raise ImportError(Errors.SEG431) from error
    base = fingerprint(shim.module, targets)
    for parameter in shim.module.parameters():
        parameter.grad = None
    pattern = "|".join(map(re.escape, targets))
    tuner = LoraModel(shim.module, LoraConfig(r=rank, lora_alpha=cast(Any, alpha), target_modules=pattern), "default")
    shim.trains_adapter = True
    for name in targets:
        freeze_key(name, _low_rank(shim, name)[1])
    kept = {name: np.array(model.ops.to_numpy(head.get_param(name))) for name in HEAD}
    model.attrs[TRAINING] = Training(tuner, alpha / rank, targets, base, kept, model.layers[0].attrs["dropout_rate"])


def is_training(model: SentenceModel) -> bool:
    """Whether the model is between `begin_training` and `end_training`."""
    return TRAINING in model.attrs


def read_adapter(model: SentenceModel, threshold: float | None, strength: float = 1.0) -> Adapter:
    """What the model has learned since `begin_training`.

    strength (float): How far the adapter goes from the base, 0, to what was learned, 1.
    """
    training: Training = model.attrs[TRAINING]
    weights = {}
    for name in training.targets:
        a, b = map(to_array, _low_rank(_shim(model), name))
        weights[f"{name}.a"], weights[f"{name}.b"] = a, strength * b
    for name, base in training.head.items():
        learned = np.asarray(model.ops.to_numpy(model.layers[1].get_param(name)))
        weights[f"head.{name}"] = (base + strength * (learned - base)).astype(np.float32)
    return Adapter(weights, training.scale, threshold, training.base)


def write_adapter(model: SentenceModel, adapter: Adapter) -> None:
    """Go on from what `read_adapter` gave earlier."""
    training: Training = model.attrs[TRAINING]
    with torch.no_grad():
        for name in training.targets:
            for end, matrix in zip((".a", ".b"), _low_rank(_shim(model), name), strict=True):
                matrix.copy_(torch.as_tensor(adapter.weights[name + end]))
    for name in HEAD:
        model.layers[1].set_param(name, model.ops.asarray(adapter.weights[f"head.{name}"].copy()))


def end_training(model: SentenceModel) -> None:
    """Make the model what it was before `begin_training`."""
    training: Training = model.attrs.pop(TRAINING)
    training.tuner.unload()
    _shim(model).trains_adapter = False
    for parameter in _shim(model).module.parameters():
        parameter.requires_grad_(True)
    model.layers[0].attrs["dropout_rate"] = training.dropout
    for name, value in training.head.items():
        model.layers[1].set_param(name, model.ops.asarray(value))


@contextmanager
def train_adapter(model: SentenceModel, *, rank: int, alpha: float) -> Iterator[None]:
    """`begin_training` before and `end_training` after a block."""
    begin_training(model, rank=rank, alpha=alpha)
    try:
        yield
    finally:
        end_training(model)


def merge_adapter(model: SentenceModel, adapter: Adapter) -> None:
    """Make an adapter part of the weights. RAISES (ValueError): SEG331 if it was made for other weights."""
    shim, head = _shim(model), model.layers[1]
    shim.forget_changes()
    parameters = dict(shim.module.named_parameters())
    with torch.no_grad():
        for name, weight in changed_weights(shim.module, adapter).items():
            parameters[name].copy_(weight)
    for name in HEAD:
        head.set_param(name, model.ops.asarray(adapter.weights[f"head.{name}"].copy()))


def _low_rank(shim: TorchShim, name: str) -> tuple[Any, Any]:
    layer: Any = shim.module.get_submodule(name)
    return layer.lora_A["default"].weight, layer.lora_B["default"].weight


def _shim(model: SentenceModel) -> TorchShim:
    """RAISES (ValueError): SEG430 if the encoder is not a torch module of ours."""
    encoder = model.layers[0]
    if not encoder.shims or not isinstance(encoder.shims[0], TorchShim):
        raise ValueError(Errors.SEG430.format(kind=encoder.name))
    return encoder.shims[0]
