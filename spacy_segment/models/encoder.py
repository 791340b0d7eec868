"""Any Hugging Face encoder as a thinc model. The one place that calls Hugging Face: local first, offline safe."""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model
from tokenizers import Tokenizer
from torch import nn

from ..errors import Errors
from ..types import EncoderModel, Floats2d, Ints1d, PieceStates
from . import serialize
from .pieces import PART, parts
from .shim import TorchShim, check_vocabulary
from .torch.lookahead import LimitedLookahead
from .windows import windows

# What values of a configuration may be, and how large its numbers.
PLAIN = (bool, int, float, str, type(None), list, tuple, dict)
LARGEST = 10_000_000
MOST_LAYERS = 1000


@dataclass(frozen=True)
class Segment:
    """A window of one Doc: what the model reads and which of it counts (both in pieces of the Doc)."""

    doc: int
    read: slice
    keep: slice
    inner: slice


def HFEncoder(
    name: str,
    *,
    n_layers: int | None = None,
    lookahead: int | None = 48,
    lookback: int = 128,
    window: int = 512,
    batch_pieces: int = 8192,
    dtype: str = "auto",
) -> EncoderModel:
    """Any encoder of Hugging Face with a fast tokenizer: BERT, RoBERTa, XLM-R, ELECTRA, DeBERTa, MiniLM, ...

    name (str): Directory, or name on the hub. Read when the model is first needed; a saved pipeline carries weights,
        configuration and tokenizer itself and never looks there again.
    n_layers (int or None): Keep only the first so many layers.
    lookahead (int or None): Pieces seen to the right in all, split over the layers; None for no limit.
    lookback (int): Pieces of the window before that a window repeats.
    window (int): Pieces read at once, the special ones included.
    batch_pieces (int): Pieces computed at once, padding included.
    dtype (str): "auto", "float32" or "bfloat16", see `TorchShim`.
    RAISES (ValueError): SEG200; SEG310 when the encoder cannot be loaded.
    """
    build = partial(_build, lookahead=lookahead)
    return Model(
        "hf_encoder",
        forward,
        init=init,
        dims={"nO": None},
        shims=[HFShim(build, dtype=dtype, name=name, n_layers=n_layers)],
        attrs={
            "reads_text": True,
            "window": window,
            "lookback": lookback,
            "lookahead": 0 if lookahead is None else lookahead,
            "batch_pieces": batch_pieces,
            "dropout_rate": 0.0,
            "project": predict_projected,
        },
    )


class HFShim(TorchShim):
    """Adds the tokenizer and the place the weights come from, which is read when they are first needed."""

    def __init__(self, build: Callable, *, dtype: str, name: str, n_layers: int | None) -> None:
        super().__init__(build, dtype=dtype)
        self.name = name
        self.n_layers = n_layers
        self._tokenizer: Tokenizer | None = None

    @property
    def module(self) -> nn.Module:
        if self._model is None:
            load_pretrained(self)
        return cast(nn.Module, self._model)

    @property
    def tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            _ = self.module
            self._tokenizer = Tokenizer.from_str(self.meta["tokenizer"])
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        return self._tokenizer

    def restore(self, tensors: dict, meta: dict[str, Any]) -> None:
        super().restore(tensors, meta)
        self._tokenizer = None

    def check_meta(self, meta: dict[str, Any], n_tensors: int) -> None:
        config = read_config(meta["config"])
        if config.num_hidden_layers > n_tensors:
            raise ValueError(f"it tells of {config.num_hidden_layers} layers, and there are {n_tensors} tensors")
        check_vocabulary(Tokenizer.from_str(meta["tokenizer"]), config.vocab_size)
        if any(not 0 <= number < config.vocab_size for number in meta["special"]):
            raise ValueError(f"its special pieces {meta['special']} are not all in the vocabulary")


