"""Adapters from `spacy train`: callbacks for its config, see `configs/adapt.cfg`.

spaCy's own loop trains whatever may be trained: after initialisation that is a new adapter and nothing else. Every
pipeline that it saves has the adapter beside an unchanged base.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.training import Example

from ..adapters import check_name
from ..align import sent_start_offsets
from ..errors import Errors
from ..length_prior import LengthPrior, fit_lengths
from ..models.lora import begin_training, end_training, is_training, read_adapter, write_adapter
from .adapt import check_strength, merge, sentence_lengths
from .augmenters import conditions as under_conditions
from .readers import SentenceCorpus
from .thresholds import best_choice, choose_prior, count_boundaries, with_and_without

Callback = Callable[[Language], Language]


def new_adapter(rank: int = 16, alpha: float = 32.0, component: str = "sentence_segmenter") -> Callback:
    """For `[initialize.after_init]`: what is trained from here on is an adapter.

    RAISES (ValueError): SEG200, SEG430; (ImportError): SEG431, when it is called.
    """

    def begin(nlp: Language) -> Language:
        pipe = nlp.get_pipe(component)
        pipe.set_adapter(None)
        begin_training(pipe.model, rank=rank, alpha=alpha)
        return nlp

    return begin


def save_adapter(
    path: str | list[str],
    name: str = "adapted",
    conditions: list[str] | None = None,
    merged: bool = False,
    strength: float = 0.5,
    component: str = "sentence_segmenter",
) -> Callback:
    """For `[training.before_to_disk]`: save the adapter under a name, switched on, with the threshold that is best on dev files.

    path (str or list of str): The dev files; conditions (list of str or None): of their texts, None for all.
    merged (bool): Make it part of the weights instead.
    strength (float): How far it goes from the base, 0, to what was learned, 1, see `adapt.AdaptSettings`.
    RAISES (ValueError): SEG200 for a name that a file could not have; SEG433 when it is called without `new_adapter`.
    """
    check_name(name)
    check_strength(strength)
    corpus = SentenceCorpus(path, under_conditions(conditions))

    def save(nlp: Language) -> Language:
        """A copy of the pipeline with the adapter, the one in training stays."""
        if not is_training(nlp.get_pipe(component).model):
            raise ValueError(Errors.SEG433.format(name=component))
        saved = copy_pipeline(nlp)
        pipe = saved.get_pipe(component)
        adapter = read_adapter(pipe.model, None, strength)
        write_adapter(pipe.model, adapter)
        threshold, prior = _best_decoding(pipe, list(corpus(saved)), path)
        adapter = replace(adapter, threshold=threshold, lengths=prior)
        end_training(pipe.model)
        pipe.add_adapter(name, adapter)
        pipe.set_adapter(name)
        if merged:
            merge(saved, component=component)
        return saved

    return save


def _best_decoding(
    pipe: Any, examples: list[Example], path: str | list[str]
) -> tuple[float | None, LengthPrior | None]:
    """The best threshold on dev files, and what the lengths of their sentences say if that plainly helps.

    path (str or list of str): The files that the examples are from.
    RAISES (ValueError): SEG115 if they hold no sentences.
    """
    texts = [(example.reference.text, sent_start_offsets(example.reference).tolist()) for example in examples]
    if not any(starts for _, starts in texts):
        raise ValueError(Errors.SEG115.format(paths=path if isinstance(path, str) else ", ".join(path)))
    fitted = fit_lengths(np.concatenate([sentence_lengths(text, starts) for text, starts in texts if starts]))
    priors = with_and_without(fitted)
    counts, prior = choose_prior(count_boundaries(pipe, examples, priors), priors)
    return best_choice(counts), prior


def copy_pipeline(nlp: Language) -> Language:
    """A copy of a pipeline in training, without the optimizer, whose schedules cannot be copied."""
    optimizer, nlp._optimizer = nlp._optimizer, None
    try:
        return copy.deepcopy(nlp)
    finally:
        nlp._optimizer = optimizer
