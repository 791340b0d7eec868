"""The small embedded encoder as a thinc model: Docs -> states of pieces of its own vocabulary."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model
from tokenizers import Tokenizer

from ..align import text_of
from ..checks import wrong
from ..types import EncoderModel, Floats2d, Ints1d, PieceStates
from .pieces import N_BUCKETS, N_VALUES, Pieces, tokenize, train_vocabulary
from .shim import VocabularyShim
from .sizes import check_sizes, check_widths
from .torch.banded import BandedEncoder as BandedModule
from .torch.banded import attending
from .windows import Window, windows

Project = Callable[[Floats2d], Floats2d]
# Size of a vocabulary that is learned from the first examples because none was given.
LEARNED_VOCABULARY = 8000


def BandedEncoder(
    *,
    hidden_width: int = 256,
    embedding_width: int = 128,
    inner_width: int = 512,
    n_layers: int = 4,
    n_heads: int = 4,
    conv_width: int = 9,
    lookahead: int = 48,
    lookback: int = 32,
    attention_every: int = 2,
    window: int = 1536,
    dtype: str = "auto",
) -> EncoderModel:
    """Small encoder with its own vocabulary, convolutions and banded attention (`models/torch/banded.py`).

    conv_width (int): Pieces that a convolution reads, odd.
    lookahead (int): Pieces seen to the right in all: what the convolutions see, and at most `lookback` per attention layer.
    lookback (int): Pieces seen to the left per attention layer.
    attention_every (int): Every so many layers attend, counted from the last.
    window (int): Pieces computed at once; texts are packed into it without padding. Powers of two are a fifth slower than their
        neighbours on some processors.
    dtype (str): "auto", "float32", "bfloat16" or "int8", see `shim.TorchShim`. With "int8" a text may get other boundaries beside
        other texts: the range of the inputs is that of a window.
    RAISES (ValueError): SEG200.
    """
    check_sizes(
        n_layers=n_layers, n_heads=n_heads, conv_width=conv_width, lookback=lookback, attention_every=attention_every
    )
    check_sizes(embedding_width=embedding_width, inner_width=inner_width)
    check_widths(n_heads=n_heads, conv_width=conv_width, hidden_width=hidden_width)
    _check_lookahead(lookahead, lookback, n_layers * (conv_width // 2), sum(attending(n_layers, attention_every)))
    build = partial(
        _build,
        settings=dict(
            embedding_width=embedding_width,
            hidden_width=hidden_width,
            inner_width=inner_width,
            n_layers=n_layers,
            n_heads=n_heads,
            conv_width=conv_width,
            lookahead=lookahead,
            lookback=lookback,
            attention_every=attention_every,
        ),
    )
    return Model(
        "banded_encoder",
        forward,
        init=init,
        dims={"nO": hidden_width},
        shims=[VocabularyShim(build, dtype=dtype)],
        attrs={
            "reads_text": True,
            "see_newlines": True,
            "window": window,
            "dropout_rate": 0.0,
            "project": predict_projected,
            "set_vocabulary": set_vocabulary,
        },
    )


def _check_lookahead(lookahead: int, lookback: int, seen: int, n_attending: int) -> None:
    """Convolutions see `seen` pieces ahead; the rest, shared out, must fit the block of keys after that of the queries."""
    most = seen + n_attending * (lookback + 1) - 1
    if not seen <= lookahead <= most:
        expected = f"from {seen} (what the convolutions see) to {most} (at most lookback in each attention layer)"
        raise wrong("lookahead", expected, lookahead)


def set_vocabulary(model: EncoderModel, tokenizer: Tokenizer) -> None:
    """Give an encoder its vocabulary, and fresh weights."""
    cast(VocabularyShim, model.shims[0]).setup({"tokenizer": tokenizer.to_str(), "n_known": tokenizer.get_vocab_size()})


def init(model: EncoderModel, X: list[Doc] | None = None, Y: None = None) -> None:
    """Learn a vocabulary from the Docs, with fresh weights, unless there is one."""
    if not cast(VocabularyShim, model.shims[0]).is_built and X:
        set_vocabulary(model, train_vocabulary((doc.text for doc in X), size=LEARNED_VOCABULARY))


def forward(
    model: EncoderModel, docs: list[Doc], is_train: bool
) -> tuple[list[PieceStates], Callable[[list[PieceStates]], list[Doc]]]:
    """Encode all texts in one run, with gradients in training; else window by window, see `predict_projected`."""
    if not is_train:
        return predict_projected(model, docs, lambda states: states), lambda d_states: docs
    shim = cast(VocabularyShim, model.shims[0])
    shim.set_dropout(model.attrs["dropout_rate"])
    pieces = _tokenize_all(model, docs)
    features, segments, rows = flatten(pieces, shim.module.reach)
    output, torch_backprop = shim.begin_update(ArgsKwargs((shim.tensor(features), shim.tensor(segments)), {}))
    states = output.detach().float().cpu().numpy()

    def backprop(d_states: list[PieceStates]) -> list[Doc]:
        d_output = np.zeros(states.shape, dtype=np.float32)
        for row, d_doc in zip(rows, d_states, strict=True):
            d_output[row] = d_doc.states
        torch_backprop(d_output)
        return docs

    return [PieceStates(states[row], p.starts, p.ends) for row, p in zip(rows, pieces, strict=True)], backprop


def predict_projected(model: EncoderModel, docs: list[Doc], project: Project) -> list[PieceStates]:
    """Encode window by window and project every window at once, so that states of a long text are never all there.

    project (Callable): (n, hidden_width) -> (n, any width).
    """
    shim = cast(VocabularyShim, model.shims[0])
    module = shim.module
    pieces = _tokenize_all(model, docs)
    features, segments, rows = flatten(pieces, module.reach)
    spans = [(p.starts, p.ends) for p in pieces]
    del pieces  # of a long text their features are large
    stack = module.stack
    reach = len(stack.layers) * module.reach
    n_attending = sum(layer.attention is not None for layer in stack.layers)

    def projected(states: Floats2d) -> Floats2d:
        return model.ops.to_numpy(project(model.ops.asarray2f(states)))

    def project_window(window: Window) -> Floats2d:
        read = slice(window.start, window.stop)
        states = shim.predict(ArgsKwargs((shim.tensor(features[read]), shim.tensor(segments[read])), {}))
        return projected(states[window.inner].float().cpu().numpy())

    found = windows(
        len(segments),
        size=model.attrs["window"],
        lookback=reach + n_attending * stack.lookback,
        lookahead=reach + n_attending * stack.lookahead,
    )
    nothing = np.zeros((0, model.get_dim("nO")), dtype=np.float32)
    flat = np.concatenate(shim.map(project_window, found) or [projected(nothing)])
    return [PieceStates(flat[row], *span) for row, span in zip(rows, spans, strict=True)]


def flatten(pieces: list[Pieces], gap: int) -> tuple[np.ndarray, Ints1d, list[slice]]:
    """Put the pieces of all texts behind each other, `gap` pad pieces after each.

    RETURNS (tuple): features (n, n_features), segments (n,) with -1 on pads, and the rows of every text.
    """
    n = sum(len(p.starts) + gap for p in pieces)
    features = np.zeros((n, 1 + len(N_VALUES)), dtype=np.int32)
    segments = np.full(n, -1, dtype=np.int32)
    rows = []
    start = 0
    for i, p in enumerate(pieces):
        row = slice(start, start + len(p.starts))
        features[row] = p.features
        segments[row] = i
        rows.append(row)
        start = row.stop + gap
    return features, segments, rows


def _tokenize_all(model: EncoderModel, docs: list[Doc]) -> list[Pieces]:
    shim = cast(VocabularyShim, model.shims[0])
    return [tokenize(shim.cutter, text_of(doc), see_newlines=model.attrs["see_newlines"]) for doc in docs]


def _build(meta: dict[str, Any], *, settings: dict[str, int]) -> BandedModule:
    return BandedModule(n_pieces=meta["n_known"] + N_BUCKETS, n_values=N_VALUES, dropout_prob=0.0, **settings)
