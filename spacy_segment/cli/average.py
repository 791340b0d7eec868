"""`python -m spacy segment-average`: one pipeline with the mean weights of several, calibrated on dev data."""

from pathlib import Path

import typer
from spacy.cli._util import app
from wasabi import msg

from ..training.augmenters import conditions
from ..training.average import average
from ..training.calibration import calibrate
from ..training.readers import SentenceCorpus
from .reporting import reported
from .segment import load_pipeline
from .train import report

COMPONENT = "sentence_segmenter"


@app.command("segment-average")
def average_cli(
    pipelines: list[str] = typer.Argument(..., help="Pipelines whose sentence models went on from the same weights"),
    output: Path = typer.Option(
        ..., "--output", "-o", help="Folder to write the first of them to, with the mean weights"
    ),
    dev: list[str] = typer.Option([], help="Gold dev files, folders or patterns, to calibrate on"),
    limit: int = typer.Option(2000, help="Characters per corpus, 0 for all"),
) -> None:
    """Average the weights of sentence models. With --dev, the scale and the shift of the logits that are best there."""
    with reported():
        loaded = [load_pipeline(pipeline, "xx", {}) for pipeline in pipelines]
        average([nlp.get_pipe(COMPONENT).model for nlp in loaded])
        if dev:
            report(calibrate(loaded[0], SentenceCorpus(dev, conditions(), limit_chars=limit)(loaded[0])))
        loaded[0].to_disk(output)
    msg.good(f"{output}: the mean of {len(pipelines)} models")
