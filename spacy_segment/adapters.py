"""Adapters: small changes of a sentence model for one kind of text, kept apart from its weights (numpy alone)."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from .checks import wrong
from .errors import Errors
from .files import write_atomically
from .length_prior import LengthPrior

FORMAT = "spacy_segment.adapter.v1"
SUFFIX = ".safetensors"
# Attribute of a model while an adapter of it learns, see `models.lora`; thinc leaves it out when the model is saved.
TRAINING = "adapter_training"


@dataclass(frozen=True, eq=False)
class Adapter:
    """Low-rank changes of some matrices of an encoder, and a head of its own.

    weights (dict): For every changed matrix "NAME.a" (rank, n_in) and "NAME.b" (n_out, rank), float32; the new matrix is
        W + scale * b @ a. "head.W" and "head.b" take the place of the head.
    scale (float): alpha / rank.
    threshold (float or None): Takes the place of the component's.
    base (str): Fingerprint of the matrices that it changes, see `models.lora.fingerprint`.
    lengths (LengthPrior or None): How long sentences are, if they are about equally long.

    Hu et al. (2022), LoRA, equation 3.
    """

    weights: dict[str, np.ndarray] = field(repr=False)
    scale: float
    threshold: float | None
    base: str
    lengths: LengthPrior | None = None

    @property
    def targets(self) -> list[str]:
        """Names of the changed matrices."""
        return [name.removesuffix(".a") for name in self.weights if name.endswith(".a")]

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): safetensors, with everything that is no weight in the header."""
        meta: dict[str, Any] = {"scale": self.scale, "threshold": self.threshold, "base": self.base}
        if self.lengths is not None:
            meta["lengths"] = [self.lengths.mean, self.lengths.deviation]
        arrays = {name: np.ascontiguousarray(array) for name, array in self.weights.items()}
        return save_tensors(arrays, {FORMAT: json.dumps(meta, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Adapter":
        """RAISES (ValueError): SEG330 if these are not the bytes of an adapter."""
        try:
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            meta = json.loads(header["__metadata__"][FORMAT])
            weights = load_tensors(data)
            threshold = None if meta["threshold"] is None else float(meta["threshold"])
            lengths = LengthPrior(*map(float, meta["lengths"])) if meta.get("lengths") else None
            adapter = cls(weights, float(meta["scale"]), threshold, str(meta["base"]), lengths)
            problem = _find_problem(adapter)
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(Errors.SEG330.format(reason=f"{type(error).__name__}: {error}")) from error
        if problem:
            raise ValueError(Errors.SEG330.format(reason=problem))
        return adapter


class Adapters(dict[str, Adapter]):
    """The adapters of a pipeline by name, kept on disk as one file each."""

    def find(self, name: str | None) -> Adapter | None:
        """RETURNS (Adapter or None): None for the name None. RAISES (ValueError): SEG230 if there is none of that name."""
        if name is None:
            return None
        if not isinstance(name, str) or name not in self:
            raise ValueError(Errors.SEG230.format(name=name, names=", ".join(self) or "none"))
        return self[name]

    def set_threshold(self, threshold: float | None) -> None:
        """Give all adapters one threshold; None: every text has its own."""
        self.update({name: replace(adapter, threshold=threshold) for name, adapter in self.items()})

    def to_disk(self, path: Path) -> None:
        """Write NAME.safetensors for each; other files of that kind go."""
        for name, adapter in self.items():
            write_atomically(path / (name + SUFFIX), adapter.to_bytes())
        for file in path.glob("*" + SUFFIX):
            if file.stem not in self:
                file.unlink()

    def from_disk(self, path: Path) -> None:
        """Read what `to_disk` wrote, or a folder with files put there by hand. RAISES (ValueError): SEG330, SEG200."""
        files = sorted(path.glob("*" + SUFFIX))
        for file in files:
            check_name(file.stem)
        self.from_dict({file.stem: read_adapter_file(file) for file in files})

    def to_dict(self) -> dict[str, bytes]:
        """RETURNS (dict): Every adapter as the bytes of its file, by name."""
        return {name: adapter.to_bytes() for name, adapter in self.items()}

    def from_dict(self, data: dict[str, bytes]) -> None:
        """RAISES (ValueError): SEG330."""
        read = {name: Adapter.from_bytes(bytes_data) for name, bytes_data in data.items()}
        self.clear()
        self.update(read)


def read_adapter_file(path: Path) -> bytes:
    """RAISES (ValueError): SEG330 if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(Errors.SEG330.format(reason=error)) from error


def check_name(name: str) -> None:
    """RAISES (ValueError): SEG200 if a file could not be called by this name."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]{0,99}", name):
        expected = "letters, digits, '-', '_' and '.', a letter or digit first, 100 at most"
        raise wrong("adapter", expected, name)


# The adapter that models predict with; each thread has its own.
_ACTIVE: ContextVar[Adapter | None] = ContextVar("adapter", default=None)


def active_adapter() -> Adapter | None:
    """RETURNS (Adapter or None): What `use_adapter` says around this call."""
    return _ACTIVE.get()


@contextmanager
def use_adapter(adapter: Adapter | None) -> Iterator[None]:
    """Models predict with this adapter inside of the block; None: with their own weights."""
    token = _ACTIVE.set(adapter)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def _find_problem(adapter: Adapter) -> str:
    """RETURNS (str): What is wrong with an adapter from a file; empty if nothing is."""
    names = {"head.W", "head.b"} | {name + end for name in adapter.targets for end in (".a", ".b")}
    if set(adapter.weights) != names:
        return f"its tensors are not pairs and a head: {', '.join(sorted(names ^ set(adapter.weights)))}"
    for name, array in adapter.weights.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            return f"{name} is not float32 throughout, or not finite"
    for name in adapter.targets:
        a, b = adapter.weights[name + ".a"], adapter.weights[name + ".b"]
        if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
            return f"the shapes of {name} do not fit each other: {a.shape}, {b.shape}"
    if not np.isfinite(adapter.scale) or not (adapter.threshold is None or 0 <= adapter.threshold <= 1):
        return f"scale {adapter.scale} or threshold {adapter.threshold} cannot be"
    prior = adapter.lengths
    if prior is not None and not prior.is_sound:
        return f"lengths of mean {prior.mean} and deviation {prior.deviation} cannot be"
    return ""
