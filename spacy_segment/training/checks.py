"""What settings of a training cannot be."""

from math import inf
from typing import Any

from ..errors import Errors


def check_training(settings: Any, *, shares: tuple[str, ...] = (), **least: int) -> None:
    """RAISES (ValueError): SEG200 for the first setting that is no whole number from its least value on; for a share of what is
    left out that is not from 0 to below 1; for a learning rate that cannot be.
    """
    for name, value in least.items():
        given = getattr(settings, name)
        if isinstance(given, bool) or not isinstance(given, int) or given < value:
            raise ValueError(Errors.SEG200.format(name=name, expected=f"a whole number from {value} on", value=given))
    for name in shares:
        if not 0 <= getattr(settings, name) < 1:
            expected = "from 0 to below 1"
            raise ValueError(Errors.SEG200.format(name=name, expected=expected, value=getattr(settings, name)))
    if not 0 < settings.learn_rate < inf:
        raise ValueError(
            Errors.SEG200.format(name="learn_rate", expected="above 0 and finite", value=settings.learn_rate)
        )