def load_pretrained(shim: HFShim) -> None:
    """Read configuration, weights and tokenizer from a directory or the hub; no code of theirs is run.

    RAISES (ValueError): SEG310.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    try:
        _check_directory(Path(shim.name))
        config = AutoConfig.from_pretrained(shim.name, trust_remote_code=False)
        config = read_config(config.to_dict())
        if shim.n_layers is not None:
            config.num_hidden_layers = shim.n_layers
        encoder, found = AutoModel.from_pretrained(
            shim.name, config=config, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
        missing = [name for name in found["missing_keys"] if "pooler" not in name]
        if missing:
            raise ValueError(f"its weights lack {', '.join(sorted(missing)[:5])}")
        fast = AutoTokenizer.from_pretrained(shim.name, trust_remote_code=False, use_fast=True)
        meta = {
            "config": config.to_dict(),
            "tokenizer": fast.backend_tokenizer.to_str(),
            "special": [fast.cls_token_id, fast.sep_token_id, fast.pad_token_id],
        }
        meta["config"].pop("_name_or_path", None)
        tensors = {f"encoder.{name}": tensor.float() for name, tensor in encoder.state_dict().items()}
        serialize.check_finite(tensors)
        shim.restore(tensors, meta)
    except Exception as error:  # files of others, read by code of others: it may be any
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(Errors.SEG310.format(name=Path(shim.name).name, reason=reason)) from error


def init(model: EncoderModel, X: Any = None, Y: Any = None) -> None:
    """Load the weights, unless there are some."""
    model.set_dim("nO", _shim(model).module.encoder.config.hidden_size)


def forward(
    model: EncoderModel, docs: list[Doc], is_train: bool
) -> tuple[list[PieceStates], Callable[[list[PieceStates]], list[Doc]]]:
    if not is_train:
        return predict_projected(model, docs, lambda states: states), lambda d_states: docs
    shim = _shim(model)
    shim.set_dropout(model.attrs["dropout_rate"])
    pieces = [_tokenize(shim.tokenizer, doc.text) for doc in docs]
    states = [np.zeros((len(starts), model.get_dim("nO")), dtype=np.float32) for _, starts, _ in pieces]
    backprops = []
    for batch in _batches(model, pieces):
        output, backprop = shim.begin_update(_inputs(shim, pieces, batch))
        for row, segment in zip(output.detach().float().cpu().numpy(), batch, strict=True):
            states[segment.doc][segment.keep] = row[1:][segment.inner]
        backprops.append((batch, output.shape, backprop))

    def backprop_all(d_states: list[PieceStates]) -> list[Doc]:
        for batch, shape, backprop in backprops:
            d_output = np.zeros(shape, dtype=np.float32)
            for row, segment in zip(d_output, batch, strict=True):
                row[1:][segment.inner] = d_states[segment.doc].states[segment.keep]
            backprop(d_output)
        return docs

    return [PieceStates(s, starts, ends) for s, (_, starts, ends) in zip(states, pieces, strict=True)], backprop_all


def predict_projected(
    model: EncoderModel, docs: list[Doc], project: Callable[[Floats2d], Floats2d]
) -> list[PieceStates]:
    """Encode batch by batch and project every batch at once, so that states of a long text are never all there."""
    shim = _shim(model)
    pieces = [_tokenize(shim.tokenizer, doc.text) for doc in docs]
    width = project(model.ops.alloc2f(0, model.get_dim("nO"))).shape[1]
    results = [np.zeros((len(starts), width), dtype=np.float32) for _, starts, _ in pieces]
    for batch in _batches(model, pieces):
        output = shim.predict(_inputs(shim, pieces, batch)).float().cpu().numpy()
        for row, segment in zip(output, batch, strict=True):
            results[segment.doc][segment.keep] = project(model.ops.asarray2f(row[1:][segment.inner]))
    return [
        PieceStates(model.ops.asarray2f(r), starts, ends) for r, (_, starts, ends) in zip(results, pieces, strict=True)
    ]


def _batches(model: EncoderModel, pieces: list[tuple[Ints1d, Ints1d, Ints1d]]) -> Iterator[list[Segment]]:
    """Windows of all Docs, sorted by length and packed under a budget of pieces, padding included."""
    segments = [
        Segment(i, slice(w.start, w.stop), slice(w.keep_start, w.keep_stop), w.inner)
        for i, (ids, _, _) in enumerate(pieces)
        for w in windows(
            len(ids),
            size=model.attrs["window"] - 2,
            lookback=model.attrs["lookback"],
            lookahead=model.attrs["lookahead"],
        )
    ]
    segments.sort(key=lambda s: s.read.stop - s.read.start, reverse=True)
    while segments:
        longest = segments[0].read.stop - segments[0].read.start + 2
        n = max(1, model.attrs["batch_pieces"] // longest)
        yield segments[:n]
        segments = segments[n:]


def _inputs(shim: HFShim, pieces: list[tuple[Ints1d, Ints1d, Ints1d]], batch: list[Segment]) -> ArgsKwargs:
    begin, end, pad = shim.meta["special"]
    lengths = np.asarray([s.read.stop - s.read.start + 2 for s in batch])
    ids = np.full((len(batch), lengths.max()), pad, dtype=np.int64)
    for row, segment, length in zip(ids, batch, lengths, strict=True):
        row[0], row[length - 1] = begin, end
        row[1 : length - 1] = pieces[segment.doc][0][segment.read]
    return ArgsKwargs((shim.tensor(ids), shim.tensor(lengths)), {})


def _tokenize(tokenizer: Tokenizer, text: str) -> tuple[Ints1d, Ints1d, Ints1d]:
    """Ids, starts and ends of the pieces of a text; pieces without characters are left out."""
    columns = []
    for begin, end in parts(text, PART):
        encoding = tokenizer.encode(text[begin:end], add_special_tokens=False)
        offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2) + begin
        columns.append(np.column_stack([np.asarray(encoding.ids, dtype=np.int64), offsets]))
    ids, starts, ends = np.concatenate(columns).T
    real = ends > starts
    return ids[real], starts[real], ends[real]


def read_config(values: dict[str, Any]) -> Any:
    """A configuration of transformers from values out of a file: of a text encoder, without anything that names code,
    other models, or sizes out of all proportion.

    RAISES (ValueError): If it is not one.
    """
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    kind = str(values.get("model_type"))
    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise ValueError(f"{kind!r} is no text encoder that this version of transformers knows")
    cls = CONFIG_MAPPING[kind]
    known = set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs"}
    settings = {name: value for name, value in values.items() if name in known and isinstance(value, PLAIN)}
    large = [name for name, value in settings.items() if isinstance(value, int | float) and abs(value) > LARGEST]
    if large:
        raise ValueError(f"its {large[0]} is {settings[large[0]]}, more than {LARGEST}")
    # Drop-out of attention is not a layer that training could set: without this it would always be on.
    settings |= {name: 0.0 for name in settings if "attention" in name and "drop" in name}
    config = cls(**settings)
    if not 0 < config.num_hidden_layers <= MOST_LAYERS:
        raise ValueError(f"it tells of {config.num_hidden_layers} layers, and {MOST_LAYERS} are the most")
    return config


def _check_directory(path: Path) -> None:
    """RAISES (ValueError): If files of a local directory would make transformers read files elsewhere."""
    if (path / "adapter_config.json").exists():
        raise ValueError("it is an adapter of another encoder")
    index = path / "model.safetensors.index.json"
    if index.is_file():
        outside = [name for name in json.loads(index.read_text())["weight_map"].values() if Path(name).name != name]
        if outside:
            raise ValueError(f"its weights lie outside of it, at {outside[0]}")


def _build(meta: dict[str, Any], *, lookahead: int | None) -> LimitedLookahead:
    import transformers
    from transformers import AutoModel

    config = read_config(meta["config"])
    per_layer = None if lookahead is None else lookahead // config.num_hidden_layers
    encoder = AutoModel.from_config(config, trust_remote_code=False).to(torch.float32)
    return LimitedLookahead(
        encoder, lookahead=per_layer, four_dimensional=int(transformers.__version__.split(".")[0]) >= 5
    )


def _shim(model: EncoderModel) -> HFShim:
    return cast(HFShim, model.shims[0])
