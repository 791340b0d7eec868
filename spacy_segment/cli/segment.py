"""`python -m spacy segment`: sentences of files, folders and standard input."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from spacy.cli._util import app
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from ..align import text_length
from ..errors import Errors
from ..files import atomic_file
from ..topics import main_spans
from ..types import TOPIC_PROBS
from .inputs import STDIN, Source, expand, read_sources
from .options import Lang, Model
from .outputs import WRITERS, DocBinFiles, HtmlPage, Sink, Stream
from .pipelines import counts_topics, load_pipeline, topics_key
from .reporting import reported

FORMATS = (*WRITERS, "html", "spacy")
# A long text is segmented in blocks of about so many characters. The last sentence of a block waits for the next one.
BLOCK = 500_000
# What a group of topics knows of every span.
PER_SPAN = ("scores", "label_scores", "levels", "parents")


@app.command("segment")
def segment_cli(
    files: list[str] = typer.Argument(None, help="Files, folders or patterns; - or nothing for standard input"),
    model: Model = None,
    lang: Lang = "xx",
    output_format: str = typer.Option("text", "--format", "-f", help=f"One of: {', '.join(FORMATS)}"),
    output: Path | None = typer.Option(None, "--output", "-o", help="File to write; standard output if left out"),
    threshold: float | None = typer.Option(None, help="Probability above which a sentence starts"),
    newlines: str | None = typer.Option(None, help="model, ignore, hard or paragraph"),
    topics: bool = typer.Option(False, "--topics", help="Topics as well: in text, a blank line stands between them"),
) -> None:
    """Split texts into sentences, and topics on demand, whatever their length, language and punctuation."""
    with reported():
        names = expand(files or [], output)
        settings = {"threshold": threshold, "newlines": newlines}
        nlp = load_pipeline(model, lang, {k: v for k, v in settings.items() if v is not None}, topics=topics)
        if output_format == "html":
            keep_probs(nlp)
        try:
            segment(nlp, names, output_format, output)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(Errors.SEG139.format(path=output or "standard output", reason=error)) from error


def keep_probs(nlp: Language) -> None:
    """Let the components keep the probabilities of places that they decide against."""
    for _, pipe in nlp.pipeline:
        cfg = getattr(pipe, "cfg", {})
        if "store_probs" in cfg:
            cfg["store_probs"] = True


def segment(nlp: Language, names: list[str], output_format: str, output: Path | None) -> None:
    """Segment texts and write them; on an error or an interrupt the output file is left as it was.

    RAISES (ValueError): SEG134 for an unknown format, or DocBin without a file; SEG131, SEG132.
    RAISES (OSError): If the output cannot be written.
    """
    if output_format not in FORMATS or (output_format == "spacy" and output is None):
        raise ValueError(Errors.SEG134.format(formats=", ".join(FORMATS)))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,} characters"), TimeElapsedColumn())
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(*columns, console=console, disable=not console.is_terminal, transient=True))
        task = bar.add_task("")
        if output_format == "spacy" and output is not None:
            sink: Sink = DocBinFiles(output, lambda path: stack.enter_context(atomic_file(path)))
        else:
            file: BinaryIO = stack.enter_context(atomic_file(output)) if output else sys.stdout.buffer
            key = topics_key(nlp)
            sink = HtmlPage(file, key) if output_format == "html" else Stream(file, WRITERS[output_format], key)
        for source in read_sources(names):
            bar.update(task, description="standard input" if source.name == STDIN else source.name)
            # A page shows a text as one Doc, and a number of topics is that of the whole text.
            whole = output_format == "html" or counts_topics(nlp)
            for offset, doc in [(0, nlp("".join(source.parts)))] if whole else segment_source(nlp, source):
                sink.add(source.name, offset, doc)
                bar.advance(task, text_length(doc))
        sink.close()


def segment_source(nlp: Language, source: Source) -> Iterator[tuple[int, Doc]]:
    """Segment a text of any length in bounded memory.

    YIELDS (tuple): Where a part starts in the text, and the part as a Doc; parts tile the text and end with a sentence,
        or with a topic if there are topics.
    """
    offset, buffer, key = 0, "", topics_key(nlp)
    for part in source.parts:
        buffer += part
        while len(buffer) >= BLOCK:
            doc = nlp(_cut(buffer, BLOCK))
            # The last sentence (or topic) may go on in the next part. If it is the only one, keep going all the same.
            last = max((span.start for span in main_spans(doc, key) or doc.sents), default=0)
            done = _head(doc, last, key) if last else doc
            yield offset, done
            offset += len(done.text)
            buffer = buffer[len(done.text) :]
    if buffer or not offset:  # an empty text is a text: one record for each
        yield offset, nlp(buffer)


def _head(doc: Doc, end: int, key: str) -> Doc:
    """The first `end` tokens as a Doc, with the topics that lie in them, which `Span.as_doc` leaves out."""
    head = doc[:end].as_doc()
    if key in doc.spans:
        group = doc.spans[key]
        kept = [i for i, span in enumerate(group) if span.end <= end]
        spans = [Span(head, group[i].start, group[i].end, label=group[i].label_) for i in kept]
        attrs = {name: np.asarray(group.attrs[name])[kept] for name in PER_SPAN if name in group.attrs}
        if TOPIC_PROBS in group.attrs:
            attrs[TOPIC_PROBS] = group.attrs[TOPIC_PROBS][:end]
        head.spans[key] = SpanGroup(head, name=key, spans=spans, attrs=attrs)
    return head


def _cut(text: str, size: int) -> str:
    """The first `size` characters, less what follows the last white space among them."""
    block = text[:size]
    end = len(block.rstrip()) if block[-1].isspace() else max((block.rfind(c) for c in " \n\t"), default=-1) + 1
    return block[:end] if end > size // 2 else block
