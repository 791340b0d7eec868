"""What settings cannot be: they come from configurations, files and commands. The first that is wrong is named (SEG200)."""

from collections.abc import Collection
from math import inf
from typing import Any

from .errors import Errors


def wrong(name: str, expected: str, value: object) -> ValueError:
    """RETURNS (ValueError): SEG200, to be raised."""
    return ValueError(Errors.SEG200.format(name=name, expected=expected, value=value))


def is_number(value: Any) -> bool:
    """Whether it is one; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_whole(least: int, most: int | None = None, **values: Any) -> None:
    """RAISES (ValueError): SEG200 for the first that is not a whole number from `least` to `most`."""
    for name, value in values.items():
        if not is_whole(value) or value < least or (most is not None and value > most):
            raise wrong(name, f"a whole number from {least} {'on' if most is None else f'to {most}'}", value)


def check_least(least: float, **values: Any) -> None:
    """RAISES (ValueError): SEG200 for the first that is not a number of at least `least`."""
    for name, value in values.items():
        if not (is_number(value) and value >= least):
            raise wrong(name, f"a number of at least {least}", value)


def check_optional(least: float, **values: Any) -> None:
    """The same, but None passes."""
    check_least(least, **{name: value for name, value in values.items() if value is not None})


def check_positive(**values: Any) -> None:
    """RAISES (ValueError): SEG200 for the first that is not a number above 0, and finite."""
    for name, value in values.items():
        if not (is_number(value) and 0 < value < inf):
            raise wrong(name, "a number above 0 and finite", value)


def check_probability(**values: Any) -> None:
    """RAISES (ValueError): SEG200 for the first that is not a number from 0 to 1."""
    for name, value in values.items():
        if not (is_number(value) and 0 <= value <= 1):
            raise wrong(name, "a number from 0 to 1", value)


def check_share(**values: Any) -> None:
    """RAISES (ValueError): SEG200 for the first that is no share of what is left out, from 0 to below 1."""
    for name, value in values.items():
        if not (is_number(value) and 0 <= value < 1):
            raise wrong(name, "a number from 0 to below 1", value)


def check_choice(choices: Collection[Any], **values: Any) -> None:
    """RAISES (ValueError): SEG200 for the first that is none of the choices."""
    for name, value in values.items():
        if value not in choices:
            raise wrong(name, f"one of {', '.join(map(str, choices))}", value)


def check_limits(min_length: Any, max_length: Any) -> None:
    """RAISES (ValueError): SEG200 for limits of segments that are no whole numbers, or that no segment keeps."""
    check_whole(0, min_length=min_length)
    if max_length is not None:
        check_whole(max(1, min_length), max_length=max_length)
