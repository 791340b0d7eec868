"""`python -m spacy segment-benchmark adapt`: what a handful of examples is worth, corpus by corpus."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import typer
from rich.table import Table
from spacy.language import Language

from ..align import sent_start_offsets
from ..errors import Errors
from ..files import check_output, write_output
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..training.adapt import AdaptSettings, adapt
from ..training.corruption import CONDITIONS
from ..training.formats import Record, corpus_name, find_files, read_records
from ..training.readers import limited
from .benchmark import benchmark_app
from .console import progress, wide_console
from .options import Characters, FiguresFile, Model, split_names, split_numbers
from .pipelines import find_pipe, load_pipeline
from .reporting import reported
from .sentence_benchmark import measure

TRAIN = ".train."


@dataclass(frozen=True)
class Row:
    """Boundary F1 of one corpus under one condition; after, seconds (dict): number of examples -> median over seeds."""

    corpus: str
    condition: str
    before: float
    after: dict[int, float]
    seconds: dict[int, float]


@benchmark_app.command("adapt")
def adapt_benchmark_cli(
    data: list[str] = typer.Argument(..., help=f"Gold files to take examples from, with '{TRAIN}' in their names"),
    model: Model = None,
    split: str = typer.Option("test", help=f"What stands for '{TRAIN}' in the names of the files that are judged"),
    sizes: str = typer.Option("16,64,256,1000", help="Numbers of sentences to adapt with"),
    seeds: int = typer.Option(
        3, min=1, help="Trainings of each size, each on sentences from another document on, of a corpus of several"
    ),
    conditions: str = typer.Option("clean,flat", help="Conditions of the judged texts: clean, flat, corrupted"),
    adapt_to: str = typer.Option(
        ",".join(AdaptSettings().conditions), help="Conditions of the examples, as in segment-adapt --conditions"
    ),
    max_steps: int = typer.Option(AdaptSettings().max_steps, help="Batches at most, as in segment-adapt"),
    limit: Characters = 0,
    general: list[str] = typer.Option([], help="Files on which an adapted model, its adapter off, has to be the base"),
    output: FiguresFile = None,
) -> None:
    """Boundary F1 before and after adapting, and seconds. A corpus with fewer sentences than asked for gives all it has."""
    console = wide_console()
    with reported():
        check_output(output)
        judged_under = split_names("conditions", conditions, CONDITIONS)
        numbers = split_numbers("sizes", sizes)
        settings = AdaptSettings(conditions=tuple(split_names("adapt_to", adapt_to)), max_steps=max_steps)
        rows: list[Row] = []
        nlp = load_pipeline(model)
        for path in progress(find_files(data)):
            judged = Path(path.parent, path.name.replace(TRAIN, f".{split}."))
            if judged == path or not judged.is_file():
                continue
            records = list(limited(read_records(judged), 0, limit))
            after, seconds = run_sizes(nlp, list(read_records(path)), records, judged_under, numbers, seeds, settings)
            for condition, before in judge(nlp, records, judged_under).items():
                rows.append(Row(corpus_name(path), condition, before, after[condition], seconds))
        if not rows:
            raise ValueError(Errors.SEG114.format(split=split, paths=", ".join(data)))
        console.print(make_table(rows))
        if general:
            files = find_files(general)
            difference = largest_difference(nlp, load_pipeline(model), files, limit)
            console.print(f"adapter off, {len(files)} general corpora: largest difference of a logit {difference}")
        if output is not None:
            write_output(output, json.dumps([asdict(row) for row in rows], indent=1).encode())


def run_sizes(
    nlp: Language,
    examples: list[Record],
    judged: list[Record],
    conditions: list[str],
    sizes: list[int],
    seeds: int,
    settings: AdaptSettings,
) -> tuple[dict[str, dict[int, float]], dict[int, float]]:
    """Adapt with each number of sentences. The adapters are off afterwards.

    RETURNS (tuple): Condition -> number -> median F1, and number -> median seconds.
    """
    pipe = find_pipe(nlp, SentenceSegmenter)
    after: dict[str, dict[int, float]] = {condition: {} for condition in conditions}
    seconds: dict[int, float] = {}
    for size in sizes:
        scores, times = [], []
        for seed in range(seeds):
            chosen = draw(examples, size, np.random.default_rng(seed))
            found = adapt(nlp, chosen, settings=replace(settings, seed=seed), component=pipe.name)
            times.append(found.seconds)
            scores.append(judge(nlp, judged, conditions))
            pipe.set_adapter(None)
        seconds[size] = median(times)
        for condition in conditions:
            after[condition][size] = median(score[condition] for score in scores)
    return after, seconds


def judge(nlp: Language, records: list[Record], conditions: list[str]) -> dict[str, float]:
    """RETURNS (dict): Condition -> boundary F1."""

    def split(texts: list[str]) -> list[list[int]]:
        return [sent_start_offsets(doc).tolist() for doc in nlp.pipe(texts)]

    return {condition: measure(split, records, condition).boundaries.fscore for condition in conditions}


def draw(records: list[Record], size: int, rng: np.random.Generator) -> list[Record]:
    """Neighbouring sentences, `size` in all if there are so many: whole documents from a random one on, the last one cut."""
    first = int(rng.integers(max(1, len(records))))
    chosen: list[Record] = []
    for record in records[first:] + records[:first]:
        n = min(size, len(record.starts))
        if n:
            end = record.starts[n] if n < len(record.starts) else len(record.text)
            chosen.append(replace(record, text=record.text[:end].rstrip(), starts=record.starts[:n]))
            size -= n
    return chosen


def largest_difference(nlp: Language, base: Language, files: list[Path], limit: int) -> float:
    """Compare the logits of two pipelines on the same texts."""
    ours, theirs = (find_pipe(p, SentenceSegmenter) for p in (nlp, base))
    largest = 0.0
    for path in files:
        for record in limited(read_records(path), 0, limit):
            doc = base.make_doc(record.text)
            (a,), (b,) = ours.predict([doc]), theirs.predict([doc])
            largest = max(largest, float(np.abs(a.logits - b.logits).max(initial=0.0)))
    return largest


def make_table(rows: list[Row]) -> Table:
    """A row per corpus and condition."""
    table = Table(title="boundary F1, median over seeds (seconds to adapt)")
    sizes = list(rows[0].after) if rows else []
    for column in ("corpus", "condition", "before", *(f"{size:,} sentences" for size in sizes)):
        table.add_column(column, justify="left" if column in ("corpus", "condition") else "right")
    for row in rows:
        cells = [f"{row.after[size]:.3f} ({row.seconds[size]:.0f})" for size in sizes]
        table.add_row(row.corpus, row.condition, f"{row.before:.3f}", *cells)
    return table
