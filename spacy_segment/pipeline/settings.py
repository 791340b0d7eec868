"""Settings of the components: their defaults and what is allowed."""

from typing import Any

from ..checks import check_choice, check_least, check_limits, check_probability, check_whole, wrong
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
    _check_common(settings, CHOICES)
    check_least(0, mark_weight=settings["mark_weight"])
    prior = settings["length_prior"]
    if prior is not None and not (isinstance(prior, list) and len(prior) == 2 and LengthPrior(*prior).is_sound):
        expected = f"None, or a mean and a deviation from {NARROWEST} to {WIDEST}, in characters"
        raise wrong("length_prior", expected, prior)


def check_topic_settings(settings: dict[str, Any]) -> None:
    """Settings of the topic segmenter. RAISES (ValueError): SEG200 for the first with a value it cannot have."""
    _check_common(settings, TOPIC_CHOICES)
    check_probability(label_threshold=settings["label_threshold"])
    if settings["n_segments"] is not None:
        check_whole(1, n_segments=settings["n_segments"])
    if not isinstance(settings["spans_key"], str) or not settings["spans_key"]:
        raise wrong("spans_key", "a name", settings["spans_key"])


def _check_common(settings: dict[str, Any], choices: dict[str, tuple[Any, ...]]) -> None:
    for name, allowed in choices.items():
        check_choice(allowed, **{name: settings[name]})
    if settings["threshold"] is not None:  # None: every text has its own
        check_probability(threshold=settings["threshold"])
    check_limits(settings["min_length"], settings["max_length"])
