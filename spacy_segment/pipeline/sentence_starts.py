"""Boundaries between pieces -> sentence starts of a Doc."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..align import (
    is_among,
    is_space,
    move_to_tokens,
    set_sent_starts,
    text_length,
    text_of,
    token_offsets,
)
from ..decoding import CERTAIN, MARKED, decode
from ..length_prior import LengthPrior
from ..odds import sigmoid
from ..splitting import split_tokens
from ..text import TAIL, ends_with_mark, newlines_before
from ..types import BOUNDARY_PROBS, INNER_PROBS, Boundaries, Ints1d

Settings = dict[str, Any]


@dataclass(frozen=True)
class Candidates:
    """Where sentences of a Doc may start: n offsets, the first one 0, with the boundary logit of each and what limits the choice.

    forced, forbidden (ndarray): Booleans, (n,). lengths (Ints1d): of the text from each to the next, in the unit of the limits.
    certain (float): See `decode`.
    """

    offsets: Ints1d
    logits: np.ndarray
    forced: np.ndarray
    forbidden: np.ndarray
    lengths: Ints1d
    min_length: int
    max_length: int | None
    certain: float

    def choose(self, threshold: float | None, prior: LengthPrior | None) -> Ints1d:
        """RETURNS (Ints1d): Offsets of the sentence starts, the first one 0."""
        starts = decode(
            self.logits,
            threshold=threshold,
            min_length=self.min_length,
            max_length=self.max_length,
            lengths=self.lengths,
            forced=self.forced,
            forbidden=self.forbidden,
            prior=prior,
            certain=self.certain,
        )
        return self.offsets[starts]


def find_candidates(doc: Doc, at_tokens: Boundaries, settings: Settings) -> Candidates:
    """at_tokens (Boundaries): See `move_to_tokens`. settings (dict): As of `SentenceSegmenter`."""
    must, must_not = _presets(doc, overwrite=settings["overwrite"])
    # A token may stand on a line of its own and yet have no piece: signs that the tokenizer does not know.
    tokens = token_offsets(doc)[0][~is_space(doc)]
    lines = tokens[_follows_newline(doc, tokens, settings["newlines"])]
    offsets = np.unique(np.concatenate([at_tokens.offsets, [0], must, lines]))
    logits = np.zeros(len(offsets))
    logits[np.searchsorted(offsets, at_tokens.offsets)] = at_tokens.logits
    forbidden = is_among(offsets, must_not)
    return Candidates(
        offsets,
        logits,
        forced=(is_among(offsets, must) | _follows_newline(doc, offsets, settings["newlines"])) & ~forbidden,
        forbidden=forbidden,
        lengths=_lengths(doc, offsets, settings),
        min_length=settings["min_length"],
        max_length=settings["max_length"],
        certain=MARKED if ends_with_mark(doc[-TAIL:].text_with_ws) else CERTAIN,
    )


def annotate(
    doc: Doc, boundaries: Boundaries, settings: Settings, *, threshold: float | None, prior: LengthPrior | None
) -> None:
    """Decide where sentences start, and set `Token.is_sent_start` of every token.

    settings (dict): As of `SentenceSegmenter`. threshold and prior are those of the Doc: of the adapter that it asks for.
    """
    is_kept = not settings["overwrite"] and _is_decided(doc)
    at_tokens = move_to_tokens(doc, boundaries, split=False if is_kept else settings["split_tokens"])
    chosen = find_candidates(doc, at_tokens, settings).choose(threshold, prior)
    split_tokens(doc, chosen[1:])
    token_starts, _ = token_offsets(doc)
    set_sent_starts(doc, is_among(token_starts, chosen))
    for key in (BOUNDARY_PROBS, INNER_PROBS):  # those of a run before are of other tokens
        doc.user_data.pop(key, None)
    if settings["store_probs"]:
        _store_probs(doc, token_starts, at_tokens)


def _presets(doc: Doc, *, overwrite: bool) -> tuple[Ints1d, Ints1d]:
    """Offsets of tokens that are already set to start a sentence, and of those that are set not to.

    A start on white space, as some components set it, is one of the word behind it; but that of the text is none.
    """
    starts, _ = token_offsets(doc)
    flags = np.zeros(len(doc), dtype=np.int64) if overwrite else doc.to_array("SENT_START").astype(np.int64)
    flags[:1] = 0
    words = np.append(starts[~is_space(doc)], -1)
    must = words[np.searchsorted(words[:-1], starts[flags == 1])]
    return must[must >= 0], np.setdiff1d(starts[flags == -1], must)


def _is_decided(doc: Doc) -> bool:
    """Whether something has said of every token whether a sentence starts there, as it need not of the only one."""
    return len(doc) > 1 and bool(doc.to_array("SENT_START").all())


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


def _store_probs(doc: Doc, token_starts: Ints1d, boundaries: Boundaries) -> None:
    """Keep the probability that a sentence starts at each token (1 for the first, 0 where no piece starts) and inside."""
    probs = sigmoid(boundaries.logits)
    here = is_among(boundaries.offsets, token_starts)
    at_tokens = np.zeros(len(token_starts), dtype=np.float32)
    at_tokens[np.searchsorted(token_starts, boundaries.offsets[here])] = probs[here]
    at_tokens[0] = 1.0
    doc.user_data[BOUNDARY_PROBS] = at_tokens
    doc.user_data[INNER_PROBS] = np.stack([boundaries.offsets[~here], probs[~here]], axis=1)
