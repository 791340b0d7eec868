"""Labels of topics: part of what a trained topic model is built from, for they have columns in its last layer."""

from typing import Any, cast

from spacy.tokens import Doc

from ..types import TopicModel
from .shim import TorchShim


def init(model: TopicModel, X: list[Doc] | None = None, Y: Any = None) -> None:
    """Give fresh weights to whatever has none."""
    model.layers[0].initialize(X=X)
    if not topic_shim(model).is_built:
        set_labels(model, ())


def get_labels(model: TopicModel) -> tuple[str, ...]:
    """Labels of topics, those that logits have columns for."""
    return tuple(topic_shim(model).meta.get("labels", ()))


def set_labels(model: TopicModel, labels: tuple[str, ...]) -> None:
    """Build the model for these labels; of a model that is there, all but the label head stays if labels change."""
    shim = topic_shim(model)
    if shim.is_built and get_labels(model) == tuple(labels):
        return
    kept = dict(shim.module.state_dict()) if shim.is_built else {}
    shim.setup({"labels": list(labels), "input_width": model.layers[0].get_dim("nO")})
    fresh = shim.module.state_dict()
    shim.restore({k: kept.get(k, v) if not k.startswith("label.") else v for k, v in fresh.items()}, shim.meta)


def topic_shim(model: TopicModel) -> TorchShim:
    """The module over the encoder; its meta data hold the labels."""
    return cast(TorchShim, model.shims[0])
