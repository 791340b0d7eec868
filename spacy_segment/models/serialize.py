"""The one place that turns weights into bytes and back: safetensors, never pickle."""

import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from ..errors import Errors

# Key of our one entry in the header: entries come in no fixed order, and the same model should give the same bytes.
FORMAT = "spacy_segment.v1"
SCALE = ".scale"


def to_bytes(module: nn.Module, meta: dict[str, Any]) -> bytes:
    """RETURNS (bytes): safetensors with the weights of a module in full, and `meta` (JSON values) in the header."""
    return save({name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}, meta)


def save(tensors: dict[str, Tensor], meta: dict[str, Any]) -> bytes:
    """RETURNS (bytes): What `read` reads."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    return save_tensors(contiguous, {FORMAT: json.dumps(meta, sort_keys=True)})


def pack(tensors: dict[str, Tensor], meta: dict[str, Any]) -> bytes:
    """Like `to_bytes`, but small: large embeddings as int8 with a scale per row, the rest as float16; `read` unpacks."""
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if "embed" in name and tensor.ndim == 2 and tensor.shape[0] > 1024:
            scale = tensor.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            packed[name] = torch.round(tensor / scale).to(torch.int8)
            packed[name + SCALE] = scale.to(torch.float16)
        else:
            packed[name] = tensor.to(torch.float16)
    return save(packed, meta)


def read(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights, unpacked to float32, and their meta data.

    RAISES (ValueError): SEG300 if the bytes are not ours; SEG301 if a tensor is not finite.
    """
    try:
        header_size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_size]).get("__metadata__", {})
        stored = load_tensors(data)
        if FORMAT not in header:
            raise ValueError(f"its header has no entry {FORMAT!r}")
        meta = json.loads(header[FORMAT])
        if not isinstance(meta, dict):
            raise TypeError(f"the entry {FORMAT!r} of its header is no object")
        tensors = {name: _unpack(name, stored) for name in stored if not name.endswith(SCALE)}
    except (SafetensorError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(Errors.SEG300.format(reason=str(error) or type(error).__name__)) from error
    check_finite(tensors)
    return tensors, meta


def part(tensors: dict[str, Tensor], meta: dict[str, Any], name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights and meta data of one part of a model that was packed as several."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}, meta.get(name, {})


def check_finite(tensors: dict[str, Tensor]) -> None:
    """RAISES (ValueError): SEG301 naming tensors with values that are not finite."""
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ValueError(Errors.SEG301.format(problems=f"Not finite: {', '.join(broken)}."))


def _unpack(name: str, stored: dict[str, Tensor]) -> Tensor:
    """A tensor in float32. A scale has one number per row: any other shape could blow the tensor up."""
    tensor, scale = stored[name], stored.get(name + SCALE)
    if tensor.is_complex():
        raise TypeError(f"{name} holds complex numbers")
    if scale is None:
        return tensor.float()
    if scale.shape != (*tensor.shape[:1], 1) or tensor.ndim != 2:
        raise ValueError(f"the scale of {name} has shape {tuple(scale.shape)}, its weights {tuple(tensor.shape)}")
    return tensor.float() * scale.float()


def check_fit(wanted: dict[str, Tensor], tensors: dict[str, Tensor]) -> None:
    """Compare names and shapes; the wanted tensors may be on the device "meta", where they take no memory.

    RAISES (ValueError): SEG301 naming missing, unexpected and misshapen tensors.
    """
    problems = [f"missing: {name}" for name in wanted if name not in tensors]
    problems += [f"unexpected: {name}" for name in tensors if name not in wanted]
    problems += [
        f"{name} has shape {tuple(tensors[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    if problems:
        raise ValueError(Errors.SEG301.format(problems="; ".join(problems)))
