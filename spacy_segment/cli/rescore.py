"""`python -m spacy segment-rescore`: let a sentence model look at its boundaries a second time, as dev data teach."""

import typer
from rich.console import Console
from rich.table import Table
from spacy.cli._util import app

from ..errors import Errors
from ..files import check_folder
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..training.augmenters import conditions
from ..training.readers import SentenceCorpus
from ..training.rescoring import fit_rescoring
from .options import Characters, GoldSentences, Model, PipelineFolder
from .pipelines import find_pipe, load_pipeline, write_pipeline
from .reporting import reported


@app.command("segment-rescore")
def rescore_cli(
    dev: GoldSentences,
    output: PipelineFolder,
    model: Model = None,
    limit: Characters = 8000,
    short: int = typer.Option(2000, min=0, help="Characters of every corpus that are read once more, in short parts"),
    length: int = typer.Option(300, min=1, help="Characters of a short part"),
) -> None:
    """Fit a small network that weighs the logit of every place by the text around it. It is kept if it helps on dev corpora that
    it was not fitted to.
    """
    with reported():
        check_folder(output)
        nlp = load_pipeline(model)
        whole = list(SentenceCorpus(dev, conditions(), limit_chars=limit)(nlp))
        if not whole:
            raise ValueError(Errors.SEG115.format(paths=", ".join(dev)))
        parts = SentenceCorpus(dev, conditions(), max_chars=length, limit_chars=short)
        component = find_pipe(nlp, SentenceSegmenter).name
        scores = fit_rescoring(nlp, [whole, parts(nlp)], component=component)
        write_pipeline(nlp, output)
    table = Table("texts", "before", "after", title="boundary F1 (macro) on dev corpora left out in turn")
    for name, score in zip(("documents", "short parts"), scores, strict=True):
        table.add_row(name, f"{score.before:.4f}", f"{score.after:.4f}")
    Console().print(table)
