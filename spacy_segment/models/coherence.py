"""Coherence: vectors of units, a document encoder over the whole document, boundaries and labels.

Yu et al. (2023), Improving long document topic segmentation models with enhanced coherence modeling. Their long
transformer over tokens is taken apart here: any encoder makes a vector of every unit, and a small encoder of linear
cost reads the vectors. A disarrayed document is then a permutation of vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model
from torch import Tensor

from ..topics import Units, find_units
from ..types import EncoderModel, Ints1d, PieceStates, TopicGold, TopicLogits, TopicModel
from . import serialize
from .change_point import change_point_logits
from .labels import get_labels, init, set_labels, topic_shim
from .shim import TorchShim, check_sizes
from .similarity import directions, topic_places
from .torch.coherence import Coherence as CoherenceModule
from .torch.objectives import IGNORE, boundary_loss, contrastive_loss, disarray
from .torch.units import run_means
from .units import N_VALUES, begin_encode, blocks, finish_loss, owners, surface_features
from .weights import pretrained_path

# How much every part of the objective counts; 0 switches it off.
WEIGHTS = {"boundary": 1.0, "any_level": 0.3, "labels": 0.2, "disarrayed": 0.5, "tssp": 0.25, "cssl": 0.25}
# Penalty of the change points beside a trained model.
CHANGE_PENALTY = 2.0


def Coherence(
    encoder: EncoderModel,
    *,
    width: int = 192,
    n_layers: int = 2,
    n_heads: int = 4,
    conv_width: int = 9,
    span: int = 48,
    lama_heads: int = 0,
    n_opening: int = 8,
    weights: dict[str, float] | None = None,
    piece_dropout: float = 0.3,
    feature_dropout: float = 0.3,
    change_point: float = 0.5,
    pretrained: str | None = None,
    dtype: str = "auto",
) -> TopicModel:
    """Topic model over a whole document of any length, at linear cost.

    span (int): Units seen to either side in each layer.
    lama_heads (int): Heads of LAMA pooling, 0 for the mean; n_opening (int): first pieces of a unit read in order.
    weights (dict or None): Parts of the objective that are not to count as `WEIGHTS` says: "boundary", "any_level",
        "labels", "disarrayed", "tssp" (topic-aware sentence structure prediction), "cssl" (contrasts).
    piece_dropout, feature_dropout (float): How often a piece, or a surface feature of all units of a text, is
        left out in training.
    change_point (float): Weight of the log-odds of `ChangePoint` on the same vectors, which are added to those of main
        boundaries in prediction: they weigh the document as a whole, the trained model a neighbourhood.
    pretrained (str or None): Name of weights inside the package to start from.
    RAISES (ValueError): SEG201, SEG301.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_sizes(n_layers=n_layers, n_heads=n_heads, conv_width=conv_width, span=span)
    settings = dict(
        width=width,
        n_layers=n_layers,
        n_heads=n_heads,
        conv_width=conv_width,
        span=span,
        lama_heads=lama_heads,
        n_opening=n_opening,
    )
    model: TopicModel = Model(
        "coherence",
        forward,
        init=init,
        layers=[encoder],
        shims=[TorchShim(partial(_build, settings=settings), dtype=dtype)],
        attrs={
            "units": "sentences",
            "weights": {**WEIGHTS, **(weights or {})},
            "piece_dropout": piece_dropout,
            "feature_dropout": feature_dropout,
            "change_point": change_point,
            "begin_loss": begin_loss,
            "get_labels": get_labels,
            "set_labels": set_labels,
        },
    )
    if pretrained is not None:
        load_weights(model, pretrained_path(pretrained).read_bytes())
    return model


