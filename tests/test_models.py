"""Encoders and the sentence model: windows, packing, look-ahead, gradients, weights."""

import json
import shutil

import numpy as np
import pytest
import spacy
import torch
from conftest import make_examples, make_tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy import registry
from spacy.util import fix_random_seed
from thinc.api import Model
from tokenizers import pre_tokenizers

from spacy_segment.models import serialize
from spacy_segment.models.banded import BandedEncoder, set_vocabulary
from spacy_segment.models.encoder import HFEncoder
from spacy_segment.models.pieces import N_BUCKETS, PART, parts, tokenize, train_vocabulary
from spacy_segment.models.sat import SaT, load_weights, pretrained_path, weights_to_bytes
from spacy_segment.models.words import WordCutter
from spacy_segment.pipeline.sentence_segmenter import SentenceSegmenter

NLP = spacy.blank("xx")
SMALL = dict(hidden_width=32, embedding_width=16, inner_width=32, n_heads=2, conv_width=5, lookback=8)
VOCABULARY = train_vocabulary(["the cat sat on the mat and ran away from it all", "ねこだ。いぬだ。"] * 20, size=90)
CUTTER = WordCutter(VOCABULARY, 90)


def make_model(n_layers=2, lookahead=12, attention_every=1, n_marks=0) -> Model:
    torch.manual_seed(0)
    encoder = BandedEncoder(
        **SMALL, n_layers=n_layers, lookahead=lookahead, attention_every=attention_every, dtype="float32"
    )
    model = SaT(encoder, n_marks=n_marks)
    set_vocabulary(encoder, VOCABULARY)
    model.initialize()
    head = model.layers[1]
    head.set_param("W", np.random.default_rng(0).normal(size=(1 + n_marks, 32)).astype("f"))
    return model


def test_tokenize_features_and_offsets():
    pieces = tokenize(CUTTER, "The CAT\n\nsat. ☃", see_newlines=True)
    text = [("The CAT\n\nsat. ☃")[a:b] for a, b in zip(pieces.starts, pieces.ends, strict=True)]
    assert text == ["The", "CAT", "sat", ".", "☃"]
    assert pieces.features[:, 1].tolist() == [2, 3, 1, 0, 0]  # case
    assert pieces.features[:, 2].tolist() == [0, 1, 3, 0, 1]  # gap before
    assert pieces.features[:, 3].tolist() == [1, 3, 0, 1, 0]  # gap after
    assert 90 <= pieces.features[4, 0] < 90 + N_BUCKETS
    assert tokenize(CUTTER, "a\nb", see_newlines=False).features[1, 2] == 1


def has_script(character):
    """Whether the library's tables know the script: characters without one, or newer than the tables, are dropped."""
    return bool(pre_tokenizers.UnicodeScripts().pre_tokenize_str(character))


@given(st.text(max_size=80))
def test_tokenize_covers_all_text_but_white_space_and_characters_without_a_script(text):
    pieces = tokenize(CUTTER, text, see_newlines=True)
    covered = np.zeros(len(text), dtype=bool)
    for start, end in zip(pieces.starts, pieces.ends, strict=True):
        covered[start:end] = True
    assert all(c or t.isspace() or not has_script(t) for c, t in zip(covered, text, strict=True))
    assert (np.diff(pieces.starts) >= 0).all()


@pytest.mark.parametrize("text", ["word " * 20_000, "x" * 50_000, "ねこ。" * 20_000])
def test_parts_tile_long_texts(text):
    found = list(parts(text, PART))
    assert [a for a, _ in found[1:]] == [b for _, b in found[:-1]]
    assert "".join(text[a:b] for a, b in found) == text
    assert all(b - a <= PART for a, b in found)


TEXTS = ["the cat sat. " * 40, "", "   ", "the mat", "ねこだ。いぬだ。" * 9]


def test_packing_does_not_change_results():
    model, docs = make_model(), [NLP.make_doc(text) for text in TEXTS]
    together = model.predict(docs)
    for doc, pieces in zip(docs, together, strict=True):
        (alone,) = model.predict([doc])
        np.testing.assert_allclose(alone.states, pieces.states, atol=1e-5)


