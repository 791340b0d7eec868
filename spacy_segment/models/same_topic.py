"""SameTopic: a cross-encoder reads two units together and says whether they are of one topic.

Aumiller et al. (2021), Structural text segmentation of legal documents. Boundaries are the neighbours that are not; every gap is
judged by itself. Training pairs come from the same document: as many of one section as of two.
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

from ..align import text_length
from ..topics import find_units
from ..types import EncoderModel, PieceStates, TopicGold, TopicLogits, TopicModel
from .labels import init, topic_shim
from .objective import finish_loss
from .shim import TorchShim
from .sizes import check_sizes
from .torch.pairs import PairHeads
from .units import begin_encode, check_own, unit_docs

# Units of a batch that training takes pairs from at most.
MAX_ANCHORS = 16
# Pairs encoded at once in prediction.
BATCH = 128


def SameTopic(
    encoder: EncoderModel,
    *,
    width: int = 192,
    lama_heads: int = 0,
    max_tokens: int = 128,
    n_pairs: int = 3,
    dtype: str = "auto",
) -> TopicModel:
    """Topic model that reads both units of a gap at once: the encoder sees across the gap.

    width (int): Width of the pooled vectors of the two.
    max_tokens (int): Tokens of a unit that are read.
    n_pairs (int): Pairs of the same section, and as many of two sections, per unit in training.
    RAISES (ValueError): SEG200.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_sizes(width=width, max_tokens=max_tokens, n_pairs=n_pairs)
    check_sizes(least=0, lama_heads=lama_heads)
    check_own("encoder", encoder)
    build = partial(_build, settings=dict(width=width, lama_heads=lama_heads))
    return Model(
        "same_topic",
        forward,
        init=init,
        layers=[encoder],
        shims=[TorchShim(build, dtype=dtype)],
        attrs={
            "units": "sentences",
            "max_tokens": max_tokens,
            "n_pairs": n_pairs,
            "weights": {"stp": 1.0},
            "begin_loss": begin_loss,
        },
    )


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict. Training goes through `begin_loss`."""
    return [TopicLogits(_boundary_logits(model, doc)) for doc in docs], lambda d_logits: docs


def _boundary_logits(model: TopicModel, doc: Doc) -> np.ndarray:
    shim = topic_shim(model)
    module = cast(PairHeads, shim.module.eval())
    units = unit_docs(model.layers[0], doc, find_units(doc, model.attrs["units"]), model.attrs["max_tokens"])
    logits = np.zeros(len(units), dtype=np.float32)
    with torch.inference_mode(), shim.autocast():
        for begin in range(1, len(units), BATCH):
            places = range(begin, min(begin + BATCH, len(units)))
            pairs = [_join(units[i - 1], units[i]) for i in places]
            pieces = model.layers[0].predict([doc for doc, _ in pairs])
            states = shim.tensor(np.concatenate([p.states for p in pieces]))
            same = _judge(module, states, pieces, [middle for _, middle in pairs])
            logits[places.start : places.stop] = -same.cpu().numpy()
    return logits


def begin_loss(
    model: TopicModel, docs: list[Doc], golds: list[TopicGold], drop: float, rng: np.random.Generator
) -> tuple[dict[str, float], Callable[[], None]]:
    """The objective on a batch: binary cross-entropy of "the same topic" on sampled pairs.

    RETURNS (tuple): The loss by name, and a function that computes the gradients.
    """
    shim = topic_shim(model)
    shim.set_dropout(drop)
    pairs, same = [], []
    for doc, gold in zip(docs, golds, strict=True):
        units = unit_docs(model.layers[0], doc, find_units(doc, model.attrs["units"]), model.attrs["max_tokens"])
        for first, second, is_same in sample_pairs(gold.boundary, model.attrs["n_pairs"], len(docs), rng):
            pairs.append(_join(units[first], units[second]))
            same.append(is_same)
    if not pairs:
        return {"stp": 0.0}, lambda: None
    flat, pieces, backprop_encoder = begin_encode(model.layers[0], shim, [doc for doc, _ in pairs])
    module = cast(PairHeads, shim.module.train())
    with shim.autocast():
        logits = _judge(module, flat, pieces, [middle for _, middle in pairs])
        loss = F.binary_cross_entropy_with_logits(
            logits, torch.as_tensor(same, device=flat.device, dtype=torch.float32)
        )
    return finish_loss({"stp": loss}, model.attrs["weights"], backprop_encoder)


def sample_pairs(
    boundary: np.ndarray, n_pairs: int, n_docs: int, rng: np.random.Generator
) -> list[tuple[int, int, bool]]:
    """Pairs of units of one document, in their order: of the same section, and of two.

    A batch of `n_docs` documents gives `MAX_ANCHORS` units a partner. Sections of one unit have no pairs of their own.
    RETURNS (list of tuples): Two units, and whether they are of one section.
    """
    section = np.cumsum(boundary)
    anchors = rng.permutation(len(section))[: max(1, MAX_ANCHORS // n_docs)]
    pairs = []
    for anchor in anchors.tolist():
        inside = np.flatnonzero((section == section[anchor]) & (np.arange(len(section)) != anchor))
        outside = np.flatnonzero(section != section[anchor])
        for partners, is_same in ((inside, True), (outside, False)):
            for partner in rng.permutation(partners)[:n_pairs].tolist():
                pairs.append((min(anchor, partner), max(anchor, partner), is_same))
    return pairs


def _join(first: Doc, second: Doc) -> tuple[Doc, int]:
    """Two units as one Doc, and the character at which the second begins."""
    doc = Doc.from_docs([first, second], ensure_whitespace=True)
    return doc, text_length(doc) - text_length(second)


def _judge(module: PairHeads, states: Tensor, pieces: list[PieceStates], middles: list[int]) -> Tensor:
    """Log-odds that the two units of every pair are of one topic, (n_pairs,)."""
    halves = [2 * i + (p.starts >= middle) for i, (p, middle) in enumerate(zip(pieces, middles, strict=True))]
    unit_of = torch.as_tensor(np.concatenate(halves).astype(np.int64), device=states.device)
    pair_of = torch.arange(2 * len(pieces), device=states.device) // 2
    vectors = module.pool(states, unit_of, pair_of)
    return module.same_topic(vectors[::2], vectors[1::2])


def _build(meta: dict[str, Any], *, settings: dict[str, int]) -> PairHeads:
    return PairHeads(input_width=meta["input_width"], n_labels=0, **settings)
