"""Scorers: figures of merit over Examples."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
from spacy.scorer import Scorer
from spacy.training import Example

from .align import has_sents, same_place, sent_start_offsets, text_of
from .checks import check_least, check_optional
from .metrics import PRF, boundary_prf, boundary_similarity, count, pk, segment_label_f, window_diff
from .topics import TOPICS, check_tiling, find_units, main_spans, sents_of, topics_of

# Where corpus readers and augmenters leave what an Example belongs to: `reference.user_data[...]`.
CORPUS = ("spacy_segment", "corpus")
CONDITION = ("spacy_segment", "condition")
LANGUAGE = ("spacy_segment", "lang")


def make_sentence_scorer() -> Callable[..., dict[str, Any]]:
    """Factory of `sentence_score`, for the registry."""
    return sentence_score


def sentence_score(examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
    """What spaCy reports of sentences (both ends right), and boundary precision, recall and F1.

    RETURNS (dict): `sents_p`, `sents_r`, `sents_f`; `sents_boundary_p`, `sents_boundary_r`, `sents_boundary_f` over all
        boundaries; `sents_boundary_macro_f`, the mean over conditions of the mean over corpora, and
        `sents_boundary_f_per_condition`, `sents_boundary_f_per_corpus`, as far as the readers named corpora and
        conditions. All None if no reference has sentence starts.
    RAISES (ValueError): SEG400 if the texts of an Example differ in more than white space.
    """
    examples = [eg for eg in examples if has_sents(eg.reference)]
    results = Scorer.score_spans(examples, "sents", has_annotation=has_sents, **kwargs)
    results.pop("sents_per_type", None)
    groups: dict[str, dict[str, PRF]] = defaultdict(lambda: defaultdict(PRF))
    for example in examples:
        data = example.reference.user_data
        gold, found = (sent_start_offsets(doc)[1:] for doc in (example.reference, example.predicted))
        gold = same_place(text_of(example.reference), text_of(example.predicted), gold)
        groups[data.get(CONDITION, "")][data.get(CORPUS, "")] += count(gold.tolist(), found.tolist())
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


def make_topic_scorer(k: int | None = None, tolerance: int = 0) -> Callable[..., dict[str, Any]]:
    """Factory of `topic_score`, for the registry.

    k (int or None): Window of Pk and WindowDiff in units, None for half the mean topic of each reference.
    tolerance (int): Units by which a boundary may be off and still count.
    RAISES (ValueError): SEG200.
    """
    check_optional(1, k=k)
    check_least(0, tolerance=tolerance)
    return partial(topic_score, k=k, tolerance=tolerance)


def topic_score(
    examples: Iterable[Example],
    *,
    spans_key: str = TOPICS,
    k: int | None = None,
    tolerance: int = 0,
    **kwargs: Any,
) -> dict[str, Any]:
    """What the field reports of topics, on sentences as units, and what spaCy reports of spans.

    RETURNS (dict): `topics_pk`, `topics_wd`, `topics_b`, `topics_label_f`: means over Docs; `topics_boundary_p/r/f` over
        all boundaries; `topics_pk_inverse` (1 - Pk), for spaCy prefers what is higher; `topics_macro_pk`,
        `topics_macro_f`, `topics_macro_score` (the mean of 1 - Pk and F1), `topics_per_corpus`, as far as readers named
        corpora; `spans_<key>_p/r/f` of topics, both ends and the label right. All None if no reference has topics.
        Of two components with other keys in one pipeline, `topics_*` are those of the last, `spans_<key>_*` of each.
    RAISES (ValueError): SEG142 if gold topics do not tile their Doc.
    """
    examples = [eg for eg in examples if spans_key in eg.reference.spans and len(eg.reference)]
    results = Scorer.score_spans(
        examples,
        f"spans_{spans_key}",
        getter=lambda doc, _: main_spans(doc, spans_key),
        has_annotation=lambda doc: spans_key in doc.spans,
        labeled=True,
        **kwargs,
    )
    corpora: dict[str, list[TopicScores]] = defaultdict(list)
    for example in examples:
        check_tiling(example.reference, spans_key)
        corpora[example.reference.user_data.get(CORPUS, "")].append(score_topics(example, spans_key, k, tolerance))
    rows = {corpus: _summary(scores) for corpus, scores in corpora.items()}
    total = _summary([score for scores in corpora.values() for score in scores])
    macro_pk = _mean([row["pk"] for row in rows.values()])
    macro_f = _mean([row["boundary_f"] for row in rows.values()])
    return {
        **results,
        **{f"topics_{name}": value for name, value in total.items()},
        "topics_pk_inverse": None if total["pk"] is None else 1 - total["pk"],
        "topics_macro_pk": macro_pk,
        "topics_macro_f": macro_f,
        "topics_macro_score": None if macro_pk is None or macro_f is None else (1 - macro_pk + macro_f) / 2,
        "topics_per_corpus": rows,
    }


@dataclass(frozen=True)
class TopicScores:
    """Figures of one Doc."""

    pk: float
    wd: float
    b: float
    boundaries: PRF
    label_f: float


def score_topics(example: Example, spans_key: str, k: int | None, tolerance: int) -> TopicScores:
    """Compare the topics of one Example, on the sentences of the predicted Doc."""
    doc = sents_of(example)
    starts = find_units(doc, "sentences").starts
    gold, _, gold_labels = topics_of(example.reference, spans_key, starts, text=doc.text)
    if spans_key in example.predicted.spans:
        found, _, labels = topics_of(example.predicted, spans_key, starts, text=doc.text)
    else:
        found, labels = np.zeros(len(starts), dtype=bool), [""] * len(starts)
    reference, hypothesis = (marks[1:].astype(np.int64) for marks in (gold, found))
    return TopicScores(
        pk=pk(reference, hypothesis, k),
        wd=window_diff(reference, hypothesis, k),
        b=boundary_similarity(reference, hypothesis),
        boundaries=boundary_prf(reference, hypothesis, tolerance),
        label_f=segment_label_f(labelled_segments(gold, gold_labels), labelled_segments(found, labels)),
    )


def labelled_segments(marks: np.ndarray, labels: list[str]) -> list[tuple[int, int, str]]:
    """RETURNS (list of tuples): start, end, label of every segment, in units."""
    starts = [0, *(np.flatnonzero(marks[1:]) + 1).tolist()] if len(marks) else []
    return [(a, b, labels[a]) for a, b in zip(starts, [*starts[1:], len(marks)], strict=True)]


def _summary(scores: list[TopicScores]) -> dict[str, Any]:
    if not scores:
        return dict.fromkeys(("pk", "wd", "b", "label_f", "boundary_p", "boundary_r", "boundary_f"))
    boundaries = sum((score.boundaries for score in scores), PRF())
    return {
        **{name: fmean(getattr(score, name) for score in scores) for name in ("pk", "wd", "b", "label_f")},
        "boundary_p": boundaries.precision,
        "boundary_r": boundaries.recall,
        "boundary_f": boundaries.fscore,
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
