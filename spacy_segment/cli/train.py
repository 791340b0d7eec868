"""`python -m spacy segment-train`: train the small sentence model as its config says, with batches made by many processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from spacy.cli._util import app, parse_config_overrides, setup_gpu
from spacy.training.initialize import init_nlp
from spacy.util import load_config, registry, resolve_dot_names
from thinc.api import fix_random_seed

from ..errors import Errors, is_coded
from ..files import check_folder
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..training.calibration import calibrate
from ..training.packed_loop import PackedSettings, train_packed
from .calibrate import report
from .options import Gpu
from .pipelines import find_pipe, load_pipeline, write_pipeline
from .reporting import reported

GIVEN = PackedSettings()
# In the folder of the output.
CHECKPOINT = "checkpoint.safetensors"


@app.command("segment-train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    ctx: typer.Context,
    config_path: Path = typer.Argument(..., help="Config of a sentence model with spacy_segment.BandedEncoder.v1"),
    output: Path = typer.Option(..., "--output", "-o", help="Folder to write the pipeline to, as model-last"),
    gpu_id: Gpu = -1,
    workers: int = typer.Option(GIVEN.n_processes, help="Processes that make batches"),
    steps: int = typer.Option(GIVEN.steps, help="Batches"),
    size: int = typer.Option(GIVEN.size, help="Pieces of a batch"),
    learn_rate: float = typer.Option(GIVEN.learn_rate, help="Step size at its highest"),
    weight_decay: float = typer.Option(GIVEN.weight_decay, help="Weight decay of matrices, times the step size"),
    dropout: float = typer.Option(GIVEN.dropout, help="Share of the states left out"),
    hidden: float = typer.Option(GIVEN.hidden, help="Share of the pieces hidden"),
    bpe_dropout: float = typer.Option(
        GIVEN.bpe_dropout, help="Share of the merges of pieces left out, in half of the texts"
    ),
    guess_weight: float = typer.Option(GIVEN.guess_weight, help="What guessing the hidden pieces counts at first"),
    teacher: str | None = typer.Option(None, help="Trained pipeline with the same vocabulary, to learn from as well"),
    teacher_weight: float = typer.Option(GIVEN.teacher_weight, help="What a teacher counts; the gold counts the rest"),
) -> None:
    """Train as a config says, faster than `spacy train` on a GPU; then calibrate on its dev corpus. Settings of the config can be
    given as for `spacy train`: --paths.train ... --paths.dev ... A killed run goes on when the same command is given again.
    """
    with reported():
        with config_errors(config_path):
            raw = load_config(config_path, parse_config_overrides(ctx.args))
            config = raw.interpolate()
            seed = config["training"]["seed"]
            _ = config["corpora"]["dev"]  # asked for once all is trained
        settings = PackedSettings(
            steps=steps,
            size=size,
            learn_rate=learn_rate,
            weight_decay=weight_decay,
            dropout=dropout,
            hidden=hidden,
            bpe_dropout=bpe_dropout,
            guess_weight=guess_weight,
            teacher_weight=teacher_weight,
            n_processes=workers,
            seed=seed,
        )
        settings.check()
        check_folder(output / "model-last")
        setup_gpu(gpu_id)
        fix_random_seed(settings.seed)
        teaching = find_pipe(load_pipeline(teacher), SentenceSegmenter).model if teacher is not None else None
        with config_errors(config_path):
            nlp = init_nlp(raw, use_gpu=gpu_id)
        console = Console(stderr=True)
        columns = (*Progress.get_default_columns(), TimeElapsedColumn(), TextColumn("loss {task.fields[loss]:.4f}"))
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
            task = bar.add_task("training", total=steps, loss=0.0)
            train_packed(
                nlp,
                config,
                settings,
                teacher=teaching,
                checkpoint=output / CHECKPOINT,
                watch=lambda done, loss: bar.update(task, completed=done, loss=loss),
            )
        (dev,) = resolve_dot_names(registry.resolve({"corpora": config["corpora"]}), ["corpora.dev"])
        report(calibrate(nlp, dev(nlp)))
        write_pipeline(nlp, output / "model-last")


@contextmanager
def config_errors(path: Path) -> Iterator[None]:
    """RAISES (ValueError): SEG202 for what is wrong with a config; what has a code of its own keeps it."""
    try:
        yield
    except Exception as error:  # the file may hold anything
        if is_coded(error):
            raise
        reason = f"{error} is missing in it" if isinstance(error, KeyError) else error
        raise ValueError(Errors.SEG202.format(path=path, reason=reason)) from error
