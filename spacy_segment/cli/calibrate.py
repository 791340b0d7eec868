"""`python -m spacy segment-calibrate`: make a sentence model as sure as it is right, on dev data."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from spacy.cli._util import app

from ..errors import Errors
from ..files import check_folder
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..training.augmenters import conditions
from ..training.calibration import Scores, calibrate
from ..training.readers import SentenceCorpus
from .options import Characters, GoldSentences, PipelineFolder
from .pipelines import find_pipe, load_pipeline, write_pipeline
from .reporting import reported


@app.command("segment-calibrate")
def calibrate_cli(
    pipeline: Annotated[str, typer.Argument(help="Pipeline with a sentence segmenter")],
    dev: GoldSentences,
    output: PipelineFolder,
    limit: Characters = 2000,
) -> None:
    """Give the logits the scale and the shift with the best boundary F1 (mean over conditions and corpora) on dev data."""
    with reported():
        check_folder(output)
        nlp = load_pipeline(pipeline)
        examples = list(SentenceCorpus(dev, conditions(), limit_chars=limit)(nlp))
        if not examples:
            raise ValueError(Errors.SEG115.format(paths=", ".join(dev)))
        report(calibrate(nlp, examples, find_pipe(nlp, SentenceSegmenter).name))
        write_pipeline(nlp, output)


def report(scores: Scores) -> None:
    """Print what was tried."""
    best = max(scores, key=scores.__getitem__)
    table = Table("scale", "shift", "boundary F1 (macro)", title="logits on dev")
    for (scale, shift), score in scores.items():
        table.add_row(f"{scale}", f"{shift}", f"{score:.4f}", style="bold" if (scale, shift) == best else None)
    Console().print(table)
