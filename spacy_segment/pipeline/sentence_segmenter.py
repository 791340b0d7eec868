"""`nlp.add_pipe("sentence_segmenter")`: sets `Token.is_sent_start`."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config

from ..adapters import TRAINING, Adapter, Adapters, check_name, read_adapter_file, use_adapter
from ..align import boundaries_of, text_length, text_of
from ..errors import Errors
from ..length_prior import LengthPrior
from ..loss import sentence_loss
from ..rescoring import NO_RESCORING, rescore
from ..scorers import sentence_score
from ..types import Boundaries, Floats2d, PieceStates, SentenceModel
from .base import Segmenter, reading_model
from .doc_adapter import doc_adapter, install_extension
from .sentence_starts import annotate
from .settings import DEFAULTS, check_settings
from .sources import remember_pipeline, settle_sources

default_model_config = """
[model]
@architectures = "spacy_segment.SaT.v1"
n_marks = 11
pretrained = "sentences"

[model.encoder]
@architectures = "spacy_segment.BandedEncoder.v1"
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]

# Where adapters are saved, and the name to exclude them by.
ADAPTERS = "adapters"
# Texts predicted at once, in characters: bounds memory whatever the batch size of the pipeline.
BATCH_CHARACTERS = 1_000_000
# Examples that a vocabulary is learned from when none is given.
SAMPLE = 10_000


@Language.factory(
    "sentence_segmenter",
    assigns=["token.is_sent_start", "doc.sents"],
    default_config={
        "model": DEFAULT_MODEL,
        **DEFAULTS,
        "scorer": {"@scorers": "spacy_segment.sentence_scorer.v1"},
    },
    default_score_weights={"sents_boundary_f": 1.0, "sents_boundary_p": None, "sents_boundary_r": None, "sents_f": 0.0},
)
def make_sentence_segmenter(
    nlp: Language,
    name: str,
    model: SentenceModel,
    threshold: float | None,
    overwrite: bool,
    newlines: str,
    split_tokens: bool | str,
    min_length: int,
    max_length: int | None,
    length_unit: str,
    store_probs: bool,
    length_prior: list[float] | None,
    mark_weight: float,
    adapter: str | None,
    scorer: Callable | None,
) -> "SentenceSegmenter":
    """Make a sentence segmenter; see `SentenceSegmenter` for the settings."""
    settings = dict(
        threshold=threshold,
        overwrite=overwrite,
        newlines=newlines,
        split_tokens=split_tokens,
        min_length=min_length,
        max_length=max_length,
        length_unit=length_unit,
        store_probs=store_probs,
        length_prior=length_prior,
        mark_weight=mark_weight,
        adapter=adapter,
    )
    component = SentenceSegmenter(nlp.vocab, model, name, scorer=scorer, **settings)
    remember_pipeline(component, nlp)
    return component


