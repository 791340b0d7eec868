"""Any `tok2vec` of spaCy as an encoder: then pieces are tokens. With a listener, one transformer serves all pipes."""

from collections.abc import Callable

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from ..align import is_space, token_offsets
from ..types import EncoderModel, Floats2d, PieceStates


def Tok2VecEncoder(tok2vec: Model[list[Doc], list[Floats2d]]) -> EncoderModel:
    """Take token vectors as the states of pieces; tokens that are white space are left out.

    tok2vec (Model): For example `spacy.HashEmbedCNN.v2`, or `spacy-transformers.TransformerListener.v1`.

    Shape: list of Docs -> list of PieceStates with states (n_tokens that are not white space, width)
    """
    return Model("tok2vec_encoder", forward, init=init, layers=[tok2vec], dims={"nO": tok2vec.maybe_get_dim("nO")})


def forward(
    model: EncoderModel, docs: list[Doc], is_train: bool
) -> tuple[list[PieceStates], Callable[[list[PieceStates]], list[Doc]]]:
    """States of all tokens that are not white space: these are the pieces."""
    vectors, backprop_tok2vec = model.layers[0](docs, is_train)
    keep = [~is_space(doc) for doc in docs]
    offsets = [token_offsets(doc) for doc in docs]
    states = [
        PieceStates(model.ops.to_numpy(v)[k], starts[k], ends[k])
        for v, k, (starts, ends) in zip(vectors, keep, offsets, strict=True)
    ]

    def backprop(d_states: list[PieceStates]) -> list[Doc]:
        """Hand the gradient of the states on; tokens of white space have none."""
        d_vectors = []
        for v, k, d in zip(vectors, keep, d_states, strict=True):
            d_vector = np.zeros(v.shape, dtype=np.float32)
            d_vector[k] = d.states
            d_vectors.append(model.ops.asarray2f(d_vector))
        return backprop_tok2vec(d_vectors)

    return states, backprop


def init(model: EncoderModel, X: list[Doc] | None = None, Y: None = None) -> None:
    """Initialise the token vectors; their width is ours."""
    model.layers[0].initialize(X=X)
    model.set_dim("nO", model.layers[0].get_dim("nO"))
