"""Probabilities and log-odds (numpy alone)."""

from typing import Any

import numpy as np

from .types import Floats1d

# Log-odds that no model gives.
LARGEST = 1e4


def sigmoid(logits: Any) -> Floats1d:
    """The probabilities of log-odds of any size, in double precision; the same shape."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, dtype=np.float64)))


def log_odds(probs: float | Floats1d) -> Floats1d:
    """The log-odds of probabilities, finite also at 0 and 1, where spaCy's find-threshold begins and ends."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log(probs) - np.log1p(-np.asarray(probs)), -LARGEST, LARGEST)
