"""Topic models that judge pairs of units: same topic (cross-encoder) and local context (siamese)."""

from time import perf_counter

import numpy as np
import pytest
import spacy
import torch
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc
from test_topic_segmenter import ENCODER, examples_of, make_example, starts_of, with_sents
from thinc.api import Model

from spacy_segment.models.coherence import Coherence
from spacy_segment.models.local_context import LocalContext
from spacy_segment.models.same_topic import SameTopic, sample_pairs
from spacy_segment.models.static import StaticEncoder
from spacy_segment.models.tok2vec import Tok2VecEncoder
from spacy_segment.models.units import unit_docs
from spacy_segment.topics import find_units

PAIRS = {
    "same_topic": {"@architectures": "spacy_segment.SameTopic.v1", "encoder": ENCODER, "width": 32, "dtype": "float32"},
    "local_context": {
        "@architectures": "spacy_segment.LocalContext.v1",
        "encoder": ENCODER,
        "width": 32,
        "dtype": "float32",
    },
}


def train(model, steps=60):
    torch.manual_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": model, "threshold": 0.5})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    losses = []
    for _ in range(steps):
        losses.append(nlp.update(examples, sgd=optimizer)["topic_segmenter"])
    return nlp, losses


@pytest.mark.parametrize("name", PAIRS)
def test_it_learns_and_comes_back_from_disk(name, tmp_path):
    nlp, losses = train(PAIRS[name])
    assert losses[-1] < losses[0] / 2
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)
    for example in examples_of(nlp):
        gold = [span.start_char for span in example.reference.spans["topics"]]
        found = [starts_of(pipeline.get_pipe("topic_segmenter")(with_sents(example))) for pipeline in (nlp, again)]
        assert found == [gold, gold]


@pytest.mark.parametrize("name", PAIRS)
def test_batches_and_blocks_do_not_change_results(name, monkeypatch):
    nlp, _ = train(PAIRS[name], steps=2)
    pipe = nlp.get_pipe("topic_segmenter")
    docs = [with_sents(example) for example in examples_of(nlp)]
    docs.append(Doc(nlp.vocab))
    together = [logits.boundary for logits in pipe.predict(docs)]
    monkeypatch.setattr(f"spacy_segment.models.{name}.BATCH", 2)
    for doc, logits in zip(docs, together, strict=True):
        (alone,) = pipe.predict([doc])
        np.testing.assert_allclose(alone.boundary[1:], logits[1:], atol=1e-5)
    assert np.ptp(together[0][1:]) > 0


def test_local_context_learns_labels():
    nlp, _ = train(PAIRS["local_context"])
    example = examples_of(nlp)[1]
    doc = nlp.get_pipe("topic_segmenter")(with_sents(example))
    assert [span.label_ for span in doc.spans["topics"]] == [s.label_ for s in example.reference.spans["topics"]]


@pytest.mark.parametrize(("weights", "parts"), [({"nsp": 0.0}, {"stp", "tc"}), ({"tc": 0.0, "stp": 0.0}, {"nsp"})])
def test_questions_of_local_context_can_be_switched_off(weights, parts):
    nlp, _ = train({**PAIRS["local_context"], "weights": weights}, steps=1)
    model = nlp.get_pipe("topic_segmenter").model
    example = examples_of(nlp)[0]
    docs, golds = nlp.get_pipe("topic_segmenter")._gold([example])
    losses, _ = model.attrs["begin_loss"](model, docs, golds, 0.0, np.random.default_rng(0))
    assert set(losses) == parts


@pytest.mark.parametrize("weights", [{"nps": 0.0}, {"stp": 0.0, "tc": 0.0, "nsp": 0.0}])
def test_questions_that_are_not_known_or_none_at_all_are_named(weights):
    with pytest.raises(ValueError, match=r"SEG200.*stp, tc, nsp"):
        spacy.blank("en").add_pipe("topic_segmenter", config={"model": {**PAIRS["local_context"], "weights": weights}})


def test_pairs_come_from_one_section_or_from_two():
    boundary = np.asarray([1, 0, 0, 1, 0, 1, 0, 0, 0], dtype=bool)
    section = np.cumsum(boundary)
    pairs = sample_pairs(boundary, 3, 1, np.random.default_rng(0))
    assert all(first < second for first, second, _ in pairs)
    assert all((section[a] == section[b]) == same for a, b, same in pairs)
    assert sum(same for *_, same in pairs) < sum(not same for *_, same in pairs) <= 3 * len(boundary)


def test_units_are_docs_of_their_own_and_cut():
    nlp = spacy.blank("en")
    doc = with_sents(make_example(nlp, ("A", ["One two three four.", "Five."])))
    for reads_text in (True, False):
        encoder = Model("encoder", lambda *_: None, attrs={"reads_text": reads_text})
        units = unit_docs(encoder, doc, find_units(doc, "sentences"), 3)
        assert [unit.text.strip() for unit in units] == ["One two three", "Five."]
        assert [len(unit) for unit in units] == ([1, 1] if reads_text else [3, 2])
    assert "One two three " not in nlp.vocab.strings


def test_issue_lama_pooling_broke_off_in_bfloat16():
    nlp, losses = train({**PAIRS["local_context"], "dtype": "bfloat16", "lama_heads": 2}, steps=10)
    assert losses[-1] < losses[0]
    (logits,) = nlp.get_pipe("topic_segmenter").predict([with_sents(examples_of(nlp)[0])])
    assert np.isfinite(logits.boundary).all()


@pytest.mark.parametrize("make", [SameTopic, LocalContext, lambda encoder: Coherence(StaticEncoder(), encoder)])
def test_issue_units_were_read_by_an_encoder_that_has_seen_whole_docs_alone(make):
    listener = Tok2VecEncoder(Tok2VecListener("tok2vec", 8))
    with pytest.raises(ValueError, match=r"SEG200.*of its own"):
        make(listener)


def test_units_of_a_long_doc_become_docs_in_linear_time():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("This is one sentence. " * 8000)
    doc[1].tag_, doc[2].norm_ = "VBZ", "1"
    encoder = Tok2VecEncoder(Model("tok2vec", lambda model, docs, is_train: (docs, lambda d: d)))
    start = perf_counter()
    units = unit_docs(encoder, doc, find_units(doc, "sentences"), 3)
    assert perf_counter() - start < 5  # seconds; it took 102
    assert (len(units), units[5].text, units[0][1].tag_, units[0][2].norm_) == (8000, "This is one ", "VBZ", "1")
