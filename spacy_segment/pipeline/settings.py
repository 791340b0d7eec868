"""Settings of the components: their defaults and what is allowed."""

from typing import Any

from ..errors import Errors
from ..length_prior import NARROWEST, WIDEST, LengthPrior

DEFAULTS: dict[str, Any] = {
    "threshold": None,
    "overwrite": False,
    "newlines": "model",
    "split_tokens": "auto",
    "min_length": 0,
    "max_length": None,
    "length_unit": "characters",
    "store_probs": False,
    "length_prior": None,
    "mark_weight": 0.5,
    "adapter": None,
}

CHOICES: dict[str, tuple[Any, ...]] = {
    "overwrite": (True, False),
    "newlines": ("model", "ignore", "hard", "paragraph"),
    "split_tokens": (True, False, "auto"),
    "length_unit": ("characters", "tokens"),
    "store_probs": (True, False),
}


TOPIC_DEFAULTS: dict[str, Any] = {
    "spans_key": "topics",
    "units": "sentences",
    "threshold": None,
    "label_threshold": 0.2,
    "min_length": 0,
    "max_length": None,
    "length_unit": "sentences",
    "n_segments": None,
    "levels": 1,
    "overwrite": True,
    "store_probs": False,
}

TOPIC_CHOICES: dict[str, tuple[Any, ...]] = {
    "units": ("sentences", "paragraphs"),
    "length_unit": ("sentences", "tokens", "characters"),
    "levels": (1, 2),
    "overwrite": (True, False),
    "store_probs": (True, False),
}


def check_settings(settings: dict[str, Any]) -> None:
    """Settings of the sentence segmenter. RAISES (ValueError): SEG200 for the first with a value it cannot have."""
    _check_choices(settings, CHOICES)
    _check_threshold(settings)
    if not _is_number(settings["mark_weight"]) or settings["mark_weight"] < 0:
        _fail(settings, "mark_weight", "a number of at least 0")
    _check_limits(settings)
    prior = settings["length_prior"]
    if prior is not None and not (isinstance(prior, list) and len(prior) == 2 and LengthPrior(*prior).is_sound):
        _fail(settings, "length_prior", f"None, or a mean and a deviation from {NARROWEST} to {WIDEST}, in characters")


def check_topic_settings(settings: dict[str, Any]) -> None:
    """Settings of the topic segmenter. RAISES (ValueError): SEG200 for the first with a value it cannot have."""
    _check_choices(settings, TOPIC_CHOICES)
    _check_threshold(settings)
    _check_probability(settings, "label_threshold")
    _check_limits(settings)
    number = settings["n_segments"]
    if number is not None and (not _is_whole(number) or number < 1):
        _fail(settings, "n_segments", "None, or a whole number of at least 1")
    if not isinstance(settings["spans_key"], str) or not settings["spans_key"]:
        _fail(settings, "spans_key", "a name")


def _check_choices(settings: dict[str, Any], choices: dict[str, tuple[Any, ...]]) -> None:
    for name, allowed in choices.items():
        if settings[name] not in allowed:
            _fail(settings, name, f"one of {allowed}")


def _check_threshold(settings: dict[str, Any]) -> None:
    """None: every text has its own."""
    if settings["threshold"] is not None:
        _check_probability(settings, "threshold")


def _check_probability(settings: dict[str, Any], name: str) -> None:
    if not _is_number(settings[name]) or not 0 <= settings[name] <= 1:
        _fail(settings, name, "a number from 0 to 1")


def _check_limits(settings: dict[str, Any]) -> None:
    if not _is_whole(settings["min_length"]) or settings["min_length"] < 0:
        _fail(settings, "min_length", "a whole number of at least 0")
    longest = settings["max_length"]
    if longest is not None and (not _is_whole(longest) or longest < max(1, settings["min_length"])):
        _fail(settings, "max_length", "None, or a whole number of at least 1 and at least min_length")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fail(settings: dict[str, Any], name: str, expected: str) -> None:
    raise ValueError(Errors.SEG200.format(name=name, expected=expected, value=settings[name]))
