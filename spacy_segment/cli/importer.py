"""`python -m spacy segment-import`: a SaT checkpoint becomes a pipeline directory that loads offline."""

from pathlib import Path

import spacy
import typer
from spacy.cli._util import app
from spacy.language import Language
from wasabi import msg

from ..errors import Errors
from ..files import check_folder
from .pipelines import write_pipeline
from .reporting import reported


@app.command("segment-import")
def import_cli(
    checkpoint: str = typer.Argument(..., help="Directory (or name on the hub) with config.json and model.safetensors"),
    output: Path = typer.Argument(..., help="Directory to write the pipeline to; must not exist"),
    tokenizer: str | None = typer.Option(None, help="The same of the tokenizer, if it is not with the checkpoint"),
    lang: str = typer.Option("xx", "--lang", "-l", help="Language of the pipeline's tokenizer"),
    threshold: float | None = typer.Option(None, help="Instead of the threshold of the checkpoint's kind"),
    dtype: str = typer.Option("auto", help="auto, float32, bfloat16 or int8; can be changed when loading"),
) -> None:
    """Turn a Segment-any-Text checkpoint into a spaCy pipeline."""
    with reported():
        check_folder(output)
        if output.exists():
            raise ValueError(Errors.SEG312.format(path=output))
        for name in filter(None, (checkpoint, tokenizer)):
            if not Path(name).is_dir():
                msg.info(f"There is no directory {name} here: it is looked for on the hub.")
        nlp = make_pipeline(checkpoint, tokenizer=tokenizer, lang=lang, threshold=threshold, dtype=dtype)
        write_pipeline(nlp, output)
    found = nlp.get_pipe_config("sentence_segmenter")["threshold"]
    msg.good(f"Wrote {output} (threshold {found}). Load it with spacy.load({str(output)!r}).")


def make_pipeline(
    checkpoint: str,
    *,
    tokenizer: str | None = None,
    lang: str = "xx",
    threshold: float | None = None,
    dtype: str = "auto",
) -> Language:
    """A pipeline that splits as the checkpoint's own package does: newlines are spaces to it.

    threshold (float or None): None takes the one that belongs to the checkpoint's labels and look-ahead.
    RAISES (ValueError): SEG133 for an unknown language; SEG200, SEG310.
    """
    from ..models.checkpoints import THRESHOLDS, kind_of

    try:
        nlp = spacy.blank(lang)
    except ImportError as error:
        raise ValueError(Errors.SEG133.format(name=lang, reason=error)) from error
    if threshold is None:
        threshold = THRESHOLDS[kind_of(checkpoint)]
    encoder = {
        "@architectures": "spacy_segment.HFEncoder.v1",
        "name": checkpoint,
        "tokenizer": tokenizer,
        "dtype": dtype,
    }
    model = {"@architectures": "spacy_segment.SaT.v1", "n_marks": 0, "pretrained": None, "encoder": encoder}
    nlp.add_pipe("sentence_segmenter", config={"model": model, "threshold": threshold, "newlines": "ignore"})
    nlp.initialize()
    return nlp
