"""The component: what it sets, keeps, refuses, saves and learns."""

import copy
import pickle

import numpy as np
import pytest
import spacy
from conftest import TEXTS, TINY_MODEL, make_examples, make_tiny
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_segment.align import reference_doc
from spacy_segment.models.banded import BandedEncoder

JOINED = [" ".join(sentences) for sentences in TEXTS]
ANY_TEXT = st.lists(
    st.sampled_from(
        [
            "word",
            "Ab.",
            "x?y",
            "。",
            "私は猫",
            "ไป",
            "\n",
            "\r\n",
            "\n\n",
            " ",
            "  ",
            "\t",
            "e\u0301",
            "👩\u200d👩\u200d👧",
            "🇩🇪🇫🇷",
            "\ufeff",
            "\u202e",
            "\x00",
            "\u2028",
            "ﷺ",
            "½",
            "a" * 300,
            "#",
            "((",
            "\u200b",
            "؟",
            "।",
        ]
    )
    | st.text(max_size=5),
    max_size=30,
).map("".join)


@pytest.fixture
def nlp(trained):
    """The trained pipeline, with its settings put back afterwards."""
    pipe = trained.get_pipe("sentence_segmenter")
    before = dict(pipe.cfg)
    yield trained
    pipe.cfg.clear()
    pipe.cfg.update(before)


def sentences(doc):
    return [sent.text.strip() for sent in doc.sents]


def configure(nlp, **settings):
    nlp.get_pipe("sentence_segmenter").cfg.update(settings)
    return nlp


def test_learns_its_examples_by_heart(nlp):
    assert [sentences(doc) for doc in nlp.pipe(JOINED)] == TEXTS


def test_one_by_one_and_in_batches_is_the_same(nlp):
    texts = [*JOINED, "", " \n ", *JOINED]
    alone = [sentences(nlp(text)) for text in texts]
    for batch_size in (1, 2, 7, 1000):
        assert [sentences(doc) for doc in nlp.pipe(texts, batch_size=batch_size)] == alone


def test_every_token_is_set_and_white_space_belongs_to_the_left(nlp):
    doc = nlp("\n" + JOINED[0].replace(" Shall", "\n\nShall"))
    assert all(token.is_sent_start is not None for token in doc)
    assert not any(token.is_space and token.is_sent_start for token in doc[1:])
    assert "".join(sent.text_with_ws for sent in doc.sents) == doc.text


@given(ANY_TEXT)
def test_any_text_keeps_the_invariants(trained, text):
    doc = trained(text)
    assert doc.text == text
    if not len(doc):
        return
    assert "".join(sent.text_with_ws for sent in doc.sents) == text
    assert all(len(sent) for sent in doc.sents)
    for token in doc[1:]:
        if token.is_sent_start:
            assert not token.is_space
            assert text[token.idx - 1 : token.idx + 1] != "\r\n"
            assert text[token.idx - 1] != "\u200d"


@given(ANY_TEXT)
def test_a_second_run_changes_nothing(trained, text):
    doc = trained(text)
    before = [token.is_sent_start for token in doc]
    trained.get_pipe("sentence_segmenter")(doc)
    assert [token.is_sent_start for token in doc] == before


def test_a_higher_threshold_gives_a_subset(nlp):
    text = " ".join(JOINED)
    starts = [
        {token.idx for token in configure(nlp, threshold=threshold)(text) if token.is_sent_start}
        for threshold in (0.01, 0.3, 0.9, 0.999)
    ]
    assert starts[0] >= starts[1] >= starts[2] >= starts[3]
    assert starts[0] > starts[3] or len(starts[0]) > 1


def preset(nlp, values):
    doc = nlp.make_doc(JOINED[0])
    for i, value in values.items():
        doc[i].is_sent_start = value
    return doc


def test_overwrite_false_keeps_what_is_set(nlp):
    doc = preset(nlp, {2: True, 5: False})  # "is" opens one; "Nobody" does not
    nlp.get_pipe("sentence_segmenter")(doc)
    assert doc[2].is_sent_start is True
    assert doc[5].is_sent_start is False
    assert sentences(doc)[-1] == "Shall we wait?"