@dataclass(frozen=True)
class _Run:
    """All units of a batch behind each other, pads after every Doc.

    unit_of (Tensor): (n_pieces,) place of the unit of every piece; docs (Tensor): (n,) Doc of every unit, -1 on pads.
    rows (list of slices): Where the units of every Doc stand.
    """

    unit_of: Tensor
    features: Tensor
    docs: Tensor
    rows: list[slice]


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict. Training goes through `begin_loss`, for its objective needs more than these logits."""
    shim = topic_shim(model)
    module = cast(CoherenceModule, shim.module)
    results = []
    for doc in docs:
        units = find_units(doc, model.attrs["units"])
        n = len(units.starts)
        if not n:
            results.append(TopicLogits(np.zeros(0, "f"), np.zeros(0, "f"), np.zeros((0, len(get_labels(model))), "f")))
            continue
        vectors, raws, counts = [], [], []
        for block, rows, starts in blocks(doc, units):
            pieces = model.layers[0].predict([block])[0]
            unit_of = owners(pieces, starts)
            with torch.inference_mode():
                states, of = shim.tensor(pieces.states), shim.tensor(unit_of)
                size = rows.stop - rows.start
                vectors.append(module.eval().pool(states, of, of.new_zeros(size)))
                raws.append(run_means(states, of, size))
            counts.append(np.bincount(unit_of, minlength=size))
        features = surface_features(units, np.concatenate(counts))
        inputs = (torch.cat(vectors), torch.cat(raws), shim.tensor(features), shim.tensor(np.zeros(n, dtype=np.int64)))
        boundary, labels = shim.predict(ArgsKwargs(inputs, {}))
        boundary, labels = boundary.float().cpu().numpy(), labels.float().cpu().numpy()
        if model.attrs["change_point"]:
            vectors_of_units = directions(torch.cat(raws).float().cpu().numpy())
            whole = change_point_logits(vectors_of_units, topic_places(units), penalty=CHANGE_PENALTY)
            boundary[:, 0] += model.attrs["change_point"] * whole
        results.append(TopicLogits(boundary[:, 0], boundary[:, 1], labels))
    return results, lambda d_logits: docs


def begin_loss(
    model: TopicModel, docs: list[Doc], golds: list[TopicGold], drop: float, rng: np.random.Generator
) -> tuple[dict[str, float], Callable[[], None]]:
    """The objective on a batch.

    RETURNS (tuple): What every part of the objective is, unweighted, and a function that computes the gradients.
    """
    encoder, shim = model.layers[0], topic_shim(model)
    shim.set_dropout(drop)
    flat, pieces, backprop_encoder = begin_encode(encoder, shim, docs)
    module = cast(CoherenceModule, shim.module.train())
    run = _flatten(shim, module, [find_units(doc, model.attrs["units"]) for doc in docs], pieces)
    with shim.autocast():
        losses = _losses(model, module, flat, run, golds, rng)
    return finish_loss(losses, model.attrs["weights"], backprop_encoder)


def _losses(
    model: TopicModel,
    module: CoherenceModule,
    states: Tensor,
    run: _Run,
    golds: list[TopicGold],
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    weights, device = model.attrs["weights"], states.device
    kept = torch.as_tensor(np.flatnonzero(rng.random(len(states)) >= model.attrs["piece_dropout"]), device=device)
    owner = run.docs.clamp(min=0)
    vectors = module.pool(states[kept], run.unit_of[kept], owner)
    raw = run_means(states[kept], run.unit_of[kept], len(owner))
    told = rng.random((int(owner.max()) + 1, len(N_VALUES))) >= model.attrs["feature_dropout"]
    features = run.features * torch.as_tensor(told, device=device)[owner]
    gold = {name: _spread(run, [getattr(g, name) for g in golds]) for name in ("boundary", "any_level", "labels")}
    hidden = module.encode(vectors, raw, features, run.docs)
    logits = module.boundary(module.judge(hidden))
    losses = {
        "boundary": boundary_loss(logits[:, 0], gold["boundary"], run.docs),
        "any_level": boundary_loss(logits[:, 1], gold["any_level"], run.docs),
    }
    if len(get_labels(model)):
        target = torch.where(run.docs >= 0, gold["labels"].long(), IGNORE)
        losses["labels"] = torch.nn.functional.cross_entropy(module.label(hidden).float(), target, ignore_index=IGNORE)
    docs, boundary = run.docs.cpu().numpy(), gold["boundary"].cpu().numpy()
    if weights["cssl"]:
        losses["cssl"] = contrastive_loss(hidden, docs, boundary)
    if weights["disarrayed"] or weights["tssp"]:
        new = disarray(docs, boundary, rng, gap=_gap(module))
        order, new_docs = (torch.as_tensor(a, device=device) for a in (new.order, new.docs))
        pad = (order >= 0)[:, None]
        judged = module.judge(module.encode(vectors[order] * pad, raw[order] * pad, features[order] * pad, new_docs))
        relation = torch.as_tensor(new.relation, device=device)
        losses["disarrayed"] = boundary_loss(
            module.boundary(judged)[:, 0], torch.as_tensor(new.boundary, device=device), new_docs
        )
        losses["tssp"] = torch.nn.functional.cross_entropy(
            module.succession(judged).float(), relation, ignore_index=IGNORE
        )
    return losses


def _flatten(shim: TorchShim, module: CoherenceModule, units: list[Units], pieces: list[PieceStates]) -> _Run:
    gap = _gap(module)
    unit_of, features, docs, rows, start = [], [], [], [], 0
    for i, (u, p) in enumerate(zip(units, pieces, strict=True)):
        n = len(u.starts)
        of = owners(p, u.starts)
        unit_of.append(of + start)
        features += [surface_features(u, np.bincount(of, minlength=n)), np.zeros((gap, len(N_VALUES)), dtype=np.int64)]
        docs += [np.full(n, i), np.full(gap, -1)]
        rows.append(slice(start, start + n))
        start += n + gap
    unit, feature, doc = (shim.tensor(np.concatenate(x).astype(np.int64)) for x in (unit_of, features, docs))
    return _Run(unit, feature, doc, rows)


def _spread(run: _Run, values: list[Ints1d]) -> Tensor:
    flat = np.zeros(len(run.docs), dtype=np.int64)
    for row, value in zip(run.rows, values, strict=True):
        flat[row] = value
    return torch.as_tensor(flat, device=run.docs.device)


def _gap(module: CoherenceModule) -> int:
    """Pads that keep the convolutions of one document from seeing the next."""
    return module.encode.reach


def weights_to_bytes(model: TopicModel) -> bytes:
    """All weights, vocabulary and labels as one packed safetensors file, as kept in `pretrained/`."""
    tensors: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    for name, shim in _parts(model).items():
        part, meta[name] = serialize.read(shim.to_bytes())
        tensors |= {f"{name}.{key}": value for key, value in part.items()}
    return serialize.pack(tensors, meta)


def load_weights(model: TopicModel, data: bytes) -> None:
    """Take over what `weights_to_bytes` wrote.

    RAISES (ValueError): SEG300, SEG301.
    """
    tensors, meta = serialize.read(data)
    for name, shim in _parts(model).items():
        shim.restore(*serialize.part(tensors, meta, name))


def _parts(model: TopicModel) -> dict[str, TorchShim]:
    return {"encoder": cast(TorchShim, model.layers[0].shims[0]), "topics": topic_shim(model)}


def _build(meta: dict[str, Any], *, settings: dict[str, int]) -> CoherenceModule:
    if not isinstance(meta["labels"], list) or not all(isinstance(label, str) for label in meta["labels"]):
        raise TypeError("labels are a list of names")
    return CoherenceModule(input_width=meta["input_width"], n_labels=len(meta["labels"]), n_values=N_VALUES, **settings)