def test_windows_do_not_change_results():
    model, docs = make_model(attention_every=2, n_layers=3), [NLP.make_doc(text) for text in TEXTS]
    whole = model.predict(docs)
    model.layers[0].attrs["window"] = 64
    for a, b in zip(whole, model.predict(docs), strict=True):
        np.testing.assert_allclose(a.states, b.states, atol=1e-5)
    assert np.ptp(whole[0].states) > 0.1


def test_training_and_prediction_give_the_same_logits():
    model, docs = make_model(), [NLP.make_doc(text) for text in TEXTS]
    trained, _ = model.begin_update(docs)
    for a, b in zip(trained, model.predict(docs), strict=True):
        np.testing.assert_allclose(a.states, b.states, atol=1e-5)


@pytest.mark.parametrize("lookahead", [4, 8, 12])
def test_no_piece_sees_further_than_the_lookahead(lookahead):
    model = make_model(lookahead=lookahead)
    first, second = ("the cat " * 30 + tail for tail in ("ran away " * 20, "sat it " * 20))
    a, b = model.predict([NLP.make_doc(first), NLP.make_doc(second)])
    changed = np.flatnonzero(np.abs(a.states[:60, 0] - b.states[:60, 0]) > 1e-5)  # rounding depends on the place
    assert changed.min() >= 60 - lookahead
    assert changed.min() < 60


def test_backprop_reaches_every_parameter():
    model = make_model()
    docs = [NLP.make_doc("The cat sat\non it. ☃"), NLP.make_doc("the mat")]
    logits, backprop = model.begin_update(docs)
    backprop([np.ones_like(pieces.states) for pieces in logits])
    module = model.layers[0].shims[0].module
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
    assert model.layers[1].has_grad("W")


def test_issue_every_update_put_another_tensor_around_a_weight():
    """Each kept the one before: a gigabyte in some ten thousand steps."""
    nlp = make_tiny()
    module = nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0].module
    weights = module.embed.project.weight
    storage, before = weights.untyped_storage()._cdata, weights.detach().clone()
    nlp.update(make_examples(nlp), sgd=nlp.resume_training())
    assert not torch.equal(weights, before)
    assert weights.untyped_storage()._cdata == storage


def test_weights_are_packed_and_come_back_nearly_the_same():
    model, docs = make_model(n_marks=2), [NLP.make_doc(TEXTS[0])]
    other = make_model(n_marks=2)
    other.layers[1].set_param("W", np.zeros((3, 32), dtype="f"))
    before = model.predict(docs)[0].states
    assert not np.allclose(other.predict(docs)[0].states, before, atol=0.1)
    load_weights(other, weights_to_bytes(model))
    np.testing.assert_allclose(other.predict(docs)[0].states, before, atol=0.1)


def test_bytes_come_back_the_same():
    model, docs = make_model(), [NLP.make_doc(TEXTS[0])]
    fresh = make_model().from_bytes(model.to_bytes())
    np.testing.assert_array_equal(fresh.predict(docs)[0].states, model.predict(docs)[0].states)
    assert fresh.to_bytes() == model.to_bytes()


def test_a_model_without_weights_says_so():
    with pytest.raises(ValueError, match="SEG302"):
        SaT(BandedEncoder(**SMALL, lookahead=12)).layers[0].predict([NLP.make_doc("a")])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lookahead", {"lookahead": 3}),  # less than the convolutions see
        ("lookahead", {"lookahead": 4 + 2 * 9}),  # 9 pieces in a layer, of a block of 8
        ("lookahead", {"lookahead": 12, "attention_every": 2, "conv_width": 1}),
        ("attention_every", {"attention_every": 0}),
        ("hidden_width", {"hidden_width": 33}),
        ("conv_width", {"conv_width": 4}),
    ],
)
def test_issue_look_ahead_beyond_look_back_had_no_code(name, settings):
    with pytest.raises(ValueError, match=rf"SEG200.*'{name}'"):
        BandedEncoder(**{**SMALL, "n_layers": 2, "attention_every": 1, "lookahead": 12, **settings})


@pytest.mark.parametrize("lookahead", [4, 4 + 2 * 8 + 1])
def test_the_least_and_the_most_look_ahead_work(lookahead):
    (pieces,) = make_model(lookahead=lookahead).predict([NLP.make_doc("the cat sat on the mat " * 9)])
    assert np.isfinite(pieces.states).all()


