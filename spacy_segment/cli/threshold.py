"""`python -m spacy segment-benchmark threshold`: the best threshold on dev data, all tried in one pass."""

from collections import defaultdict
from pathlib import Path
from statistics import fmean

import typer
from rich.console import Console
from rich.table import Table
from spacy.language import Language

from ..errors import Errors
from ..files import check_folder
from ..metrics import PRF
from ..pipeline.before import run_before
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..scorers import CONDITION, CORPUS
from ..training.augmenters import conditions
from ..training.readers import SentenceCorpus
from ..training.thresholds import TRIED, count_boundaries
from .benchmark import benchmark_app
from .options import Characters, GoldSentences, Model
from .pipelines import change_settings, find_pipe, load_pipeline, write_pipeline
from .reporting import reported


@benchmark_app.command("threshold")
def threshold_cli(
    data: GoldSentences,
    model: Model = None,
    limit: Characters = 5000,
    output: Path | None = typer.Option(None, "--output", "-o", help="Save the pipeline with the best threshold here"),
) -> None:
    """Boundary F1 over thresholds (mean over folders of the mean over their corpora) under every condition.

    none: no threshold is given, every text has the one that promises the best F1.
    """
    with reported():
        check_folder(output)
        nlp = load_pipeline(model)
        scores = try_thresholds(nlp, data, limit)
    table = Table(title="boundary F1 over folders (macro)")
    for column in ("threshold", *scores, "mean"):
        table.add_column(column, justify="right")
    means = {t: fmean(by_threshold[t] for by_threshold in scores.values()) for t in TRIED}
    for t in TRIED:
        name = "none" if t is None else f"{t:.2f}"
        table.add_row(name, *[f"{by_threshold[t]:.3f}" for by_threshold in scores.values()], f"{means[t]:.4f}")
    console = Console()
    console.print(table)
    best = max(means, key=lambda t: means[t])
    console.print(f"best threshold: {'none' if best is None else best}")
    if output is not None:
        with reported():
            change_settings(nlp, {"threshold": best})
            write_pipeline(nlp, output)


def try_thresholds(nlp: Language, data: list[str], limit: int) -> dict[str, dict[float | None, float]]:
    """RETURNS (dict): Condition -> threshold -> mean over folders of the mean boundary F1 of their corpora.

    RAISES (ValueError): SEG110, SEG111, SEG135; SEG115 if no document has a text.
    """
    pipe = find_pipe(nlp, SentenceSegmenter)
    counts: dict[str, dict[str, dict[float | None, PRF]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(PRF)))
    corpus = SentenceCorpus(data, conditions(), limit_chars=limit)
    for example in corpus(nlp):
        (example.predicted,) = run_before(nlp, pipe, [example.predicted])
        labels = example.reference.user_data
        for t, prf in count_boundaries(pipe, [example])[0].items():
            counts[labels[CONDITION]][labels[CORPUS]][t] += prf
    if not counts:
        raise ValueError(Errors.SEG115.format(paths=", ".join(data)))
    return {condition: {t: _macro(corpora, t) for t in TRIED} for condition, corpora in counts.items()}


def _macro(corpora: dict[str, dict[float | None, PRF]], threshold: float | None) -> float:
    folders = defaultdict(list)
    for name, by_threshold in corpora.items():
        folders[Path(name).parent.name].append(by_threshold[threshold].fscore)
    return fmean(fmean(scores) for scores in folders.values())
