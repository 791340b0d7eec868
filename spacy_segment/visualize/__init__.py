"""A page that shows the segments of a Doc: one file, nothing loaded from elsewhere."""

import base64
import hashlib
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from spacy.tokens import Doc
from spacy.util import is_in_jupyter

from ..errors import Errors
from ..topics import NO_LABEL, TOPICS
from .view import FLOOR, Places, View, nearest_threshold, view

HERE = Path(__file__).parent
# Where the sliders would rather stand: there is no threshold by default.
EVEN = 0.5
# What the sliders of the page can be set to.
THRESHOLDS = np.arange(round(FLOOR * 100), 96) / 100
SCRIPTS = ("map.js", "page.js")
# Bits of the number that tells the page what begins with a run.
SENTENCE, TOPIC, BLOCK, TEXT = 1, 2, 4, 8


def render(
    docs: Doc | Iterable[Doc],
    *,
    spans_key: str = TOPICS,
    title: str | None = None,
    jupyter: bool | None = None,
    height: int = 640,
) -> str | None:
    """Show the sentences and topics of Docs on a page of HTML.

    Thresholds can be moved on the page if the components that set the boundaries have `store_probs`. A Doc may carry a
    heading in `doc.user_data["title"]`, as in displaCy.

    docs (Doc or Iterable of Docs): With or without sentences and topics.
    spans_key (str): Where the topics are in `doc.spans`.
    title (str or None): Heading of the page.
    jupyter (bool or None): Show the page in the notebook that is running; None finds out whether one is.
    height (int): Height of the page in a notebook, in pixels.
    RETURNS (str or None): The page, or nothing if a notebook shows it.
    RAISES (ValueError): SEG150 for something that is no Doc.
    """
    page = make_page(docs, spans_key=spans_key, title=title)
    if jupyter or (jupyter is None and is_in_jupyter()):
        from IPython.display import HTML, display

        display(HTML(frame(page, title or "Segmented text", height)))
        return None
    return page


def make_page(docs: Doc | Iterable[Doc], *, spans_key: str = TOPICS, title: str | None = None) -> str:
    """The page as a string, see `render`. RAISES (ValueError): SEG150."""
    docs = list(docs) if isinstance(docs, Iterable) and not isinstance(docs, Doc) else [docs]
    for doc in docs:
        if not isinstance(doc, Doc):
            raise ValueError(Errors.SEG150.format(type=type(doc).__name__))
    views = [view(doc, spans_key) for doc in docs]
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    script = "".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return environment.get_template("page.html").render(
        title=title or (views[0].title if len(views) == 1 else "") or "Segmented text",
        texts=[
            {"title": v.title if len(views) > 1 else "", "lang": v.lang, "dir": v.direction, "runs": _runs(v)}
            for v in views
        ],
        data=_data(views),
        css=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        # Nothing else may run or be loaded, whatever the texts hold.
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode(),
    )


def _runs(v: View) -> list[tuple[Markup, Markup]]:
    """Every run with what its marks need: escaped text, and its probabilities in percent as CSS properties."""
    sents, topics = _permille(v.sents), _permille(v.topics)
    topics[0] = 0  # a text starts with a topic: nothing to show
    return [
        (Markup(_escape(run)), Markup("".join(f"--{name}:{p / 10:g};" for name, p in (("s", s), ("t", t)) if p > 0)))
        for run, s, t in zip(v.runs, sents, topics, strict=True)
    ]


def _data(views: list[View]) -> dict[str, Any]:
    """The numbers the script works on: one entry per run, the runs of all texts in one row."""
    labels = sorted({label for v in views for label in v.labels} - {"", NO_LABEL})
    index = {label: i for i, label in enumerate(labels)}
    flags = []
    for v in views:
        bits = SENTENCE * v.sents.is_start + TOPIC * v.topics.is_start + BLOCK * v.breaks
        bits[0] |= TEXT
        flags += bits.tolist()
    return {
        "sents": [p for v in views for p in _permille(v.sents)],
        "topics": [p for v in views for p in _permille(v.topics)],
        "flags": flags,
        "labelOf": [index.get(label, -1) for v in views for label in v.labels],
        "labels": labels,
        "parts": _parts(views),
        "hasSents": any(v.has_sents for v in views),
        "hasTopics": any(v.has_topics for v in views),
        "sentThreshold": _threshold([v.sents for v in views if v.has_sent_probs], EVEN),
        "topicThreshold": _threshold([v.topics for v in views if v.has_topic_probs], EVEN),
    }


def _parts(views: list[View]) -> dict[int, str]:
    starts = np.cumsum([0, *(len(v.runs) for v in views)]).tolist()
    return {start + i: label for start, v in zip(starts, views, strict=False) for i, label in v.parts.items()}


def _permille(places: Places) -> list[int]:
    """Rounded up, so that a comparison with whole percents comes out as with the probability itself; -1 for none."""
    return np.where(np.isnan(places.probs), -1, np.ceil(np.nan_to_num(places.probs) * 1000)).astype(np.int64).tolist()


def _threshold(places: list[Places], default: float) -> float | None:
    """Where the slider stands at first; None for no slider."""
    return nearest_threshold(places, THRESHOLDS, default) if places else None


def _escape(text: str) -> str:
    """A parser of HTML would make CR LF one newline and drop NUL."""
    return html.escape(text).replace("\r", "&#13;").replace("\0", "\ufffd")


def frame(page: str, title: str, height: int) -> str:
    """The page in a frame of its own: its styles and its script reach nothing of the notebook."""
    return (
        f'<div class="tex2jax_ignore"><iframe title="{html.escape(title)}" sandbox="allow-scripts" '
        f'style="width:100%;height:{int(height)}px;border:0;border-radius:12px" srcdoc="{html.escape(page)}"></iframe></div>'
    )
