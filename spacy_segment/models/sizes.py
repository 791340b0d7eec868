"""What sizes of an architecture cannot be."""

from ..checks import check_whole, wrong

# Layers, heads and units that an architecture sees to the side.
LARGEST = 10_000


def check_sizes(least: int = 1, most: int = LARGEST, **sizes: int) -> None:
    """Sizes of an architecture may come from a file: of a million layers each alone would be small.

    RAISES (ValueError): SEG200 for the first that is not a whole number from `least` to `most`.
    """
    check_whole(least, most, **sizes)


def check_widths(*, n_heads: int, conv_width: int, **width: int) -> None:
    """Sizes of layers that attend and convolve have to fit each other. width (int): By its name.

    RAISES (ValueError): SEG200.
    """
    for name, value in width.items():
        if value <= 0 or value % n_heads:
            raise wrong(name, f"a multiple of n_heads ({n_heads})", value)
    if conv_width % 2 == 0:
        raise wrong("conv_width", "an odd number", conv_width)
