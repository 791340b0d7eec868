"""Weights that come with the package."""

from pathlib import Path
from typing import Any

from ..errors import Errors, is_coded
from ..types import EncoderModel
from . import serialize
from .shim import TorchShim

PRETRAINED = Path(__file__).parent.parent / "pretrained"


def pretrained_path(name: str) -> Path:
    """RAISES (ValueError): SEG201 if the package holds no weights of that name."""
    paths = {path.stem: path for path in sorted(PRETRAINED.glob("*.safetensors"))}
    if name not in paths:  # the name may come from a file: it must not lead out of the folder
        raise ValueError(Errors.SEG201.format(name=name, names=", ".join(paths) or "none"))
    return paths[name]


def wrong_encoder(encoder: EncoderModel, wanted: str) -> ValueError:
    """RETURNS (ValueError): SEG301, to be raised where weights of the package are for another encoder."""
    return ValueError(
        Errors.SEG301.format(problems=f"They belong to {wanted}, not to '{encoder.name}': set pretrained to null.")
    )


def restore_part(shim: TorchShim, tensors: dict[str, Any], meta: dict[str, Any], name: str) -> None:
    """Take over a part of the weights of the package.

    RAISES (ValueError): SEG301 if they are not those of such a model.
    """
    try:
        shim.restore(*serialize.part(tensors, meta, name))
    except ValueError as error:
        if not is_coded(error, "SEG300"):
            raise
        problem = f"The pretrained '{name}' is one of another kind: set pretrained to null."
        raise ValueError(Errors.SEG301.format(problems=problem)) from error
