"""The second look at boundaries: what it sees, what it leaves alone, how it is fitted and what becomes of it."""

import json
from itertools import pairwise

import numpy as np
import pytest
import spacy
from conftest import TINY_MODEL, make_examples, make_tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy.training import Example
from typer.testing import CliRunner

from spacy_segment import rescoring
from spacy_segment.models.sat import load_weights, restore_weights, weights_of, weights_to_bytes
from spacy_segment.rescoring import FLOOR, LOWEST, NO_RESCORING, REACH, SIZE, WIDTHS, change, examine, rescore, unpack
from spacy_segment.scorers import CORPUS
from spacy_segment.training import rescoring as fitting
from spacy_segment.training.adapter_callbacks import new_adapter
from spacy_segment.training.calibration import calibrate
from spacy_segment.training.rescoring import fit_rescoring
from spacy_segment.types import Boundaries


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(fitting, "STEPS", 150)
    monkeypatch.setattr(fitting, "BATCH", 256)


WEIGHTS = np.random.default_rng(0).normal(size=SIZE).astype(np.float32) / 10


def words_of(text, seed=0):
    """A place before every word but the first, with logits at random."""
    offsets = np.asarray([i for i in range(1, len(text)) if text[i - 1].isspace() and not text[i].isspace()], dtype=int)
    return Boundaries(offsets, np.random.default_rng(seed).normal(-3, 4, len(offsets)).astype(np.float32))


def rescored(text, boundaries, **settings):
    (found,) = rescore([text], [boundaries], WEIGHTS, **settings)
    return found


def test_what_is_seen_of_a_place():
    text = 'He said: "Go!" She went,\nthen Came back.'
    offsets = np.asarray([text.index(word) for word in ("said", "She", "went", "then", "Came")])
    logits = np.asarray([-2.0, 3.0, -20.0, 0.0, -1.0], dtype=np.float32)
    (places, features), *others = examine([text], [Boundaries(offsets, logits)])
    assert not others
    assert places.tolist() == [0, 1, 3, 4]  # "went" is below the floor
    assert features.shape == (4, WIDTHS[0])
    own, *neighbours = features[:, :5].T
    assert own.tolist() == [-2, 3, 0, -1]
    assert [shifted[1] for shifted in neighbours] == [LOWEST, -2, LOWEST, 0]
    mark, line, letter, comma, colon, closing, upper, lower = features[:, 5:13].T.astype(bool)
    assert mark.tolist() == [False, True, False, False]
    assert line.tolist() == [False, False, True, False]
    assert letter.tolist() == [True, False, False, True]
    assert comma.tolist() == [False, False, True, False]
    assert not colon.any()
    assert closing.tolist() == [False, True, False, False]
    assert upper.tolist() == [False, True, False, True]
    assert lower.tolist() == [True, False, True, False]
    probs = 1 / (1 + np.exp(-logits.astype(float)))
    expected = np.log([5, probs[1] + 0.1, probs[3] + 0.1, probs[[0, 2, 4]].sum() + 0.1])
    np.testing.assert_allclose(features[:, 13:17], np.tile(expected, (4, 1)), rtol=1e-5)
    shares = [1 / 5, 1 / 5, 2 / 5, probs[1], probs.sum() / 5]
    np.testing.assert_allclose(features[:, 17:22], np.tile(shares, (4, 1)), rtol=1e-5)
    distances = np.log1p([[REACH, 1], [REACH, REACH], [2, REACH], [3, REACH]])
    np.testing.assert_allclose(features[:, 22:24], distances, rtol=1e-5)
    assert features[:, 24].all()  # the text ends with a mark


@given(st.integers(0, 99), st.lists(st.sampled_from(["ab", "Cd", "e.", "f,", '"G."', "h\n", "。", "9"]), max_size=80))
def test_blocks_do_not_show(seed, words):
    text = " ".join(words)
    boundaries = words_of(text, seed)
    whole = rescored(text, boundaries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescoring, "BLOCK", 7)
        patch.setattr(rescoring, "REACH", 5)
        small = rescored(text, boundaries)
        patch.setattr(rescoring, "BLOCK", 1000)
        np.testing.assert_allclose(small.logits, rescored(text, boundaries).logits, rtol=1e-5, atol=1e-5)
    assert (whole.offsets == boundaries.offsets).all()
    unlikely = boundaries.logits <= FLOOR
    assert (whole.logits[unlikely] == boundaries.logits[unlikely]).all()
    assert np.isfinite(whole.logits).all()


