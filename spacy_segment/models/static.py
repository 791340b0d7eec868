"""Static sub-word vectors as an encoder: a piece has one vector, whatever stands around it."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from tokenizers import Tokenizer
from torch import nn

from ..align import text_of
from ..types import EncoderModel, Ints2d, PieceStates
from . import serialize
from .banded import LEARNED_VOCABULARY
from .pieces import N_BUCKETS, train_vocabulary
from .shim import VocabularyShim
from .sizes import check_sizes
from .weights import pretrained_path, restore_part


def StaticEncoder(*, width: int = 160, trainable: bool = False, pretrained: str | None = None) -> EncoderModel:
    """Look the vector of every piece up in a table.

    trainable (bool): Whether training changes the table.
    pretrained (str or None): Name of topic weights inside the package whose table is taken.
    RAISES (ValueError): SEG200, SEG201, SEG301.
    """
    check_sizes(width=width)
    model: EncoderModel = Model(
        "static_encoder",
        forward,
        init=init,
        dims={"nO": width},
        shims=[VocabularyShim(partial(_build, width=width), dtype="float32")],
        attrs={"reads_text": True, "trainable": trainable, "remembers": True, "set_vocabulary": set_vocabulary},
    )
    if pretrained is not None:
        tensors, meta = serialize.read(pretrained_path(pretrained).read_bytes())
        restore_part(_shim(model), tensors, meta, "encoder")
    return model


def set_vocabulary(model: EncoderModel, tokenizer: Tokenizer, vectors: np.ndarray | None = None) -> None:
    """Give the encoder its vocabulary, and vectors, (n_pieces + N_BUCKETS, width), or random ones."""
    shim = _shim(model)
    shim.setup({"tokenizer": tokenizer.to_str(), "n_known": tokenizer.get_vocab_size()})
    if vectors is not None:
        shim.restore({"embed.weight": torch.from_numpy(vectors.astype(np.float32))}, shim.meta)


def init(model: EncoderModel, X: list[Doc] | None = None, Y: None = None) -> None:
    """Learn a vocabulary from the Docs, with random vectors, unless there is one."""
    if not _shim(model).is_built and X:
        set_vocabulary(model, train_vocabulary((doc.text for doc in X), size=LEARNED_VOCABULARY))


def forward(
    model: EncoderModel, docs: list[Doc], is_train: bool
) -> tuple[list[PieceStates], Callable[[list[PieceStates]], list[Doc]]]:
    """Look up the vectors of all pieces; their gradient goes to the table."""
    shim = _shim(model)
    weight = shim.module.embed.weight
    texts = [text_of(doc) for doc in docs]
    pieces = _known_pieces(shim, texts) if is_train else [shim.cutter(text) for text in texts]
    with torch.no_grad():
        states = [PieceStates(weight[shim.tensor(rows)].cpu().numpy(), *span) for rows, *span in pieces]

    def backprop(d_states: list[PieceStates]) -> list[Doc]:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        for (rows, _, _), d in zip(pieces, d_states, strict=True):
            weight.grad.index_add_(0, shim.tensor(rows), shim.tensor(d.states))
        return docs

    return states, backprop


class Table(nn.Module):
    """One vector per piece. Shape: (n,) integers -> (n, width)"""

    def __init__(self, *, n_pieces: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_pieces, width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.embed(ids)


def _known_pieces(shim: VocabularyShim, texts: list[str]) -> list[Ints2d]:
    """Texts come again and again in training; cutting them into pieces would take longer than learning from them."""
    return [shim.memo.recall(text, partial(shim.cutter, text), size=lambda pieces: pieces.shape[1]) for text in texts]


def _build(meta: dict[str, Any], *, width: int) -> Table:
    return Table(n_pieces=meta["n_known"] + N_BUCKETS, width=width)


def _shim(model: EncoderModel) -> VocabularyShim:
    return cast(VocabularyShim, model.shims[0])
