"""Tables in Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any


def markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; fractions with three places, columns of numbers to the right.

    RETURNS (str): Without a newline at its end.
    """
    first = rows[0] if rows else [""] * len(columns)
    rule = ["---:" if isinstance(value, int | float) else "---" for value in first]
    return "\n".join([_line(columns), _line(rule), *(_line([_cell(value) for value in row]) for row in rows)])


def threshold_words(threshold: float | None) -> str:
    """How a setting reads in a report."""
    return "No threshold: every text by its own probabilities" if threshold is None else f"Threshold {threshold}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
