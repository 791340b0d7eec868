"""The few composite types, with the meaning of each nesting level."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model

# numpy arrays, named as in thinc (whose own array types numpy's functions do not know).
Floats1d: TypeAlias = NDArray[Any]
Floats2d: TypeAlias = NDArray[Any]
Ints1d: TypeAlias = NDArray[Any]
Ints2d: TypeAlias = NDArray[Any]
Bools1d: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class PieceStates:
    """What an encoder says of one Doc: a state per piece, and where in `doc.text` the piece stands.

    states (Floats2d): (n_pieces, hidden_width), or (n_pieces, n_labels) once they are logits.
    starts, ends (Ints1d): (n_pieces,) character offsets; ascending, white space belongs to no piece.
    """

    states: Floats2d
    starts: Ints1d
    ends: Ints1d


@dataclass(frozen=True)
class Boundaries:
    """What the sentence model says of one Doc: places where a sentence could start.

    offsets (Ints1d): (n,) character offsets, strictly ascending, of the first character of a piece; never 0.
    logits (Floats1d): (n,) log-odds that a sentence starts there.
    """

    offsets: Ints1d
    logits: Floats1d


EncoderModel: TypeAlias = Model[list[Doc], list[PieceStates]]  # states per piece
SentenceModel: TypeAlias = Model[list[Doc], list[PieceStates]]  # logits per piece
