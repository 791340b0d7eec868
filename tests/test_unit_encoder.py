"""The coherence model with a second encoder that reads every unit by itself."""

import copy

import numpy as np
import pytest
import spacy
import torch
from conftest import TINY_TOPICS, make_topic_examples

from spacy_segment.models import unit_encoder
from spacy_segment.models.coherence import load_weights, weights_to_bytes
from spacy_segment.training.topic_formats import Section, TopicRecord
from spacy_segment.training.topic_readers import make_topic_example

TEXT = "Rain fell on the hills. The wind turned north.\n\nMix the flour with water. Bake the bread.\n\nThe mat. The cat sat."


def make_nlp(bert, **settings):
    encoder = {"@architectures": "spacy_segment.HFEncoder.v1", "name": str(bert), "lookahead": None, "dtype": "float32"}
    model = {**copy.deepcopy(TINY_TOPICS), "unit_encoder": {**encoder, **settings}}
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": model})
    nlp.initialize(lambda: make_topic_examples(nlp))
    return nlp


def logits(nlp, text=TEXT):
    doc = nlp.make_doc(text)
    spacy.blank("en").add_pipe("sentencizer")(doc)
    return nlp.get_pipe("topic_segmenter").predict([doc])[0]


def train(nlp, steps=3):
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    examples = make_topic_examples(nlp)
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)


def second_states(nlp):
    model = nlp.get_pipe("topic_segmenter").model.layers[1]
    return model.predict([nlp.make_doc("the cat sat")])[0].states


def test_a_second_encoder_says_nothing_before_it_has_learned(bert):
    torch.manual_seed(0)
    plain = spacy.blank("en")
    plain.add_pipe("topic_segmenter", config={"model": TINY_TOPICS})
    plain.initialize(lambda: make_topic_examples(plain))
    nlp = make_nlp(bert)
    before = logits(nlp).boundary
    load_weights(nlp.get_pipe("topic_segmenter").model, weights_to_bytes(plain.get_pipe("topic_segmenter").model))
    nlp.initialize(lambda: make_topic_examples(nlp))
    np.testing.assert_allclose(logits(nlp).boundary, logits(plain).boundary, atol=1e-3)  # packed in 16 bits
    assert np.abs(before - logits(nlp).boundary).max() > 1e-2


@pytest.mark.parametrize("trainable", [False, True])
def test_second_vectors_are_learned_from(bert, trainable):
    nlp = make_nlp(bert, trainable=trainable)
    before = second_states(nlp)
    train(nlp)
    module = nlp.get_pipe("topic_segmenter").model.shims[0].module
    assert float(module.second.project.weight.detach().abs().max()) > 0
    assert np.array_equal(second_states(nlp), before) != trainable


def test_texts_that_come_again_are_not_encoded_again(bert, monkeypatch):
    nlp = make_nlp(bert, trainable=False)
    calls = []
    encode_units = unit_encoder.encode_units
    monkeypatch.setattr(unit_encoder, "encode_units", lambda *a: calls.append(a) or encode_units(*a))
    train(nlp)
    assert len(calls) == len(make_topic_examples(nlp))


def test_a_paragraph_has_the_mean_of_its_sentences_in_training_as_in_prediction(bert):
    nlp = make_nlp(bert, trainable=False)
    pipe = nlp.get_pipe("topic_segmenter")
    seen = []
    pipe.model.shims[0].module.second.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().numpy()))
    middle = TEXT.index("Mix")
    record = TopicRecord("a", TEXT, [Section(0, middle, "", "T0", 1), Section(middle, len(TEXT), "", "T1", 1)])
    example = make_topic_example(nlp, record, "c", "topics", "rule", coarse=True)
    pipe.predict([example.reference])
    pipe.model.attrs["flat"] = pipe.model.attrs["crop"] = 0
    pipe.update([example])
    assert seen[0].shape == (3, 32)
    np.testing.assert_allclose(seen[0], seen[1][:3], atol=0.01)


@pytest.mark.parametrize("route", ["disk", "bytes"])
def test_round_trips(bert, tmp_path, route):
    nlp = make_nlp(bert)
    train(nlp)
    if route == "disk":
        nlp.to_disk(tmp_path / "nlp")
        loaded = spacy.load(tmp_path / "nlp")
    else:
        loaded = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    np.testing.assert_array_equal(logits(nlp).boundary, logits(loaded).boundary)


@pytest.mark.parametrize("text", ["", "  \n\n ", "One.", "\n\nOne.\n\n \n\nTwo."])
def test_short_and_blank_texts(bert, text):
    assert len(logits(make_nlp(bert), text).boundary) <= 4
