"""The topic component with a small coherence model and with the untrained models."""

import numpy as np
import pytest
import spacy
import torch
from conftest import TINY_TOPICS, make_topics
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example

from spacy_segment.models.static import StaticEncoder
from spacy_segment.pipeline.topic_segmenter import TopicSegmenter
from spacy_segment.scorers import topic_score
from spacy_segment.topics import find_units, main_spans, topics_of

ENCODER = TINY_TOPICS["encoder"]
BREAD = ["Mix the flour with water.", "Let the dough rest.", "Bake the bread for an hour."]
STATE = ["The parliament has two houses.", "Elections are held in May.", "The president signs the laws."]
RAIN = ["Rain fell on the hills.", "The wind turned north.", "Clouds covered the valley."]


def make_example(nlp, *topics):
    """Topics of sentences, labelled by their index, one sentence per line."""
    sentences = [sentence for _, topic in topics for sentence in topic]
    doc = nlp.make_doc("\n".join(sentences))
    starts = np.cumsum([0, *(len(sentence) + 1 for sentence in sentences[:-1])])
    reference = doc.copy()
    for token in reference:
        token.is_sent_start = token.idx in starts
    first = [0, *np.cumsum([len(topic) for _, topic in topics]).tolist()]
    offsets = [*starts.tolist(), len(doc.text)]
    spans = [
        reference.char_span(offsets[a], offsets[b], label=label, alignment_mode="contract")
        for (label, _), a, b in zip(topics, first, first[1:], strict=False)
    ]
    reference.spans["topics"] = [
        Span(reference, s.start, t.start if t is not None else len(reference), label=s.label_)
        for s, t in zip(spans, [*spans[1:], None], strict=True)
    ]
    return Example(doc, reference)


def examples_of(nlp):
    kinds = [("BREAD", BREAD), ("STATE", STATE), ("RAIN", RAIN)]
    orders = [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2), (2, 1)]
    return [make_example(nlp, *[kinds[i] for i in order]) for order in orders]


@pytest.fixture(scope="module")
def nlp():
    """A pipeline that has learned to tell bread, state and rain apart."""
    torch.manual_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": TINY_TOPICS})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    return nlp


def fresh(name, **settings):
    """A component with a small model of an architecture, not initialised."""
    model = {**(TINY_TOPICS if name == "Coherence" else {"encoder": ENCODER}), **settings}
    model["@architectures"] = f"spacy_segment.{name}.v1"
    return spacy.blank("en").add_pipe("topic_segmenter", config={"model": model})


def with_sents(example):
    return example.reference.copy()


def starts_of(doc):
    return [span.start_char for span in doc.spans["topics"]]


def test_it_learns_topics_and_labels(nlp):
    for example in examples_of(nlp):
        doc = with_sents(example)
        del doc.spans["topics"]
        nlp.get_pipe("topic_segmenter")(doc)
        assert starts_of(doc) == [span.start_char for span in example.reference.spans["topics"]]
        assert [s.label_ for s in doc.spans["topics"]] == [s.label_ for s in example.reference.spans["topics"]]


def test_an_untrained_model_does_not_know_them():
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": TINY_TOPICS})
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    found = [starts_of(nlp.get_pipe("topic_segmenter")(with_sents(eg))) for eg in examples]
    assert found != [[s.start_char for s in eg.reference.spans["topics"]] for eg in examples]


def test_spans_tile_the_doc_and_carry_attributes(nlp):
    doc = nlp.get_pipe("topic_segmenter")(with_sents(examples_of(nlp)[0]))
    group = doc.spans["topics"]
    assert group[0].start == 0
    assert group[-1].end == len(doc)
    assert all(a.end == b.start for a, b in zip(group, list(group)[1:], strict=False))
    assert all(doc[span.start].is_sent_start for span in group)
    for key in ("scores", "label_scores", "levels", "parents"):
        assert len(group.attrs[key]) == len(group)
    assert group.attrs["scores"][0] == 1.0
    assert all(0 <= score <= 1 for score in group.attrs["scores"])


def test_scores_count_boundaries(nlp):
    scores = nlp.evaluate([Example(with_sents(eg), eg.reference) for eg in examples_of(nlp)])
    assert scores["topics_boundary_f"] == 1.0
    assert scores["topics_pk"] == 0.0
    assert scores["topics_label_f"] == 1.0


def routes(nlp, path):
    nlp.to_disk(path / "model")
    yield "disk", spacy.load(path / "model")
    fresh = spacy.blank("en")
    fresh.add_pipe("topic_segmenter", config={"model": TINY_TOPICS})
    yield "bytes", fresh.from_bytes(nlp.to_bytes())


