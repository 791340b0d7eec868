"""Weights that come with the package."""

from pathlib import Path

from ..errors import Errors

PRETRAINED = Path(__file__).parent.parent / "pretrained"


def pretrained_path(name: str) -> Path:
    """RAISES (ValueError): SEG201 if the package holds no weights of that name."""
    paths = {path.stem: path for path in sorted(PRETRAINED.glob("*.safetensors"))}
    if name not in paths:  # the name may come from a file: it must not lead out of the folder
        raise ValueError(Errors.SEG201.format(name=name, names=", ".join(paths) or "none"))
    return paths[name]