def test_overwrite_true_decides_anew(nlp):
    doc = preset(nlp, {2: True, 5: False})
    configure(nlp, overwrite=True).get_pipe("sentence_segmenter")(doc)
    assert sentences(doc) == TEXTS[0]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_parse_is_left_alone(nlp, overwrite):
    doc = Doc(nlp.vocab, words=["It", "rains", "."], heads=[1, 1, 1], deps=["nsubj", "ROOT", "punct"])
    pipe = configure(nlp, overwrite=overwrite).get_pipe("sentence_segmenter")
    if overwrite:
        with pytest.warns(UserWarning, match="SEG130"):
            pipe(doc)
    else:
        pipe(doc)
    assert [token.head.i for token in doc] == [1, 1, 1]
    assert len(list(doc.sents)) == 1


@pytest.mark.parametrize(
    ("newlines", "expected"),
    [
        ("hard", ["He said", "yes."]),
        ("ignore", ["He said\nyes."]),
        ("paragraph", ["He said\nyes."]),
    ],
)
def test_newline_policies(nlp, newlines, expected):
    doc = configure(nlp, newlines=newlines, threshold=0.95)("He said\nyes.")
    assert sentences(doc) == expected


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n \n", "\u2028\n"])
def test_newlines_paragraph_cuts_at_blank_lines(nlp, gap):
    doc = configure(nlp, newlines="paragraph", threshold=0.999)(f"He said{gap}yes.")
    assert sentences(doc) == ["He said", "yes."]


def test_carriage_return_and_newline_are_one_newline(nlp):
    assert len(list(configure(nlp, newlines="paragraph", threshold=0.999)("He said\r\nyes.").sents)) == 1


def test_ignored_newlines_are_spaces_to_the_model(nlp):
    configure(nlp, newlines="ignore")
    with_newline, with_space = (
        nlp.get_pipe("sentence_segmenter").predict([nlp.make_doc(t)])[0] for t in ("a\nb", "a b")
    )
    np.testing.assert_array_equal(with_newline.logits, with_space.logits)


def test_max_length_cuts_long_sentences_and_leaves_the_others(nlp):
    text = " ".join(JOINED)
    whole = sentences(nlp(text))
    doc = configure(nlp, max_length=25)(text)
    assert all(len(sent.text_with_ws) <= 25 for sent in doc.sents)
    assert [s for s in whole if len(s) < 25] == [s for s in sentences(doc) if s in whole]


def test_min_length_drops_boundaries(nlp):
    doc = configure(nlp, min_length=30)(" ".join(JOINED))
    assert all(len(sent.text_with_ws) >= 30 for sent in doc.sents)


def test_limits_in_tokens(nlp):
    doc = configure(nlp, max_length=4, length_unit="tokens")(" ".join(JOINED))
    assert max(len(sent) for sent in doc.sents) <= 4


@pytest.mark.parametrize(("split", "n_tokens"), [(False, 1), (True, 2), ("auto", 1)])
def test_split_tokens(nlp, split, n_tokens):
    pipe = configure(nlp, split_tokens=split).get_pipe("sentence_segmenter")
    doc = nlp.make_doc("yes_no")
    assert len(doc) == 1
    boundaries = pipe.predict([doc])[0]
    boundaries.logits[:] = np.where(boundaries.offsets == 4, 9.0, -9.0)
    pipe.set_annotations([doc], [boundaries])
    assert len(doc) == n_tokens
    assert doc.text == "yes_no"


def test_store_probs(nlp):
    doc = configure(nlp, store_probs=True)(JOINED[0])
    probs = doc.user_data[("spacy_segment", "boundary_probs")]
    assert probs.shape == (len(doc),)
    assert [bool(p > 0.5) for p in probs] == [bool(token.is_sent_start) for token in doc]
    assert ("spacy_segment", "boundary_probs") not in configure(nlp, store_probs=False)("a b").user_data


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": -1},
        {"threshold": 1.5},
        {"newlines": "soft"},
        {"split_tokens": "maybe"},
        {"min_length": -1},
        {"max_length": 0},
        {"min_length": 9, "max_length": 5},
        {"length_unit": "words"},
        {"length_prior": [3.0, 0.0]},
        {"length_prior": [3.0]},
        {"mark_weight": -1.0},
    ],
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(ValueError, match="SEG200"):
        spacy.blank("xx").add_pipe("sentence_segmenter", config={"model": TINY_MODEL, **settings})


