"""Vectors of units by an encoder that reads every unit by itself, as sentence encoders are made to."""

from collections.abc import Callable

import numpy as np
from spacy.tokens import Doc
from torch import Tensor

from ..topics import Units
from ..types import Bools1d, EncoderModel, Floats2d, TopicModel
from .memo import Memo
from .shim import TorchShim
from .torch.units import run_means
from .units import begin_encode, unit_docs, unit_texts

# Tokens of a unit that are read; units encoded at once in prediction.
MAX_TOKENS = 128
BATCH = 256


def unit_encoder(model: TopicModel) -> EncoderModel | None:
    """The second encoder of a topic model, if it has one."""
    return model.layers[1] if len(model.layers) > 1 else None


def encode_units(encoder: EncoderModel, doc: Doc, units: Units) -> Floats2d:
    """Mean state of every unit, (n_units, hidden_width)."""
    singles = unit_docs(encoder, doc, units, MAX_TOKENS)
    vectors = np.zeros((len(singles), encoder.get_dim("nO")), dtype=np.float32)
    for begin in range(0, len(singles), BATCH):
        for row, pieces in enumerate(encoder.predict(singles[begin : begin + BATCH]), start=begin):
            if len(pieces.starts):
                vectors[row] = pieces.states.mean(axis=0)
    return vectors


def begin_encode_units(
    encoder: EncoderModel, shim: TorchShim, docs: list[Doc], units: list[Units], chosen: list[Bools1d]
) -> tuple[Tensor, Callable[[], None]]:
    """Vectors for training; those of an encoder that does not learn are made once.

    chosen (list of Bools1d): (n_units,) which units of every Doc are read.
    RETURNS (tuple): The vectors of all chosen units behind each other, (n_chosen, hidden_width), on the device of the shim; and a
        function that hands the gradient on, if the encoder learns.
    """
    if not encoder.attrs.get("trainable", True):
        found = [_known(encoder, shim.memo, doc, of)[rows] for doc, of, rows in zip(docs, units, chosen, strict=True)]
        return shim.tensor(np.concatenate(found).astype(np.float32)), lambda: None
    begin_means = encoder.attrs.get("begin_means")
    if begin_means is not None:
        texts = [
            text
            for doc, of, rows in zip(docs, units, chosen, strict=True)
            for text, is_read in zip(unit_texts(doc, of, MAX_TOKENS), rows.tolist(), strict=True)
            if is_read
        ]
        return begin_means(encoder, texts).to(shim.device), lambda: None
    singles = [
        single
        for doc, of, rows in zip(docs, units, chosen, strict=True)
        for single, is_read in zip(unit_docs(encoder, doc, of, MAX_TOKENS), rows.tolist(), strict=True)
        if is_read
    ]
    states, pieces, backprop = begin_encode(encoder, shim, singles)
    owner = np.repeat(np.arange(len(singles)), [len(p.starts) for p in pieces])
    return run_means(states, shim.tensor(owner), len(singles)), backprop


def _known(encoder: EncoderModel, memo: Memo, doc: Doc, units: Units) -> Floats2d:
    return memo.recall(
        f"vectors of {len(units.starts)} {doc.text}",
        lambda: encode_units(encoder, doc, units).astype(np.float16),
        size=lambda vectors: vectors.nbytes // 12,
    )
