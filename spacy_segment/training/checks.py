"""What settings of a training cannot be."""

from math import inf
from typing import Any

from ..errors import Errors


def check_training(settings: Any, **least: int) -> None:
    """RAISES (ValueError): SEG200 for the first setting that is below its least value, or a learning rate that is not above 0."""
    for name, value in least.items():
        if getattr(settings, name) < value:
            raise ValueError(
                Errors.SEG200.format(name=name, expected=f"at least {value}", value=getattr(settings, name))
            )
    if not 0 < settings.learn_rate < inf:
        raise ValueError(Errors.SEG200.format(name="learn_rate", expected="above 0", value=settings.learn_rate))
