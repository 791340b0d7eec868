"""`python -m spacy segment-benchmark topic-details`: one topic model by units, levels and labels, with and without punctuation."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import fmean

from rich.table import Table
from spacy.language import Language

from ..errors import Errors
from ..metrics import segment_label_f
from ..pipeline.topic_segmenter import TopicSegmenter
from ..scorers import CORPUS, labelled_segments
from ..topics import NO_LABEL, TOPICS, find_units, topics_of
from ..training.topic_readers import HEADED, SPOKEN, TopicCorpus
from ..types import Bools1d
from .benchmark import benchmark_app
from .console import wide_console
from .figures import TopicFigures, trivial
from .options import Documents, GoldTopics, Model
from .pipelines import find_pipe, load_pipeline
from .reporting import reported

# Settings of the component, and the condition of the text, by column of the table.
VIEWS = {
    "sentences": ({"units": "sentences", "levels": 1}, "clean"),
    "paragraphs": ({"units": "paragraphs", "levels": 1}, "clean"),
    "main and sub": ({"units": "sentences", "levels": 2}, "clean"),
    "headings": ({"units": "sentences", "levels": 1}, HEADED),
    "turns": ({"units": "sentences", "levels": 1}, SPOKEN),
    "no punctuation or case": ({"units": "sentences", "levels": 1}, "corrupted"),
}


@benchmark_app.command("topic-details")
def topic_details_cli(
    data: GoldTopics,
    model: Model = None,
    limit: Documents = 0,
) -> None:
    """Pk / boundary F1 by corpus: units, two levels (all headings count), text with titles as headings, with lines as turns, without punctuation; label F1; trivial baselines."""
    with reported():
        nlp = load_pipeline(model, topics=True)
        columns = {view: measure(nlp, data, limit, view) for view in VIEWS}
        corpora = columns["sentences"]
        if not corpora:
            raise ValueError(Errors.SEG115.format(paths=", ".join(data)))
    baselines = {corpus: trivial(cell.golds) for corpus, cell in corpora.items()}
    table = Table(title="Pk / boundary F1; label F1 and what needs no model, on sentences")
    for column in ("corpus", *VIEWS, "label F1", *next(iter(baselines.values()))):
        table.add_column(column, justify="left" if column == "corpus" else "right")
    for corpus, cell in corpora.items():
        found = [columns[view][corpus].figures for view in VIEWS]
        label = f"{fmean(cell.labels):.3f}" if cell.labels else "-"
        table.add_row(corpus, *map(_words, found), label, *map(_words, baselines[corpus].values()))
    wide_console().print(table)


@dataclass
class Cell:
    """Figures of one view of one corpus. golds: where topics start; labels: label F1 of documents with labels."""

    figures: TopicFigures = field(default_factory=TopicFigures)
    golds: list[Bools1d] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)

    def add(self, gold: Bools1d, found: Bools1d, gold_labels: list[str], labels: list[str]) -> None:
        """Count a document: where topics start, (n_units,), in the gold and as found, and the label of every unit."""
        self.figures.add(gold, found)
        self.golds.append(gold)
        known = [section for section in labelled_segments(gold, gold_labels) if section[2] != NO_LABEL]
        if known:
            self.labels.append(segment_label_f(known, labelled_segments(found, labels)))


def measure(nlp: Language, data: list[str], limit: int, view: str) -> dict[str, Cell]:
    """RETURNS (dict): Corpus -> figures, on the sentences of the pipeline; documents of a single unit are left out."""
    pipe = find_pipe(nlp, TopicSegmenter)
    settings, condition = VIEWS[view]
    pipe.cfg.update(settings)
    cells: dict[str, Cell] = defaultdict(Cell)
    for example in TopicCorpus(data, limit=limit, condition=condition)(nlp):
        doc = nlp(example.reference.text)
        starts = find_units(doc, str(settings["units"])).starts
        if len(starts) < 2:
            continue
        gold, gold_any, gold_labels = topics_of(example.reference, TOPICS, starts, text=doc.text)
        found, found_any, labels = topics_of(doc, pipe.key, starts)
        both = (gold_any, found_any) if settings["levels"] == 2 else (gold, found)
        cells[example.reference.user_data[CORPUS]].add(*both, gold_labels, labels)
    return cells


def _words(figures: TopicFigures) -> str:
    """Pk / F1, or a dash where no document has two units."""
    if not figures.pk:
        return "-"
    means = figures.means()
    return f"{means['pk']:.3f} / {means['f']:.3f}"
