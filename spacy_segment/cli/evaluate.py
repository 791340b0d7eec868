"""`python -m spacy segment-evaluate`: what a pipeline does on every corpus, written as JSON and as Markdown tables."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import srsly
import typer
from spacy.cli._util import app
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch
from wasabi import msg

from ..align import move_to_tokens, sent_start_offsets, text_length
from ..checks import wrong
from ..curves import N_BINS, Histogram, Lengths
from ..errors import Errors
from ..files import check_output, write_output
from ..odds import sigmoid
from ..pipeline.before import BATCH, run_before
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..pipeline.topic_segmenter import TopicSegmenter
from ..scorers import CORPUS
from ..tables import markdown, threshold_words
from ..topics import find_units, sents_of, topics_of
from ..training.augmenters import conditions
from ..training.corruption import CONDITIONS
from ..training.readers import SentenceCorpus
from ..training.topic_readers import TopicCorpus
from ..types import Bools1d
from .figures import SentenceFigures, TopicFigures, trivial
from .options import Characters, Documents, GoldSentences, GoldTopics, Model
from .pipelines import find_pipe, load_pipeline
from .reporting import reported

evaluate_app = typer.Typer(help="TopicFigures of a pipeline per corpus and condition, as JSON and Markdown")
app.add_typer(evaluate_app, name="segment-evaluate", no_args_is_help=True)

# Columns of the tables.
SENTENCE_FIGURES = ("boundary_p", "boundary_r", "boundary_f", "sents_f")
TOPIC_FIGURES = ("pk", "wd", "b", "f")


@dataclass
class Curves:
    """What is counted over all corpora of a condition."""

    histogram: Histogram = field(default_factory=Histogram)
    lengths: Lengths = field(default_factory=Lengths)

    def as_json(self) -> dict[str, Any]:
        """RETURNS (dict): What `segment-plot` draws: figures over thresholds, calibration, errors by length."""
        thresholds = [k / N_BINS for k in range(N_BINS)]
        counts = [self.histogram.at(t) for t in thresholds]
        return {
            "thresholds": [
                {"threshold": t, "p": prf.precision, "r": prf.recall, "f": prf.fscore}
                for t, prf in zip(thresholds, counts, strict=True)
            ],
            "calibration": self.histogram.calibration(),
            "calibration_error": self.histogram.calibration_error(),
            "lengths": self.lengths.rows(),
        }


class Measured(NamedTuple):
    """What there is to tell of one condition: figures by corpus, the curves over all corpora, and means over corpora of what needs no model."""

    corpora: dict[str, dict[str, Any]]
    curves: Curves
    baselines: dict[str, dict[str, float]]


@evaluate_app.command("sentences")
def sentences_cli(
    data: GoldSentences,
    output: Path = typer.Option(..., "--output", "-o", help="JSON file; the tables go beside it as .md"),
    model: Model = None,
    limit: Characters = 0,
) -> None:
    """Boundary precision, recall, F1 and sentence F1 on clean, flat and corrupted text; curves; speed."""
    _run(evaluate_sentences, data, output, model, limit, SENTENCE_FIGURES)


@evaluate_app.command("topics")
def topics_cli(
    data: GoldTopics,
    output: Path = typer.Option(..., "--output", "-o", help="JSON file; the tables go beside it as .md"),
    model: Model = None,
    limit: Documents = 0,
) -> None:
    """Pk, WindowDiff, B and boundary F1 on clean, flat and corrupted text, on the sentences that the pipeline finds; curves;
    speed.
    """
    _run(evaluate_topics, data, output, model, limit, TOPIC_FIGURES)


def _run(evaluate: Any, data: list[str], output: Path, model: str | None, limit: int, figures: tuple) -> None:
    with reported():
        if output.suffix == ".md":
            raise wrong("output", "a .json file beside its .md", str(output))
        check_output(output)
        check_output(tables := output.with_suffix(".md"))
        nlp = load_pipeline(model, topics=evaluate is evaluate_topics)
        found = {"model": name_of(nlp, model), **evaluate(nlp, data, limit)}
        if not found["rows"]:
            raise ValueError(Errors.SEG115.format(paths=", ".join(data)))
        write_output(output, srsly.json_dumps(found, indent=1).encode())
        write_output(tables, report(found, figures).encode())
    msg.good(f"{len(found['rows'])} rows in {output} and {tables}")


def evaluate_sentences(nlp: Language, data: list[str], limit: int) -> dict[str, Any]:
    """RETURNS (dict): Settings, "rows" per corpus and condition, "macro" means over corpora, "curves" per condition.

    One condition after the other, so that each has a speed of its own.
    RAISES (ValueError): SEG110, SEG111, SEG135.
    """
    pipe = find_pipe(nlp, SentenceSegmenter)
    nlp("Warm up.")
    measured = {
        condition: _measure_sentences(nlp, pipe, SentenceCorpus(data, conditions([condition]), limit_chars=limit)(nlp))
        for condition in CONDITIONS
    }
    return _findings("sentence_segmenter", pipe, measured, SENTENCE_FIGURES, "characters")


def _measure_sentences(nlp: Language, pipe: SentenceSegmenter, examples: Iterable[Example]) -> Measured:
    """RETURNS (tuple): Figures of every corpus, and the curves over all."""
    results: dict[str, SentenceFigures] = defaultdict(SentenceFigures)
    curves = Curves()
    for batch in minibatch(examples, BATCH):
        docs = run_before(nlp, pipe, (example.predicted for example in batch))
        start = time.perf_counter()
        scores = pipe.predict(docs)
        per_character = (time.perf_counter() - start) / max(1, sum(map(text_length, docs)))
        candidates = [
            move_to_tokens(doc, score, split=pipe.cfg["split_tokens"]) for doc, score in zip(docs, scores, strict=True)
        ]
        pipe.set_annotations(docs, scores)
        for example, doc, candidate in zip(batch, docs, candidates, strict=True):
            result = results[example.reference.user_data[CORPUS]]
            gold, found = (sent_start_offsets(d).tolist() for d in (example.reference, doc))
            result.add(doc.text, gold, found)
            result.seconds += per_character * text_length(doc)
            probs = sigmoid(candidate.logits)
            curves.histogram.add(probs, np.isin(candidate.offsets, gold))
            curves.histogram.missed += len(np.setdiff1d(gold[1:], candidate.offsets))
            curves.lengths.add(gold, found, text_length(doc))
    return Measured({corpus: result.as_json() for corpus, result in results.items()}, curves, {})


def evaluate_topics(nlp: Language, data: list[str], limit: int) -> dict[str, Any]:
    """As `evaluate_sentences`; lengths are in sentences. RAISES (ValueError): SEG110, SEG141, SEG135."""
    pipe = find_pipe(nlp, TopicSegmenter)
    pipe.predict(run_before(nlp, pipe, [nlp.make_doc("Warm up.")]))
    measured = {
        condition: _measure_topics(
            nlp, pipe, TopicCorpus(data, spans_key=pipe.key, limit=limit, condition=condition)(nlp)
        )
        for condition in CONDITIONS
    }
    return _findings("topic_segmenter", pipe, measured, TOPIC_FIGURES, "sentences")


def _measure_topics(nlp: Language, pipe: TopicSegmenter, examples: Iterable[Example]) -> Measured:
    """As `_measure_sentences`; a document of a single unit has no boundary to find and is left out."""
    results: dict[str, TopicFigures] = defaultdict(TopicFigures)
    golds: dict[str, list[Bools1d]] = defaultdict(list)
    curves = Curves()
    for example in examples:
        (example.predicted,) = run_before(nlp, pipe, [example.predicted])
        doc = sents_of(example)
        starts = find_units(doc, pipe.cfg["units"]).starts
        if len(starts) < 2:
            continue
        gold = topics_of(example.reference, pipe.key, starts, text=doc.text)[0]
        start = time.perf_counter()
        scores = pipe.predict([doc])
        seconds = time.perf_counter() - start
        pipe.set_annotations([doc], scores)
        found = topics_of(doc, pipe.key, starts)[0]
        corpus = example.reference.user_data[CORPUS]
        golds[corpus].append(gold)
        results[corpus].add(gold, found, seconds)
        curves.histogram.add(sigmoid(scores[0].boundary[1:]), gold[1:])
        curves.lengths.add(np.flatnonzero(gold).tolist(), np.flatnonzero(found).tolist(), len(starts))
    corpora = {
        corpus: {
            **figures.means(),
            "documents": len(figures.pk),
            "sentences": figures.n_sentences,
            "seconds": figures.seconds,
        }
        for corpus, figures in results.items()
    }
    return Measured(corpora, curves, _baselines(golds))


def _baselines(golds: dict[str, list[Bools1d]]) -> dict[str, dict[str, float]]:
    """Means over corpora of what `trivial` finds."""
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for marks in golds.values():
        for name, figures in trivial(marks).items():
            found[name].append(figures.means())
    return {name: {key: fmean(row[key] for row in rows) for key in TOPIC_FIGURES} for name, rows in found.items()}


def _findings(
    component: str, pipe: Any, measured: dict[str, Measured], figures: Iterable[str], unit: str
) -> dict[str, Any]:
    """measured: by condition; one without any corpus is left out."""
    measured = {condition: found for condition, found in measured.items() if found.corpora}
    rows, macro = [], {}
    for condition, (corpora, _, _) in measured.items():
        rows += [{"corpus": corpus, "condition": condition, **row} for corpus, row in sorted(corpora.items())]
        macro[condition] = {
            **{name: fmean(row[name] for row in corpora.values()) for name in figures},
            "speed": sum(row[unit] for row in corpora.values())
            / max(1e-9, sum(row["seconds"] for row in corpora.values())),
        }
    return {
        "component": component,
        "threshold": pipe.cfg["threshold"],
        "unit": unit,
        "rows": rows,
        "macro": macro,
        "baselines": {condition: found.baselines for condition, found in measured.items() if found.baselines},
        "curves": {condition: found.curves.as_json() for condition, found in measured.items()},
    }


def report(found: dict[str, Any], figures: tuple[str, ...]) -> str:
    """RETURNS (str): A Markdown table for every condition, corpora below each other, the mean last."""
    parts = [f"# {found['model']}: {found['component']}", threshold_words(found["threshold"]) + "."]
    for condition, mean in found["macro"].items():
        rows = [[r["corpus"], *(r[name] for name in figures)] for r in found["rows"] if r["condition"] == condition]
        total = [f"mean of {len(rows)}", *(mean[name] for name in figures)]
        trivial_rows = [
            [name, *(row[key] for key in figures)] for name, row in found["baselines"].get(condition, {}).items()
        ]
        speed = f"{mean['speed']:,.0f} {found['unit']}/s in the model."
        parts += [f"## {condition}", markdown(["corpus", *figures], [*rows, total, *trivial_rows]), speed]
    return "\n\n".join(parts) + "\n"


def name_of(nlp: Language, model: str | None) -> str:
    """Name of a pipeline without its place on this machine."""
    return "embedded" if model is None else f"{nlp.lang}_{nlp.meta.get('name') or 'pipeline'}"
