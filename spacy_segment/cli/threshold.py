"""`python -m spacy segment-benchmark threshold`: the best threshold on dev data, all tried in one pass."""

from collections import defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from ..align import move_to_tokens, sent_start_offsets
from ..metrics import PRF, count
from ..scorers import CONDITION, CORPUS
from ..training.augmenters import conditions
from ..training.readers import SentenceCorpus
from .benchmark import benchmark_app
from .reporting import reported
from .segment import load_pipeline

THRESHOLDS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8]


@benchmark_app.command("threshold")
def threshold_cli(
    data: list[str] = typer.Argument(..., help="Gold dev files, folders or patterns"),
    model: str | None = typer.Option(None, "--model", "-m", help="Pipeline; the embedded model if left out"),
    limit: int = typer.Option(5000, help="Characters per corpus, 0 for all"),
) -> None:
    """Boundary F1 over thresholds (mean over folders of the mean over their corpora) under every condition."""
    with reported():
        scores = try_thresholds(load_pipeline(model, "xx", {}), data, limit)
    table = Table(title="boundary F1 over folders (macro)")
    for column in ("threshold", *scores, "mean"):
        table.add_column(column, justify="right")
    means = {t: fmean(by_threshold[t] for by_threshold in scores.values()) for t in THRESHOLDS}
    for t in THRESHOLDS:
        table.add_row(f"{t:.2f}", *[f"{by_threshold[t]:.3f}" for by_threshold in scores.values()], f"{means[t]:.4f}")
    console = Console()
    console.print(table)
    console.print(f"best threshold: {max(means, key=lambda t: means[t])}")


def try_thresholds(nlp, data: list[str], limit: int) -> dict[str, dict[float, float]]:
    """RETURNS (dict): Condition -> threshold -> mean over folders of the mean boundary F1 of their corpora."""
    pipe = nlp.get_pipe("sentence_segmenter")
    counts: dict[str, dict[str, dict[float, PRF]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(PRF)))
    corpus = SentenceCorpus(data, conditions(), limit_chars=limit)
    for example in corpus(nlp):
        doc, labels = example.predicted, example.reference.user_data
        boundaries = move_to_tokens(doc, pipe.predict([doc])[0], split=pipe.cfg["split_tokens"])
        gold = sent_start_offsets(example.reference)[1:].tolist()
        probs = 1 / (1 + np.exp(-boundaries.logits))
        for t in THRESHOLDS:
            found = boundaries.offsets[probs > t].tolist()
            counts[labels[CONDITION]][labels[CORPUS]][t] += count(gold, found)
    return {condition: {t: _macro(corpora, t) for t in THRESHOLDS} for condition, corpora in counts.items()}


def _macro(corpora: dict[str, dict[float, PRF]], threshold: float) -> float:
    folders = defaultdict(list)
    for name, by_threshold in corpora.items():
        folders[Path(name).parent.name].append(by_threshold[threshold].fscore)
    return fmean(fmean(scores) for scores in folders.values())