def test_round_trips(nlp, tmp_path):
    doc = with_sents(examples_of(nlp)[0])
    expected = nlp.get_pipe("topic_segmenter").predict([doc])[0]
    for route, other in routes(nlp, tmp_path):
        pipe = other.get_pipe("topic_segmenter")
        np.testing.assert_array_equal(pipe.predict([doc])[0].boundary, expected.boundary, err_msg=route)
        assert pipe.labels == ("BREAD", "RAIN", "STATE")


def test_topics_survive_a_docbin(nlp):
    doc = nlp.get_pipe("topic_segmenter")(with_sents(examples_of(nlp)[0]))
    (back,) = DocBin(docs=[doc], attrs=["SENT_START"]).get_docs(nlp.vocab)
    assert starts_of(back) == starts_of(doc)
    assert list(back.spans["topics"].attrs["scores"]) == pytest.approx(list(doc.spans["topics"].attrs["scores"]))


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_a_wanted_number_of_topics(nlp, n):
    pipe = TopicSegmenter(nlp.vocab, nlp.get_pipe("topic_segmenter").model, n_segments=n)
    assert len(pipe(with_sents(examples_of(nlp)[0])).spans["topics"]) == n


def test_limits_of_topics(nlp):
    model = nlp.get_pipe("topic_segmenter").model
    doc = TopicSegmenter(nlp.vocab, model, max_length=2)(with_sents(examples_of(nlp)[0]))
    assert max(len(list(span.sents)) for span in doc.spans["topics"]) <= 2
    doc = TopicSegmenter(nlp.vocab, model, min_length=4)(with_sents(examples_of(nlp)[0]))
    assert min(len(list(span.sents)) for span in doc.spans["topics"]) >= 4


def test_spans_that_are_there_stay_unless_overwritten(nlp):
    model = nlp.get_pipe("topic_segmenter").model
    doc = with_sents(examples_of(nlp)[0])
    second = list(doc.sents)[1]
    doc.spans["topics"] = [doc[: second.start], doc[second.start :]]
    kept = starts_of(TopicSegmenter(nlp.vocab, model, overwrite=False)(doc.copy()))
    assert second.start_char in kept
    assert second.start_char not in starts_of(TopicSegmenter(nlp.vocab, model)(doc))


def test_issue_a_span_that_starts_inside_a_sentence_was_not_kept(nlp):
    doc = with_sents(examples_of(nlp)[0])
    _, second, third, *_ = doc.sents
    doc.spans["topics"] = [doc[: second.start + 1], doc[second.start + 1 : -1], doc[-1:]]
    pipe = TopicSegmenter(nlp.vocab, nlp.get_pipe("topic_segmenter").model, overwrite=False, threshold=1.0)
    assert starts_of(pipe(doc)) == [0, third.start_char]


def test_issue_parts_that_are_there_became_topics(nlp):
    doc = with_sents(examples_of(nlp)[0])
    second = list(doc.sents)[1]
    spans = [doc[:], doc[: second.start], doc[second.start :]]
    doc.spans["topics"] = SpanGroup(doc, spans=spans, attrs={"levels": np.asarray([1, 2, 2])})
    pipe = TopicSegmenter(nlp.vocab, nlp.get_pipe("topic_segmenter").model, overwrite=False, threshold=1.0)
    assert starts_of(pipe(doc)) == [0]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "One."])
def test_short_texts(nlp, text):
    doc = nlp.make_doc(text)
    for token in doc:
        token.is_sent_start = token.i == 0
    doc = nlp.get_pipe("topic_segmenter")(doc)
    assert len(doc.spans["topics"]) == min(1, len(doc))


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_texts_of_nothing_have_no_number_of_topics(nlp, text):
    doc = nlp.make_doc(text)
    for token in doc:
        token.is_sent_start = token.i == 0
    pipe = TopicSegmenter(nlp.vocab, nlp.get_pipe("topic_segmenter").model, n_segments=3, store_probs=True)
    group = pipe(doc).spans["topics"]
    assert len(group) == len(group.attrs["boundary_probs"]) == len(doc)


def test_errors_are_coded(nlp):
    pipe = nlp.get_pipe("topic_segmenter")
    with pytest.raises(ValueError, match="SEG140"):
        pipe(nlp.make_doc("No sentence starts here. None at all."))
    with pytest.raises(ValueError, match="SEG221"):
        TopicSegmenter(nlp.vocab, pipe.model, n_segments=10)(with_sents(examples_of(nlp)[0]))
    example = examples_of(nlp)[0]
    del example.reference.spans["topics"]
    with pytest.raises(ValueError, match="SEG404"):
        pipe.update([example])
    with pytest.raises(ValueError, match="SEG220"):
        pipe.update([make_example(nlp, ("BREAD", BREAD), ("NEWS", STATE))])


