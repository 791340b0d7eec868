"""Weights part of the way from those in the package to what a training learned."""

import pytest
import spacy
import torch
from conftest import TINY_MODEL, make_examples

from spacy_segment.models.sat import weights_of
from spacy_segment.training.interpolation import save_between


def weights(nlp):
    return weights_of(nlp.get_pipe("sentence_segmenter").model)[0]


def test_the_saved_weights_lie_between_and_training_keeps_its_own():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter")
    start = weights(nlp)
    optimizer = nlp.resume_training()
    for _ in range(2):
        nlp.update(make_examples(nlp), sgd=optimizer)
    learned = weights(nlp)
    saved = weights(save_between("sentences", 0.25)(nlp))
    assert start.pop("rescoring").numel()  # fitted to the weights of before
    assert "rescoring" not in {*learned, *saved}
    moved = [name for name in start if not torch.equal(start[name], learned[name])]
    assert "head.W" in moved
    for name in start:
        torch.testing.assert_close(saved[name], 0.75 * start[name] + 0.25 * learned[name], atol=1e-6, rtol=1e-5)
        assert torch.equal(weights(nlp)[name], learned[name])


def test_other_weights_and_strengths_are_named():
    with pytest.raises(ValueError, match="SEG200"):
        save_between("sentences", 0.0)
    tiny = spacy.blank("xx")
    tiny.add_pipe("sentence_segmenter", config={"model": TINY_MODEL})
    tiny.initialize(lambda: make_examples(tiny))
    with pytest.raises(ValueError, match="SEG301"):
        save_between("sentences", 0.5)(tiny)
