"""Labels of topics: part of what a trained topic model is built from, for they have columns in its last layer."""

from typing import Any, cast

from spacy.tokens import Doc

from ..types import TopicModel
from .shim import TorchShim

# Names, in what a module is built from, of the widths of the encoders below it.
WIDTHS = ("input_width", "unit_width")


def init(model: TopicModel, X: list[Doc] | None = None, Y: Any = None) -> None:
    """Give fresh weights to whatever has none."""
    for encoder in model.layers:
        encoder.initialize(X=X)
    set_labels(model, get_labels(model))


def get_labels(model: TopicModel) -> tuple[str, ...]:
    """Labels of topics, those that logits have columns for."""
    return tuple(topic_shim(model).meta.get("labels", ()))


def set_labels(model: TopicModel, labels: tuple[str, ...]) -> None:
    """Build the model for these labels, and for the encoders below it.

    Of a model that is there all stays but the label head, if labels change; what is new starts fresh.
    """
    shim = topic_shim(model)
    meta = {"labels": list(labels)} | dict(zip(WIDTHS, (layer.get_dim("nO") for layer in model.layers), strict=False))
    if shim.is_built and shim.meta == meta:
        return
    same = get_labels(model) == tuple(labels)
    kept = dict(shim.module.state_dict()) if shim.is_built else {}
    shim.setup(meta)
    fresh = shim.module.state_dict()
    shim.restore({k: kept.get(k, v) if same or not k.startswith("label.") else v for k, v in fresh.items()}, meta)


def topic_shim(model: TopicModel) -> TorchShim:
    """The module over the encoder; its meta data hold the labels."""
    return cast(TorchShim, model.shims[0])
