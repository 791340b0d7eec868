"""LocalContext: two neighbouring units, each encoded by itself, and three questions about them.

Lee et al. (2023), Topic segmentation model focusing on local context. One shared encoder; same-topic prediction (STP) and
next-sentence prediction (NSP) on pairs, topic classification (TC) on single units, trained together.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor

from ..topics import find_units
from ..types import EncoderModel, TopicGold, TopicLogits, TopicModel
from .labels import get_labels, init, set_labels, topic_shim
from .objective import finish_loss, merge_weights
from .shim import TorchShim
from .sizes import check_sizes
from .torch.pairs import PairHeads
from .units import begin_encode, check_own, unit_docs

# How much every question counts; 0 leaves it out.
WEIGHTS = {"stp": 1.0, "tc": 0.5, "nsp": 0.5}
# Units of a text that training reads at most: a run of them from a random place.
MAX_UNITS = 96
# Units encoded at once in prediction.
BATCH = 256


def LocalContext(
    encoder: EncoderModel,
    *,
    width: int = 192,
    lama_heads: int = 0,
    max_tokens: int = 128,
    weights: dict[str, float] | None = None,
    dtype: str = "auto",
) -> TopicModel:
    """Topic model that judges every gap by the units on both sides, encoded independently.

    width (int): Width of unit vectors.
    lama_heads (int): Heads of LAMA pooling, 0 for the mean.
    max_tokens (int): Tokens of a unit that are read.
    weights (dict or None): Questions that are not to count as `WEIGHTS` says: "stp" (same topic), "tc" (label of the
        topic), "nsp" (next unit or another one of the document).
    RAISES (ValueError): SEG200.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_sizes(width=width, max_tokens=max_tokens)
    check_sizes(least=0, lama_heads=lama_heads)
    check_own("encoder", encoder)
    build = partial(_build, settings=dict(width=width, lama_heads=lama_heads))
    return Model(
        "local_context",
        forward,
        init=init,
        layers=[encoder],
        shims=[TorchShim(build, dtype=dtype)],
        attrs={
            "units": "sentences",
            "max_tokens": max_tokens,
            "weights": merge_weights(WEIGHTS, weights),
            "begin_loss": begin_loss,
            "get_labels": get_labels,
            "set_labels": set_labels,
        },
    )


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict. Training goes through `begin_loss`."""
    return [_predict(model, doc) for doc in docs], lambda d_logits: docs


def _predict(model: TopicModel, doc: Doc) -> TopicLogits:
    shim = topic_shim(model)
    module = cast(PairHeads, shim.module.eval())
    singles = unit_docs(model.layers[0], doc, find_units(doc, model.attrs["units"]), model.attrs["max_tokens"])
    if not singles:
        return TopicLogits(np.zeros(0, "f"), None, np.zeros((0, len(get_labels(model))), "f"))
    vectors = []
    with torch.inference_mode(), shim.autocast():
        for begin in range(0, len(singles), BATCH):
            pieces = model.layers[0].predict(singles[begin : begin + BATCH])
            states = shim.tensor(np.concatenate([p.states for p in pieces]))
            vectors.append(_pool(module, states, [len(p.starts) for p in pieces]))
        v = torch.cat(vectors)
        boundary = -module.same_topic(torch.cat([v[:1], v[:-1]]), v)
        labels = module.label(v).float()
    return TopicLogits(boundary.cpu().numpy(), None, labels.cpu().numpy())


def begin_loss(
    model: TopicModel, docs: list[Doc], golds: list[TopicGold], drop: float, rng: np.random.Generator
) -> tuple[dict[str, float], Callable[[], None]]:
    """The objective on a batch.

    RETURNS (tuple): What every question's loss is, unweighted, and a function that computes the gradients.
    """
    shim = topic_shim(model)
    shim.set_dropout(drop)
    singles, owner, same, labels = [], [], [], []
    for i, (doc, gold) in enumerate(zip(docs, golds, strict=True)):
        found = unit_docs(model.layers[0], doc, find_units(doc, model.attrs["units"]), model.attrs["max_tokens"])
        first = int(rng.integers(max(1, len(found) - MAX_UNITS + 1)))
        run = slice(first, first + MAX_UNITS)
        singles += found[run]
        owner += [i] * len(found[run])
        same.append(~gold.boundary[run])
        labels.append(gold.labels[run])
    flat, pieces, backprop_encoder = begin_encode(model.layers[0], shim, singles)
    module = cast(PairHeads, shim.module.train())
    doc_of = np.asarray(owner)
    with shim.autocast():
        v = _pool(module, flat, [len(p.starts) for p in pieces])
        losses = _losses(model, module, v, doc_of, np.concatenate(same), np.concatenate(labels), rng)
    return finish_loss(losses, model.attrs["weights"], backprop_encoder)


def _losses(
    model: TopicModel,
    module: PairHeads,
    v: Tensor,
    doc_of: np.ndarray,
    same: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    weights = model.attrs["weights"]
    left = np.flatnonzero(doc_of[1:] == doc_of[:-1])
    losses = {}
    if weights["stp"]:
        gold = torch.as_tensor(same[left + 1].astype(np.float32), device=v.device)
        losses["stp"] = F.binary_cross_entropy_with_logits(module.same_topic(v[left], v[left + 1]), gold)
    if weights["nsp"]:
        # Half of the partners are the next unit, half any unit of the same document.
        low, high = np.searchsorted(doc_of, doc_of[left]), np.searchsorted(doc_of, doc_of[left], side="right")
        partner = np.where(rng.random(len(left)) < 0.5, left + 1, rng.integers(low, high))
        gold = torch.as_tensor((partner == left + 1).astype(np.float32), device=v.device)
        losses["nsp"] = F.binary_cross_entropy_with_logits(module.follows(v[left], v[partner]), gold)
    if weights["tc"] and len(get_labels(model)):
        losses["tc"] = F.cross_entropy(module.label(v).float(), torch.as_tensor(labels, device=v.device))
    return losses


def _pool(module: PairHeads, states: Tensor, n_pieces: list[int]) -> Tensor:
    """One vector per Doc; every Doc is a document of its own to the pooling."""
    units = torch.arange(len(n_pieces), device=states.device)
    return module.pool(states, units.repeat_interleave(torch.as_tensor(n_pieces, device=states.device)), units)


def _build(meta: dict[str, Any], *, settings: dict[str, int]) -> PairHeads:
    return PairHeads(input_width=meta["input_width"], n_labels=len(meta["labels"]), **settings)
