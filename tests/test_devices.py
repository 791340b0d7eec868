"""What stands on the device of a model stays inside of it: a stand-in for a GPU, whose arrays tell where they are."""

import numpy as np
import pytest
import spacy
from conftest import TINY_MODEL, make_examples, make_tiny
from thinc.api import NumpyOps

from spacy_segment.models.lora import begin_training, end_training, read_adapter

TEXTS = ["The cat sat. The mat was red.", "", "One."]


class OnDevice(np.ndarray):
    """An array of the stand-in."""


class DeviceOps(NumpyOps):
    def asarray2f(self, data, *, dtype=np.float32):
        return np.array(data, dtype=dtype).view(OnDevice)

    def asarray(self, data, dtype=None):
        return np.array(data, dtype=dtype).view(OnDevice)

    def to_numpy(self, data, *, byte_order=None):
        return np.array(data)


ENCODERS = {
    "embedded": TINY_MODEL["encoder"],
    "tok2vec": {
        "@architectures": "spacy_segment.Tok2VecEncoder.v1",
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 32,
            "depth": 1,
            "embed_size": 100,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
            "pretrained_vectors": None,
        },
    },
}


@pytest.fixture(params=[*ENCODERS, "hf"])
def nlp(request, bert):
    encoder = ENCODERS.get(request.param) or {"@architectures": "spacy_segment.HFEncoder.v1", "name": str(bert)}
    nlp = spacy.blank("en")
    nlp.add_pipe("sentence_segmenter", config={"model": {**TINY_MODEL, "encoder": encoder}})
    nlp.initialize(lambda: make_examples(nlp))
    put_on_device(nlp)
    return nlp


def put_on_device(nlp):
    model = nlp.get_pipe("sentence_segmenter").model
    ops = DeviceOps()
    for node in (model, *model.layers):
        node.ops = ops
    for name in ("W", "b"):
        model.layers[1].set_param(name, ops.asarray(model.layers[1].get_param(name)))


def watch(head, seen):
    """Note what comes into the head of a model, forth and back."""
    forward = head._func

    def watched(model, X, is_train):
        seen.append(type(X))
        Y, backprop = forward(model, X, is_train)
        return Y, lambda d: seen.append(type(d)) or backprop(d)

    head._func = watched


def test_states_and_gradients_cross_over_in_one_place(nlp):
    pipe, seen = nlp.get_pipe("sentence_segmenter"), []
    watch(pipe.model.layers[1], seen)
    examples = make_examples(nlp)
    docs = [example.predicted for example in examples]
    for states in (pipe.model.layers[0](docs, is_train=True)[0], pipe.model(docs, is_train=True)[0]):
        assert {type(s.states) for s in states} == {np.ndarray}
    pipe.update(examples, sgd=nlp.resume_training())
    assert set(seen) == {OnDevice}
    assert len(seen) == 3
    assert {type(s.states) for s in pipe.model.predict([nlp.make_doc(text) for text in TEXTS])} == {np.ndarray}
    assert [len(list(doc.sents)) > 0 for doc in nlp.pipe(TEXTS)] == [True, False, True]


def test_an_adapter_is_read_from_the_device_and_leaves_the_head_there():
    nlp = make_tiny()
    put_on_device(nlp)
    model = nlp.get_pipe("sentence_segmenter").model
    begin_training(model, rank=2, alpha=4.0)
    adapter = read_adapter(model, None)
    end_training(model)
    assert {type(values) for values in adapter.weights.values()} == {np.ndarray}
    assert type(model.layers[1].get_param("W")) is OnDevice
