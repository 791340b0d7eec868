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

from ..align import text_of
from ..checks import check_least, check_probability
from ..text import lower_case
from ..topics import Units, find_units, topic_places
from ..types import NEVER, EncoderModel, Floats2d, TopicLogits, TopicModel
from . import serialize
from .coherence_loss import WEIGHTS, begin_loss
from .cohesion import number_words
from .documents import N_CUES, document_cues, select
from .labels import get_labels, init, set_labels, topic_shim
from .objective import merge_weights
from .shim import TorchShim
from .sizes import check_sizes, check_widths
from .torch.coherence import Coherence as CoherenceModule
from .torch.units import run_means
from .unit_encoder import encode_units
from .unit_encoder import unit_encoder as unit_encoder_of
from .unit_surface import N_VALUES, surface_features
from .units import blocks, check_own, owners, unit_means
from .weights import pretrained_path, restore_part, wrong_encoder


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
    if unit_encoder is not None:
        check_own("unit_encoder", unit_encoder)
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
            "cues": partial(document_cues, changes=change_points, repeats=cohesion),
            "begin_loss": begin_loss,
            "get_labels": get_labels,
            "set_labels": set_labels,
        },
    )
    if pretrained is not None:
        load_weights(model, pretrained_path(pretrained).read_bytes())
    return model


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict. Training goes through `begin_loss`, for its objective needs more than these logits.

    RETURNS (tuple): Logits of every Doc, and a function that hands no gradient on.
    """
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
    for block, rows, starts in blocks(model.layers[0], doc, read):
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
    cues = model.attrs["cues"](of_units, places, words, np.repeat(np.arange(len(n_pieces)), n_pieces))
    second = run_means(shim.tensor(_second(model, doc, units)), shim.tensor(reader), len(read.starts))
    columns = (features, cues, np.zeros(len(features), dtype=np.int64))
    inputs = (torch.cat(vectors), second, torch.cat(raws), *map(shim.tensor, columns))
    boundary, labels = (x.float().cpu().numpy() for x in shim.predict(ArgsKwargs(inputs, {})))
    everywhere = np.full((n, 2), NEVER, dtype=np.float32)
    everywhere[places] = boundary
    return TopicLogits(everywhere[:, 0], everywhere[:, 1], labels[reader])


def _second(model: TopicModel, doc: Doc, units: Units) -> Floats2d:
    """Second vectors of all units, of width 0 if there is no encoder for them."""
    encoder = unit_encoder_of(model)
    return np.zeros((len(units.starts), 0), dtype=np.float32) if encoder is None else encode_units(encoder, doc, units)


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
