"""Boundaries between pieces -> sentence starts of a Doc."""

from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..align import (
    is_among,
    is_space,
    move_to_tokens,
    set_sent_starts,
    split_tokens,
    text_length,
    text_of,
    token_offsets,
)
from ..decoding import CERTAIN, MARKED, decode
from ..length_prior import LengthPrior
from ..text import TAIL, ends_with_mark, newlines_before
from ..types import BOUNDARY_PROBS, INNER_PROBS, Boundaries, Ints1d

Settings = dict[str, Any]


def annotate(
    doc: Doc, boundaries: Boundaries, settings: Settings, *, threshold: float | None, prior: LengthPrior | None
) -> None:
    """Decide where sentences start, and set `Token.is_sent_start` of every token.

    settings (dict): As of `SentenceSegmenter`. threshold and prior are those of the Doc: of the adapter that it asks for.
    """
    candidates = move_to_tokens(doc, boundaries, split=settings["split_tokens"])
    must, must_not = _presets(doc, overwrite=settings["overwrite"])
    # A token may stand on a line of its own and yet have no piece: signs that the tokenizer does not know.
    tokens = token_offsets(doc)[0][~is_space(doc)]
    lines = tokens[_follows_newline(doc, tokens, settings["newlines"])]
    offsets = np.unique(np.concatenate([candidates.offsets, [0], must, lines]))
    logits = np.zeros(len(offsets))
    logits[np.searchsorted(offsets, candidates.offsets)] = candidates.logits
    forbidden = is_among(offsets, must_not)
    starts = decode(
        logits,
        threshold=threshold,
        min_length=settings["min_length"],
        max_length=settings["max_length"],
        lengths=_lengths(doc, offsets, settings),
        forced=(is_among(offsets, must) | _follows_newline(doc, offsets, settings["newlines"])) & ~forbidden,
        forbidden=forbidden,
        prior=prior,
        certain=MARKED if ends_with_mark(doc[-TAIL:].text_with_ws) else CERTAIN,
    )
    chosen = offsets[starts]
    split_tokens(doc, chosen[1:])
    token_starts, _ = token_offsets(doc)
    set_sent_starts(doc, is_among(token_starts, chosen))
    if settings["store_probs"]:
        _store_probs(doc, token_starts, candidates)


def _presets(doc: Doc, *, overwrite: bool) -> tuple[Ints1d, Ints1d]:
    """Offsets of tokens that are already set to start a sentence, and of those that are set not to."""
    starts, _ = token_offsets(doc)
    flags = doc.to_array("SENT_START").astype(np.int64)
    if overwrite:
        flags[:] = 0
    return starts[(flags == 1) & ~is_space(doc)], starts[flags == -1]


def _follows_newline(doc: Doc, offsets: Ints1d, policy: str) -> np.ndarray:
    """Where the newline policy wants a boundary, (len(offsets),)."""
    wanted = {"hard": 1, "paragraph": 2}.get(policy)
    if wanted is None:
        return np.zeros(len(offsets), dtype=bool)
    return newlines_before(text_of(doc), offsets) >= wanted


def _lengths(doc: Doc, offsets: Ints1d, settings: Settings) -> Ints1d:
    """Length of the text from every candidate to the next, in the unit of the limits; characters without limits."""
    ends = np.append(offsets[1:], text_length(doc))
    is_limited = settings["min_length"] > 1 or settings["max_length"] is not None
    if settings["length_unit"] == "characters" or not is_limited:
        return ends - offsets
    starts, _ = token_offsets(doc)
    return np.searchsorted(starts, ends) - np.searchsorted(starts, offsets)


def _store_probs(doc: Doc, token_starts: Ints1d, candidates: Boundaries) -> None:
    """Keep the probability that a sentence starts at each token (1 for the first, 0 where no piece starts) and inside."""
    probs = np.exp(-np.logaddexp(0, -candidates.logits.astype(np.float64)))
    here = is_among(candidates.offsets, token_starts)
    at_tokens = np.zeros(len(token_starts), dtype=np.float32)
    at_tokens[np.searchsorted(token_starts, candidates.offsets[here])] = probs[here]
    at_tokens[0] = 1.0
    doc.user_data[BOUNDARY_PROBS] = at_tokens
    doc.user_data[INNER_PROBS] = np.stack([candidates.offsets[~here], probs[~here]], axis=1)
