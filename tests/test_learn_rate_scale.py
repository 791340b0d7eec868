"""Fine-tuning an encoder beside fresh layers."""

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from test_unit_encoder import make_nlp, second_states, train

from spacy_segment.models.torch import lookahead
from spacy_segment.models.torch.units import run_means
from spacy_segment.models.units import begin_encode

TEXTS = ["the cat sat on the mat", "", "the dog", "a cat and a dog and a mat and a cat and a dog"]


def moved(bert, scale):
    nlp = make_nlp(bert, trainable=True, learn_rate_scale=scale)
    before = second_states(nlp)
    train(nlp)
    return np.abs(second_states(nlp) - before).max()


def test_an_encoder_learns_at_its_own_share_of_the_rate(bert):
    assert 0 < moved(bert, 0.01) < moved(bert, 1.0) / 5
    assert moved(bert, 0.0) == 0


def test_means_on_the_device_are_those_through_docs_and_so_are_gradients(bert):
    encoder = make_nlp(bert, trainable=True).get_pipe("topic_segmenter").model.layers[1]
    module = encoder.shims[0].module
    docs = [Doc(Vocab(), words=[t] if t else [], spaces=[False] if t else []) for t in TEXTS]

    def gradients(means):
        (means * torch.arange(means.numel()).view_as(means)).sum().backward()

    found = encoder.attrs["begin_means"](encoder, TEXTS)
    gradients(found)
    got = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    states, pieces, backprop = begin_encode(encoder, encoder.shims[0], docs)
    owner = np.repeat(np.arange(len(docs)), [len(p.starts) for p in pieces])
    expected = run_means(states, torch.as_tensor(owner), len(docs))
    gradients(expected)
    backprop()
    torch.testing.assert_close(found, expected)
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, dict(module.named_parameters())[name].grad)


@pytest.mark.parametrize("padded", [2, 32])
def test_windows_that_attend_in_groups_say_the_same(bert, monkeypatch, padded):
    encoder = make_nlp(bert).get_pipe("topic_segmenter").model.layers[1]
    docs = [Doc(Vocab(), words=[t], spaces=[False]) for t in TEXTS if t]
    expected = [p.states for p in encoder.predict(docs)]
    monkeypatch.setattr(lookahead, "PADDED", padded)
    monkeypatch.setattr(lookahead, "attends_in_groups", lambda device: True)
    for found, wanted in zip(encoder.predict(docs), expected, strict=True):
        np.testing.assert_allclose(found.states, wanted, atol=1e-5)
