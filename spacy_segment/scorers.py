"""Scorers: figures of merit over Examples."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from .align import sent_start_offsets
from .metrics import PRF, count

# Where corpus readers and augmenters leave what an Example belongs to: `reference.user_data[...]`.
CORPUS = ("spacy_segment", "corpus")
CONDITION = ("spacy_segment", "condition")


def make_sentence_scorer() -> Callable[..., dict[str, Any]]:
    """Factory of `sentence_score`, for the registry."""
    return sentence_score


def sentence_score(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """What spaCy reports of sentences (both ends right), and boundary precision, recall and F1.

    RETURNS (dict): `sents_p`, `sents_r`, `sents_f`; `sents_boundary_p`, `sents_boundary_r`, `sents_boundary_f` over all
        boundaries; `sents_boundary_macro_f`, the mean over conditions of the mean over corpora, and
        `sents_boundary_f_per_condition`, `sents_boundary_f_per_corpus`, as far as the readers named corpora and
        conditions. All None if no reference has sentence starts.
    """
    examples = [eg for eg in examples if _has_sents(eg.reference)]
    results = Scorer.score_spans(examples, "sents", has_annotation=_has_sents, **kwargs)
    results.pop("sents_per_type", None)
    groups: dict[str, dict[str, PRF]] = defaultdict(lambda: defaultdict(PRF))
    for example in examples:
        data = example.reference.user_data
        reference, hypothesis = (sent_start_offsets(doc)[1:].tolist() for doc in (example.reference, example.predicted))
        groups[data.get(CONDITION, "")][data.get(CORPUS, "")] += count(reference, hypothesis)
    total = sum((prf for group in groups.values() for prf in group.values()), PRF())
    per_condition = {name: fmean(prf.fscore for prf in group.values()) for name, group in groups.items()}
    per_corpus = {
        " ".join(filter(None, (corpus, condition))): {"p": prf.precision, "r": prf.recall, "f": prf.fscore}
        for condition, group in groups.items()
        for corpus, prf in group.items()
    }
    return {
        **results,
        "sents_boundary_p": total.precision if groups else None,
        "sents_boundary_r": total.recall if groups else None,
        "sents_boundary_f": total.fscore if groups else None,
        "sents_boundary_macro_f": fmean(per_condition.values()) if groups else None,
        "sents_boundary_f_per_condition": per_condition,
        "sents_boundary_f_per_corpus": per_corpus,
    }


def _has_sents(doc: Doc) -> bool:
    return doc.has_annotation("SENT_START")
