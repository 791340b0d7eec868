"""Coherence: vectors of units, a document encoder over the whole document, boundaries and labels.

Yu et al. (2023), Improving long document topic segmentation models with enhanced coherence modeling. Their long
transformer over tokens is taken apart here: any encoder makes a vector of every unit, and a small encoder of linear
cost reads the vectors. A disarrayed document is then a permutation of vectors.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model
from torch import Tensor

from ..align import text_of
from ..errors import check_least, check_probability
from ..text import lower_case
from ..topics import Units, find_units, topic_places
from ..types import Bools1d, EncoderModel, Floats2d, Ints1d, PieceStates, TopicGold, TopicLogits, TopicModel
from . import serialize
from .cohesion import number_words
from .documents import N_CHANGES, N_CUES, Part, Run, change_cues, cohesion_cues, flatten, hide, make_part, select
from .labels import get_labels, init, set_labels, topic_shim
from .second import begin_unit_vectors, unit_vectors
from .shim import TorchShim
from .similarity import NEVER
from .sizes import check_sizes, check_widths
from .torch.coherence import Coherence as CoherenceModule
from .torch.objectives import IGNORE, boundary_loss, contrastive_loss, disarray
from .torch.units import run_means
from .unit_surface import N_VALUES, surface_features
from .units import begin_encode, blocks, finish_loss, merge_weights, owners, unit_means
from .weights import pretrained_path, restore_part, wrong_encoder

# How much every part of the objective counts; 0 switches it off.
WEIGHTS = {"boundary": 1.0, "any_level": 0.3, "labels": 0.2, "disarrayed": 0.5, "tssp": 0.25, "cssl": 0.25}


def Coherence(
    encoder: EncoderModel,
    unit_encoder: EncoderModel | None = None,
    *,
    width: int = 160,
    n_layers: int = 2,
    n_heads: int = 4,
    conv_width: int = 9,
    span: int = 48,
    lama_heads: int = 0,
    n_opening: int = 8,
    lead_width: int = 32,
    weights: dict[str, float] | None = None,
    piece_dropout: float = 0.3,
    feature_dropout: float = 0.3,
    flat: float = 0.25,
    join: float = 0.1,
    crop: int = 200,
    paragraphs: bool = True,
    change_points: bool = True,
    cohesion: bool = True,
    pretrained: str | None = None,
    dtype: str = "auto",
) -> TopicModel:
    """Topic model over a whole document of any length, at linear cost.

    unit_encoder (Model or None): Reads every unit by itself, for a second vector of it.
    n_layers (int): Layers over the vectors of units, 0 for none; span (int): units seen to either side in each.
    lama_heads (int): Heads of LAMA pooling, 0 for the mean.
    n_opening (int): First pieces of a unit read in order; lead_width (int): numbers read of each.
    weights (dict or None): Parts of the objective that are not to count as `WEIGHTS` says: "boundary", "any_level",
        "labels", "disarrayed", "tssp" (topic-aware sentence structure prediction), "cssl" (contrasts).
    piece_dropout, feature_dropout (float): How often a piece, or a surface feature of all units of a text, or what the
        text as a whole says of them, is left out in training.
    flat (float): How often a text is read as if it had no newlines, in training; join (float): how often another document
        stands right behind one; crop (int): units of a document that a step learns from (about; 0 for all).
    paragraphs (bool): Whether topics start at paragraphs alone, in documents that have them: the units that are read.
    change_points (bool): Whether every unit is told the log-odds of `ChangePoint` on the same vectors, which weigh the
        document as a whole; cohesion (bool): whether it is told how many words the units before and after it share.
    pretrained (str or None): Name of weights inside the package to start from; a unit encoder is none of them.
    RAISES (ValueError): SEG200, SEG201, SEG301.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_sizes(n_heads=n_heads, conv_width=conv_width, span=span)
    check_sizes(least=0, n_layers=n_layers, lama_heads=lama_heads, n_opening=n_opening, lead_width=lead_width)
    check_widths(n_heads=n_heads, conv_width=conv_width, width=width)
    check_least(0, crop=crop)
    check_probability(piece_dropout=piece_dropout, feature_dropout=feature_dropout, flat=flat, join=join)
    settings = dict(
        width=width,
        n_layers=n_layers,
        n_heads=n_heads,
        conv_width=conv_width,
        span=span,
        lama_heads=lama_heads,
        n_opening=n_opening,
        lead_width=lead_width,
    )
    model: TopicModel = Model(
        "coherence",
        forward,
        init=init,
        layers=[encoder] if unit_encoder is None else [encoder, unit_encoder],
        shims=[TorchShim(partial(_build, settings=settings), dtype=dtype)],
        attrs={
            "units": "sentences",
            "weights": merge_weights(WEIGHTS, weights),
            "piece_dropout": piece_dropout,
            "feature_dropout": feature_dropout,
            "flat": flat,
            "join": join,
            "crop": crop,
            "paragraphs": paragraphs,
            "change_points": change_points,
            "cohesion": cohesion,
            "begin_loss": begin_loss,
            "get_labels": get_labels,
            "set_labels": set_labels,
        },
    )
    if pretrained is not None:
        load_weights(model, pretrained_path(pretrained).read_bytes())
    return model


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict. Training goes through `begin_loss`, for its objective needs more than these logits."""
    return [_predict(model, doc) for doc in docs], lambda d_logits: docs


def _predict(model: TopicModel, doc: Doc) -> TopicLogits:
    shim = topic_shim(model)
    module = cast(CoherenceModule, shim.module).eval()
    units = find_units(doc, model.attrs["units"])
    n = len(units.starts)
    if not n:
        return TopicLogits(np.zeros(0, "f"), np.zeros(0, "f"), np.zeros((0, len(get_labels(model))), "f"))
    places = topic_places(units, paragraphs=model.attrs["paragraphs"])
    read, reader = select(units, places), np.cumsum(places) - 1
    vectors, raws, counts, means, offsets = [], [], [], [], []
    for block, rows, starts in blocks(doc, read):
        pieces = model.layers[0].predict([block])[0]
        unit_of = owners(pieces, starts)
        size = rows.stop - rows.start
        with torch.inference_mode():
            states, of = shim.tensor(pieces.states), shim.tensor(unit_of)
            vectors.append(module.pool(states, of, of.new_zeros(size)))
            raws.append(run_means(states, of, size))
        counts.append(np.bincount(unit_of, minlength=size))
        offsets.append(np.stack([pieces.starts, pieces.ends]) + (read.starts[rows.start] - starts[0]))
        inside = units.starts[(reader >= rows.start) & (reader < rows.stop)]
        means.append(unit_means(pieces, owners(pieces, inside - inside[0] + starts[0]), len(inside)))
    text, n_pieces = text_of(doc), np.concatenate(counts)
    features = surface_features(text, read, n_pieces)
    of_units = np.concatenate(means)
    means.clear()  # of a long document they are large
    words = number_words(lower_case(text), *np.concatenate(offsets, axis=1))
    cues = _cues(model, of_units, places, words, np.repeat(np.arange(len(n_pieces)), n_pieces))
    second = run_means(shim.tensor(_second(model, doc, units)), shim.tensor(reader), len(read.starts))
    columns = (features, cues, np.zeros(len(features), dtype=np.int64))
    inputs = (torch.cat(vectors), second, torch.cat(raws), *map(shim.tensor, columns))
    boundary, labels = (x.float().cpu().numpy() for x in shim.predict(ArgsKwargs(inputs, {})))
    everywhere = np.full((n, 2), NEVER, dtype=np.float32)
    everywhere[places] = boundary
    return TopicLogits(everywhere[:, 0], everywhere[:, 1], labels[reader])


def _second(model: TopicModel, doc: Doc, units: Units) -> Floats2d:
    """Second vectors of all units, of width 0 if there is no encoder for them."""
    encoder = _unit_encoder(model)
    return np.zeros((len(units.starts), 0), dtype=np.float32) if encoder is None else unit_vectors(encoder, doc, units)


def _unit_encoder(model: TopicModel) -> EncoderModel | None:
    return model.layers[1] if len(model.layers) > 1 else None


def _cues(model: TopicModel, means: Floats2d, places: Bools1d, words: Ints1d, unit_of: Ints1d) -> Floats2d:
    """What the document as a whole says of the units that are read, (n_read, N_CUES); zeros where it is not to be told.

    means (Floats2d): (n_units, width), places (Bools1d): (n_units,), of all units.
    words, unit_of (Ints1d): (n_pieces,) number of every piece as a word, and its place among the units that are read.
    """
    cues = np.zeros((int(places.sum()), N_CUES), dtype=np.float32)
    if model.attrs["change_points"]:
        cues[:, :N_CHANGES] = change_cues(means, places)
    if model.attrs["cohesion"]:
        cues[:, N_CHANGES:] = cohesion_cues(words, unit_of, len(cues))
    return cues


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
    encoder, shim, n = _unit_encoder(model), topic_shim(model), len(run.docs)
    if encoder is None:
        return torch.zeros(n, 0, device=shim.device), lambda: None
    units = [find_units(doc, model.attrs["units"]) for doc in docs]
    chosen = [part.reader >= 0 for part in parts]
    vectors, backprop = begin_unit_vectors(encoder, shim, docs, units, chosen)
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
    return hide(part, features=told, cues=not alone or rng.random() < attrs["feature_dropout"])


def _known_cues(model: TopicModel, text: str, starts: Ints1d, pieces: PieceStates, places: Bools1d) -> Floats2d:
    """Cues of a document, found once where the vectors stay as they are."""

    def find() -> Floats2d:
        means = unit_means(pieces, owners(pieces, starts), len(starts))
        words = number_words(lower_case(text), pieces.starts, pieces.ends)
        return _cues(model, means, places, words, owners(pieces, starts[places]))

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
    for layer in model.layers:
        if not layer.shims:
            raise wrong_encoder(layer, "spacy_segment.StaticEncoder.v1")
    for name, shim in _parts(model).items():
        if name in meta or name != "units":
            restore_part(shim, tensors, meta, name)


def _parts(model: TopicModel) -> dict[str, TorchShim]:
    encoders = dict(zip(("encoder", "units"), (layer.shims[0] for layer in model.layers), strict=False))
    return {name: cast(TorchShim, shim) for name, shim in {**encoders, "topics": model.shims[0]}.items()}


def _build(meta: dict[str, Any], *, settings: dict[str, int]) -> CoherenceModule:
    if not isinstance(meta["labels"], list) or not all(isinstance(label, str) for label in meta["labels"]):
        raise TypeError("labels are a list of names")
    return CoherenceModule(
        input_width=meta["input_width"],
        unit_width=meta.get("unit_width", 0),
        n_labels=len(meta["labels"]),
        n_values=N_VALUES,
        n_cues=N_CUES,
        **settings,
    )
