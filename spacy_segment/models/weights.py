"""Weights that come with the package."""

from pathlib import Path

from ..errors import Errors

PRETRAINED = Path(__file__).parent.parent / "pretrained"


def pretrained_path(name: str) -> Path:
    """RAISES (ValueError): SEG201 if the package holds no weights of that name."""
    path = PRETRAINED / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in PRETRAINED.glob("*.safetensors"))) or "none"
        raise ValueError(Errors.SEG201.format(name=name, names=names))
    return path
