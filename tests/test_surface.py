"""An encoder that is told case and newlines, and one that does not learn."""

import numpy as np
import pytest
import spacy
from conftest import make_examples

from spacy_segment.models.encoder import HFEncoder

PLAIN, LINES, CAPITALS = "the cat sat. the mat", "the cat sat.\nthe mat", "The cat sat. The mat"


def states(model, text):
    (pieces,) = model.predict([spacy.blank("en").make_doc(text)])
    return pieces.states


def make_encoder(bert, **settings):
    model = HFEncoder(str(bert), dtype="float32", **settings)
    model.initialize()
    return model


def learn(model):
    """Give the tables of the surface features numbers of their own."""
    for table in model.shims[0].module.surface:
        table.weight.data.normal_(generator=None)
    return model


def test_an_encoder_starts_as_it_was(bert):
    np.testing.assert_array_equal(states(make_encoder(bert, surface=True), LINES), states(make_encoder(bert), LINES))


def test_case_and_newlines_are_seen_once_learned(bert):
    blind, seeing = make_encoder(bert), learn(make_encoder(bert, surface=True))
    for text in (LINES, CAPITALS):
        np.testing.assert_array_equal(states(blind, PLAIN), states(blind, text))
        assert np.abs(states(seeing, PLAIN) - states(seeing, text)).max() > 0.01


def test_newlines_that_mean_nothing_are_not_seen(bert):
    seeing = learn(make_encoder(bert, surface=True))
    seeing.attrs["see_newlines"] = False
    np.testing.assert_array_equal(states(seeing, PLAIN), states(seeing, LINES))


@pytest.mark.parametrize("packs", [True, False])
def test_windows_see_the_same_surface(bert, packs):
    seeing = learn(make_encoder(bert, surface=True, lookahead=4, window=64, lookback=48))
    seeing.shims[0].module.packs = packs
    both = seeing.predict([spacy.blank("en").make_doc(text) for text in (LINES, CAPITALS * 5)])
    np.testing.assert_allclose(both[0].states, states(seeing, LINES), atol=1e-5)
    np.testing.assert_allclose(both[1].states, states(seeing, CAPITALS * 5), atol=1e-5)


@pytest.mark.parametrize("lookahead", [None, 4, 48])
def test_windows_are_no_longer_than_the_encoder_has_positions(bert, lookahead):
    short, usual = (make_encoder(bert, lookahead=lookahead, window=window) for window in (64, 512))
    assert usual.shims[0].module.n_positions == 64
    np.testing.assert_array_equal(states(usual, PLAIN * 30), states(short, PLAIN * 30))
    with pytest.raises(ValueError, match=r"SEG200.*window"):
        states(make_encoder(bert, lookahead=lookahead, lookback=64), PLAIN)


def make_pipeline(bert, **settings):
    encoder = {"@architectures": "spacy_segment.HFEncoder.v1", "name": str(bert), "dtype": "float32", **settings}
    nlp = spacy.blank("en")
    nlp.add_pipe("sentence_segmenter", config={"model": {"@architectures": "spacy_segment.SaT.v1", "encoder": encoder}})
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def test_the_tables_learn_and_are_saved(bert, tmp_path):
    nlp = make_pipeline(bert, surface=True)
    examples = make_examples(nlp)
    optimizer = nlp.resume_training()
    for _ in range(2):
        nlp.update(examples, sgd=optimizer)
    tables = encoder_of(nlp).shims[0].module.surface
    assert all(float(table.weight.detach().abs().max()) > 0 for table in tables)
    nlp.to_disk(tmp_path / "nlp")
    loaded = spacy.load(tmp_path / "nlp")
    np.testing.assert_array_equal(states(encoder_of(nlp), CAPITALS), states(encoder_of(loaded), CAPITALS))


def test_an_encoder_that_does_not_learn_stays_as_it_is(bert):
    for trainable in (False, True):
        nlp = make_pipeline(bert, trainable=trainable)
        before, head = states(encoder_of(nlp), PLAIN), nlp.get_pipe("sentence_segmenter").model.layers[1]
        optimizer = nlp.resume_training()
        for _ in range(2):
            nlp.update(make_examples(nlp), sgd=optimizer)
        assert np.array_equal(states(encoder_of(nlp), PLAIN), before) != trainable
        assert head.get_param("b").any()


def encoder_of(nlp):
    return nlp.get_pipe("sentence_segmenter").model.layers[0]
