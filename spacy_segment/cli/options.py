"""Options that hold several values, with commas between them."""

from collections.abc import Collection

from ..errors import Errors


def split_names(option: str, given: str, known: Collection[str] | None = None) -> list[str]:
    """RETURNS (list of str): Names. RAISES (ValueError): SEG200 if there are none, or one that is not known; None for any."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if not names or (known is not None and not set(names) <= set(known)):
        expected = "names with commas between them" if known is None else f"some of {', '.join(known)}"
        raise ValueError(Errors.SEG200.format(name=option, expected=expected, value=given))
    return names


def split_numbers(option: str, given: str) -> list[int]:
    """RETURNS (list of int): Whole numbers. RAISES (ValueError): SEG200 if one is none, or below 1."""
    names = split_names(option, given)
    if not all(name.isdecimal() and int(name) for name in names):
        raise ValueError(
            Errors.SEG200.format(name=option, expected="numbers from 1 on with commas between them", value=given)
        )
    return [int(name) for name in names]