@pytest.mark.parametrize(
    ("bounds", "problem"),
    [
        ([(0, 4), (6, 99)], "leave a gap at character 19"),
        ([(0, 6), (4, 99)], "overlap at character 19"),
        ([], "leave a gap at character 0"),
    ],
)
def test_gold_topics_that_do_not_tile_are_named(nlp, bounds, problem):
    example = make_example(nlp, ("BREAD", BREAD))
    doc = example.reference
    doc.spans["topics"] = [doc[start : min(end, len(doc))] for start, end in bounds]
    with pytest.raises(ValueError, match=f"SEG142.*{problem}"):
        nlp.get_pipe("topic_segmenter").update([example])


def test_gold_topics_that_do_not_tile_are_not_scored(nlp):
    example = make_example(nlp, ("BREAD", BREAD))
    example.reference.spans["topics"] = [example.reference[4:]]
    with pytest.raises(ValueError, match=r"SEG142.*leave a gap at character 0"):
        topic_score([example])


def test_levels_of_other_spans_are_named(nlp):
    doc = with_sents(examples_of(nlp)[0])
    doc.spans["topics"] = SpanGroup(doc, name="topics", spans=[doc[:]], attrs={"levels": np.asarray([1, 2])})
    with pytest.raises(ValueError, match=r"SEG144.*1 spans.*2 numbers"):
        main_spans(doc, "topics")


def test_labels_are_those_of_topics_once_each(nlp):
    example = examples_of(nlp)[0]
    doc = example.reference
    spans = [Span(doc, 0, len(doc), label="ALL"), Span(doc, 0, 3, label="PART")]
    doc.spans["topics"] = SpanGroup(doc, spans=spans, attrs={"levels": np.asarray([1, 2])})
    for labels, expected in ((None, ("ALL",)), (["B", "A", "B"], ("B", "A"))):
        pipe = fresh("Coherence")
        pipe.initialize(lambda: [example], labels=labels)
        assert pipe.labels == expected


@pytest.mark.parametrize(("name", "labels"), [("Coherence", "xyz"), ("SameTopic", ["A"])])
def test_labels_that_cannot_be_are_named(nlp, name, labels):
    with pytest.raises(ValueError, match=r"SEG200.*'labels'"):
        fresh(name).initialize(lambda: examples_of(nlp), labels=labels)


def test_an_objective_of_which_nothing_applies_is_named(nlp):
    pipe = fresh("LocalContext", weights={"stp": 0.0, "nsp": 0.0})
    pipe.initialize(lambda: examples_of(nlp), labels=[])
    with pytest.raises(ValueError, match=r"SEG200.*'weights'"):
        pipe.update(examples_of(nlp))


@pytest.mark.parametrize("crop", [1, 2, 3])
def test_short_runs_can_be_learned_from(nlp, crop):
    pipe = fresh("Coherence", crop=crop)
    pipe.initialize(lambda: examples_of(nlp))
    for _ in range(10):
        assert pipe.update(examples_of(nlp))["topic_segmenter"] >= 0


@pytest.mark.parametrize(
    "settings",
    [
        {"piece_dropout": 2.0},
        {"flat": -0.1},
        {"weights": {"tsp": 0.0}},
        {"weights": {"tssp": -1.0}},
        {"width": 33},
        {"conv_width": 4},
        {"lama_heads": -1},
        {"n_opening": -1},
        {"crop": -1},
    ],
)
def test_settings_of_a_model_that_cannot_be_are_named(settings):
    with pytest.raises(ValueError, match=f"SEG200.*{next(iter(settings))}"):
        spacy.blank("en").add_pipe("topic_segmenter", config={"model": {**TINY_TOPICS, **settings}})


def test_embedded_weights_of_another_kind_are_named():
    with pytest.raises(ValueError, match=r"SEG301.*another kind"):
        StaticEncoder(pretrained="sentences")


def test_embedded_weights_and_a_vocabulary_need_their_encoder():
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 8, "depth": 1, "embed_size": 50, "window_size": 1}
    tok2vec |= {"maxout_pieces": 2, "subword_features": False, "pretrained_vectors": None}
    encoder = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": tok2vec}
    model = {"@architectures": "spacy_segment.Coherence.v1", "pretrained": "topics", "encoder": encoder}
    nlp = spacy.blank("en")
    with pytest.raises(ValueError, match=r"SEG301.*tok2vec_encoder"):
        nlp.add_pipe("topic_segmenter", config={"model": model})
    pipe = nlp.add_pipe("topic_segmenter", config={"model": {**model, "pretrained": None}})
    with pytest.raises(ValueError, match=r"SEG200.*'vocabulary' must be null"):
        pipe.initialize(lambda: examples_of(nlp), vocabulary=("pieces", "vectors"))