def routes(nlp, tmp_path):
    nlp.to_disk(tmp_path / "model")
    yield "disk", spacy.load(tmp_path / "model")
    yield "bytes", make_tiny().from_bytes(nlp.to_bytes())
    yield "copy", copy.deepcopy(nlp)
    yield "pickle", pickle.loads(pickle.dumps(nlp))


def test_round_trips_keep_probabilities(nlp, tmp_path):
    doc = nlp.make_doc(" ".join(JOINED))
    expected = nlp.get_pipe("sentence_segmenter").predict([doc])[0]
    untrained = make_tiny().get_pipe("sentence_segmenter").predict([doc])[0]
    assert not np.array_equal(untrained.logits, expected.logits)
    for route, other in routes(nlp, tmp_path):
        found = other.get_pipe("sentence_segmenter").predict([other.make_doc(doc.text)])[0]
        np.testing.assert_array_equal(found.logits, expected.logits, err_msg=route)
        assert [sentences(d) for d in other.pipe(JOINED)] == TEXTS


def test_saving_again_gives_the_same_bytes(nlp, tmp_path):
    nlp.to_disk(tmp_path / "one")
    spacy.load(tmp_path / "one").to_disk(tmp_path / "two")
    files = [
        p.relative_to(tmp_path / "one") for p in (tmp_path / "one" / "sentence_segmenter").rglob("*") if p.is_file()
    ]
    assert files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_what_was_predicted_before_does_not_change_what_is_saved(nlp, monkeypatch):
    """A model kept the newline policy of the last prediction, and was saved with it."""
    pipe = nlp.get_pipe("sentence_segmenter")
    before = pipe.to_bytes(exclude=["vocab"])
    with monkeypatch.context() as context:
        context.setitem(pipe.cfg, "newlines", "ignore")
        nlp("One\ntwo.")
        assert pipe.to_bytes(exclude=["vocab"]) != before
        nlp("One\ntwo.")
    assert pipe.to_bytes(exclude=["vocab"]) == before


def test_no_file_holds_a_pickle(nlp, tmp_path):
    nlp.to_disk(tmp_path / "model")
    for path in (tmp_path / "model" / "sentence_segmenter").rglob("*"):
        assert not path.is_file() or b"torch" not in path.read_bytes()[:200]


def test_settings_at_run_time_are_saved_and_settings_at_load_win(nlp, tmp_path):
    configure(nlp, threshold=0.37).to_disk(tmp_path / "model")
    assert spacy.load(tmp_path / "model").get_pipe("sentence_segmenter").cfg["threshold"] == 0.37
    override = {"components": {"sentence_segmenter": {"threshold": 0.21}}}
    loaded = spacy.load(tmp_path / "model", config=override)
    assert loaded.get_pipe("sentence_segmenter").cfg["threshold"] == 0.21


def test_gold_text_may_differ_in_white_space_alone(nlp):
    reference = reference_doc(nlp.tokenizer, "One. Two.", [0, 5])
    pipe = nlp.get_pipe("sentence_segmenter")
    for text, n_gold in (("One.\n\nTwo.", 1), ("One. Two.", 1)):
        example = Example(nlp.make_doc(text), reference)
        scores, _ = pipe.model.begin_update([example.predicted])
        loss, gradient = pipe.get_loss([example], scores)
        assert loss > 0
        assert (gradient[0][:, 0] < 0).sum() == n_gold
    with pytest.raises(ValueError, match="SEG400"):
        nlp.update([Example(nlp.make_doc("One. Three."), reference)])


def test_examples_without_sentence_starts(nlp):
    with pytest.raises(ValueError, match="SEG402"):
        nlp.update([Example(nlp.make_doc("One. Two."), nlp.make_doc("One. Two."))])


def test_a_loss_that_is_not_a_number():
    nlp = make_tiny()
    nlp.get_pipe("sentence_segmenter").model.layers[1].get_param("W")[:] = np.nan
    with pytest.raises(ValueError, match="SEG401"):
        nlp.update(make_examples(nlp))


def test_initialize_keeps_weights_that_are_there(nlp):
    before = nlp.get_pipe("sentence_segmenter").model.to_bytes()
    nlp.get_pipe("sentence_segmenter").initialize(lambda: make_examples(nlp), nlp=nlp)
    assert nlp.get_pipe("sentence_segmenter").model.to_bytes() == before


