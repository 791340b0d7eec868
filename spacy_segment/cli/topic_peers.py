"""Topic segmenters to compare with: trivial ones, untrained ones on our vectors, and other packages where they are installed."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..models.change_point import ChangePoint
from ..models.similarity import DepthScore, FirstNeighbour
from ..models.units import unit_vectors
from ..pipeline.topic_segmenter import TopicSegmenter
from ..topics import find_units, topics_of
from ..types import Bools1d, EncoderModel, TopicModel
from .figures import every_k
from .pipelines import find_pipe, load_pipeline

# Marks the sentences of a Doc that topics start with; the second argument is the mean topic length of the corpus.
Segmenter = Callable[[Doc, float], Bools1d]
# Distances beyond this percentile are boundaries, as in the "percentile" chunkers of retrieval frameworks.
PERCENTILE = 95
# Peers that are in packages of others.
PACKAGES = {"TextTiling": "nltk", "chonkie semantic": "chonkie"}
# Untrained models put the boundaries they mean at even odds.
EVEN = 0.5


# Every one from our component, whose vectors all of them read.
SEGMENTERS: dict[str, Callable[[TopicSegmenter], Segmenter]] = {
    "none": lambda ours: lambda doc, mean: np.zeros(_n_sents(doc), dtype=bool),
    "every-k": lambda ours: lambda doc, mean: every_k(_n_sents(doc), mean),
    "percentile": lambda ours: lambda doc, mean: _percentile(ours.model.layers[0], doc),
    "TextTiling": lambda ours: lambda doc, mean: _texttiling(doc),
    "chonkie semantic": lambda ours: _chonkie(ours.model.layers[0], ours.vocab),
    "depth score": lambda ours: _untrained(ours, DepthScore),
    "first neighbour": lambda ours: _untrained(ours, FirstNeighbour),
    "change point": lambda ours: _untrained(ours, ChangePoint),
    "ours": lambda ours: _with(ours),
}


def make_segmenters(ours: TopicSegmenter, systems: list[str] | None = None) -> dict[str, Segmenter]:
    """Ours and its peers, on the vectors of ours.

    systems (list of str or None): Which of them, and names or paths of pipelines; None for all but those whose package is not
        installed.
    RAISES (ValueError): SEG133 for what is neither.
    """
    if systems is None:
        missing = missing_segmenters()
        systems = [name for name in SEGMENTERS if name not in missing]
    return {name: SEGMENTERS[name](ours) if name in SEGMENTERS else _of_pipeline(name) for name in systems}


def missing_segmenters() -> list[str]:
    """RETURNS (list of str): Those of other packages that are not installed."""
    return [name for name, package in PACKAGES.items() if find_spec(package) is None]


def _untrained(ours: TopicSegmenter, model: Callable[[EncoderModel], TopicModel]) -> Segmenter:
    return _with(TopicSegmenter(ours.vocab, model(ours.model.layers[0]), threshold=EVEN))


def _percentile(encoder: EncoderModel, doc: Doc) -> Bools1d:
    vectors = unit_vectors(encoder, doc, find_units(doc, "sentences"))
    distances = np.append(-np.inf, 1 - (vectors[1:] * vectors[:-1]).sum(axis=1))
    return distances > np.percentile(distances[1:], PERCENTILE)


def _chonkie(encoder: EncoderModel, vocab: Vocab) -> Segmenter:
    """SemanticChunker with its own settings and its own sentences, on the mean vectors of our encoder."""
    from chonkie import SemanticChunker
    from chonkie.embeddings import BaseEmbeddings

    class Vectors(BaseEmbeddings):
        """Our vectors of sentences, as chonkie asks for them."""

        dimension = encoder.get_dim("nO")

        def embed(self, text: str) -> np.ndarray:
            words = text.split() or ["-"]
            states = encoder.predict([Doc(vocab, words=words)])[0].states
            return states.mean(axis=0) if len(states) else np.zeros(self.dimension, dtype=np.float32)

        def get_tokenizer(self) -> str:
            return "word"

    chunker = SemanticChunker(embedding_model=Vectors())

    def mark(doc: Doc, mean: float) -> Bools1d:
        starts = find_units(doc, "sentences").starts
        offsets = np.asarray([chunk.start_index for chunk in chunker.chunk(doc.text)][1:], dtype=np.int64)
        marks = np.zeros(len(starts), dtype=bool)
        marks[np.minimum(np.searchsorted(starts, offsets), len(starts) - 1)] = True
        return marks

    return mark


def _texttiling(doc: Doc) -> Bools1d:
    """TextTiling of nltk with its own settings; sentences are its paragraphs. Texts too short for it stay whole."""
    from nltk.tokenize.texttiling import TextTilingTokenizer

    lines = [" ".join(sent.text.split()) or "-" for sent in doc.sents]
    marks = np.zeros(len(lines), dtype=bool)
    try:
        tiles = TextTilingTokenizer(stopwords=["the", "a", "of", "and", "to", "in"]).tokenize("\n\n".join(lines))
    except (ValueError, IndexError):
        return marks
    starts = np.cumsum([0, *(len(line) + 2 for line in lines[:-1])])
    offsets = np.cumsum([0, *(len(tile) for tile in tiles[:-1])])
    marks[np.minimum(np.searchsorted(starts, offsets), len(lines) - 1)] = True
    return marks


def _of_pipeline(name: str) -> Segmenter:
    return _with(find_pipe(load_pipeline(name, topics=True), TopicSegmenter))


def _with(pipe: TopicSegmenter) -> Segmenter:
    def mark(doc: Doc, mean: float) -> Bools1d:
        doc.spans.pop(pipe.key, None)  # what another found here
        doc = pipe(doc)
        starts = find_units(doc, "sentences").starts
        return topics_of(doc, pipe.key, starts)[0]

    return mark


def _n_sents(doc: Doc) -> int:
    return len(find_units(doc, "sentences").starts)