def test_without_weights_everything_stays():
    boundaries = words_of("one two three")
    assert rescore(["one two three"], [boundaries], NO_RESCORING) == [boundaries]
    assert rescore(["one two three"], [boundaries], NO_RESCORING)[0] is boundaries
    empty = Boundaries(np.zeros(0, dtype=int), np.zeros(0, dtype=np.float32))
    assert not len(rescored("", empty).logits)
    assert rescore([], [], WEIGHTS) == []


@given(st.lists(st.lists(st.sampled_from(["ab", "Cd", "e.", "f,", '"G."', "h\n", "。", '"']), max_size=9), max_size=9))
def test_texts_do_not_know_of_each_other(texts):
    texts = [" ".join(words) for words in texts]
    found = [words_of(text, i) for i, text in enumerate(texts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rescoring, "BLOCK", 7)
        together = rescore(texts, found, WEIGHTS)
    for text, boundaries, got in zip(texts, found, together, strict=True):
        np.testing.assert_allclose(got.logits, rescored(text, boundaries).logits, rtol=1e-5, atol=1e-5)


def test_newlines_are_spaces_where_they_are_not_to_be_seen():
    text = "one two.\nThree\n\nfour five\nsix. "
    boundaries = words_of(text)
    flat = rescored(text.replace("\n", " "), boundaries).logits
    assert (rescored(text, boundaries, see_newlines=False).logits == flat).all()
    assert (rescored(text, boundaries).logits != flat).any()
    nlp = with_weights(newlines="ignore")
    assert (logits_of(nlp, text) == logits_of(nlp, text.replace("\n", " "))).all()


def test_the_network_is_two_hidden_layers():
    layers = list(unpack(WEIGHTS))
    assert [W.shape for W, _ in layers] == [(n_out, n_in) for n_in, n_out in pairwise(WIDTHS)]
    assert sum(W.size + b.size for W, b in layers) == SIZE
    x = np.ones(WIDTHS[0])
    (A, a), (B, b), (C, c) = layers
    expected = C @ np.maximum(B @ np.maximum(A @ x + a, 0) + b, 0) + c
    np.testing.assert_allclose(change(x[None], layers), expected, rtol=1e-5)


def plant(pipe, monkeypatch):
    """Let a component predict that any word may open a sentence, with logits that say nothing."""
    monkeypatch.setattr(pipe, "predict", lambda docs: [words_of(doc.text, len(doc)) for doc in docs])


def corpora(nlp, right, n=8):
    """Texts of some corpora; sentences start after a full stop, or anywhere if nothing is `right`."""
    rng = np.random.default_rng(1)
    for i in range(n):
        for _ in range(6):
            words = [str(rng.choice(["ab", "cd", "ef."])) for _ in range(60)]
            doc = nlp.make_doc(" ".join(words))
            for token in doc:
                after = token.i > 0 and doc[token.i - 1].text.endswith(".")
                token.is_sent_start = after if right else bool(rng.random() < 0.3)
            doc.user_data[CORPUS] = f"c/{i}"
            yield Example(nlp.make_doc(doc.text), doc)


@pytest.mark.parametrize("right", [True, False])
def test_it_is_kept_where_it_helps_on_corpora_left_out(monkeypatch, right):
    nlp = make_tiny()
    pipe = nlp.get_pipe("sentence_segmenter")
    plant(pipe, monkeypatch)
    (scores,) = fit_rescoring(nlp, [corpora(nlp, right)])
    weights = pipe.model.get_param("rescoring")
    if right:
        assert scores.after > scores.before + 0.2
        assert weights.shape == (SIZE,)
    else:
        assert scores.after < scores.before + 0.1
    assert bool(len(weights)) == (scores.after > scores.before)


def test_the_same_seed_gives_the_same_weights(monkeypatch):
    nlp = make_tiny()
    pipe = nlp.get_pipe("sentence_segmenter")
    plant(pipe, monkeypatch)
    found = []
    for _ in range(2):
        fit_rescoring(nlp, [corpora(nlp, True, n=4)])
        found.append(pipe.model.get_param("rescoring").copy())
    assert (found[0] == found[1]).all()


def test_nothing_to_learn_from_is_no_error():
    nlp = make_tiny()
    assert fit_rescoring(nlp, [[]]) == [(0.0, 0.0)]
    assert not len(nlp.get_pipe("sentence_segmenter").model.get_param("rescoring"))


def with_weights(**settings):
    nlp = make_tiny(**settings)
    nlp.get_pipe("sentence_segmenter").model.set_param("rescoring", WEIGHTS)
    return nlp


def logits_of(nlp, text="One two. Three four, five. Six"):
    return nlp.get_pipe("sentence_segmenter").predict([nlp.make_doc(text)])[0].logits


def test_the_component_takes_the_second_look():
    nlp = with_weights()
    second = logits_of(nlp)
    nlp.get_pipe("sentence_segmenter").model.set_param("rescoring", NO_RESCORING)
    assert np.abs(second - logits_of(nlp)).max() > 0.01


def test_it_is_saved_and_a_pipeline_without_takes_it_away(tmp_path):
    nlp = with_weights()
    nlp.to_disk(tmp_path / "with")
    assert (logits_of(spacy.load(tmp_path / "with")) == logits_of(nlp)).all()
    plain = make_tiny()
    other = with_weights().from_bytes(plain.to_bytes())
    assert not len(other.get_pipe("sentence_segmenter").model.get_param("rescoring"))
    assert len(plain.from_bytes(nlp.to_bytes()).get_pipe("sentence_segmenter").model.get_param("rescoring")) == SIZE


def test_the_weights_file_holds_it():
    model = with_weights().get_pipe("sentence_segmenter").model
    data = weights_to_bytes(model)
    model.set_param("rescoring", NO_RESCORING)
    plain = weights_to_bytes(model)
    load_weights(model, data)
    np.testing.assert_allclose(model.get_param("rescoring"), WEIGHTS, rtol=1e-3)
    load_weights(model, plain)
    assert not len(model.get_param("rescoring"))
    tensors, meta = weights_of(model)
    with pytest.raises(ValueError, match=r"SEG301.*rescoring"):
        restore_weights(model, {**tensors, "rescoring": tensors["head.b"]}, meta)


def test_training_and_calibration_take_it_away():
    nlp = with_weights()
    nlp.update(make_examples(nlp))
    assert not len(nlp.get_pipe("sentence_segmenter").model.get_param("rescoring"))
    nlp = with_weights()
    calibrate(nlp, make_examples(nlp))
    assert not len(nlp.get_pipe("sentence_segmenter").model.get_param("rescoring"))


def test_training_an_adapter_leaves_it_as_it_is():
    pytest.importorskip("peft")
    nlp = with_weights()
    new_adapter(rank=2, alpha=4.0)(nlp)
    nlp.update(make_examples(nlp))
    assert len(nlp.get_pipe("sentence_segmenter").model.get_param("rescoring")) == SIZE


def test_the_embedded_model_takes_a_second_look():
    model = spacy.blank("xx").add_pipe("sentence_segmenter").model
    assert model.get_param("rescoring").shape == (SIZE,)


def test_the_command(tmp_path):
    from spacy.cli._util import app

    import spacy_segment.cli.rescore  # noqa: F401

    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter", config={"model": TINY_MODEL})
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path / "in")
    row = json.dumps({"text": "One two. Three four.", "sents": [[0, 8], [9, 20]], "lang": "en"})
    for name in ("a", "b"):
        (tmp_path / f"{name}.dev.jsonl").write_text(row + "\n")
    arguments = ["segment-rescore", f"{tmp_path}/*.dev.jsonl", "--model", str(tmp_path / "in")]
    result = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "short parts" in result.output
    assert spacy.load(tmp_path / "out").has_pipe("sentence_segmenter")
    result = CliRunner().invoke(app, ["segment-rescore", f"{tmp_path}/*.none", "--output", str(tmp_path / "x")])
    assert result.exit_code == 1
    assert "SEG11" in result.output + result.stderr
