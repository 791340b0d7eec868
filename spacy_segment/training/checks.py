"""What settings of a training cannot be."""

from math import inf
from typing import Any

from ..errors import Errors, check_least


def check_training(settings: Any, **least: int) -> None:
    """RAISES (ValueError): SEG200 for the first setting that is below its least value, or a learning rate that cannot be."""
    for name, value in least.items():
        check_least(value, **{name: getattr(settings, name)})
    if not 0 < settings.learn_rate < inf:
        raise ValueError(
            Errors.SEG200.format(name="learn_rate", expected="above 0 and finite", value=settings.learn_rate)
        )
