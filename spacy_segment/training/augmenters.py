"""Corruptions as spaCy augmenters, to be named in the config of a corpus reader."""

from collections.abc import Callable, Iterator
from math import inf

import numpy as np
from spacy.language import Language
from spacy.training import Example

from ..align import reference_doc
from ..checks import check_probability, check_whole, is_number
from ..errors import Errors
from ..loss import MARKS, gold_starts
from ..scorers import CONDITION, LANGUAGE
from ..types import Ints1d
from . import corruption, restyling
from .abbreviations import abbreviate
from .corruption import CONDITIONS, Corrupted

Augmenter = Callable[[Language, Example], Iterator[Example]]
Corrupt = Callable[[str, Ints1d, np.random.Generator, str], Corrupted]

# Corruptions by name, for a mix of them.
CORRUPTIONS: dict[str, Callable[[str, Ints1d, np.random.Generator], Corrupted]] = {
    "clean": lambda text, starts, rng: corruption.clean(text, starts),
    "flat": lambda text, starts, rng: corruption.flat(text, starts),
    "corrupted": lambda text, starts, rng: corruption.corrupted(text, starts),
    "unpunctuated": lambda text, starts, rng: corruption.unpunctuated(text, starts),
    "lower": lambda text, starts, rng: corruption.lower(text, starts),
    "upper": lambda text, starts, rng: corruption.upper(text, starts),
    "partial": corruption.partial,
    "social": corruption.social,
    "wrapped": corruption.wrap,
    "paragraphs": restyling.paragraphs,
    "exchanged": restyling.exchanged,
    "quoted": restyling.quoted,
    "listed": restyling.listed,
    "indented": restyling.indented,
    "transcribed": restyling.transcribed,
    "terms": restyling.terms,
    "space_loss": corruption.lose_spaces,
    "noise": corruption.lose_characters,
    "short": corruption.shorten,
}


def make_example(nlp: Language, changed: Corrupted, data: dict | None = None) -> Example:
    """Make an Example of a text with gold sentence starts.

    data (dict or None): `user_data` of the reference, such as the name of its corpus.
    RAISES (ValueError): SEG100.
    """
    reference = reference_doc(nlp.tokenizer, changed.text, np.asarray(changed.starts).tolist())
    reference.user_data.update(data or {})
    if changed.marks is not None:
        reference.user_data[MARKS] = changed.marks
    return Example(nlp.tokenizer(changed.text), reference)


def corruption_mix(weights: dict[str, float], seed: int = 0, abbreviated: float = 0.0) -> Augmenter:
    """Corrupt every text in one of several ways. The Examples it makes hold sentence starts, and nothing else that was gold.

    weights (dict): Name of a corruption (`CORRUPTIONS`) -> how often, relative to the others.
    abbreviated (float): How often a text gets some abbreviations of its language before (`abbreviations.abbreviate`).
    RAISES (ValueError): SEG210 for an unknown name or a negative weight; SEG200. SEG402 for an Example without gold sentence starts.
    """
    corrupt = draw_corruption(weights, abbreviated)
    check_whole(0, seed=seed)
    rng = np.random.default_rng(seed)

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        """One corruption of the text; the Example as it is where nothing would be left."""
        reference = example.reference
        starts = gold_starts(reference)
        lang = reference.user_data.get(LANGUAGE) or nlp.lang
        changed = corrupt(reference.text, starts, rng, lang)
        if changed.text.strip():
            yield make_example(nlp, changed, reference.user_data)
        else:
            yield example

    return augment


def draw_corruption(weights: dict[str, float], abbreviated: float = 0.0) -> Corrupt:
    """One of several corruptions, drawn anew for every text; see `corruption_mix`.

    RETURNS (Callable): Text, starts of its sentences, random numbers, language -> Corrupted.
    RAISES (ValueError): SEG210, SEG200.
    """
    check_probability(abbreviated=abbreviated)
    names = list(weights)
    are_numbers = all(is_number(weight) and 0 <= weight < inf for weight in weights.values())
    if not names or not set(names) <= set(CORRUPTIONS) or not are_numbers or not sum(weights.values()):
        raise ValueError(Errors.SEG210.format(given=weights, known=", ".join(CORRUPTIONS)))
    p = np.asarray([weights[name] for name in names], dtype=np.float64)

    def corrupt(text: str, starts: Ints1d, rng: np.random.Generator, lang: str) -> Corrupted:
        name = names[rng.choice(len(names), p=p / p.sum())]
        if abbreviated and rng.random() < abbreviated:
            longer = abbreviate(text, starts, rng, lang)
            text, starts = longer.text, longer.starts
        return CORRUPTIONS[name](text, starts, rng)

    return corrupt


def conditions(names: list[str] | None = None) -> Augmenter:
    """Every text under every condition of the benchmark, for a dev corpus.

    names (list of str or None): Some of "clean", "flat", "corrupted"; None for all.
    RAISES (ValueError): SEG210 for an unknown name. SEG402 for an Example without gold sentence starts.
    """
    chosen = list(CONDITIONS) if names is None else names
    if not chosen or not set(chosen) <= set(CONDITIONS):
        raise ValueError(Errors.SEG210.format(given=names, known=", ".join(CONDITIONS)))

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        """The text under every chosen condition."""
        reference = example.reference
        starts = gold_starts(reference)
        for name in chosen:
            changed = CONDITIONS[name](reference.text, starts)
            data = {**reference.user_data, CONDITION: name}
            yield make_example(nlp, Corrupted(changed.text, changed.starts), data)

    return augment


def speech_like(level: float = 1.0, seed: int = 0) -> Augmenter:
    """No punctuation, no newlines, lower case, with probability `level`."""
    return _sometimes("corrupted", level, seed)


def social_media_like(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Punctuation lost or repeated, case lost, with probability `level`."""
    return _sometimes("social", level, seed)


def newline_loss(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Newlines become spaces, with probability `level`."""
    return _sometimes("flat", level, seed)


def space_loss(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Half of the spaces between sentences lost, with probability `level`."""
    return _sometimes("space_loss", level, seed)


def short_inputs(level: float = 1.0, seed: int = 0) -> Augmenter:
    """A geometric number of sentences instead of the whole text, with probability `level`."""
    return _sometimes("short", level, seed)


def char_noise(level: float = 1.0, seed: int = 0) -> Augmenter:
    """Letters lost, with probability `level`."""
    return _sometimes("noise", level, seed)


def _sometimes(name: str, level: float, seed: int) -> Augmenter:
    check_probability(level=level)
    check_whole(0, seed=seed)
    return corruption_mix({name: level, "clean": 1 - level}, seed=seed)
