"""AdamW that keeps checkpoints, so that `spacy train` goes on where a killed run stopped.

spaCy's training loop has no place for the state of an optimizer. The optimizer itself sees every weight and every
step, so it is the one that writes and reads them.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from thinc.api import Optimizer
from thinc.backends import get_array_ops

from ..errors import Errors
from ..files import files_at, write_atomically

STATE = ("weights", "mom1", "mom2")
# A file that tells of more steps than this lies; schedules would be walked through for hours.
LONGEST = 10_000_000


class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    learn_rate (float or schedule): Step size.
    L2 (float): Weight decay of matrices; vectors (biases, norms) have none.
    grad_clip (float): Largest norm of the gradient of one parameter, 0 for no limit.
    checkpoint (str or None): File to keep state in. If it is there, training goes on from it.
    every (int): Steps between checkpoints.
    data (str, list of str or None): Files, folders or patterns that the model learns from: a checkpoint of others is of no use, for a
        vocabulary may be made of them.
    resumed (dict): State of the checkpoint that no parameter has taken yet: each does when its first gradient comes.
    RAISES (ValueError): SEG420 if the checkpoint cannot be read or belongs to another model.

    Loshchilov & Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    def __init__(
        self,
        learn_rate: Any = 0.001,
        *,
        L2: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.98,
        eps: float = 1e-8,
        grad_clip: float = 1.0,
        checkpoint: str | None = None,
        every: int = 500,
        data: str | list[str] | None = None,
    ) -> None:
        super().__init__(learn_rate, L2=L2, beta1=beta1, beta2=beta2, eps=eps, grad_clip=grad_clip, use_averages=False)
        self.checkpoint = Path(checkpoint) if checkpoint else None
        self.every = every
        self.data = data
        self.n_steps = 0
        self.latest: dict[Any, Any] = {}
        self.resumed: dict[str, np.ndarray] = {}
        if self.checkpoint is not None and self.checkpoint.exists():
            steps, self.resumed = read_checkpoint(self.checkpoint, self.made_of)
            for _ in range(steps):
                super().step_schedules()
            self.n_steps = steps

    @cached_property
    def made_of(self) -> str:
        """Digest of the data, read when a checkpoint is first read or written."""
        return "" if self.data is None else digest(self.data)

    def __call__(self, key: Any, weights: Any, gradient: Any, *, lr_scale: float = 1.0) -> tuple[Any, Any]:
        """Update weights in place. RETURNS (tuple): The weights, and the gradient set to zero."""
        resumes = key not in self.latest and self._start(key, weights)
        self.latest[key] = weights
        w, g = torch.from_dlpack(weights), torch.from_dlpack(gradient)  # the same memory, on whatever device
        if not resumes:  # the first step of a parameter after a resumption only puts the stored state in place
            self._step(w, g, self.mom1[key], self.mom2[key], self.learn_rate * lr_scale)
        g.zero_()
        return weights, gradient

    def _step(self, w: torch.Tensor, g: torch.Tensor, mom1: Any, mom2: Any, rate: float) -> None:
        first, second = torch.from_dlpack(mom1), torch.from_dlpack(mom2)
        if self.grad_clip:
            g.mul_(torch.clamp(self.grad_clip / (g.norm() + 1e-12), max=1.0))
        step = self.n_steps + 1
        first.lerp_(g, 1 - self.b1)
        second.mul_(self.b2).addcmul_(g, g, value=1 - self.b2)
        if self.L2 and w.ndim > 1:
            w.mul_(1 - rate * self.L2)
        scale = (second / (1 - self.b2**step)).sqrt_().add_(self.eps)
        w.addcdiv_(first, scale, value=-rate / (1 - self.b1**step))

    def _start(self, key: Any, weights: Any) -> bool:
        """Fresh moments, or those of the checkpoint together with its weights. RETURNS (bool): Whether they are of the checkpoint."""
        place = len(self.latest)
        self.latest[key] = weights
        ops = get_array_ops(weights)
        self.mom1[key], self.mom2[key] = ops.alloc(weights.shape), ops.alloc(weights.shape)
        if not self.resumed:
            return False
        stored = stored_state(self.checkpoint, self.resumed, place, weights.shape, key[1])
        for name, target, array in zip(STATE, (weights, self.mom1[key], self.mom2[key]), stored, strict=True):
            target[...] = ops.asarray(array)
            del self.resumed[f"{place}.{name}"]
        return True

    def step_schedules(self) -> None:
        super().step_schedules()
        self.n_steps += 1
        if self.checkpoint is not None and self.n_steps % self.every == 0:
            self.save(self.checkpoint)

    def save(self, path: Path) -> None:
        """Write weights, moments and the number of steps. RAISES (OSError): SEG421."""
        states = [(weights, self.mom1[key], self.mom2[key]) for key, weights in self.latest.items()]
        arrays = [[get_array_ops(a).to_numpy(a) for a in state] for state in states]
        waiting = range(
            len(arrays), len(arrays) + len(self.resumed) // len(STATE)
        )  # no gradient yet since the resumption
        arrays += [[self.resumed[f"{place}.{name}"] for name in STATE] for place in waiting]
        write_checkpoint(path, self.n_steps, arrays, self.made_of)


def digest(paths: str | list[str]) -> str:
    """RETURNS (str): Digest of the names and the bytes of all files at some paths."""
    found = hashlib.sha256()
    for path in [paths] if isinstance(paths, str) else paths:
        for file in map(Path, files_at(path)):
            found.update(file.name.encode(errors="surrogateescape") + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def write_checkpoint(path: Path, steps: int, states: Iterable[Sequence[np.ndarray]], made_of: str = "") -> None:
    """What `read_checkpoint` reads.

    states (iterable): Weights and moments (one or both) of every parameter, see STATE. made_of (str): Digest of what the weights are
        made of.
    RAISES (OSError): SEG421.
    """
    arrays = {
        f"{place}.{name}": np.ascontiguousarray(array)
        for place, state in enumerate(states)
        for name, array in zip(STATE[: len(state)], state, strict=True)
    }
    try:
        write_atomically(path, save_tensors(arrays, {"steps": str(steps), "made_of": made_of}))
    except OSError as error:
        raise OSError(Errors.SEG421.format(path=path, reason=error)) from error


def stored_state(
    path: Path | None, arrays: dict[str, np.ndarray], place: int, shape: tuple[int, ...], label: str, n_moments: int = 2
) -> list[np.ndarray]:
    """Weights and moments of a parameter in a checkpoint. RAISES (ValueError): SEG420 if they have another shape, or are not there."""
    found = [arrays.get(f"{place}.{name}") for name in STATE[: 1 + n_moments]]
    for array in found:
        if array is None or array.shape != tuple(shape):
            reason = f"{label} has shape {tuple(shape)}, the checkpoint {getattr(array, 'shape', None)}"
            raise ValueError(Errors.SEG420.format(path=path, reason=reason))
    return cast(list[np.ndarray], found)


def read_checkpoint(path: Path, made_of: str = "") -> tuple[int, dict[str, np.ndarray]]:
    """RETURNS (tuple): Steps done, and the arrays by place and name. RAISES (ValueError): SEG420, also if both are told and differ what
    its weights and those of today are made of.
    """
    try:
        data = path.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        steps, arrays = int(header["__metadata__"]["steps"]), load_tensors(data)
        if not 0 <= steps <= LONGEST:
            raise ValueError(f"it tells of {steps} steps")
        if made_of and header["__metadata__"].get("made_of", made_of) not in ("", made_of):
            raise ValueError("it is of other data or of another vocabulary")
        broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
        if broken:
            raise ValueError(f"{broken[0]} is not finite")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(Errors.SEG420.format(path=path, reason=error)) from error
    return steps, arrays


def steps_done(checkpoint: str | None) -> int:
    """Steps of the run that a checkpoint is of, 0 without one. RAISES (ValueError): SEG420."""
    path = Path(checkpoint) if checkpoint else None
    return read_checkpoint(path)[0] if path is not None and path.exists() else 0


def remaining_steps(total: int, checkpoint: str | None = None) -> int:
    """`[training] max_steps` of a run that may go on from a checkpoint: at least 1, for spaCy takes 0 as "no limit"."""
    return max(1, total - steps_done(checkpoint))