class SentenceSegmenter(Segmenter):
    """Sets sentence starts on any text, with or without punctuation.

    threshold (float or None): A sentence starts where its probability is above this. None: above what promises the best F1
        for the text around it, see `decoding.best_thresholds`; a SaT checkpoint has the threshold of its kind.
    overwrite (bool): False keeps sentence starts that are already set (True or False) and decides the rest.
    newlines (str): "model": the model sees newlines and decides; "ignore": they count as spaces; "hard": every
        newline ends a sentence; "paragraph": a blank line does, a single newline counts as a space.
    split_tokens (bool or "auto"): Whether a boundary inside a token splits it (or moves to the next token). "auto"
        splits in scripts that are written without spaces, where a token may hold many sentences.
    min_length, max_length (int): Limits of a sentence, its trailing white space included. Sentences stay as they are
        unless they break a limit; then the best cuts are added (or the weakest dropped).
    length_unit (str): What the limits count, "characters" or "tokens" (as they are before any is split).
    store_probs (bool): Keep `doc.user_data[("spacy_segment", "boundary_probs")]`: (n_tokens,) float32,
        the probability that a sentence starts at the token; and `doc.user_data[("spacy_segment", "inner_probs")]`:
        (n, 2), offset and probability of the places inside tokens that were not split there.
    length_prior (list of float or None): Mean and deviation of the logarithms of sentence lengths in characters, where
        sentences are about equally long (verse). Not looked at beside limits.
    mark_weight (float): Weight of the lost punctuation marks in the training loss.
    adapter (str or None): Name of the adapter in use, see `set_adapter`. It has a threshold of its own.

    Frohmann et al. (2024), Segment Any Text.
    """

    defaults = DEFAULTS
    check = staticmethod(check_settings)

    def __init__(
        self,
        vocab: Vocab,
        model: SentenceModel,
        name: str = "sentence_segmenter",
        *,
        scorer: Callable | None = sentence_score,
        **settings: Any,
    ) -> None:
        super().__init__(vocab, model, name, scorer, settings)
        self.adapters = Adapters()
        install_extension()

    @property
    def labels(self) -> tuple[str, str]:
        """Internal: "I" inside and "S" at the start of a sentence, as in spaCy's senter."""
        return ("I", "S")

    @property
    def hide_labels(self) -> bool:
        return True

    @property
    def label_data(self) -> None:
        return None

    def set_adapter(self, name: str | None) -> None:
        """Use an adapter for all Docs whose `doc._.segment_adapter` says nothing else; None: the base model.

        RAISES (ValueError): SEG230 if there is none of that name.
        """
        self.adapters.find(name)
        self.cfg["adapter"] = name

    @contextmanager
    def without_adapter(self) -> Iterator[None]:
        """The base model alone, for a while."""
        active = self.cfg["adapter"]
        self.set_adapter(None)
        try:
            yield
        finally:
            self.set_adapter(active)

    def add_adapter(self, name: str, adapter: Adapter | bytes | str | Path) -> None:
        """Give the component an adapter, or another one of that name.

        adapter (Adapter, bytes, str or Path): The adapter, or a file of one; `to_disk` keeps them in `adapters/`.
        RAISES (ValueError): SEG200 for a name that a file could not have; SEG330 if this is no adapter.
        """
        check_name(name)
        if isinstance(adapter, str | Path):
            adapter = read_adapter_file(Path(adapter))
        self.adapters[name] = adapter if isinstance(adapter, Adapter) else Adapter.from_bytes(adapter)

    def predict(self, docs: Iterable[Doc]) -> list[Boundaries]:
        """Find the places where sentences could start. The Docs are not changed. Docs of one adapter run together.

        RETURNS (list of Boundaries): One per Doc, of all of its pieces, whatever the threshold.
        RAISES (ValueError): SEG230 for an unknown adapter, SEG331 for one of another base model.
        """
        self._tell_model()
        docs = list(docs)
        adapters = [self._adapter(doc) for doc in docs]
        results: dict[int, Boundaries] = {}
        for adapter in dict.fromkeys(adapters):
            members = [i for i, other in enumerate(adapters) if other is adapter]
            with use_adapter(adapter):
                batches = _batches([docs[i] for i in members], BATCH_CHARACTERS)
                found = [boundaries for batch in batches for boundaries in self._find(batch)]
            results.update(zip(members, found, strict=True))
        settle_sources(self)
        return [results[i] for i in range(len(docs))]

    def _find(self, docs: list[Doc]) -> list[Boundaries]:
        """What the model says of some Docs, at the second look if it has learned to take one."""
        found = [boundaries_of(pieces) for pieces in self.model.predict(docs)]
        weights = self.model.ops.to_numpy(self.model.get_param("rescoring")) if self._rescores else NO_RESCORING
        return rescore([text_of(doc) for doc in docs], found, weights, see_newlines=self.sees_newlines)

    @property
    def sees_newlines(self) -> bool:
        """Whether newlines are more than spaces to the model."""
        return self.cfg["newlines"] in ("model", "hard")

    @property
    def _rescores(self) -> bool:
        return bool(self.model.has_param("rescoring"))

    def _adapter(self, doc: Doc) -> Adapter | None:
        """RAISES (ValueError): SEG230 if there is none of the name that the Doc or the component gives."""
        return self.adapters.find(doc_adapter(doc, self.cfg["adapter"]))

    def _decides_by(self, doc: Doc) -> tuple[float | None, LengthPrior | None]:
        """Threshold and lengths, those of the adapter of a Doc if it has one."""
        adapter = self._adapter(doc)
        if adapter is not None:
            return adapter.threshold, adapter.lengths
        lengths = self.cfg["length_prior"]
        return self.cfg["threshold"], None if lengths is None else LengthPrior(*lengths)

    def set_annotations(self, docs: Iterable[Doc], scores: list[Boundaries]) -> None:
        """Decide on boundaries and set `Token.is_sent_start` of every token."""
        check_settings(self.cfg)
        for doc, boundaries in zip(docs, scores, strict=True):
            if not len(doc):
                continue
            if doc.to_array("DEP").any():  # `Doc.has_annotation` walks through it token by token
                if self.cfg["overwrite"]:
                    warnings.warn(Errors.SEG130.format(name=self.name), stacklevel=2)
                continue
            threshold, prior = self._decides_by(doc)
            annotate(doc, boundaries, self.cfg, threshold=threshold, prior=prior)

    def _tell_model(self) -> None:
        for node in self.model.walk():
            if "see_newlines" in node.attrs:
                node.attrs["see_newlines"] = self.sees_newlines

    def update(
        self, examples: Iterable[Example], *, drop: float = 0.0, sgd: Any = None, losses: dict | None = None
    ) -> dict[str, float]:
        """Learn from a batch of Examples. The second look of the model, fitted to the weights of before, is lost, unless an
        adapter learns.

        RAISES (ValueError): SEG400, SEG401, SEG402.
        """
        self._tell_model()
        examples = list(examples)
        losses = super().update(examples, drop=drop, sgd=sgd, losses=losses)
        if examples and self._rescores and TRAINING not in self.model.attrs:
            self.model.set_param("rescoring", NO_RESCORING)
        return losses

    def get_loss(self, examples: Iterable[Example], scores: list[PieceStates]) -> tuple[float, list[Floats2d]]:
        """Binary cross-entropy of boundaries, plus cross-entropy of the marks that a corruption took away.

        RAISES (ValueError): SEG400, SEG401, SEG402.
        """
        examples = list(examples)
        validate_examples(examples, "SentenceSegmenter.get_loss")
        return sentence_loss(examples, scores, mark_weight=self.cfg["mark_weight"])

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        vocabulary: Any = None,
    ) -> None:
        """Prepare for training. Weights that are there stay; a model without any gets fresh ones.

        vocabulary (Tokenizer or None): Vocabulary for a small encoder that has none yet, see
            `spacy_segment.train_vocabulary.v1`. None learns a small one from the examples.
        RAISES (ValueError): SEG200 for a vocabulary beside an encoder that brings its own pieces.
        """
        validate_get_examples(get_examples, "SentenceSegmenter.initialize")
        if vocabulary is not None:
            self._set_vocabulary(vocabulary)
        self.model.initialize(X=[example.reference for example in islice(get_examples(), SAMPLE)])
        settle_sources(self)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """RETURNS (bytes): Settings, model and adapters. RAISES (ValueError): SEG311."""
        data = super().to_bytes(exclude=exclude)
        if ADAPTERS in exclude:
            return data
        return srsly.msgpack_dumps({**srsly.msgpack_loads(data), ADAPTERS: self.adapters.to_dict()})

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "SentenceSegmenter":
        """Load. RAISES (ValueError): as in `Segmenter`; SEG330 for a broken adapter."""
        with self._changing_adapters():
            if ADAPTERS not in exclude:
                with reading_model():
                    self.adapters.from_dict(srsly.msgpack_loads(bytes_data).get(ADAPTERS, {}))
            return super().from_bytes(bytes_data, exclude=exclude)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save, adapters in a folder of their own. RAISES (OSError): SEG303; (ValueError): SEG311."""
        super().to_disk(path, exclude=exclude)
        if ADAPTERS in exclude:
            return
        try:
            self.adapters.to_disk(Path(path) / ADAPTERS)
        except OSError as error:
            raise OSError(Errors.SEG303.format(path=path, reason=error)) from error

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "SentenceSegmenter":
        """Load. RAISES (ValueError): as in `Segmenter`; SEG330 for a broken adapter."""
        with self._changing_adapters():
            if ADAPTERS not in exclude:
                self.adapters.from_disk(Path(path) / ADAPTERS)
            return super().from_disk(path, exclude=exclude)

    @contextmanager
    def _changing_adapters(self) -> Iterator[None]:
        """They are those of before if it fails."""
        before = dict(self.adapters)
        try:
            yield
        except BaseException:
            self.adapters.clear()
            self.adapters.update(before)
            raise

    def _settle(self, given: dict[str, Any]) -> dict[str, Any]:
        """As for both components; a threshold that is given holds for the adapters as well.

        RAISES (ValueError): SEG200; SEG230 if there is no adapter of the name in `cfg`.
        """
        winning = super()._settle(given)
        self.adapters.find(self.cfg["adapter"])
        if "threshold" in winning:
            self.adapters.set_threshold(winning["threshold"])
        return winning


def _batches(docs: list[Doc], n_characters: int) -> Iterator[list[Doc]]:
    batch: list[Doc] = []
    size = 0
    for doc in docs:
        batch.append(doc)
        size += text_length(doc)
        if size >= n_characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
