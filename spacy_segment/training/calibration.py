"""Make a sentence model as sure as it is right: one scale and one shift of all its logits.

A model that has seen its texts many times is too sure of others, and the default threshold goes by what the probabilities promise.

Guo et al. (2017), On calibration of modern neural networks.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..pipeline.before import run_before
from ..rescoring import NO_RESCORING
from ..scorers import sentence_score
from ..types import Boundaries

SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
SHIFTS = (0.0, -0.3, -0.6)

Scores = dict[tuple[float, float], float]  # scale and shift -> figure


def calibrate(nlp: Language, examples: Iterable[Example], component: str = "sentence_segmenter") -> Scores:
    """Give the model of a component the scale and the shift with the best mean boundary F1 over conditions and corpora, without
    an adapter. A second look, fitted to the logits of before, is lost.

    RETURNS (dict): The figure of every scale and shift that was tried.
    """
    pipe: Any = nlp.get_pipe(component)
    pipe.model.set_param("rescoring", NO_RESCORING)
    references = [example.reference for example in examples]
    with pipe.without_adapter():
        docs = run_before(nlp, pipe, (nlp.make_doc(reference.text) for reference in references))
        boundaries = [pipe.predict([doc])[0] for doc in docs]

        def score(scale: float, shift: float) -> float:
            return macro_f(nlp, pipe, references, [replace(b, logits=scale * b.logits + shift) for b in boundaries])

        scores = {(scale, shift): score(scale, shift) for scale, shift in product(SCALES, SHIFTS)}
    scale, shift = max(scores, key=scores.__getitem__)
    head = pipe.model.layers[1]
    W, b = (np.array(head.ops.to_numpy(head.get_param(name))) for name in ("W", "b"))
    W[0], b[0] = scale * W[0], scale * b[0] + shift
    for name, weights in (("W", W), ("b", b)):
        head.set_param(name, head.ops.asarray(weights))
    return scores


def macro_f(nlp: Language, pipe: Any, references: list[Doc], boundaries: list[Boundaries]) -> float:
    """RETURNS (float): Mean boundary F1 over conditions and corpora of what a component decides on some boundaries, 0 without any."""
    docs = [nlp.make_doc(reference.text) for reference in references]
    pipe.set_annotations(docs, boundaries)
    pairs = [Example(doc, reference) for doc, reference in zip(docs, references, strict=True)]
    return sentence_score(pairs)["sents_boundary_macro_f"] or 0.0
