"""The sentence splitters that the benchmark shows side by side: ours and every other that is installed.

Each is made for a language and maps texts to character offsets of sentence starts. One that does not know the
language, or is not installed, is left out.
"""

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import spacy

from ..align import next_text, sent_start_offsets
from .pipelines import load_pipeline

Splitter = Callable[[list[str]], list[list[int]]]

# ISO 639 codes of the data that a splitter knows under another name.
ALIASES = {"nb": "no", "nn": "no"}


def make_splitter(name: str, lang: str) -> Splitter | None:
    """Make a splitter by its name, or by the name or path of a pipeline.

    RETURNS (Callable or None): None if the splitter is not installed or does not know the language.
    RAISES (ValueError): SEG133 if there is neither a splitter nor a pipeline of that name.
    """
    if name not in SPLITTERS:
        return _pipeline(name)
    try:
        return SPLITTERS[name](lang.split("-")[0])
    except (ImportError, KeyError, ValueError, LookupError):
        return None


def splitter_version(name: str) -> str:
    """RETURNS (str): Version of the package that holds a splitter, "-" if it is not installed."""
    try:
        return version({"ours": "spacy-segment", "sentencizer": "spacy"}.get(name, name))
    except PackageNotFoundError:
        return "-"


def missing_splitters(names: Iterable[str]) -> list[str]:
    """RETURNS (list of str): Those of other packages that are not installed."""
    return [name for name in names if name in SPLITTERS and splitter_version(name) == "-"]


def _ours(lang: str) -> Splitter:
    return _pipeline("sentence_segmenter")


def _sentencizer(lang: str) -> Splitter:
    return _pipeline("sentencizer")


@lru_cache
def _pipeline(name: str) -> Splitter:
    if name in ("sentence_segmenter", "sentencizer"):
        nlp = spacy.blank("xx")
        nlp.add_pipe(name)
        nlp.max_length = sys.maxsize
    else:
        nlp = load_pipeline(name)
    return lambda texts: [sent_start_offsets(doc).tolist() for doc in nlp.pipe(texts)]


def _each(split: Callable[[str], Iterable[int]]) -> Splitter:
    return lambda texts: [list(split(text)) for text in texts]


def _pysbd(lang: str) -> Splitter:
    import pysbd

    segmenter = pysbd.Segmenter(language=lang, clean=False)
    return _each(lambda text: _offsets(text, segmenter.segment(text)))


def _blingfire(lang: str) -> Splitter:
    import blingfire

    return _each(
        lambda text: next_text(text, [a for a, _ in blingfire.text_to_sentences_and_offsets(text)[1]]).tolist()
    )


def _sentencex(lang: str) -> Splitter:
    import sentencex

    return _each(lambda text: _offsets(text, sentencex.segment(lang, text)))


def _sentence_splitter(lang: str) -> Splitter:
    from sentence_splitter import SentenceSplitter, SentenceSplitterException

    try:
        splitter = SentenceSplitter(language=ALIASES.get(lang, lang))
    except SentenceSplitterException as error:
        raise KeyError(lang) from error
    return _each(lambda text: _offsets(text, splitter.split(text)))


def _nupunkt(lang: str) -> Splitter:
    import nupunkt

    if lang != "en":
        raise KeyError(lang)
    return _each(lambda text: next_text(text, [start for start, _ in nupunkt.sent_spans(text)]).tolist())


def _offsets(text: str, sentences: Iterable[str]) -> list[int]:
    """Where sentences start in the text, by counting characters that are not white space (splitters change the rest)."""
    places = [i for i, c in enumerate(text) if not c.isspace()]
    starts, n = [], 0
    for sentence in sentences:
        size = sum(not c.isspace() for c in sentence)
        if size and n < len(places):
            starts.append(places[n])
        n += size
    return starts


SPLITTERS: dict[str, Callable[[str], Splitter]] = {
    "ours": _ours,
    "sentencizer": _sentencizer,
    "pysbd": _pysbd,
    "blingfire": _blingfire,
    "sentencex": _sentencex,
    "sentence-splitter": _sentence_splitter,
    "nupunkt": _nupunkt,
}
