"""`python -m spacy segment-benchmark topic-details`: one topic model by units, levels and labels, with and without punctuation."""

from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..metrics import PRF, boundary_prf, pk, segment_label_f
from ..pipeline.topic_segmenter import TopicSegmenter
from ..scorers import CORPUS, labelled_segments
from ..topics import NO_LABEL, TOPICS, find_units, topics_of
from ..training.topic_readers import TopicCorpus
from ..types import Bools1d
from .benchmark import benchmark_app
from .pipelines import find_pipe, load_pipeline
from .reporting import reported

# Settings of the component, and the condition of the text, by column of the table.
VIEWS = {
    "sentences": ({"units": "sentences", "levels": 1}, "clean"),
    "paragraphs": ({"units": "paragraphs", "levels": 1}, "clean"),
    "main and sub": ({"units": "sentences", "levels": 2}, "clean"),
    "no punctuation or case": ({"units": "sentences", "levels": 1}, "corrupted"),
}


@benchmark_app.command("topic-details")
def topic_details_cli(
    data: list[str] = typer.Argument(..., help="Gold files of any format of topics, folders or patterns"),
    model: str | None = typer.Option(None, "--model", "-m", help="Pipeline; the embedded models if left out"),
    limit: int = typer.Option(0, min=0, help="Documents per file, 0 for all"),
) -> None:
    """Pk / boundary F1 by corpus: units, two levels (all headings count), text without punctuation; and label F1."""
    with reported():
        nlp = load_pipeline(model, "xx", {}, topics=True)
        columns = {view: measure(nlp, data, limit, view) for view in VIEWS}
    table = Table(title="Pk / boundary F1, and label F1 on sentences")
    for column in ("corpus", *VIEWS, "label F1"):
        table.add_column(column, justify="left" if column == "corpus" else "right")
    for corpus in next(iter(columns.values())):
        found = [columns[view][corpus] for view in VIEWS]
        label = found[0].label_f
        table.add_row(corpus, *[f"{c.pk:.3f} / {c.f:.3f}" for c in found], "-" if label is None else f"{label:.3f}")
    Console().print(table)


class Cell:
    """Figures of one view of one corpus."""

    def __init__(self) -> None:
        self._pk: list[float] = []
        self._prf = PRF()
        self._labels: list[float] = []

    def add(self, gold: Bools1d, found: Bools1d, gold_labels: list[str], labels: list[str]) -> None:
        """Count a document: where topics start, (n_units,), in the gold and as found, and the label of every unit."""
        reference, hypothesis = (marks[1:].astype(np.int64) for marks in (gold, found))
        self._pk.append(pk(reference, hypothesis))
        self._prf += boundary_prf(reference, hypothesis)
        sections = labelled_segments(gold, gold_labels)
        known = [section for section in sections if section[2] != NO_LABEL]
        if known:
            self._labels.append(segment_label_f(known, labelled_segments(found, labels)))

    @property
    def pk(self) -> float:
        return fmean(self._pk)

    @property
    def f(self) -> float:
        return self._prf.fscore

    @property
    def label_f(self) -> float | None:
        return fmean(self._labels) if self._labels else None


def measure(nlp: Language, data: list[str], limit: int, view: str) -> dict[str, Cell]:
    """RETURNS (dict): Corpus -> figures, on the sentences of the pipeline's own sentence component."""
    pipe = find_pipe(nlp, TopicSegmenter)
    settings, condition = VIEWS[view]
    pipe.cfg.update(settings)
    cells: dict[str, Cell] = defaultdict(Cell)
    for example, doc in _run(nlp, TopicCorpus(data, limit=limit, condition=condition)(nlp)):
        starts = find_units(doc, str(settings["units"])).starts
        if len(starts) < 2:
            continue
        gold, gold_any, gold_labels = topics_of(example.reference, TOPICS, starts, text=doc.text)
        found, found_any, labels = topics_of(doc, TOPICS, starts)
        both = (gold_any, found_any) if settings["levels"] == 2 else (gold, found)
        cells[example.reference.user_data[CORPUS]].add(*both, gold_labels, labels)
    return cells


def _run(nlp: Language, examples: Iterator[Example]) -> Iterator[tuple[Example, Doc]]:
    for example in examples:
        yield example, nlp(example.reference.text)
