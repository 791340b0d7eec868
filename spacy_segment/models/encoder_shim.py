"""Weights and tokenizer of a Hugging Face encoder inside thinc."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from ..errors import Errors
from ..types import Floats1d, Floats2d
from .checkpoints import build_config, read_checkpoint
from .shim import VocabularyShim, check_vocabulary


class HFShim(VocabularyShim):
    """Adds the place the weights come from, which is read when they are first needed."""

    def __init__(
        self,
        build: Callable,
        *,
        dtype: str,
        name: str | None,
        tokenizer: str | None,
        n_layers: int | None,
        lookahead: int | str | None,
    ) -> None:
        super().__init__(build, dtype=dtype)
        self.lookahead = lookahead
        self.name = name
        self.tokenizer_name = tokenizer
        self.n_layers = n_layers
        self.head: tuple[Floats2d, Floats1d] | None = None
        self.threshold: float | None = None

    @property
    def module(self) -> nn.Module:
        """RAISES (ValueError): SEG302, SEG310."""
        if self._model is None and self.name is not None:
            checkpoint = read_checkpoint(self.name, tokenizer=self.tokenizer_name, n_layers=self.n_layers)
            try:
                self.restore(self._fresh_surface(checkpoint.meta) | checkpoint.weights, checkpoint.meta)
            except ValueError as error:
                raise ValueError(Errors.SEG310.format(name=Path(self.name).name, reason=error)) from error
            self.head, self.threshold = checkpoint.head, checkpoint.threshold
        return super().module

    def _fresh_surface(self, meta: dict[str, Any]) -> dict[str, torch.Tensor]:
        """The tables of surface features, which no checkpoint brings: zeros. The encoder itself takes no memory for this."""
        with torch.device("meta"):
            tables = self.build(meta).surface.state_dict()
        return {f"surface.{name}": torch.zeros(table.shape) for name, table in tables.items()}

    @property
    def tokenizer(self) -> Tokenizer:
        """RAISES (ValueError): SEG302, SEG310."""
        _ = self.module  # which is read when it is first needed, and brings the tokenizer
        return super().tokenizer

    def restore(self, tensors: dict, meta: dict[str, Any]) -> None:
        super().restore(tensors, meta)
        self._limit_lookahead()
        self.head = self.threshold = None

    def _limit_lookahead(self) -> None:
        """RAISES (ValueError): If a limit is asked for and the encoder knows none."""
        module: Any = self._model
        if module.lookahead is None or module.takes_limit():
            return
        if self.lookahead != "auto":
            self._model = None
            raise ValueError(f"{self.meta['config']['model_type']!r} cannot limit look-ahead, give lookahead = null")
        module.lookahead = None

    def to_bytes(self) -> bytes:
        """RAISES (ValueError): SEG311 if a directory of this machine was given and not read: a saved pipeline would need it."""
        if self._model is None and self.name is not None and Path(self.name).is_dir():
            raise ValueError(Errors.SEG311.format(name=Path(self.name).name))
        return super().to_bytes()

    def check_meta(self, meta: dict[str, Any], n_tensors: int) -> None:
        """As in `VocabularyShim`: layers, vocabulary and special pieces fit the tensors and each other."""
        config = build_config(meta["config"])
        if config.num_hidden_layers > n_tensors:
            raise ValueError(f"it tells of {config.num_hidden_layers} layers, and there are {n_tensors} tensors")
        check_vocabulary(Tokenizer.from_str(meta["tokenizer"]), config.vocab_size)
        if any(not 0 <= number < config.vocab_size for number in meta["special"]):
            raise ValueError(f"its special pieces {meta['special']} are not all in the vocabulary")
