"""Low-rank changes of a torch encoder: which matrices, and what they become.

Hu et al. (2022), LoRA, section 4.
"""

import hashlib
import re
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ...adapters import Adapter
from ...errors import Errors

# Names of the linear layers of query, value and feed-forward up in encoders of all makes; FUSED: query, key and value.
FUSED = r"qkv|Wqkv|qkv_proj|query_key_value"
NAMES = (
    rf"{FUSED}|q|v|q_proj|v_proj|q_lin|v_lin|query|value|query_proj|value_proj"
    r"|inner|intermediate\.dense|fc1|lin1|ffn|[Ww]i|up_proj"
)


def find_targets(module: nn.Module) -> list[str]:
    """RETURNS (list of str): Names of the linear layers of query, value and feed-forward up; may be empty."""
    layers = module.named_modules()
    return [name for name, layer in layers if isinstance(layer, nn.Linear) and _is_called(name, NAMES)]


def freeze_key(name: str, b: Tensor) -> None:
    """Keep the key as it is where query, key and value are one projection: its rows of `b` stay zero in training.

    b (Tensor): (n_out, rank), the second matrix of the projection called `name`.
    """
    if _is_called(name, FUSED):
        width = b.shape[0] // 3
        mask = torch.ones_like(b)
        mask[width : 2 * width] = 0
        b.register_hook(lambda gradient: gradient * mask)


def changed_weights(module: nn.Module, adapter: Adapter) -> dict[str, Tensor]:
    """RETURNS (dict): Name -> value of every parameter that the adapter changes.

    RAISES (ValueError): SEG331 if the adapter was made for other weights.
    """
    layers = dict(module.named_modules())
    fits = all(isinstance(layers.get(name), nn.Linear) for name in adapter.targets)
    if not fits or fingerprint(module, adapter.targets) != adapter.base:
        raise ValueError(Errors.SEG331)
    changed = {}
    with torch.no_grad():
        for name in adapter.targets:
            weight = cast(Tensor, layers[name].weight)
            a, b = (torch.as_tensor(adapter.weights[name + end], device=weight.device) for end in (".a", ".b"))
            changed[name + ".weight"] = weight + adapter.scale * (b @ a)
    return changed


def fingerprint(module: nn.Module, targets: list[str]) -> str:
    """RETURNS (str): A digest of the matrices of these names. An adapter fits no other ones."""
    layers = dict(module.named_modules())
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(targets):
        weight = to_array(cast(Any, layers[name]).weight)
        digest.update(f"{name} {weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def to_array(tensor: Tensor) -> np.ndarray:
    """RETURNS (ndarray): A copy, float32."""
    return tensor.detach().float().cpu().numpy().copy()


def _is_called(name: str, pattern: str) -> bool:
    return re.search(rf"(^|\.)({pattern})$", name) is not None
