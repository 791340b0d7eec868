"""What the coherence model learns from: boundaries and labels of documents, of the same in disarray, and contrasts of their units."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor

from ..align import text_of
from ..text import lower_case
from ..topics import find_units, topic_places
from ..types import Bools1d, Floats2d, Ints1d, PieceStates, TopicGold, TopicModel
from .cohesion import number_words
from .documents import Part, Run, flatten, make_part, tell
from .labels import get_labels, topic_shim
from .objective import finish_loss
from .torch.coherence import Coherence as CoherenceModule
from .torch.objectives import IGNORE, boundary_loss, contrastive_loss, disarray
from .torch.units import run_means
from .unit_encoder import begin_encode_units, unit_encoder
from .unit_surface import N_VALUES
from .units import begin_encode, owners, unit_means

# How much every part of the objective counts; 0 switches it off.
WEIGHTS = {"boundary": 1.0, "any_level": 0.3, "labels": 0.2, "disarrayed": 0.5, "tssp": 0.25, "cssl": 0.25}


def begin_loss(
    model: TopicModel, docs: list[Doc], golds: list[TopicGold], drop: float, rng: np.random.Generator
) -> tuple[dict[str, float], Callable[[], None]]:
    """The objective on a batch.

    RETURNS (tuple): What every part of the objective is, unweighted, and a function that computes the gradients.
    """
    encoder, shim = model.layers[0], topic_shim(model)
    shim.set_dropout(drop)
    for reader in model.layers[1:]:
        reader.attrs["dropout_rate"] = drop
    flat, pieces, backprop_encoder = begin_encode(encoder, shim, docs)
    module = cast(CoherenceModule, shim.module.train())
    joined = rng.random(len(docs)) < model.attrs["join"]
    alone = ~joined & ~np.append(joined[1:], False)
    parts = [_part(model, *one, rng) for one in zip(docs, pieces, golds, alone.tolist(), strict=True)]
    run = flatten(parts, joined=joined, gap=_gap(module), device=shim.device)
    second, backprop_units = _begin_second(model, docs, parts, run)
    with shim.autocast():
        losses = _losses(model, module, flat, second, run, rng)

    def backprop() -> None:
        backprop_encoder()
        backprop_units()

    return finish_loss(losses, model.attrs["weights"], backprop)


def _begin_second(model: TopicModel, docs: list[Doc], parts: list[Part], run: Run) -> tuple[Tensor, Callable[[], None]]:
    """Second vectors of the units of a run, (n, unit_width), and what hands their gradient on."""
    encoder, shim, n = unit_encoder(model), topic_shim(model), len(run.docs)
    if encoder is None:
        return torch.zeros(n, 0, device=shim.device), lambda: None
    units = [find_units(doc, model.attrs["units"]) for doc in docs]
    chosen = [part.reader >= 0 for part in parts]
    vectors, backprop = begin_encode_units(encoder, shim, docs, units, chosen)
    return run_means(vectors, run.reader[run.reader >= 0], n), backprop


def _part(
    model: TopicModel, doc: Doc, pieces: PieceStates, gold: TopicGold, alone: bool, rng: np.random.Generator
) -> Part:
    """What a step learns from a document, some of it left out at random."""
    attrs = model.attrs
    units = find_units(doc, attrs["units"])
    is_flat = rng.random() < attrs["flat"]
    places = topic_places(units, paragraphs=attrs["paragraphs"] and not is_flat)
    text = text_of(doc)
    cues = _known_cues(model, text, units.starts, pieces, places)
    part = make_part(text, units, places, cues, pieces, gold, attrs["crop"], rng)
    told = rng.random(len(N_VALUES)) >= attrs["feature_dropout"]
    told[0] &= not is_flat
    return tell(part, features=told, cues=alone and rng.random() >= attrs["feature_dropout"])


def _known_cues(model: TopicModel, text: str, starts: Ints1d, pieces: PieceStates, places: Bools1d) -> Floats2d:
    """Cues of a document, found once where the vectors stay as they are."""

    def find() -> Floats2d:
        means = unit_means(pieces, owners(pieces, starts), len(starts))
        words = number_words(lower_case(text), pieces.starts, pieces.ends)
        return model.attrs["cues"](means, places, words, owners(pieces, starts[places]))

    if model.layers[0].attrs.get("trainable", True):
        return find()
    return topic_shim(model).memo.recall(f"{int(places.sum())} {text}", find, size=np.size)


def _losses(
    model: TopicModel, module: CoherenceModule, states: Tensor, second: Tensor, run: Run, rng: np.random.Generator
) -> dict[str, Tensor]:
    weights, device, gold = model.attrs["weights"], states.device, run.gold
    is_kept = (rng.random(len(states)) >= model.attrs["piece_dropout"]) & (run.unit_of >= 0).cpu().numpy()
    kept = torch.as_tensor(np.flatnonzero(is_kept), device=device)
    owner = run.docs.clamp(min=0)
    read, unit_of = states[kept], run.unit_of[kept]
    vectors, raw = module.pool(read, unit_of, owner), run_means(read, unit_of, len(owner))
    hidden = module.states(vectors, second, raw, run.features, run.cues, run.docs)
    logits = module.boundary(module.judge(hidden))
    losses = {
        "boundary": boundary_loss(logits[:, 0], gold["boundary"], run.docs),
        "any_level": boundary_loss(logits[:, 1], gold["any_level"], run.docs),
    }
    if len(get_labels(model)):
        target = torch.where(run.docs >= 0, gold["labels"], IGNORE)
        losses["labels"] = torch.nn.functional.cross_entropy(module.label(hidden).float(), target, ignore_index=IGNORE)
    docs, boundary = run.docs.cpu().numpy(), gold["boundary"].cpu().numpy()
    if weights["cssl"]:
        losses["cssl"] = contrastive_loss(hidden, docs, boundary)
    if weights["disarrayed"] or weights["tssp"]:
        new = disarray(docs, boundary, rng, gap=_gap(module))
        order, new_docs = (torch.as_tensor(a, device=device) for a in (new.order, new.docs))
        pad = (order >= 0)[:, None]
        inputs = (
            vectors[order] * pad,
            second[order] * pad,
            raw[order] * pad,
            run.features[order] * pad,
            torch.zeros_like(run.cues)[order],
        )
        judged = module.judge(module.states(*inputs, new_docs))
        relation = torch.as_tensor(new.relation, device=device)
        losses["disarrayed"] = boundary_loss(
            module.boundary(judged)[:, 0], torch.as_tensor(new.boundary, device=device), new_docs
        )
        losses["tssp"] = torch.nn.functional.cross_entropy(
            module.succession(judged).float(), relation, ignore_index=IGNORE
        )
    return losses


def _gap(module: CoherenceModule) -> int:
    """Pads that keep the convolutions of one document from seeing the next."""
    return module.encode.reach
