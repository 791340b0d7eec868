import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..align import reference_doc, sent_start_offsets
from . import corruption as C

MIX = {
    "clean": lambda t, s, r: C.clean(t, s), "flat": lambda t, s, r: C.flat(t, s), "corrupted": lambda t, s, r: C.corrupted(t, s),
    "unpunctuated": lambda t, s, r: C.unpunctuated(t, s), "lower": lambda t, s, r: C.Corrupted(C.lower(t), s),
    "social": C.social, "wrapped": C.wrapped, "space_loss": C.space_loss, "partial": C.partial, "noise": C.noise,
}


def make_example(nlp, text, starts, marks=None, source=None, condition=None):
    reference = reference_doc(nlp.tokenizer, text, starts.tolist() if hasattr(starts, "tolist") else starts)
    if marks is not None:
        reference.user_data[("spacy_segment", "marks")] = marks
    if source is not None:
        reference.user_data[("spacy_segment", "corpus")] = source
    if condition is not None:
        reference.user_data[("spacy_segment", "condition")] = condition
    return Example(nlp.tokenizer(text), reference)


def corruption_mix(weights: dict[str, float], seed: int = 0):
    rng = np.random.default_rng(seed)
    names = list(weights)
    p = np.array([weights[n] for n in names], dtype=float)
    p /= p.sum()

    def augment(nlp, example):
        name = names[rng.choice(len(names), p=p)]
        ref = example.reference
        c = MIX[name](ref.text, sent_start_offsets(ref), rng)
        if not c.text.strip():
            yield example
            return
        yield make_example(nlp, c.text, c.starts, c.marks, ref.user_data.get(("spacy_segment", "corpus")))

    return augment


def conditions(names: list[str] = ["clean", "flat", "corrupted"]):
    def augment(nlp, example):
        ref = example.reference
        for name in names:
            c = C.CONDITIONS[name](ref.text, sent_start_offsets(ref))
            yield make_example(nlp, c.text, c.starts, None, ref.user_data.get(("spacy_segment", "corpus")), name)

    return augment
