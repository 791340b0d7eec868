"""What topic models make of units: blocks of a long Doc, Docs of single units, owners of pieces, means."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from spacy.attrs import LEMMA, MORPH, NORM, ORTH, POS, SPACY, TAG
from spacy.tokens import Doc
from spacy.vocab import Vocab
from torch import Tensor

from ..align import text_length, text_of, token_offsets
from ..checks import wrong
from ..listeners import listens
from ..topics import Units
from ..types import EncoderModel, Floats2d, Ints1d, PieceStates
from .shim import TorchShim
from .sizes import check_sizes
from .torch.units import run_means

# What a `tok2vec` may look at beside the words.
SEEN = [NORM, TAG, POS, MORPH, LEMMA]
# Documents are encoded in blocks of about so many characters, so that states of all pieces are never there at once.
BLOCK = 200_000


def blocks(encoder: EncoderModel, doc: Doc, units: Units) -> Iterator[tuple[Doc, slice, Ints1d]]:
    """Cut a long Doc at starts of units, for an encoder that reads the text alone; for any other it stays whole.

    YIELDS (tuple): A Doc of each block, the units it holds, and their starts in it.
    """
    n = len(units.starts)
    if text_length(doc) <= BLOCK or not encoder.attrs.get("reads_text"):
        yield doc, slice(0, n), units.starts
        return
    text = text_of(doc)
    bounds = np.append(token_offsets(doc)[0][units.tokens], len(text))
    first = 0
    while first < n:
        last = max(first + 1, int(np.searchsorted(units.starts, units.starts[first] + BLOCK)))
        begin, end = bounds[first], bounds[last]
        yield _as_token(Vocab(), text[begin:end]), slice(first, last), units.starts[first:last] - begin
        first = last


def unit_docs(encoder: EncoderModel, doc: Doc, units: Units, max_tokens: int) -> list[Doc]:
    """Every unit as a Doc of its own, of its first `max_tokens` tokens at most.

    encoder (Model): Who is to read them. For one that reads the text all of a unit is one token: such Docs are made many times faster.
    RAISES (ValueError): SEG200 if these are none: a file may say so.
    """
    if encoder.attrs.get("reads_text"):
        vocab = Vocab()  # of its own: that of the pipeline would keep every unit as a string
        return [_as_token(vocab, text) for text in unit_texts(doc, units, max_tokens)]
    runs = map(slice, *(bounds.tolist() for bounds in _token_runs(doc, units, max_tokens)))
    tokens, known = doc.to_array([ORTH, SPACY, *SEEN]), doc.vocab.strings
    return [_part(doc.vocab, [known[orth] for orth in tokens[run, 0].tolist()], tokens[run]) for run in runs]


def check_own(name: str, encoder: EncoderModel) -> None:
    """RAISES (ValueError): SEG200 for an encoder that is shared with other components: units as Docs of their own it has never seen."""
    if listens(encoder):
        expected = "an encoder of its own: units are read one by one, and a shared one has read whole Docs"
        raise wrong(name, expected, encoder.name)


def _as_token(vocab: Vocab, text: str) -> Doc:
    """A Doc of one token, for encoders that read the text."""
    return Doc(vocab, words=[text], spaces=[False])


def _part(vocab: Vocab, words: list[str], tokens: np.ndarray) -> Doc:
    """Some tokens as a Doc, made in time that the whole Doc does not count in. (`Span.as_doc` looks through it all.)"""
    part = Doc(vocab, words=words, spaces=tokens[:, 1].astype(bool).tolist())
    return part.from_array(SEEN, np.ascontiguousarray(tokens[:, 2:])) if len(words) else part


def unit_texts(doc: Doc, units: Units, max_tokens: int) -> list[str]:
    """The text of every unit, of its first `max_tokens` tokens at most, with the white space behind it.

    RAISES (ValueError): SEG200 as `unit_docs`.
    """
    starts, stops = _token_runs(doc, units, max_tokens)
    text = text_of(doc)
    offsets = np.append(token_offsets(doc)[0], len(text))
    return [text[a:b] for a, b in zip(offsets[starts].tolist(), offsets[stops].tolist(), strict=True)]


def _token_runs(doc: Doc, units: Units, max_tokens: int) -> tuple[Ints1d, Ints1d]:
    check_sizes(max_tokens=max_tokens)
    stops = np.append(units.tokens[1:], len(doc))[: len(units.tokens)]
    return units.tokens, np.minimum(stops, units.tokens + max_tokens)


def begin_encode(
    encoder: EncoderModel, shim: TorchShim, docs: list[Doc]
) -> tuple[Tensor, list[PieceStates], Callable[[], None]]:
    """Encode for training.

    RETURNS (tuple): The states of all pieces of all Docs behind each other, (n_pieces, hidden_width), on the device of the
        shim; the pieces; and a function that hands the gradient of those states on, if the encoder learns.
    """
    trainable = encoder.attrs.get("trainable", True)
    pieces, backprop_encoder = encoder(docs, is_train=trainable or encoder.attrs.get("remembers", False))
    states = np.concatenate([p.states for p in pieces])
    flat = torch.as_tensor(states).to(shim.device).requires_grad_(trainable)

    def backprop() -> None:
        if trainable:
            gradient = np.zeros_like(states) if flat.grad is None else flat.grad.cpu().numpy()
            parts = np.split(gradient, np.cumsum([len(p.starts) for p in pieces])[:-1])
            backprop_encoder([PieceStates(g, p.starts, p.ends) for g, p in zip(parts, pieces, strict=True)])

    return flat, pieces, backprop


def owners(pieces: PieceStates, starts: Ints1d) -> Ints1d:
    """The unit of every piece, (n_pieces,). starts (Ints1d): (n_units,), the first of them not after the first piece."""
    return np.maximum(np.searchsorted(starts, pieces.starts, side="right") - 1, 0)


def unit_means(pieces: PieceStates, unit_of: Ints1d, n_units: int) -> Floats2d:
    """Mean state of the pieces of every unit, (n_units, hidden_width). unit_of (Ints1d): (n_pieces,), see `owners`."""
    return run_means(torch.as_tensor(pieces.states), torch.as_tensor(unit_of), n_units).numpy()


def unit_vectors(encoder: EncoderModel, doc: Doc, units: Units, *, growth: float = 0.0) -> Floats2d:
    """Mean of the states of a unit's pieces, less the mean of the document: (n_units, width).

    growth (float): Vectors are as long as (number of pieces) ** growth, 1 in the quadratic mean.
    """
    if not len(units.starts):
        return np.zeros((0, 1), dtype=np.float32)
    parts, counts = [], []
    for block, _, starts in blocks(encoder, doc, units):
        pieces = encoder.predict([block])[0]
        unit_of = owners(pieces, starts)
        parts.append(unit_means(pieces, unit_of, len(starts)))
        counts.append(np.bincount(unit_of, minlength=len(starts)))
    vectors = directions(np.concatenate(parts))
    lengths = np.maximum(np.concatenate(counts), 1.0) ** growth
    return vectors * (lengths / np.sqrt(np.square(lengths).mean()))[:, None]


def directions(vectors: Floats2d) -> Floats2d:
    """Vectors of length 1, around the mean of the document: what units have in common says nothing of their topics."""
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-8)
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-8)
    return vectors
