"""Settings of the sentence segmenter: their defaults and what is allowed."""

from typing import Any

from ..errors import Errors

DEFAULTS: dict[str, Any] = {
    "threshold": 0.5,
    "overwrite": False,
    "newlines": "model",
    "split_tokens": "auto",
    "min_length": 0,
    "max_length": None,
    "length_unit": "characters",
    "store_probs": False,
    "mark_weight": 0.5,
}

CHOICES: dict[str, tuple[Any, ...]] = {
    "overwrite": (True, False),
    "newlines": ("model", "ignore", "hard", "paragraph"),
    "split_tokens": (True, False, "auto"),
    "length_unit": ("characters", "tokens"),
    "store_probs": (True, False),
}


def check_settings(settings: dict[str, Any]) -> None:
    """RAISES (ValueError): SEG200 for the first setting that has a value it cannot have."""
    for name, allowed in CHOICES.items():
        if settings[name] not in allowed:
            _fail(settings, name, f"one of {allowed}")
    if not _is_number(settings["threshold"]) or not 0 < settings["threshold"] < 1:
        _fail(settings, "threshold", "a number between 0 and 1")
    if not _is_number(settings["mark_weight"]) or settings["mark_weight"] < 0:
        _fail(settings, "mark_weight", "a number of at least 0")
    if not isinstance(settings["min_length"], int) or settings["min_length"] < 0:
        _fail(settings, "min_length", "a whole number of at least 0")
    longest = settings["max_length"]
    if longest is not None and (not isinstance(longest, int) or longest < max(1, settings["min_length"])):
        _fail(settings, "max_length", "None, or a whole number of at least 1 and at least min_length")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fail(settings: dict[str, Any], name: str, expected: str) -> None:
    raise ValueError(Errors.SEG200.format(name=name, expected=expected, value=settings[name]))
