"""Strings put into a text, and where its places are then."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np


def put_before(text: str, places: Sequence[int], added: Sequence[str]) -> tuple[str, Callable[..., Any]]:
    """Put strings before characters of a text.

    places (sequence of int): Character offsets, ascending; several strings may stand before the same one.
    added (sequence of str): What is put before each of them.
    RETURNS (tuple): The text, and a function from offsets of before (a number or an array) to those of now: before what
        was put there, or behind it with `side="right"`.
    """
    edges = [*places, len(text)]
    new = text[: edges[0]] + "".join(string + text[a:b] for string, (a, b) in zip(added, pairwise(edges), strict=True))
    grown = np.cumsum([0, *map(len, added)])

    def moved(offsets: Any, side: str = "left") -> Any:
        return offsets + grown[np.searchsorted(places, offsets, side=side)]  # type: ignore[call-overload]

    return new, moved