def test_fork_and_spawn_give_the_same(nlp):
    texts = JOINED * 3
    expected = [sentences(nlp(text)) for text in texts]
    assert [sentences(doc) for doc in nlp.pipe(texts, n_process=2, batch_size=2)] == expected


def test_together_with_other_components(nlp):
    nlp2 = copy.deepcopy(nlp)
    nlp2.add_pipe("sentencizer", after="sentence_segmenter")
    assert sentences(nlp2(JOINED[0])) == TEXTS[0]
    nlp3 = spacy.blank("xx")
    nlp3.add_pipe("sentence_segmenter", source=nlp, name="other")
    assert sentences(nlp3(JOINED[0])) == TEXTS[0]


def test_a_length_prior_decides_between_weak_boundaries():
    nlp = spacy.blank("en")
    segmenter = nlp.add_pipe("sentence_segmenter", config={"length_prior": [float(np.log(40)), 0.15]})
    text = " ".join(["mind the gap now and hold on to the rail"] * 12)
    prior = [len(sent.text_with_ws) for sent in nlp(text).sents]
    assert np.median(prior) in range(34, 47)
    segmenter.cfg["length_prior"] = None
    assert [len(sent.text_with_ws) for sent in nlp(text).sents] != prior


def test_issue_a_start_on_white_space_was_lost():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    text = "It rained all night.\n\nWe went home. He ate it."
    expected = [sent.text.strip() for sent in nlp(text).sents]
    nlp.add_pipe("sentence_segmenter")
    assert [sent.text.strip() for sent in nlp(text).sents] == expected == text.replace(". ", ".\n\n").split("\n\n")


def test_issue_tokens_of_a_doc_that_was_segmented_before_were_split():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("sentence_segmenter")
    assert [sent.text for sent in nlp("今天下雨。我们回家。 他吃饭。").sents] == ["今天下雨。我们回家。", "他吃饭。"]
    nlp.get_pipe("sentence_segmenter").cfg["overwrite"] = True
    assert len(list(nlp("今天下雨。我们回家。 他吃饭。").sents)) == 3


def test_issue_probabilities_of_a_run_before_stayed(nlp):
    doc = configure(nlp, store_probs=True)(JOINED[0])
    configure(nlp, store_probs=False).get_pipe("sentence_segmenter")(doc)
    assert not [key for key in doc.user_data if "probs" in key[1]]


def test_issue_an_update_that_learns_nothing_took_the_second_look_away():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("sentence_segmenter")
    assert pipe.model.get_param("rescoring").size
    pipe.update([])
    with pytest.raises(ValueError, match="SEG402"):
        pipe.update([Example(nlp.make_doc("One two."), nlp.make_doc("One two."))])
    assert pipe.model.get_param("rescoring").size


def test_issue_an_update_of_a_generator_learned_nothing(nlp):
    losses = nlp.get_pipe("sentence_segmenter").update((example for example in make_examples(nlp)), losses={})
    assert sum(losses.values()) > 0


def test_issue_a_model_without_weights_had_no_code():
    nlp = spacy.blank("en")
    model = {**nlp.get_factory_meta("sentence_segmenter").default_config["model"], "pretrained": None}
    nlp.add_pipe("sentence_segmenter", config={"model": model})
    with pytest.raises(ValueError, match="SEG302"):
        list(nlp.pipe(["Hi there. Yes."]))


def test_issue_an_untrained_pipeline_on_token_vectors_could_not_be_loaded():
    def make():
        tok2vec = {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 8,
            "depth": 1,
            "embed_size": 50,
            "window_size": 1,
        }
        tok2vec |= {"maxout_pieces": 2, "subword_features": True, "pretrained_vectors": None}
        encoder = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": tok2vec}
        nlp = spacy.blank("en")
        model = {"@architectures": "spacy_segment.SaT.v1", "encoder": encoder, "pretrained": None}
        nlp.add_pipe("sentence_segmenter", config={"model": model})
        return nlp

    assert make().from_bytes(make().to_bytes()).pipe_names == ["sentence_segmenter"]


@pytest.mark.parametrize("sizes", [{"inner_width": -5}, {"inner_width": 0}, {"embedding_width": 0}])
def test_issue_widths_below_one_were_taken(sizes):
    with pytest.raises(ValueError, match="SEG200"):
        BandedEncoder(**sizes)
