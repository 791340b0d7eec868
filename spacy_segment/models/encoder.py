"""Any Hugging Face encoder as a thinc model: Docs -> states of pieces of its own vocabulary."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model

from ..align import text_of
from ..checks import check_least, check_optional, wrong
from ..text import code_points, is_kind
from ..types import EncoderModel, Floats1d, Floats2d, Ints1d, Ints2d, PieceStates
from .checkpoints import build_encoder
from .encoder_shim import HFShim
from .pieces import N_VALUES, cut, encode_all, surface_of_pieces
from .torch.lookahead import LimitedLookahead, Shape
from .torch.units import run_means
from .windows import windows

# Pieces that windows share, without and with a limit of look-ahead.
LOOKBACK, LIMITED_LOOKBACK = 128, 64
# Pieces computed at once, on a CPU and on a GPU. Of more than some hundred the states leave the caches of a CPU.
CPU_PIECES, GPU_PIECES = 512, 8192


@dataclass(frozen=True)
class Tokens:
    """What an encoder reads of one text.

    ids (Ints1d): (n_pieces,). surface (Ints2d): (n_pieces, len(N_VALUES)), or no columns if they are not read.
    starts, ends (Ints1d): (n_pieces,) character offsets.
    """

    ids: Ints1d
    surface: Ints2d
    starts: Ints1d
    ends: Ints1d


@dataclass(frozen=True)
class Segment:
    """A window of one Doc: what the model reads and which of it counts, both in pieces of the Doc."""

    doc: int
    read: slice
    keep: slice

    @property
    def shape(self) -> tuple[int, int, int]:
        """Length with a special piece on either side, and where what counts begins and ends."""
        length = self.read.stop - self.read.start
        return length + 2, self.keep.start - self.read.start + 1, self.keep.stop - self.read.start + 1


def HFEncoder(
    name: str | None,
    *,
    tokenizer: str | None = None,
    n_layers: int | None = None,
    lookahead: int | str | None = "auto",
    lookback: int | None = None,
    window: int = 512,
    batch_pieces: int | None = None,
    dtype: str = "auto",
    surface: bool = False,
    trainable: bool = True,
    learn_rate_scale: float = 1.0,
) -> EncoderModel:
    """Any encoder of Hugging Face with a fast tokenizer: BERT, RoBERTa, XLM-R, ELECTRA, DeBERTa, MiniLM, ..., and
    published SaT checkpoints, whose boundary head is read with them.

    name (str or None): Directory, or name on the hub. Read when the model is first needed; a saved pipeline carries
        weights, configuration and tokenizer itself and never looks there again. None: there is only what was saved.
    tokenizer (str or None): The same of the tokenizer, if it is elsewhere.
    n_layers (int or None): Keep only the first so many layers.
    lookahead (int, None or "auto"): Pieces seen to the right in all, split over the layers; None for no limit; "auto"
        for what a SaT checkpoint says, and 48 for any other, or no limit where its code takes no mask for that.
    lookback (int or None): Pieces of the window before that a window repeats; of the window after as well, if there is no
        limit. None: 64 with a limit, 128 without, less in a small window.
    window (int): Pieces read at once, the special ones included; fewer if the encoder has no more positions.
    batch_pieces (int or None): Pieces computed at once, by each thread. None: few on a CPU, whose caches hold them, many on a GPU.
    dtype (str): "auto", "float32", "bfloat16" or "int8", see `TorchShim`.
    surface (bool): Tell the encoder the case of every piece and the spaces and newlines around it, which most
        vocabularies leave out. It has to learn what they mean.
    trainable (bool): False leaves the weights as they are in training.
    learn_rate_scale (float): The encoder learns at so many times the rate of the optimizer: pretrained weights want a lower
        one than fresh layers.
    RAISES (ValueError): SEG200; SEG310 when the encoder cannot be loaded.
    """
    if isinstance(lookahead, str) and lookahead != "auto":
        raise wrong("lookahead", "a number, None or 'auto'", lookahead)
    check_optional(0, lookahead=None if lookahead == "auto" else lookahead, lookback=lookback)
    check_optional(1, batch_pieces=batch_pieces, n_layers=n_layers)
    check_least(1, window=window)
    build = partial(build_encoder, lookahead=lookahead, n_values=N_VALUES if surface else ())
    shim = HFShim(build, dtype=dtype, name=name, tokenizer=tokenizer, n_layers=n_layers, lookahead=lookahead)
    shim.learn_rate_scale = learn_rate_scale
    return Model(
        "hf_encoder",
        forward,
        init=init,
        dims={"nO": None},
        shims=[shim],
        attrs={
            "reads_text": True,
            "surface": surface,
            "trainable": trainable,
            "see_newlines": True,
            "window": window,
            "lookback": lookback,
            "batch_pieces": batch_pieces,
            "dropout_rate": 0.0,
            "project": predict_projected,
            "begin_means": begin_means,
            "pretrained_head": pretrained_head,
        },
    )


def init(model: EncoderModel, X: Any = None, Y: Any = None) -> None:
    """Load the weights, unless there are some."""
    model.set_dim("nO", _shim(model).module.encoder.config.hidden_size)


def pretrained_head(model: EncoderModel) -> tuple[Floats2d, Floats1d] | None:
    """RETURNS (tuple or None): Weights (1, hidden_width) and bias (1,) of the boundary that came with the encoder."""
    return _shim(model).head


def forward(
    model: EncoderModel, docs: list[Doc], is_train: bool
) -> tuple[list[PieceStates], Callable[[list[PieceStates]], list[Doc]]]:
    """Encode window by window, with gradients in training; else see `predict_projected`."""
    if not model.has_dim("nO"):  # a model that is never trained need not be initialised
        init(model)
    if not (is_train and model.attrs["trainable"]):
        return predict_projected(model, docs, lambda states: states), lambda d_states: docs
    shim = _shim(model)
    shim.set_dropout(model.attrs["dropout_rate"])
    texts = [_tokenize(model, text_of(doc)) for doc in docs]
    states = [np.zeros((len(text.ids), model.get_dim("nO")), dtype=np.float32) for text in texts]
    backprops = []
    for batch in _batches(model, texts):
        output, backprop = shim.begin_update(_inputs(shim, texts, batch))
        _scatter(states, batch, output.detach().float().cpu().numpy())
        backprops.append((batch, backprop))

    def backprop_all(d_states: list[PieceStates]) -> list[Doc]:
        for batch, backprop in backprops:
            backprop(np.concatenate([d_states[segment.doc].states[segment.keep] for segment in batch]))
        return docs

    return [PieceStates(s, text.starts, text.ends) for s, text in zip(states, texts, strict=True)], backprop_all


def begin_means(model: EncoderModel, texts: list[str]) -> torch.Tensor:
    """Mean state of every text, (n_texts, hidden_width), for training: gradients flow through it, and nothing leaves the device.

    The pieces of a text are remembered.
    """
    shim = _shim(model)
    shim.set_dropout(model.attrs["dropout_rate"])
    tokens = shim.memo.recall_all(texts, partial(_tokenize_all, model), size=lambda text: len(text.ids))
    states, owners = [torch.zeros(0, model.get_dim("nO"), device=shim.device)], [np.zeros(0, dtype=np.int64)]
    for batch in _batches(model, tokens):
        states.append(shim.begin_update(_inputs(shim, tokens, batch))[0].float())
        owners.append(np.repeat([s.doc for s in batch], [s.keep.stop - s.keep.start for s in batch]))
    return run_means(torch.cat(states), shim.tensor(np.concatenate(owners)), len(texts))


def predict_projected(
    model: EncoderModel, docs: list[Doc], project: Callable[[Floats2d], Floats2d]
) -> list[PieceStates]:
    """Encode batch by batch, several of them at once on a CPU, and project every batch at once, so that states of a long text
    are never all there.
    """
    shim = _shim(model)
    texts = [_tokenize(model, text_of(doc)) for doc in docs]
    width = project(model.ops.alloc2f(0, model.get_dim("nO"))).shape[1]
    results = [np.zeros((len(text.ids), width), dtype=np.float32) for text in texts]

    def compute(batch: list[Segment]) -> None:
        output = shim.predict(_inputs(shim, texts, batch)).float().cpu().numpy()
        _scatter(results, batch, model.ops.to_numpy(project(model.ops.asarray2f(output))))

    shim.map(compute, _batches(model, texts))
    return [PieceStates(r, text.starts, text.ends) for r, text in zip(results, texts, strict=True)]


def _batches(model: EncoderModel, texts: list[Tokens]) -> Iterator[list[Segment]]:
    """Windows of all Docs, sorted by shape and packed under a budget of pieces."""
    shim, lookback = _shim(model), model.attrs["lookback"]
    module = cast(LimitedLookahead, shim.module)
    limits = module.lookahead
    size = min(model.attrs["window"], module.n_positions or model.attrs["window"]) - 2
    if lookback is None:
        room = size // 3 if limits is None else max(0, size - sum(limits)) // 2
        lookback = min(LOOKBACK if limits is None else LIMITED_LOOKBACK, room)
    lookahead = lookback if limits is None else sum(limits)
    if size <= lookback + lookahead:
        expected = (
            f"more than {lookback + lookahead + 2}: {lookback} pieces back, {lookahead} ahead and the two special ones"
        )
        raise wrong("window", expected, size + 2)
    segments = [
        Segment(i, slice(w.start, w.stop), slice(w.keep_start, w.keep_stop))
        for i, text in enumerate(texts)
        for w in windows(
            len(text.ids),
            size=size,
            lookback=lookback,
            lookahead=lookahead,
        )
    ]
    budget = model.attrs["batch_pieces"] or (CPU_PIECES if shim.device.type == "cpu" else GPU_PIECES)
    batch: list[Segment] = []
    n_pieces = 0
    for segment in sorted(segments, key=lambda s: s.shape, reverse=True):
        if batch and n_pieces + segment.shape[0] > budget:
            yield batch
            batch, n_pieces = [], 0
        batch.append(segment)
        n_pieces += segment.shape[0]
    if batch:
        yield batch


def _inputs(shim: HFShim, texts: list[Tokens], batch: list[Segment]) -> ArgsKwargs:
    begin, end, _ = shim.meta["special"]
    first, last = np.asarray([begin]), np.asarray([end])
    ids = np.concatenate([x for s in batch for x in (first, texts[s.doc].ids[s.read], last)])
    none = np.zeros((1, texts[batch[0].doc].surface.shape[1]), dtype=np.int64)
    surface = np.concatenate([x for s in batch for x in (none, texts[s.doc].surface[s.read], none)])
    shapes = [Shape(len(list(same)), *shape) for shape, same in groupby(batch, key=lambda s: s.shape)]
    return ArgsKwargs((shim.tensor(ids), shim.tensor(surface), shapes), {})


def _scatter(results: list[Floats2d], batch: list[Segment], rows: Floats2d) -> None:
    """Put the rows of a batch, which stand behind each other, where they belong."""
    start = 0
    for segment in batch:
        stop = start + segment.keep.stop - segment.keep.start
        results[segment.doc][segment.keep] = rows[start:stop]
        start = stop


def _tokenize(model: EncoderModel, text: str) -> Tokens:
    """The pieces of a text, white space at the start of a piece left out.

    Pieces may share characters: one sign may be several pieces, and a vocabulary like that of XLM-R may put a piece
    of no sign at all before a word. The model reads them all.
    """
    ids, starts, ends = cut(_shim(model).tokenizer, text)
    points = code_points(text)
    space = np.append(is_kind(points, "space"), False)
    following = np.minimum.accumulate(np.where(space, len(text), np.arange(len(text) + 1))[::-1])[::-1]
    ends = np.maximum.accumulate(ends)
    starts = np.maximum.accumulate(np.minimum(following[starts], ends))
    surface = np.zeros((len(ids), 0), dtype=np.int64)
    if model.attrs["surface"]:
        surface = surface_of_pieces(points, starts, ends, see_newlines=model.attrs["see_newlines"])
    return Tokens(ids, surface, starts, ends)


def _tokenize_all(model: EncoderModel, texts: list[str]) -> list[Tokens]:
    """The pieces of many texts, for an encoder that need not know where they stand."""
    if model.attrs["surface"]:
        return [_tokenize(model, text) for text in texts]
    nowhere = np.zeros(0, dtype=np.int64)
    rows = [
        np.concatenate([np.asarray(encoding.ids, dtype=np.int32) for _, encoding in encoded])
        for encoded in encode_all(_shim(model).tokenizer, texts)
    ]
    return [Tokens(ids, np.zeros((len(ids), 0), dtype=np.int64), nowhere, nowhere) for ids in rows]


def _shim(model: EncoderModel) -> HFShim:
    return cast(HFShim, model.shims[0])
