"""What topic models make of units: blocks of a long Doc, owners of pieces, surface features."""

from collections.abc import Iterator

import numpy as np
from spacy.tokens import Doc

from ..topics import Units
from ..types import Ints1d, Ints2d, PieceStates

# Values of the surface features of a unit; 0 always means "not told". What stands before it: nothing or a space, a
# newline, a blank line; its length in pieces, in steps of a third of a doubling.
N_VALUES = (4, 32)
# Documents are encoded in blocks of about so many characters, so that states of all pieces are never there at once.
BLOCK = 200_000


def blocks(doc: Doc, units: Units) -> Iterator[tuple[Doc, slice, Ints1d]]:
    """Cut a long Doc at starts of units. YIELDS (tuple): A Doc of each block, the units it holds, and their starts in it."""
    n = len(units.starts)
    if len(doc.text) <= BLOCK:
        yield doc, slice(0, n), units.starts
        return
    first = 0
    while first < n:
        last = max(first + 1, int(np.searchsorted(units.starts, units.starts[first] + BLOCK)))
        span = doc[int(units.tokens[first]) : int(units.tokens[last] if last < n else len(doc))]
        yield span.as_doc(), slice(first, last), units.starts[first:last] - span.start_char
        first = last


def owners(pieces: PieceStates, starts: Ints1d) -> Ints1d:
    """The unit of every piece, (n_pieces,). starts (Ints1d): (n_units,), the first of them not after the first piece."""
    return np.maximum(np.searchsorted(starts, pieces.starts, side="right") - 1, 0)


def surface_features(units: Units, n_pieces: Ints1d) -> Ints2d:
    """What a unit looks like, (n_units, len(N_VALUES)); n_pieces (Ints1d): (n_units,)."""
    lengths = 1 + np.minimum(3 * np.log2(np.maximum(n_pieces, 1)), N_VALUES[1] - 2).astype(np.int64)
    return np.stack([units.gaps + 1, lengths], axis=1)
