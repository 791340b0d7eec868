"""The page as a string: what it holds, and that nothing of a text gets out of its place."""

import json
import re
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span, SpanGroup

import spacy_segment
from spacy_segment.decoding import decode
from spacy_segment.types import BOUNDARY_PROBS, INNER_PROBS
from spacy_segment.visualize import BLOCK, SENTENCE, TEXT, THRESHOLDS, TOPIC
from spacy_segment.visualize.view import FLOOR, LONGEST_BLOCK, nearest_threshold, view

EVIL = "</span></script><script>alert('x')</script> & \" ' <!-- {{ 7*7 }} ${x}"


class Page(HTMLParser):
    """The texts of a page, run by run, the tags it has, and its data."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags, self.attrs = [], [], []
        self.feed(page)
        self.data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attrs += attrs
        if ("class", "text") in attrs:
            self.texts.append([])
        if ("class", "run") in attrs:
            self.texts[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag != "i":  # a mark inside a run
            self.inside = False

    def handle_data(self, data):
        if getattr(self, "inside", False):
            self.texts[-1][-1] += data


def make_doc(sentences, *, lang="en", topics=None, probs=None, topic_probs=None, separator=" "):
    """A Doc with sentences, topics (label and first sentence) and probabilities of the sentences."""
    nlp = spacy.blank(lang)
    parts, firsts = [], []
    for sentence in sentences:
        firsts.append(sum(map(len, parts)))
        parts.append(nlp.make_doc(sentence + separator))
    doc = Doc.from_docs(parts, ensure_whitespace=False)
    flags = np.full(len(doc), -1)
    flags[firsts] = 1
    doc.from_array("SENT_START", flags.astype(np.int64).astype(np.uint64))
    if probs is not None:
        at_tokens = np.zeros(len(doc), dtype=np.float32)
        at_tokens[firsts] = probs
        doc.user_data[BOUNDARY_PROBS] = at_tokens
    if topics is not None:
        starts = [firsts[first] for _, first in topics]
        ends = [*starts[1:], len(doc)]
        spans = [Span(doc, a, b, label=label) for (label, _), a, b in zip(topics, starts, ends, strict=True)]
        attrs = {"scores": np.ones(len(spans), dtype=np.float32)}
        if topic_probs is not None:
            at_tokens = np.zeros(len(doc), dtype=np.float32)
            at_tokens[firsts] = topic_probs
            attrs["boundary_probs"] = at_tokens
        doc.spans["topics"] = SpanGroup(doc, name="topics", spans=spans, attrs=attrs)
    return doc


def page_of(*docs, **options):
    return Page(spacy_segment.render(docs, jupyter=False, **options))


def test_render_shows_runs_that_join_to_the_text():
    doc = make_doc(
        ["One is here.", "Two\r\nfollows.", "Three."], topics=[("A", 0), ("TOPIC", 2)], probs=[1, 0.875, 0.375]
    )
    page = page_of(doc)
    assert "".join(page.texts[0]) == doc.text
    assert page.texts[0] == ["One is here. ", "Two\r\nfollows. ", "Three. "]
    assert page.data["flags"] == [SENTENCE | TOPIC | TEXT, SENTENCE, SENTENCE | TOPIC]
    assert page.data["sents"] == [1000, 875, 375]
    assert page.data["labels"] == ["A"]
    assert page.data["labelOf"] == [0, 0, -1]
    assert page.data["topicThreshold"] is None


def test_render_keeps_what_components_store():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentence_segmenter", config={"store_probs": True})
    nlp.add_pipe("topic_segmenter", config={"store_probs": True, "threshold": 0.35})
    doc = nlp("Bake the bread for an hour. Let it cool.\n\nThe parliament has two houses. Elections are in May.")
    page = page_of(doc)
    assert "".join(page.texts[0]) == doc.text
    assert page.data["sentThreshold"] == 0.5
    assert page.data["topicThreshold"] is not None
    stored = doc.spans["topics"].attrs["boundary_probs"]
    assert stored.shape == (len(doc),)
    assert sum(p >= FLOOR for p in stored) == sum(p > 0 for p in page.data["topics"])


def test_topic_probabilities_are_stored_on_demand_alone():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("topic_segmenter")
    assert "boundary_probs" not in nlp("A bread. A law.").spans["topics"].attrs


def test_store_probs_inside_tokens_that_were_not_split():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter", config={"store_probs": True, "threshold": 0.95})
    doc = nlp("今天下雨了。我们留在家里。明天会更好。")
    inner = doc.user_data[INNER_PROBS]
    assert inner.shape[1] == 2
    assert not set(inner[:, 0].tolist()) & {token.idx for token in doc}
    again = Doc(doc.vocab).from_bytes(doc.to_bytes())
    assert view(again, "topics").runs == view(doc, "topics").runs


@pytest.mark.parametrize("threshold", THRESHOLDS[::9])
def test_data_gives_the_boundaries_of_every_threshold(threshold):
    probs = np.append([1.0], np.random.default_rng(0).random(200)).astype(np.float32)
    probs[5], probs[6] = threshold, threshold + 1e-6
    page = page_of(make_doc(["It rained."] * len(probs), probs=probs))
    probs = probs.astype(np.float64)
    logits = np.log(np.clip(probs, 1e-9, 1 - 1e-9) / np.clip(1 - probs, 1e-9, 1))
    expected = {int(i) for i in decode(logits, threshold=float(threshold))}
    ends = np.cumsum([0, *(len(run) for run in page.texts[0])])
    found = [i for i, p in enumerate(page.data["sents"]) if i == 0 or p > round(threshold * 1000)]
    assert {int(ends[i]) // len("It rained. ") for i in found} == expected


def test_nearest_threshold_takes_the_default_where_it_can():
    doc = make_doc(["A.", "B.", "C."], probs=[1, 0.8, 0.3])
    assert nearest_threshold([view(doc, "topics").sents], THRESHOLDS, 0.25) == 0.25
    doc.from_array("SENT_START", np.asarray([1, 1, -1], dtype=np.int64).astype(np.uint64))
    assert 0.3 <= nearest_threshold([view(doc, "topics").sents], THRESHOLDS, 0.25) < 0.8


@pytest.mark.parametrize("place", ["text", "title", "label", "part", "heading"])
def test_everything_is_escaped(place):
    plain = page_of(make_doc(["One.", "Two."], topics=[("A", 0)], probs=[1, 0.5]))
    doc = make_doc(
        [EVIL if place == "text" else "One.", "Two."], topics=[(EVIL if place == "label" else "A", 0)], probs=[1, 0.5]
    )
    if place == "part":
        group = doc.spans["topics"]
        spans = [*group, Span(doc, 2, len(doc), label=EVIL)]
        doc.spans["topics"] = SpanGroup(doc, name="topics", spans=spans, attrs={"levels": np.asarray([1, 2])})
    if place == "title":
        doc.user_data["title"] = EVIL
    page = page_of(doc, title=EVIL if place == "heading" else None)
    assert [t for t in page.tags if t != "span"] == [t for t in plain.tags if t != "span"]
    assert {name for name, _ in page.attrs} == {name for name, _ in plain.attrs}
    assert "".join(page.texts[0]) == doc.text
    assert place != "label" or page.data["labels"] == [EVIL]
    assert place != "part" or list(page.data["parts"].values()) == [EVIL]


def test_page_loads_nothing():
    page = spacy_segment.render(make_doc(["One."]), jupyter=False)
    assert "default-src 'none'" in page
    assert not re.search(r"\b(src|href)=\"(?!#)|url\(|@import|https?:(?!//www\.w3\.org/2000/svg)", page)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "word"])
@pytest.mark.parametrize("lang", ["en", "xx"])
def test_docs_with_nothing_set(text, lang):
    doc = spacy.blank(lang)(text)
    page = page_of(doc)
    assert page.texts == [[text]]
    assert page.data["hasTopics"] is False
    assert page.data["sentThreshold"] is None


def test_empty_docs_of_a_pipeline_and_no_docs():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter", config={"store_probs": True})
    nlp.add_pipe("topic_segmenter", config={"store_probs": True})
    assert page_of(nlp(""), nlp(" "), nlp("Yes.")).texts == [[""], [" "], ["Yes."]]
    assert page_of().texts == []


def test_probabilities_of_other_tokens_are_left_aside():
    doc = make_doc(["One two.", "Three."], topics=[("A", 0)], probs=[1, 0.5], topic_probs=[1, 0.5])
    assert page_of(doc).data["topicThreshold"] is not None
    doc.user_data[BOUNDARY_PROBS] = doc.user_data[BOUNDARY_PROBS][1:]
    doc.spans["topics"].attrs["boundary_probs"] = np.zeros(99)
    page = page_of(doc)
    assert (page.data["sentThreshold"], page.data["topicThreshold"]) == (None, None)


def test_spans_that_do_not_tile_leave_stretches_without_a_label():
    doc = make_doc(["One.", "Two.", "Three.", "Four."])
    doc.spans["sc"] = [Span(doc, 2, 4, label="B")]
    page = page_of(doc, spans_key="sc")
    assert [page.data["labels"][i] if i >= 0 else "" for i in page.data["labelOf"]] == ["", "B", "", ""]
    assert [bool(flag & TOPIC) for flag in page.data["flags"]] == [True, True, True, False]


@pytest.mark.parametrize("text", ["line of text\n" * 2000, "word " * 5000, "字" * 20_000, "Word. " * 4000])
def test_long_texts_are_cut_into_blocks(text):
    doc = spacy.blank("xx")(text)
    v = view(doc, "topics")
    assert "".join(v.runs) == text
    lengths = np.diff([*np.flatnonzero(np.append(True, v.breaks[1:])), len(v.runs)])
    sizes = [sum(map(len, part)) for part in np.split(np.asarray(v.runs, dtype=object), np.cumsum(lengths)[:-1])]
    assert max(sizes) <= LONGEST_BLOCK + 20
    assert len(sizes) <= len(text) / 2000 + 1
    assert page_of(doc).data["flags"].count(BLOCK) == len(sizes) - 1


def test_language_and_direction_are_told():
    page = page_of(make_doc(["שלום."], lang="he"), make_doc(["Hi."], lang="xx"))
    assert [value for name, value in page.attrs if name == "dir" and value != "auto"][:2] == ["rtl", "ltr"]
    assert [value for name, value in page.attrs if name == "lang" and value != "en"] == ["he", ""]


def test_lines_that_turn_begin_a_block():
    v = view(make_doc(["שלום.", "12", "Hi.", "There.", "עולם."], separator="\n"), "topics")
    assert [run for run, is_break in zip(v.runs, v.breaks, strict=True) if is_break] == ["Hi.\n", "עולם.\n"]


def test_render_in_a_notebook_shows_a_frame(monkeypatch):
    shown = []
    display = types.ModuleType("IPython.display")
    display.HTML = lambda text: text
    display.display = shown.append
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    doc = make_doc([EVIL])
    assert spacy_segment.render(doc, jupyter=True, height=300) is None
    tags = []
    frame = HTMLParser()
    frame.handle_starttag = lambda tag, attrs: tags.append((tag, dict(attrs)))
    frame.feed(shown[0])
    assert [tag for tag, _ in tags] == ["div", "iframe"]
    assert tags[1][1]["srcdoc"] == spacy_segment.render(doc, jupyter=False)
    assert "height:300px" in tags[1][1]["style"]


def test_render_says_what_it_takes():
    with pytest.raises(ValueError, match=r"SEG150.*str"):
        spacy_segment.render(["text"])
    with pytest.raises(AttributeError):
        _ = spacy_segment.nothing


@pytest.mark.parametrize("docs", [None, 5, "text", ["text"]])
def test_issue_what_is_no_doc_had_no_code(docs):
    with pytest.raises(ValueError, match="SEG150"):
        spacy_segment.render(docs, jupyter=False)
