"""`nlp.add_pipe("topic_segmenter")`: writes topics into `doc.spans`."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config

from ..align import has_sents
from ..checks import wrong
from ..errors import Errors
from ..scorers import topic_score
from ..topics import NO_LABEL, check_tiling, find_units, main_spans, sents_of, topics_of
from ..types import Bools1d, TopicGold, TopicLogits, TopicModel
from .base import Segmenter
from .settings import TOPIC_DEFAULTS, check_topic_settings
from .sources import remember_pipeline, settle_sources
from .topic_spans import make_group

default_model_config = """
[model]
@architectures = "spacy_segment.Coherence.v1"
pretrained = "topics"

[model.encoder]
@architectures = "spacy_segment.StaticEncoder.v1"
"""
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]

# Examples that labels and a vocabulary are learned from when none are given.
SAMPLE = 1_000


@Language.factory(
    "topic_segmenter",
    assigns=["doc.spans"],
    requires=["doc.sents"],
    default_config={
        "model": DEFAULT_MODEL,
        **TOPIC_DEFAULTS,
        "scorer": {"@scorers": "spacy_segment.topic_scorer.v1"},
    },
    default_score_weights={
        "topics_pk_inverse": 0.5,
        "topics_boundary_f": 0.5,
        "topics_pk": None,
        "topics_wd": None,
        "topics_b": None,
        "topics_label_f": 0.0,
    },
)
def make_topic_segmenter(
    nlp: Language,
    name: str,
    model: TopicModel,
    spans_key: str,
    units: str,
    threshold: float | None,
    label_threshold: float,
    min_length: int,
    max_length: int | None,
    length_unit: str,
    n_segments: int | None,
    levels: int,
    overwrite: bool,
    store_probs: bool,
    scorer: Callable | None,
) -> "TopicSegmenter":
    """Make a topic segmenter; see `TopicSegmenter` for the settings."""
    settings = dict(
        spans_key=spans_key,
        units=units,
        threshold=threshold,
        label_threshold=label_threshold,
        min_length=min_length,
        max_length=max_length,
        length_unit=length_unit,
        n_segments=n_segments,
        levels=levels,
        overwrite=overwrite,
        store_probs=store_probs,
    )
    component = TopicSegmenter(nlp.vocab, model, name, scorer=scorer, **settings)
    remember_pipeline(component, nlp)
    return component


class TopicSegmenter(Segmenter):
    """Cuts a Doc with sentence starts into topics: spans that tile it, in `doc.spans[spans_key]`.

    spans_key (str): Where the spans go. Their group has `attrs["scores"]` (probability of the boundary that opens each
        span, 1 for the first), `attrs["label_scores"]`, `attrs["levels"]` (1, or 2 for parts) and `attrs["parents"]`
        (index of the span a part lies in, -1 for none).
    units (str): "sentences" or "paragraphs": what a topic may start with.
    threshold (float or None): A topic starts where its probability is above this; 0.5 suits the models without training.
        None: the segmentation of the smallest expected Pk, see `expected_pk`: boundaries also where none of several places is likely by itself.
    label_threshold (float): A label is given where its probability is above this; else `label_` is "TOPIC".
    min_length, max_length (int): Limits of a topic. Topics stay as they are unless they break a limit; then the best
        cuts are added (or the weakest dropped).
    length_unit (str): What the limits count: "sentences", "tokens" or "characters".
    n_segments (int or None): Exactly so many topics, whatever the threshold.
    levels (int): 2 adds the parts of topics, of models that know them: in document order, a topic before its parts.
    overwrite (bool): False keeps the starts of spans that are there already under `spans_key`; one inside a unit moves to the next.
    store_probs (bool): Keep `attrs["boundary_probs"]` in the group: (n_tokens,) float32, the probability that a topic
        starts at the token, 0 where no unit starts.
    """

    defaults = TOPIC_DEFAULTS
    adopts_threshold = False
    check = staticmethod(check_topic_settings)

    def __init__(
        self,
        vocab: Vocab,
        model: TopicModel,
        name: str = "topic_segmenter",
        *,
        scorer: Callable | None = topic_score,
        **settings: Any,
    ) -> None:
        super().__init__(vocab, model, name, scorer, settings)
        self._rng = np.random.default_rng(0)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels the model gives to topics; without any, topics are labelled "TOPIC"."""
        return tuple(label for label in self._known_labels() if label != NO_LABEL)

    def _known_labels(self) -> tuple[str, ...]:
        """Labels of the columns of the label logits, that of no label among them."""
        get_labels = self.model.attrs.get("get_labels")
        return () if get_labels is None else tuple(get_labels(self.model))

    @property
    def label_data(self) -> list[str]:
        return list(self.labels)

    @property
    def key(self) -> str:
        return self.cfg["spans_key"]

    def predict(self, docs: Iterable[Doc]) -> list[TopicLogits]:
        """Judge all places where topics could start. The Docs are not changed.

        RAISES (ValueError): SEG140 if a Doc has no sentence starts.
        """
        docs = list(docs)
        self._check_sents(docs)
        self._tell_model()
        logits = self.model.predict(docs)
        settle_sources(self)
        return logits

    def set_annotations(self, docs: Iterable[Doc], scores: list[TopicLogits]) -> None:
        """Decide on boundaries and labels, and write the spans.

        RAISES (ValueError): SEG221; SEG200 if more topics are there already than are wanted; SEG144 for a group of another kind that is
            to be kept.
        """
        check_topic_settings(self.cfg)
        for doc, logits in zip(docs, scores, strict=True):
            doc.spans[self.key] = make_group(doc, logits, self.cfg, labels=self._known_labels(), name=self.name)

    def _check_sents(self, docs: list[Doc]) -> None:
        if not all(has_sents(doc) for doc in docs):
            raise ValueError(Errors.SEG140.format(name=self.name))

    def _tell_model(self) -> None:
        self.model.attrs["units"] = self.cfg["units"]

    def update(
        self, examples: Iterable[Example], *, drop: float = 0.0, sgd: Any = None, losses: dict | None = None
    ) -> dict[str, float]:
        """Learn from a batch of Examples with gold topics in `reference.spans[spans_key]`.

        Sentences are those of the predicted Docs (a component among `annotating_components` sets them), or else of the
        reference.

        RAISES (ValueError): SEG140, SEG142, SEG401, SEG403, SEG404, SEG220.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "TopicSegmenter.update")
        docs, golds = self._gold(examples)
        if not docs:
            return losses
        loss, backprop = self._begin_loss(docs, golds, drop)
        backprop()
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Any = None) -> tuple[float, None]:
        """The objective on Examples, without an update. The gradients stay inside the model."""
        docs, golds = self._gold(list(examples))
        return (self._begin_loss(docs, golds, 0.0)[0] if docs else 0.0), None

    def _begin_loss(self, docs: list[Doc], golds: list[TopicGold], drop: float) -> tuple[float, Callable[[], None]]:
        """RETURNS (tuple): The objective, and a function that computes its gradients. RAISES (ValueError): SEG403, SEG401."""
        if "begin_loss" not in self.model.attrs:
            raise ValueError(Errors.SEG403.format(name=self.name))
        self._tell_model()
        parts, backprop = self.model.attrs["begin_loss"](self.model, docs, golds, drop, self._rng)
        if not np.isfinite(list(parts.values())).all():
            raise ValueError(Errors.SEG401.format(text=docs[0].text[:60]))
        return sum(self.model.attrs["weights"][name] * value for name, value in parts.items()), backprop

    def _gold(self, examples: list[Example]) -> tuple[list[Doc], list[TopicGold]]:
        """Docs of two units or more, with sentence starts, and their gold topics."""
        docs, golds = [], []
        for example in examples:
            if self.key not in example.reference.spans:
                raise ValueError(Errors.SEG404.format(key=self.key))
            check_tiling(example.reference, self.key)
            doc = sents_of(example)
            self._check_sents([doc])
            units = find_units(doc, self.cfg["units"])
            if len(units.starts) > 1:
                docs.append(doc)
                gold = topics_of(example.reference, self.key, units.starts, text=doc.text)
                golds.append(self._index(gold, len(units.starts)))
        return docs, golds

    def _index(self, gold: tuple[Bools1d, Bools1d, list[str]], n: int) -> TopicGold:
        boundary, any_level, names = gold
        known = self._known_labels()
        place = {label: i for i, label in enumerate(known)}
        for name in set(names) - set(place) if place else ():
            raise ValueError(Errors.SEG220.format(label=name, known=", ".join(known)))
        labels = np.asarray([place[name] for name in names]) if place else np.zeros(n, dtype=np.int64)
        return TopicGold(boundary, any_level, labels)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: list[str] | None = None,
        vocabulary: Any = None,
    ) -> None:
        """Prepare for training. Weights that are there stay; a model without any gets fresh ones, and so do labels if they change.

        labels (list of str or None): Labels of topics; None takes those of the first `SAMPLE` examples; an empty list leaves those
            of the model.
        vocabulary (tuple or None): Vocabulary (and vectors) of a static encoder that has none yet.
        RAISES (ValueError): SEG200 for a vocabulary beside an encoder that brings its own pieces, for labels of a model that gives
            none, and for what is no list of them.
        """
        validate_get_examples(get_examples, "TopicSegmenter.initialize")
        sample = list(islice(get_examples(), SAMPLE))
        if vocabulary is not None:
            self._set_vocabulary(*vocabulary)
        for layer in self.model.layers:
            layer.initialize(X=[example.reference for example in sample])
        set_labels = self.model.attrs.get("set_labels")
        if labels and set_labels is None:
            raise wrong("labels", "None, for the model gives no labels", labels)
        if labels is not None and not (
            isinstance(labels, list | tuple) and all(isinstance(name, str) for name in labels)
        ):
            raise wrong("labels", "a list of names", labels)
        if set_labels is not None:
            found = sorted({span.label_ for eg in sample for span in main_spans(eg.reference, self.key)} - {""})
            names = [label for label in dict.fromkeys(found if labels is None else labels) if label != NO_LABEL]
            if names or not self.model.shims[0].is_built:
                set_labels(self.model, (NO_LABEL, *names) if names else ())
        self.model.initialize(X=[example.reference for example in sample])
        settle_sources(self)
