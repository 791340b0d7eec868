"""Cut a run of pieces into windows that overlap only as far as the model looks, and merge them back.

run      0 ------------------------------------------------ n
window      [ back |      kept      | ahead ]
window                       [ back |      kept      | ahead ]
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..checks import wrong


@dataclass(frozen=True)
class Window:
    """start, stop: what the model reads. keep_start, keep_stop: what of its output counts; all in pieces of the run."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int

    @property
    def inner(self) -> slice:
        """What of its output counts, counted from the window's own start."""
        return slice(self.keep_start - self.start, self.keep_stop - self.start)


def windows(n: int, *, size: int, lookback: int, lookahead: int) -> Iterator[Window]:
    """Cover `n` pieces with windows of at most `size` pieces; the kept parts tile the run.

    YIELDS (Window): In order; none for n = 0.
    RAISES (ValueError): SEG200 if a window has no room beside look-back and look-ahead.
    """
    step = size - lookback - lookahead
    if step < 1:
        expected = f"more than {lookback} pieces back and {lookahead} ahead"
        raise wrong("window", expected, size)
    keep_start = 0
    while keep_start < n:
        start = max(0, keep_start - lookback)
        stop = min(n, start + size)
        keep_stop = n if stop == n else stop - lookahead
        yield Window(start=start, stop=stop, keep_start=keep_start, keep_stop=keep_stop)
        keep_start = keep_stop
