"""`python -m spacy segment-benchmark ablation`: what every part of the topic models is worth, trained alike and side by side."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from statistics import fmean
from time import perf_counter
from typing import Any

import spacy
import srsly
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed

from ..checks import wrong
from ..files import check_output, write_output
from ..scorers import CORPUS, topic_score
from ..topics import TOPICS, find_units, topics_of
from ..training.optimizer import AdamW
from ..training.readers import batch_by_bytes
from ..training.topic_readers import MixedTopics, TopicCorpus, find_labels
from ..training.vectors import train_vectors
from ..types import Bools1d
from .benchmark import benchmark_app
from .figures import trivial
from .options import FiguresFile
from .reporting import reported

ENCODER = {"@architectures": "spacy_segment.StaticEncoder.v1", "width": 96}
COHERENCE = {"@architectures": "spacy_segment.Coherence.v1", "pretrained": None, "encoder": ENCODER, "width": 128}
LOCAL = {"@architectures": "spacy_segment.LocalContext.v1", "encoder": ENCODER, "width": 128}
# What is compared: one change a row.
MODELS: dict[str, dict[str, Any]] = {
    "coherence": COHERENCE,
    "- TSSP": {**COHERENCE, "weights": {"tssp": 0.0}},
    "- CSSL": {**COHERENCE, "weights": {"cssl": 0.0}},
    "- TSSP, CSSL, disarrayed": {**COHERENCE, "weights": {"tssp": 0.0, "cssl": 0.0, "disarrayed": 0.0}},
    "- document encoder": {**COHERENCE, "n_layers": 0},
    "- change points": {**COHERENCE, "change_points": False},
    "- cohesion": {**COHERENCE, "cohesion": False},
    "- paragraphs alone": {**COHERENCE, "paragraphs": False},
    "LAMA pooling for the mean": {**COHERENCE, "lama_heads": 4},
    "local context: STP": {**LOCAL, "weights": {"tc": 0.0, "nsp": 0.0}},
    "local context: STP + TC": {**LOCAL, "weights": {"nsp": 0.0}},
    "local context: STP + NSP": {**LOCAL, "weights": {"tc": 0.0}},
    "local context: STP + TC + NSP": LOCAL,
    "local context, LAMA": {**LOCAL, "lama_heads": 4},
    "same topic": {"@architectures": "spacy_segment.SameTopic.v1", "encoder": ENCODER, "width": 128},
}
BATCH_BYTES = 60_000
RATE = 0.002
# Thresholds tried on the dev data; the best one counts.
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@benchmark_app.command("ablation")
def ablation_cli(
    train: str = typer.Argument(..., help="Pattern of topic files to train on"),
    dev: str = typer.Argument(..., help="Pattern of topic files to choose thresholds on"),
    test: str = typer.Argument(..., help="Pattern of topic files to measure on; a corpus is a folder"),
    steps: int = typer.Option(300, help="Steps of training for every model"),
    limit: int = typer.Option(10, min=0, help="Documents per file of dev and test"),
    only: str | None = typer.Option(None, help="Models to train, by their first letters"),
    output: FiguresFile = None,
) -> None:
    """Pk and boundary F1 of topic models that differ in one part, on static vectors of the same texts."""
    console = Console()
    with reported():
        check_output(output)
        rows = ablate(train, dev, test, steps, limit, only) | baselines(test, limit)
        if output is not None:
            write_output(output, srsly.json_dumps(rows, indent=2).encode())
    table = Table(title=f"test Pk / boundary F1 after {steps} steps")
    for column in ("model", "threshold", *next(iter(rows.values()))["corpora"], "macro", "seconds"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name, row in rows.items():
        figures = [f"{f['pk']:.3f} / {f['f']:.3f}" for f in (*row["corpora"].values(), row["macro"])]
        others = [f"{row['threshold']:.2f}", f"{row['seconds']:.0f}"] if "threshold" in row else ["", ""]
        table.add_row(name, others[0], *figures, others[1])
    console.print(table)


def ablate(train: str, dev: str, test: str, steps: int, limit: int, only: str | None = None) -> dict[str, Any]:
    """Train and measure every model.

    RETURNS (dict): Model -> "threshold" (the best on dev), "corpora" and "macro" with "pk" and "f" on test, "seconds".
    RAISES (ValueError): SEG110, SEG141, SEG211; SEG200 if `only` names no model.
    """
    chosen = {name: model for name, model in MODELS.items() if only is None or name.startswith(only)}
    if not chosen:
        raise wrong("only", f"how one of {list(MODELS)} begins", only)
    vectors = train_vectors(train, width=ENCODER["width"])  # type: ignore[arg-type]
    labels = find_labels(train)
    rows = {}
    for name, model in chosen.items():
        start = perf_counter()
        nlp = fit(model, train, steps, vectors, labels, name)
        seconds = perf_counter() - start
        tried = {t: score_at(nlp, dev, limit, t)["topics_macro_score"] for t in THRESHOLDS}
        best = max(tried, key=lambda t: tried[t])
        scores = score_at(nlp, test, limit, best)
        corpora = {corpus: {"pk": f["pk"], "f": f["boundary_f"]} for corpus, f in scores["topics_per_corpus"].items()}
        macro = {"pk": scores["topics_macro_pk"], "f": scores["topics_macro_f"]}
        rows[name] = {"threshold": best, "corpora": corpora, "macro": macro, "seconds": seconds}
    return rows


def baselines(test: str, limit: int) -> dict[str, Any]:
    """Rows of what needs no model, "corpora" and "macro" as those of `ablate`."""
    golds: dict[str, list[Bools1d]] = defaultdict(list)
    for example in TopicCorpus(test, limit=limit)(spacy.blank("xx")):
        doc = example.reference
        golds[doc.user_data[CORPUS]].append(topics_of(doc, TOPICS, find_units(doc, "sentences").starts)[0])
    rows: dict[str, Any] = defaultdict(lambda: {"corpora": {}})
    for corpus, marks in golds.items():
        for name, figures in trivial(marks).items():
            means = figures.means()
            rows[name]["corpora"][corpus] = {"pk": means["pk"], "f": means["f"]}
    for row in rows.values():
        row["macro"] = {key: fmean(corpus[key] for corpus in row["corpora"].values()) for key in ("pk", "f")}
    return dict(rows)


def fit(model: dict, train: str, steps: int, vectors: tuple, labels: list[str], name: str) -> Language:
    """Train a topic model for some steps, the same texts for each."""
    fix_random_seed(0)
    nlp = spacy.blank("xx")
    pipe: Any = nlp.add_pipe("topic_segmenter", config={"model": model})
    corpus = MixedTopics(train, max_units=150, coarse=True)
    sample = list(islice(corpus(nlp), 20))
    known = labels if "set_labels" in pipe.model.attrs else None
    pipe.initialize(lambda: sample, nlp=nlp, vocabulary=vectors, labels=known)
    optimizer = AdamW(RATE, L2=0.05)
    batches: Iterator[list[Example]] = batch_by_bytes(BATCH_BYTES)(corpus(nlp))
    for step in track(range(steps), description=name, transient=True):
        optimizer.learn_rate = RATE * min(1.0, step / 30) * (1 - step / steps)
        nlp.update(next(batches), sgd=optimizer, drop=0.1)
        optimizer.step_schedules()
    return nlp


def score_at(nlp: Language, data: str, limit: int, threshold: float) -> dict[str, Any]:
    """What the scorer says of the topic component, on the sentences of a corpus."""
    pipe = nlp.get_pipe("topic_segmenter")
    pipe.cfg["threshold"] = threshold  # type: ignore[attr-defined]
    examples = []
    for example in TopicCorpus(data, limit=limit)(nlp):
        doc = example.reference.copy()
        del doc.spans[TOPICS]
        examples.append(Example(pipe(doc), example.reference))
    return topic_score(examples)
