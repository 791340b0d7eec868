"""What sizes of an architecture cannot be."""

from ..errors import Errors

# Layers, heads and units that an architecture sees to the side.
LARGEST = 10_000


def check_sizes(least: int = 1, most: int = LARGEST, **sizes: int) -> None:
    """Sizes of an architecture may come from a file: of a million layers each alone would be small.

    RAISES (ValueError): SEG200 for the first that is not a whole number from `least` to `most`.
    """
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(Errors.SEG200.format(name=name, expected=f"a number from {least} to {most}", value=value))


def check_widths(*, n_heads: int, conv_width: int, **width: int) -> None:
    """Sizes of layers that attend and convolve have to fit each other. width (int): By its name.

    RAISES (ValueError): SEG200.
    """
    for name, value in width.items():
        if value <= 0 or value % n_heads:
            raise ValueError(
                Errors.SEG200.format(name=name, expected=f"a multiple of n_heads ({n_heads})", value=value)
            )
    if conv_width % 2 == 0:
        raise ValueError(Errors.SEG200.format(name="conv_width", expected="an odd number", value=conv_width))
