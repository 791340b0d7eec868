"""Training targets and losses of the sentence model (numpy; gradients by hand)."""

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from .align import has_sents, same_place, sent_start_offsets
from .errors import Errors
from .odds import sigmoid
from .types import Floats1d, Floats2d, Ints1d, PieceStates

# Where a corruption keeps the punctuation it removed: `reference.user_data[MARKS]`, (n_marks, 2) integers: character
# offset where the text before the mark ends, class of the mark (0 is "none").
MARKS = ("spacy_segment", "marks")


def sentence_loss(
    examples: list[Example], scores: list[PieceStates], *, mark_weight: float
) -> tuple[float, list[Floats2d]]:
    """Mean loss over all pieces of a batch, and its gradient.

    The last piece of a text does not count: what follows it is unknown. Columns after the first predict the mark that
    stood after a piece; they learn from texts that lost their marks, as in the self-supervised stage of the paper.

    RETURNS (tuple): The loss, and per text the gradient of the logits, (n_pieces, 1 + n_marks).
    RAISES (ValueError): SEG400, SEG401, SEG402.

    Frohmann et al. (2024), section 3.1.
    """
    n = max(1, sum(max(0, len(pieces.starts) - 1) for pieces in scores))
    loss, d_logits = 0.0, []
    for example, pieces in zip(examples, scores, strict=True):
        logits = np.asarray(pieces.states, dtype=np.float32)
        d_doc = np.zeros_like(logits)
        gold = gold_boundaries(example, pieces)
        boundary_loss, d_doc[:-1, 0] = binary_cross_entropy(logits[:-1, 0], gold)
        loss += boundary_loss / n
        marks = example.reference.user_data.get(MARKS)
        if marks is not None and logits.shape[1] > 1 and len(gold):
            mark_loss, d_marks = cross_entropy(logits[:-1, 1:], gold_marks(np.asarray(marks), pieces.ends))
            loss += mark_weight * mark_loss / n
            d_doc[:-1, 1:] = mark_weight * d_marks
        d_logits.append(d_doc / n)
    if not np.isfinite(loss):
        raise ValueError(Errors.SEG401.format(text=examples[0].text[:60]))
    return loss, d_logits


def gold_boundaries(example: Example, pieces: PieceStates) -> Floats1d:
    """Whether a sentence ends with each piece but the last, (n_pieces - 1,), 0 or 1.

    RAISES (ValueError): SEG400, SEG402.
    """
    reference = example.reference
    starts = gold_starts(reference)
    return piece_boundaries(same_place(reference.text, example.predicted.text, starts), pieces.ends)


def gold_starts(reference: Doc) -> Ints1d:
    """RETURNS (Ints1d): Character offsets of gold sentence starts. RAISES (ValueError): SEG402 if there are none."""
    if not has_sents(reference):
        raise ValueError(Errors.SEG402)
    return sent_start_offsets(reference)


def piece_boundaries(starts: Ints1d, ends: Ints1d) -> Floats1d:
    """Whether a sentence ends with each piece but the last, (n_pieces - 1,), 0 or 1.

    starts (Ints1d): Offsets of sentence starts. ends (Ints1d): (n_pieces,), where pieces end.
    """
    gold = np.zeros(max(0, len(ends) - 1), dtype=np.float32)
    # The first piece that ends after the start: a piece that a sentence starts inside of counts as its first one.
    first = np.searchsorted(ends, starts, side="right")
    gold[first[(first > 0) & (first <= len(gold))] - 1] = 1
    return gold


def gold_marks(marks: np.ndarray, ends: Ints1d) -> Ints1d:
    """The class of the mark after each piece but the last, (n_pieces - 1,). ends (Ints1d): (n_pieces,), where pieces end."""
    gold = np.zeros(max(0, len(ends) - 1), dtype=np.int64)
    if len(marks):
        piece = np.searchsorted(ends, marks[:, 0])
        inside = piece < len(gold)
        gold[piece[inside]] = marks[inside, 1]
    return gold


def binary_cross_entropy(logits: Floats1d, gold: Floats1d) -> tuple[float, Floats1d]:
    """RETURNS (tuple): The sum over all entries and its gradient, (n,)."""
    loss = np.logaddexp(0, logits) - logits * gold
    return float(loss.sum()), sigmoid(logits) - gold


def cross_entropy(logits: Floats2d, gold: np.ndarray) -> tuple[float, Floats2d]:
    """RETURNS (tuple): The sum over all rows and its gradient, (n, n_classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(gold))
    gradient = np.exp(log_probs)
    gradient[rows, gold] -= 1
    return float(-log_probs[rows, gold].sum()), gradient
