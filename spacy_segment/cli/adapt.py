"""`python -m spacy segment-adapt`: a pipeline for your kind of text, from a handful of its sentences."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from spacy.cli._util import app
from wasabi import msg

from ..files import check_folder
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..training.adapt import Adaptation, AdaptSettings, adapt, merge
from .options import Lang, PipelineFolder, split_names
from .pipelines import find_pipe, load_pipeline, write_pipeline
from .reporting import reported

EMBEDDED = "embedded"
GIVEN = AdaptSettings()


@app.command("segment-adapt")
def adapt_cli(
    examples: Annotated[
        list[str],
        typer.Argument(help="Files, folders or patterns: one sentence per line (.txt), JSONL, CoNLL-U, .spacy"),
    ],
    output: PipelineFolder,
    model: str = typer.Option(EMBEDDED, "--model", "-m", help=f"Pipeline to adapt, or '{EMBEDDED}'"),
    lang: Lang = "xx",
    name: str = typer.Option("adapted", "--name", "-n", help="Name of the adapter"),
    merged: bool = typer.Option(False, "--merge", help="Make the adapter part of the weights"),
    conditions: str = typer.Option(
        ",".join(GIVEN.conditions),
        help="What happens to copies of the examples: clean, flat, corrupted, unpunctuated, lower, social, ...",
    ),
    rank: int = typer.Option(GIVEN.rank, help="Rank of the low-rank matrices"),
    alpha: float = typer.Option(GIVEN.alpha, help="Their weight is alpha / rank"),
    learn_rate: float = typer.Option(GIVEN.learn_rate, help="Step size"),
    max_steps: int = typer.Option(GIVEN.max_steps, help="Batches at most"),
    seed: int = typer.Option(GIVEN.seed, help="Seed of everything random"),
) -> None:
    """Adapt a sentence segmenter: train a small adapter, switched on in the pipeline that is written."""
    with reported():
        check_folder(output)
        settings = AdaptSettings(
            conditions=tuple(split_names("conditions", conditions)),
            rank=rank,
            alpha=alpha,
            learn_rate=learn_rate,
            max_steps=max_steps,
            seed=seed,
        )
        nlp = load_pipeline(None if model == EMBEDDED else model, lang)
        component = find_pipe(nlp, SentenceSegmenter).name
        console = Console(stderr=True)
        with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
            task = bar.add_task("adapting")
            adaptation = adapt(
                nlp,
                examples,
                name=name,
                settings=settings,
                component=component,
                watch=lambda done, total: bar.update(task, completed=done, total=total),
            )
        if merged:
            merge(nlp, component=component)
        write_pipeline(nlp, output)
    report(adaptation, output, None if merged else name)


def report(adaptation: Adaptation, output: Path, name: str | None) -> None:
    """Say what came of it."""
    a = adaptation
    threshold = "no threshold of its own" if a.threshold is None else f"threshold {a.threshold}"
    msg.info(f"{a.n_sentences} sentences, {a.n_steps} steps, {a.seconds:.0f} s, {threshold}")
    msg.info(f"Boundary F1 on held-out parts of the examples: {a.before:.3f} before, {a.after:.3f} after")
    if a.lengths is not None:
        msg.info(
            f"The sentences are about equally long ({np.exp(a.lengths.mean):.0f} characters): the adapter counts on it"
        )
    if a.n_steps == 0:
        msg.warn("Training did not help on the held-out parts: no weights have changed.")
    msg.good(f"{output}: {'adapter ' + name + ', switched on' if name else 'adapter merged into the weights'}")