def test_unknown_dtype():
    with pytest.raises(ValueError, match=r"SEG200.*dtype"):
        BandedEncoder(dtype="int3")


def test_unknown_pretrained_name():
    with pytest.raises(ValueError, match="SEG201"):
        pretrained_path("nothing")


@pytest.mark.parametrize("data", [b"", b"12345678", b"\xff" * 40, b"\x80\x04K\x01."])
def test_bytes_that_are_not_ours(data):
    with pytest.raises(ValueError, match="SEG300"):
        serialize.read(data)


def test_weights_that_do_not_fit_are_named():
    model = make_model()
    wider = SaT(BandedEncoder(**{**SMALL, "inner_width": 64}, n_layers=2, lookahead=12))
    with pytest.raises(ValueError, match=r"SEG301.*inner\.weight has shape"):
        load_weights(wider, weights_to_bytes(model))
    with pytest.raises(ValueError, match=r"SEG301.*head\.W"):
        load_weights(make_model(n_marks=4), weights_to_bytes(model))
    with pytest.raises(ValueError, match=r"SEG301.*missing"):
        load_weights(make_model(n_layers=3), weights_to_bytes(model))


def test_weights_that_are_not_numbers_are_named():
    model = make_model()
    shim = model.layers[0].shims[0]
    with torch.no_grad():
        shim.module.stack.norm.weight[0] = float("nan")
    with pytest.raises(ValueError, match=r"SEG301.*norm\.weight"):
        serialize.read(shim.to_bytes())


def make_hf(path, **settings):
    encoder = registry.architectures.get("spacy_segment.HFEncoder.v1")(
        str(path), dtype="float32", window=64, lookback=16, **settings
    )
    model = SaT(encoder)
    model.initialize()
    model.layers[1].set_param("W", np.random.default_rng(0).normal(size=(1, 32)).astype("f"))
    return model


def test_hf_encoder_sees_no_further_than_the_lookahead(bert):
    model = make_hf(bert, lookahead=8)
    first, second = ("the cat " * 15 + tail for tail in ("ran away " * 5, "sat it " * 5))
    a, b = model.predict([NLP.make_doc(first), NLP.make_doc(second)])
    changed = np.flatnonzero(np.abs(a.states[:30, 0] - b.states[:30, 0]) > 1e-5)
    assert 22 <= changed.min() < 30


def test_hf_encoder_packing_does_not_change_results(bert):
    model = make_hf(bert, lookahead=8, batch_pieces=200)
    docs = [NLP.make_doc(text) for text in TEXTS]
    for doc, pieces in zip(docs, model.predict(docs), strict=True):
        np.testing.assert_allclose(model.predict([doc])[0].states, pieces.states, atol=1e-5)


def test_hf_encoder_learns_and_survives_without_its_directory(bert):
    model = make_hf(bert, lookahead=8)
    docs = [NLP.make_doc(TEXTS[0])]
    logits, backprop = model.begin_update(docs)
    np.testing.assert_allclose(logits[0].states, model.predict(docs)[0].states, atol=1e-5)
    backprop([np.ones_like(logits[0].states)])
    assert model.layers[0].shims[0].module.encoder.embeddings.word_embeddings.weight.grad.abs().sum() > 0
    encoder = registry.architectures.get("spacy_segment.HFEncoder.v1")
    fresh = SaT(encoder("gone", dtype="float32", window=64, lookback=16, lookahead=8)).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(fresh.predict(docs)[0].states, model.predict(docs)[0].states)


def test_hf_encoder_keeps_the_first_layers(bert):
    assert len(make_hf(bert, n_layers=1).layers[0].shims[0].module.encoder.encoder.layer) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("lookahead", -1), ("lookback", -1), ("batch_pieces", 0), ("n_layers", 0), ("window", 0), ("window", 20)],
)
def test_options_of_an_hf_encoder_that_cannot_be(bert, name, value):
    options = {"window": 64, "lookback": 16, "lookahead": 8, name: value}
    with pytest.raises(ValueError, match=rf"SEG200.*{name}"):
        SaT(HFEncoder(str(bert), **options)).predict([NLP.make_doc("the cat sat. " * 60)])


