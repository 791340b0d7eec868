"""Sentence and topic segmentation for spaCy. Importing this module does not import torch."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .visualize import render

__all__ = ["__version__", "render"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what needs spaCy when it is asked for."""
    if name == "render":
        from .visualize import render

        return render
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
