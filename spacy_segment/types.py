"""The few composite types, with the meaning of each nesting level."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model

# Keys of `Doc.user_data`: probability of a sentence start at every token, (n_tokens,); and at the places inside tokens
# that none was split at, (n, 2) of character offset and probability.
BOUNDARY_PROBS = ("spacy_segment", "boundary_probs")
INNER_PROBS = ("spacy_segment", "inner_probs")
# Key of the `attrs` of a group of topics: probability of a topic start at every token, (n_tokens,).
TOPIC_PROBS = "boundary_probs"

# Log-odds of a place at which no topic starts: far below any threshold, but finite.
NEVER = -20.0

# numpy arrays, named as in thinc (whose own array types numpy's functions do not know).
Floats1d: TypeAlias = NDArray[Any]
Floats2d: TypeAlias = NDArray[Any]
Ints1d: TypeAlias = NDArray[Any]
Ints2d: TypeAlias = NDArray[Any]
Bools1d: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class PieceStates:
    """What an encoder says of one Doc: a state per piece, and where in `doc.text` the piece stands.

    states (Floats2d): (n_pieces, hidden_width), or (n_pieces, n_labels) once they are logits. A numpy array wherever the model is: only
        what is computed inside of a model stands on its device.
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


@dataclass(frozen=True)
class TopicLogits:
    """What a topic model says of one Doc of n units. What it says of the first unit's boundary does not count.

    boundary (Floats1d): (n,) log-odds that a topic starts with the unit, `NEVER` where none can.
    any_level (Floats1d or None): (n,) log-odds that a topic or a part of one starts with it.
    labels (Floats2d or None): (n, n_labels) logits of the label of the topic the unit is in.
    """

    boundary: Floats1d
    any_level: Floats1d | None = None
    labels: Floats2d | None = None


@dataclass(frozen=True)
class TopicGold:
    """Gold topics of one Doc of n units.

    boundary, any_level (Bools1d): (n,) whether a topic, or a topic or a part of one, starts with the unit.
    labels (Ints1d): (n,) index of the label of the topic the unit is in.
    """

    boundary: Bools1d
    any_level: Bools1d
    labels: Ints1d


# States per piece; called for training (`is_train`) it gives a function that takes their gradient as well. What a model above it may ask
# for stands in its `attrs`, and none of it has to be there:
#   project             (model, docs, function of states) -> PieceStates: `function` applied batch by batch, so that states of a long text
#                       are never all there
#   pretrained_head     (model) -> weights and bias of a sentence boundary that came with the encoder, or None
#   begin_means         (model, texts) -> the mean state of every text, a Tensor that gradients flow through
#   set_vocabulary      (model, tokenizer, vectors): take over a vocabulary that was made before the training
#   trainable, remembers (bool): whether the weights learn; whether, if not, it keeps what it made of a text in training
#   reads_text (bool)   whether it reads `doc.text` alone: then a Doc may be one long token
#   dropout_rate (float), see_newlines (bool): what the component sets
EncoderModel: TypeAlias = Model[list[Doc], list[PieceStates]]
SentenceModel: TypeAlias = Model[list[Doc], list[PieceStates]]  # logits per piece
TopicModel: TypeAlias = Model[list[Doc], list[TopicLogits]]  # logits per unit
