"""`python -m spacy segment-benchmark speed`: characters per second, and memory for one long text."""

import multiprocessing
import platform
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter

import typer
from rich.console import Console
from rich.table import Table
from spacy.cli._util import setup_gpu

from ..training.formats import find_files, read_records
from .benchmark import benchmark_app
from .options import Gpu, Model, split_names
from .peers import splitter_version
from .pipelines import load_pipeline
from .reference import DTYPES, compare, workloads
from .reporting import reported


@benchmark_app.command("speed")
def speed_cli(
    data: list[str] = typer.Argument(..., help="Files, folders or patterns; every file is a row of the table"),
    model: Model = None,
    size: int = typer.Option(500_000, min=1, help="Characters of every file, repeated if it is shorter"),
    long: int = typer.Option(5_000_000, min=1, help="Characters of the one long text that memory is measured on"),
    runs: int = typer.Option(5, min=1, help="Timed runs after one that is not"),
    reference: bool = typer.Option(
        False, "--reference", help="Instead, a random SaT checkpoint beside wtpsplit, in CPU time (GPU: wall time)"
    ),
    scale: float = typer.Option(1.0, help="With --reference: part of its texts to take (all: 200,000 characters)"),
    dtypes: str = typer.Option(",".join(DTYPES), help="With --reference: precisions of ours"),
    n_layers: int = typer.Option(3, help="With --reference: layers"),
    hidden_width: int = typer.Option(768, help="With --reference: width of the states"),
    gpu_id: Gpu = -1,
) -> None:
    """Characters per second through `nlp.pipe` (median, minimum and maximum), and the peak memory of a whole process."""
    with reported():
        precisions = split_names("dtypes", dtypes, DTYPES)
        files = find_files(data)
        texts = {path: _texts(path, size) for path in files}
        setup_gpu(gpu_id)
        import torch

        console = Console()
        names = ("spacy-segment", "spacy", "torch", *(["transformers", "wtpsplit"] if reference else []))
        versions = ", ".join(f"{name} {splitter_version(name)}" for name in names)
        where = torch.cuda.get_device_name(gpu_id) if gpu_id >= 0 else f"{torch.get_num_threads()} threads"
        console.print(f"Python {platform.python_version()}, {versions}, {where}")
        if reference:
            groups = workloads([record for path in files for record in read_records(path)], scale)
            compare(groups, dtypes=precisions, n_layers=n_layers, hidden_width=hidden_width)
            return
        table = Table("texts", "documents", "characters", "characters/s (median)", "min", "max")
        for path, docs in texts.items():
            rates = measure_speed(model, docs, runs)
            row = [f"{value:,.0f}" for value in (len(docs), sum(map(len, docs)), median(rates), min(rates), max(rates))]
            table.add_row(path.name, *row)
        console.print(table)
        memory = Table("one text of", "seconds", "characters/s", "peak memory of the process")
        for part in (long // 5, long):
            seconds, peak = measure_long(model, "\n".join(_texts(files[0], part))[:part])
            memory.add_row(f"{part:,} characters", f"{seconds:.1f}", f"{part / seconds:,.0f}", f"{peak / 1e6:,.0f} MB")
        console.print(memory)


def measure_speed(model: str | None, texts: list[str], runs: int) -> list[float]:
    """RETURNS (list of float): Characters per second of every run, the first one left out."""
    nlp = load_pipeline(model)
    rates = []
    for _ in range(runs + 1):
        start = perf_counter()
        for _doc in nlp.pipe(texts):
            pass
        rates.append(sum(map(len, texts)) / (perf_counter() - start))
    return rates[1:]


def measure_long(model: str | None, text: str) -> tuple[float, float]:
    """Segment one text in a process of its own. RETURNS (tuple): Seconds, and peak memory in bytes, all included."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_segment_alone, (model, text))


def _segment_alone(model: str | None, text: str) -> tuple[float, float]:
    import resource
    import sys

    nlp = load_pipeline(model)
    start = perf_counter()
    nlp(text)
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, peak * (1 if sys.platform == "darwin" else 1024)


def _texts(path: Path, size: int) -> list[str]:
    """Documents of a file, again and again until `size` characters are there."""
    documents = [record.text for record in read_records(path)]
    total = sum(map(len, documents)) or 1
    chosen, taken = [], 0
    for text in islice(cycle(documents), len(documents) * (1 + size // total)):
        chosen.append(text)
        taken += len(text)
        if taken >= size:
            break
    return chosen
