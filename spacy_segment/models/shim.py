"""A torch module inside a thinc model: our own precision, device and serialisation."""

import contextlib
import copy
import os
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
from spacy.util import logger
from thinc.api import ArgsKwargs, Optimizer, get_torch_default_device, torch2xp
from thinc.shims.pytorch import PyTorchShim
from tokenizers import Tokenizer
from torch import Tensor, nn

from ..adapters import Adapter, active_adapter
from ..checks import wrong
from ..errors import Errors
from . import serialize
from .memo import Memo
from .threads import Item, Result, in_threads
from .torch.low_rank import changed_weights
from .words import WordCutter

DTYPES = ("auto", "float32", "bfloat16", "int8")
# Adapters whose copies of the module are kept, for texts of several kinds in turn.
KEPT_ADAPTERS = 4


class TorchShim(PyTorchShim):
    """Holds a module that is built once its meta data (vocabulary, configuration) is known.

    build (Callable): Makes the module from the meta data; picklable.
    dtype (str): "float32"; "bfloat16" (weights stay float32, products are bfloat16); "auto": bfloat16
        where that is faster; "int8": in prediction on a CPU, weights are rounded to 8 bits once
        and the inputs of every product as they come. What is saved and trained is float32 all the same.
    """

    def __init__(self, build: Callable[[dict[str, Any]], nn.Module], *, dtype: str) -> None:
        if dtype not in DTYPES:
            raise wrong("dtype", f"one of {DTYPES}", dtype)
        super().__init__(None)
        self.build = build
        self.dtype = dtype
        self.meta: dict[str, Any] = {}
        self._adapted: list[tuple[Adapter, nn.Module]] = []
        self._quantized: nn.Module | None = None
        self.trains_adapter = False
        self.memo = Memo()
        self.learn_rate_scale = 1.0
        _prepare_forks()

    @property
    def module(self) -> nn.Module:
        """RAISES (ValueError): SEG302 if the model was neither initialised nor loaded."""
        if self._model is None:
            raise ValueError(Errors.SEG302)
        return self._model

    @property
    def is_built(self) -> bool:
        return self._model is not None

    def setup(self, meta: dict[str, Any]) -> None:
        """Build the module anew from its meta data, with fresh weights."""
        self.meta = meta
        self.forget_changes()
        self.memo.clear()
        self._model = self.build(meta).to(get_torch_default_device())

    def tensor(self, array: Any) -> Tensor:
        """Put a numpy array where the module is."""
        return torch.as_tensor(array, device=self.device)

    def predict(self, inputs: ArgsKwargs) -> Any:
        """Run the module, or a copy of it, see `predicting`."""
        module = self.predicting.eval()
        with torch.inference_mode(), self.autocast():
            return module(*inputs.args, **inputs.kwargs)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Apply a function that predicts to every item, on a CPU to several at once."""
        if self.device.type != "cpu":
            return [function(item) for item in items]
        _ = self.predicting  # a copy is made here, and not by every thread
        return in_threads(function, items)

    @property
    def predicting(self) -> nn.Module:
        """What a prediction runs: inside of `use_adapter` the copy of that adapter, else the one of 8 bits if `dtype` says so, else
        the module itself, as always while an adapter of it is in training.

        RAISES (ValueError): SEG302; SEG331 if the adapter was made for other weights.
        """
        adapter = active_adapter()
        if adapter is not None:
            return self.adapted(adapter)
        is_small = self.dtype == "int8" and self.device.type == "cpu" and not self.trains_adapter
        return self.quantized if is_small else self.module

    def adapted(self, adapter: Adapter) -> nn.Module:
        """A copy of the module with the matrices that an adapter changes: whoever predicts beside it in another thread does not
        see them. RAISES (ValueError): SEG331 if it was made for other weights.
        """
        for known, module in self._adapted:
            if known is adapter:
                return module
        module = copy_sharing_weights(self.module)
        for name, weight in changed_weights(self.module, adapter).items():
            layer, _, parameter = name.rpartition(".")
            setattr(module.get_submodule(layer), parameter, nn.Parameter(weight, requires_grad=False))
        self._adapted = [*self._adapted[1 - KEPT_ADAPTERS :], (adapter, module)]
        return module

    def forget_changes(self) -> None:
        """To be called when the weights change: what was made of them is no longer theirs."""
        self._adapted = []
        self._quantized = None

    @property
    def quantized(self) -> nn.Module:
        """A copy of the module with linear layers of 8 bits, made anew after every update."""
        if self._quantized is None:
            self._quantized = quantize_linear(self.module)
        return self._quantized

    def begin_update(self, inputs: ArgsKwargs) -> tuple[Any, Callable[[Any], None]]:
        """Run the module with gradients. RETURNS (tuple): Its output, and a function that takes the gradient of that."""
        self.forget_changes()
        module = self.module.train()
        with self.autocast():
            output = module(*inputs.args, **inputs.kwargs)

        def backprop(d_output: Any) -> None:
            torch.autograd.backward((output,), grad_tensors=(self.tensor(d_output).to(output.dtype),))

        return output, backprop

    def finish_update(self, optimizer: Optimizer) -> None:
        """Change the weights where they stand. thinc's own puts a new tensor around the same memory into a parameter at every
        step, each of which keeps the one before: a kilobyte a step and parameter, as long as training goes on.
        """
        self.forget_changes()
        for name, weights in self.module.named_parameters():
            if weights.grad is not None:
                arrays = torch2xp(weights.data), torch2xp(weights.grad)
                new, _ = optimizer((self.id, name), *arrays, lr_scale=self.learn_rate_scale)
                weights.data.copy_(torch.from_dlpack(new))
                weights.grad.zero_()

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module, if there is one yet."""
        self.forget_changes()
        if self.is_built:
            super().to_device(device_type, device_id)

    def set_dropout(self, rate: float) -> None:
        """Set the share of the states that training leaves out, in all layers."""
        for layer in self.module.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = rate

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): Weights and meta data as safetensors; nothing if there are none yet."""
        if self._model is None:
            return b""
        return serialize.to_bytes(self._model, self.meta)

    def from_bytes(self, bytes_data: bytes) -> "TorchShim":
        """Take over what `to_bytes` wrote. RAISES (ValueError): SEG300, SEG301."""
        if bytes_data:
            self.restore(*serialize.read(bytes_data))
        return self

    def restore(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """Build the module and give it these weights; the old one stays where they do not fit.

        Sizes may come from a file that lies: a module without memory is built first, to compare shapes.

        RAISES (ValueError): SEG300, SEG301.
        """
        try:
            self.check_meta(meta, len(tensors))
            with torch.device("meta"):
                wanted = self.build(meta).state_dict()
        except Exception as error:  # of any kind: sizes and types that no code expects
            reason = f"its description of the model is broken ({type(error).__name__}: {error})"
            raise ValueError(Errors.SEG300.format(reason=reason)) from error
        serialize.check_fit(wanted, tensors)
        module = self.build(meta)
        module.load_state_dict(tensors)
        self.meta = meta
        self.forget_changes()
        self.memo.clear()
        self._model = module.to(get_torch_default_device())

    def check_meta(self, meta: dict[str, Any], n_tensors: int) -> None:
        """Raise an error of any kind if meta data from a file cannot be that of so many tensors."""

    def autocast(self) -> contextlib.AbstractContextManager:
        """The precision of products, as `dtype` says."""
        device = self.device.type
        enabled = self.dtype == "bfloat16" or (self.dtype == "auto" and has_fast_bfloat16(device))
        return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled)


class VocabularyShim(TorchShim):
    """Adds the vocabulary of sub-word pieces, which is part of the meta data."""

    _tokenizer: Tokenizer | None = None
    _cutter: WordCutter | None = None

    @property
    def cutter(self) -> WordCutter:
        """What cuts texts into pieces of a vocabulary whose pieces never cross white space."""
        if self._cutter is None:
            self._cutter = WordCutter(self.tokenizer, self.meta["n_known"])
        return self._cutter

    @property
    def tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            self._tokenizer = Tokenizer.from_str(self.meta["tokenizer"])
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        return self._tokenizer

    def setup(self, meta: dict[str, Any]) -> None:
        super().setup(meta)
        self._tokenizer = self._cutter = None

    def restore(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        super().restore(tensors, meta)
        self._tokenizer = self._cutter = None

    def check_meta(self, meta: dict[str, Any], n_tensors: int) -> None:
        check_vocabulary(Tokenizer.from_str(meta["tokenizer"]), meta["n_known"])


def check_vocabulary(tokenizer: Tokenizer, n_pieces: int) -> None:
    """RAISES (ValueError): If a piece has no row in a table of so many."""
    last = max(tokenizer.get_vocab().values(), default=-1)
    if last >= n_pieces:
        raise ValueError(f"its vocabulary has a piece of number {last}, its table {n_pieces} rows")


def copy_sharing_weights(module: nn.Module) -> nn.Module:
    """RETURNS (Module): A copy that has its weights in common with the original."""
    return copy.deepcopy(module, {id(weights): weights for weights in module.parameters()})


def quantize_linear(module: nn.Module) -> nn.Module:
    """RETURNS (Module): A copy whose linear layers multiply in 8 bits; the rest shares its weights with the original."""
    same = copy_sharing_weights(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to move to another package some day
        return torch.ao.quantization.quantize_dynamic(same, {nn.Linear}, dtype=torch.qint8, inplace=True)


@cache
def has_fast_bfloat16(device: str) -> bool:
    """Whether bfloat16 products are faster than float32 ones on this processor: GPUs that do not only emulate them, and CPUs with AMX.

    AVX512 has bfloat16 instructions too, with which torch is half as fast as in float32.
    """
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has_amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device == "cpu" and has_amx is not None and has_amx()


@cache
def _prepare_forks() -> None:
    """Without this, `nlp.pipe(n_process=2)` waits for ever for threads that a fork did not take along."""
    if not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
    if "TOKENIZERS_PARALLELISM" not in os.environ:
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        logger.debug("Set TOKENIZERS_PARALLELISM=false: forked processes may not wait for tokenizer threads.")