@pytest.mark.parametrize("name", ["ChangePoint", "DepthScore", "FirstNeighbour"])
def test_models_without_training(name):
    nlp = spacy.blank("en")
    model = {"@architectures": f"spacy_segment.{name}.v1", "encoder": ENCODER}
    nlp.add_pipe("topic_segmenter", config={"model": model})
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    doc = nlp.get_pipe("topic_segmenter")(with_sents(examples[0]))
    assert doc.spans["topics"][0].start == 0
    assert doc.spans["topics"][-1].end == len(doc)
    with pytest.raises(ValueError, match="SEG403"):
        nlp.update(examples)


def test_issue_an_untrained_model_on_an_encoder_of_a_directory_had_to_be_initialised(bert):
    encoder = {"@architectures": "spacy_segment.HFEncoder.v1", "name": str(bert)}
    model = {"@architectures": "spacy_segment.DepthScore.v1", "encoder": encoder}
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("topic_segmenter", config={"model": model})
    assert len(nlp("\n".join([*BREAD, *STATE])).spans["topics"])


def test_paragraphs_as_units():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("One. Two.\n\nThree. Four.\n\nFive.")
    assert len(find_units(doc, "sentences").starts) == 5
    assert find_units(doc, "paragraphs").starts.tolist() == [0, 11, 25]


def test_a_topic_that_starts_inside_a_unit_starts_with_the_next():
    nlp = spacy.blank("en")
    doc: Doc = nlp("a b c d e f")
    doc.spans["topics"] = [doc[:1], doc[1:]]
    boundary, _, _ = topics_of(doc, "topics", np.asarray([0, 4, 8]))
    assert boundary.tolist() == [True, True, False]


@pytest.mark.parametrize("switched_off", ["disarrayed", "tssp", "cssl", "labels", "any_level"])
def test_parts_of_the_objective_are_switches(switched_off):
    torch.manual_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": {**TINY_TOPICS, "weights": {switched_off: 0.0}}})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    losses = nlp.update(examples, sgd=optimizer)
    assert np.isfinite(losses["topic_segmenter"])
    assert nlp.get_pipe("topic_segmenter").model.attrs["weights"][switched_off] == 0.0


def test_issue_a_model_of_8_bits_did_not_see_updates():
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": {**TINY_TOPICS, "dtype": "int8"}})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    docs = [with_sents(examples[0])]
    nlp.get_pipe("topic_segmenter").predict(docs)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    (found,), (expected,) = (pipeline.get_pipe("topic_segmenter").predict(docs) for pipeline in (nlp, again))
    np.testing.assert_allclose(found.boundary, expected.boundary, atol=1e-5)


def test_issue_settings_of_a_model_given_at_load_were_ignored(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    encoder = {"@architectures": "spacy_segment.StaticEncoder.v1", "pretrained": "topics"}
    nlp.add_pipe(
        "topic_segmenter", config={"model": {"@architectures": "spacy_segment.ChangePoint.v1", "encoder": encoder}}
    )
    nlp.to_disk(tmp_path / "saved")
    change = {"components.topic_segmenter.model.penalty": 9.0}
    assert (
        spacy.load(tmp_path / "saved", config=change).get_pipe("topic_segmenter").model.attrs["settings"]["penalty"]
        == 9.0
    )


def test_issue_the_loss_of_single_units_failed():
    nlp = make_topics()
    example = make_example(nlp, ("a", BREAD[:1]))
    assert nlp.get_pipe("topic_segmenter").get_loss([example]) == (0.0, None)


@pytest.mark.parametrize("labels", [[1, 2], {"a": 1}, "ab"])
def test_issue_labels_of_no_list_of_names_had_no_code(labels):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("topic_segmenter", config={"model": TINY_TOPICS})
    with pytest.raises(ValueError, match="SEG200"):
        pipe.initialize(lambda: [make_example(nlp, ("a", BREAD), ("b", STATE))], labels=labels)


def test_the_scorer_looks_where_the_component_writes():
    nlp = make_topics(spans_key="chapters")
    nlp.add_pipe("sentencizer", first=True)
    example = make_example(nlp, ("a", BREAD), ("b", STATE))
    example.reference.spans["chapters"] = example.reference.spans.pop("topics")
    assert nlp.evaluate([example])["topics_pk"] is not None
