"""The mean of several models' weights: of one run and of what went on from it, better than each alone.

Wortsman et al. (2022), Model soups.
"""

import numpy as np
from thinc.api import Model

from ..errors import Errors
from ..models import serialize
from ..models.shim import TorchShim


def average(models: list[Model]) -> None:
    """Give the first model the mean of the weights of all; the others stay as they are.

    RAISES (ValueError): SEG301 if one has weights of other names or shapes, SEG302 if one has none.
    """
    for nodes in zip(*(model.walk() for model in models), strict=True):
        first = nodes[0]
        for name in first.param_names:
            arrays = [node.ops.to_numpy(node.get_param(name)) for node in nodes]
            if len({array.shape for array in arrays}) > 1:
                shapes = ", ".join(str(array.shape) for array in arrays)
                raise ValueError(Errors.SEG301.format(problems=f"{name} has the shapes {shapes}"))
            first.set_param(name, first.ops.asarray(np.mean(arrays, axis=0)))
        for shims in zip(*(node.shims for node in nodes), strict=True):
            _average_shims(list(shims))


def _average_shims(shims: list[TorchShim]) -> None:
    if not all(shim.is_built for shim in shims):
        raise ValueError(Errors.SEG302)
    (tensors, meta), *others = [serialize.read(shim.to_bytes()) for shim in shims]
    for other, _ in others:
        serialize.check_fit(tensors, other)
    shims[0].restore(
        {name: sum((other[name] for other, _ in others), t) / len(shims) for name, t in tensors.items()}, meta
    )
