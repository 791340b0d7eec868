"""SaT: an encoder with limited look-ahead and one boundary logit per piece.

Frohmann et al. (2024), Segment Any Text.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Linear, Model
from torch import Tensor

from ..adapters import active_adapter
from ..errors import Errors
from ..rescoring import NO_RESCORING, SIZE
from ..types import EncoderModel, Floats2d, PieceStates, SentenceModel
from . import serialize
from .weights import pretrained_path, wrong_encoder


def SaT(encoder: EncoderModel, *, n_marks: int = 0, pretrained: str | None = None) -> SentenceModel:
    """Sentence model: logits per piece, column 0 = "a sentence ends with this piece".

    n_marks (int): Further columns for training only: which punctuation mark stood after the piece (soft-max;
        the first of them is "none"). 0 trains without this target.
    pretrained (str or None): Name of weights inside the package to start from. They are those of the small encoder; an
        encoder that brings its own weights keeps them.
    RAISES (ValueError): SEG201; SEG301 for weights of another encoder.

    Its parameter "rescoring", (SIZE,) or empty, holds the weights of `rescoring.rescore`, which the component applies to the logits.

    Shape: list of Docs -> list of PieceStates with states (n_pieces, 1 + n_marks) in training, at least column 0 of
    them in prediction
    """
    head = Linear(nO=1 + n_marks, nI=encoder.maybe_get_dim("nO"), init_W=_zeros)
    params = {"rescoring": NO_RESCORING}
    model: SentenceModel = Model("sat", forward, init=init, layers=[encoder, head], params=params)
    if pretrained is not None and "pretrained_head" not in encoder.attrs:
        if "set_vocabulary" not in encoder.attrs:
            raise wrong_encoder(encoder, "spacy_segment.BandedEncoder.v1")
        load_weights(model, pretrained_path(pretrained).read_bytes())
    return model


def forward(
    model: SentenceModel, docs: list[Doc], is_train: bool
) -> tuple[list[PieceStates], Callable[[list[Floats2d]], list[Doc]]]:
    """Logits of all pieces: of a boundary after each, and in training of the mark that stood there."""
    encoder, head = model.layers
    if not head.has_param("W"):
        if "pretrained_head" not in encoder.attrs:
            raise ValueError(Errors.SEG302)
        init(model)
    if not is_train and "project" in encoder.attrs:
        return encoder.attrs["project"](encoder, docs, _boundary_projection(head)), lambda d_logits: docs
    if active_adapter() is not None:
        raise ValueError(Errors.SEG331)
    ops = model.ops
    states, backprop_encoder = encoder(docs, is_train)
    nothing = np.zeros((0, head.get_dim("nI")), dtype=np.float32)
    flat_logits, backprop_head = head(ops.asarray2f(np.concatenate([nothing, *(s.states for s in states)])), is_train)

    def of_docs(rows: Floats2d) -> list[PieceStates]:
        parts = np.split(ops.to_numpy(rows), np.cumsum([len(s.starts) for s in states], dtype=np.int64))
        return [PieceStates(part, s.starts, s.ends) for part, s in zip(parts, states, strict=False)]

    def backprop(d_logits: list[Floats2d]) -> list[Doc]:
        return backprop_encoder(of_docs(backprop_head(ops.asarray2f(np.concatenate(d_logits)))))

    return of_docs(flat_logits), backprop


def _boundary_projection(head: Model[Floats2d, Floats2d]) -> Callable[[Floats2d], Floats2d]:
    """Column 0 of the head, or of the head of the active adapter: prediction has no use for the marks."""
    adapter = active_adapter()
    if adapter is None:
        W, b = head.get_param("W"), head.get_param("b")
    else:
        W, b = (head.ops.asarray(adapter.weights[name]) for name in ("head.W", "head.b"))
    return lambda states: states @ W[:1].T + b[:1]


def init(model: SentenceModel, X: Any = None, Y: Any = None) -> None:
    """Give fresh weights to whatever has none; a checkpoint may bring those of the boundary."""
    encoder, head = model.layers
    encoder.initialize(X=X)
    head.set_dim("nI", encoder.get_dim("nO"))
    if not head.has_param("W"):
        head.initialize()
        found = encoder.attrs.get("pretrained_head", lambda encoder: None)(encoder)
        for name, values in zip(("W", "b"), found or (), strict=False):
            weights = model.ops.to_numpy(head.get_param(name)).copy()
            weights[:1] = values
            head.set_param(name, model.ops.asarray(weights))


def weights_of(model: SentenceModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """RETURNS (tuple): All weights by name, copied, and the vocabulary."""
    encoder, head = model.layers
    tensors, meta = serialize.read(encoder.shims[0].to_bytes())
    for name in head.param_names:
        tensors[f"head.{name}"] = torch.from_numpy(np.array(model.ops.to_numpy(head.get_param(name))))
    rescoring = np.array(model.ops.to_numpy(model.get_param("rescoring")))
    if len(rescoring):
        tensors["rescoring"] = torch.from_numpy(rescoring)
    return tensors, meta


def weights_to_bytes(model: SentenceModel) -> bytes:
    """All weights and the vocabulary as one packed safetensors file, as kept in `pretrained/`."""
    return serialize.pack(*weights_of(model))


def load_weights(model: SentenceModel, data: bytes) -> None:
    """Take over what `weights_to_bytes` wrote.

    RAISES (ValueError): SEG300, SEG301.
    """
    restore_weights(model, *serialize.read(data))


def restore_weights(model: SentenceModel, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Take over what `weights_of` gave. RAISES (ValueError): SEG301."""
    encoder, head = model.layers
    tensors = dict(tensors)
    rescoring = tensors.pop("rescoring", torch.from_numpy(NO_RESCORING))
    if rescoring.shape not in ((0,), (SIZE,)):
        raise ValueError(
            Errors.SEG301.format(problems=f"rescoring has shape {tuple(rescoring.shape)}, expected ({SIZE},)")
        )
    model.set_param("rescoring", model.ops.asarray(rescoring.numpy()))
    for name in head.param_names:
        weights = tensors.pop(f"head.{name}", None)
        wanted = (head.get_dim("nO"), head.get_dim("nI"))[: 2 if name == "W" else 1]
        if weights is None or tuple(weights.shape) != wanted:
            found = None if weights is None else tuple(weights.shape)
            raise ValueError(Errors.SEG301.format(problems=f"head.{name} has shape {found}, expected {wanted}"))
        head.set_param(name, model.ops.asarray(weights.numpy()))
    encoder.shims[0].restore(tensors, meta)


def _zeros(ops: Any, shape: tuple[int, ...]) -> Floats2d:
    return ops.alloc_f(shape)
