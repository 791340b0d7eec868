"""placeholder"""
from collections import defaultdict

import numpy as np
from spacy.scorer import Scorer

from .align import sent_start_offsets


def make_sentence_scorer():
    return sentence_score


def _f(c):
    tp, fp, fn = c
    return 2 * tp / max(1, 2 * tp + fp + fn)


def sentence_score(examples, **kwargs):
    examples = list(examples)
    kwargs.setdefault("has_annotation", lambda doc: doc.has_annotation("SENT_START"))
    results = Scorer.score_spans(examples, "sents", **kwargs)
    results.pop("sents_per_type", None)
    total = np.zeros(3)
    groups = defaultdict(lambda: defaultdict(lambda: np.zeros(3)))
    for eg in examples:
        r, p = set(sent_start_offsets(eg.reference)[1:].tolist()), set(sent_start_offsets(eg.predicted)[1:].tolist())
        c = np.array([len(r & p), len(p - r), len(r - p)])
        total += c
        data = eg.reference.user_data
        groups[data.get(("spacy_segment", "condition"), "")][data.get(("spacy_segment", "corpus"), "")] += c
    per = {cond: float(np.mean([_f(c) for c in g.values()])) for cond, g in groups.items()}
    results.update(
        sents_boundary_f=_f(total),
        sents_boundary_p=total[0] / max(1, total[0] + total[1]),
        sents_boundary_r=total[0] / max(1, total[0] + total[2]),
        sents_boundary_macro_f=float(np.mean(list(per.values()))),
        sents_boundary_f_per_condition=per,
    )
    return results