STOCK = {
    "deberta-v2": {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_buckets": 16,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "type_vocab_size": 0,
    },
    "modernbert": {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "cls_token_id": 1,
        "sep_token_id": 2,
    },
    "distilbert": {"n_layers": 2, "dim": 32, "n_heads": 2, "hidden_dim": 48},
    "mpnet": {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 48},
}


@pytest.mark.parametrize("kind", STOCK)
def test_encoders_that_are_not_built_like_bert(bert, tmp_path, kind):
    from transformers import AutoConfig, AutoModel

    shutil.copytree(bert, tmp_path, dirs_exist_ok=True)
    torch.manual_seed(0)
    stock = AutoModel.from_config(AutoConfig.for_model(kind, vocab_size=80, **STOCK[kind]))
    stock.save_pretrained(tmp_path, safe_serialization=True)
    encoder = HFEncoder(str(tmp_path), window=96, lookback=16, batch_pieces=96, dtype="float32")
    encoder.initialize()
    (states,) = encoder.predict([NLP.make_doc("the cat sat. the mat")])
    assert np.ptp(states.states) > 0.1
    limited = encoder.shims[0].module.lookahead is not None
    assert limited or kind != "mpnet"
    several = [NLP.make_doc("the cat sat. " * n) for n in (40, 3, 20)]
    for alone, together in zip((encoder.predict([doc])[0] for doc in several), encoder.predict(several), strict=True):
        np.testing.assert_allclose(together.states, alone.states, atol=1e-5)
    if not limited:
        with pytest.raises(ValueError, match=r"SEG310.*cannot limit look-ahead"):
            HFEncoder(str(tmp_path), lookahead=8).initialize()


def test_hf_encoder_that_is_not_there(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ValueError, match="SEG310"):
        make_hf(tmp_path)


TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 32,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
    "pretrained_vectors": None,
}


def test_tok2vec_encoder_learns():
    nlp = spacy.blank("en")
    encoder = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": TOK2VEC}
    model = {"@architectures": "spacy_segment.SaT.v1", "n_marks": 0, "pretrained": None, "encoder": encoder}
    nlp.add_pipe("sentence_segmenter", config={"model": model})
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(make_examples(nlp), sgd=optimizer)
    assert nlp.evaluate(make_examples(nlp))["sents_f"] == 1.0


def test_what_belongs_to_the_small_encoder_is_refused_by_another():
    encoder = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": {**TOK2VEC, "width": 256}}
    model = {"@architectures": "spacy_segment.SaT.v1", "encoder": encoder}
    with pytest.raises(ValueError, match=r"SEG301.*'tok2vec_encoder': set pretrained to null"):
        spacy.blank("en").add_pipe("sentence_segmenter", config={"model": model})
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("sentence_segmenter", config={"model": {**model, "pretrained": None}})
    with pytest.raises(ValueError, match=r"SEG200.*'vocabulary' must be null"):
        pipe.initialize(lambda: make_examples(nlp), vocabulary=VOCABULARY)


def test_a_model_without_layers_is_initialised():
    model = Model("no_boundary", lambda model, docs, is_train: ([], lambda d_states: docs))
    nlp = spacy.blank("en")
    SentenceSegmenter(nlp.vocab, model).initialize(lambda: make_examples(nlp), nlp=nlp)


def test_a_shared_transformer_serves_tagger_and_segmenter(bert, tmp_path):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    transformer = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": str(bert),
        "tokenizer_config": {"use_fast": True, "model_max_length": 64},
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 16, "stride": 12},
    }
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "*",
    }
    encoder = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": listener}
    model = {"@architectures": "spacy_segment.SaT.v1", "n_marks": 0, "pretrained": None, "encoder": encoder}
    nlp.add_pipe("transformer", config={"model": transformer})
    nlp.add_pipe("sentence_segmenter", config={"model": model})
    nlp.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}})
    examples = make_examples(nlp)
    for example in examples:
        for token in example.reference:
            token.tag_ = "P" if token.is_punct else "W"
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.003
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    scores = nlp.evaluate(examples)
    assert scores["sents_f"] > 0.8
    assert scores["tag_acc"] > 0.8
    nlp.to_disk(tmp_path)
    doc, again = nlp(examples[0].text), spacy.load(tmp_path)(examples[0].text)
    assert [token.is_sent_start for token in doc] == [token.is_sent_start for token in again]
