"""Pipelines that commands load, change and save."""

import sys
from pathlib import Path
from typing import Any, TypeVar

import spacy
from spacy.language import Language

from ..errors import Errors, is_coded
from ..files import whole_folder
from ..pipeline.base import Segmenter
from ..pipeline.sentence_segmenter import SentenceSegmenter
from ..pipeline.sources import configure
from ..pipeline.topic_segmenter import TopicSegmenter
from ..topics import TOPICS

SegmenterT = TypeVar("SegmenterT", bound=Segmenter)


def load_pipeline(
    model: str | None, lang: str = "xx", settings: dict[str, Any] | None = None, *, topics: bool = False
) -> Language:
    """The embedded model in a blank pipeline, or a pipeline of the user's.

    settings (dict or None): Of the sentence segmenter, whatever name it has in the pipeline.
    topics (bool): Add the embedded topic model, unless the pipeline has a topic segmenter.

    RAISES (ValueError): SEG133 if there is no such pipeline, or it sets no sentences; SEG135 if it has no sentence segmenter that
        settings could be of; SEG200.
    """
    try:
        if model is None:
            nlp = spacy.blank(lang)
            nlp.add_pipe("sentence_segmenter")
        else:
            nlp = spacy.load(model)
    except Exception as error:  # the files of a pipeline may hold anything
        if is_coded(error):
            raise
        raise ValueError(Errors.SEG133.format(name=lang if model is None else model, reason=error)) from error
    if settings:
        change_settings(nlp, settings)
    segmenters = [name for name, pipe in nlp.pipeline if isinstance(pipe, TopicSegmenter)]
    with nlp.select_pipes(disable=segmenters):  # they may want more sentences than there are here
        if not nlp("One two.").has_annotation("SENT_START"):
            raise ValueError(Errors.SEG133.format(name=model, reason="no component of it sets sentence starts"))
    if topics and not segmenters:
        nlp.add_pipe("topic_segmenter")
    nlp.max_length = sys.maxsize
    return nlp


def change_settings(nlp: Language, settings: dict[str, Any]) -> None:
    """Change settings of the sentence segmenter of a pipeline; a threshold holds for its adapters as well.

    RAISES (ValueError): SEG135, SEG200.
    """
    pipe = find_pipe(nlp, SentenceSegmenter)
    pipe.check({**pipe.cfg, **settings})
    configure(pipe, nlp, **settings)
    if "threshold" in settings:
        pipe.adapters.set_threshold(settings["threshold"])


def find_pipe(nlp: Language, kind: type[SegmenterT]) -> SegmenterT:
    """The first component of a class. RAISES (ValueError): SEG135 if there is none."""
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, kind):
            return pipe
    raise ValueError(Errors.SEG135.format(kind=kind.__name__, names=", ".join(nlp.pipe_names) or "none"))


def topics_key(nlp: Language) -> str:
    """Where the topics of a pipeline are in `Doc.spans`; "topics" if it has no topic segmenter."""
    return next((pipe.key for _, pipe in nlp.pipeline if isinstance(pipe, TopicSegmenter)), TOPICS)


def counts_topics(nlp: Language) -> bool:
    """Whether a topic segmenter of a pipeline gives every text so many topics and no other number."""
    return any(isinstance(pipe, TopicSegmenter) and pipe.cfg["n_segments"] is not None for _, pipe in nlp.pipeline)


def write_pipeline(nlp: Language, path: Path) -> None:
    """Save a pipeline, in folders that need not be there; a new folder appears whole or not at all. RAISES (OSError): SEG303."""
    try:
        if path.exists():
            nlp.to_disk(path)
        else:
            with whole_folder(path) as folder:
                nlp.to_disk(folder)
    except OSError as error:
        if is_coded(error):
            raise
        raise OSError(Errors.SEG303.format(path=path, reason=error)) from error
