"""Pipelines of many kinds: what stands before, beside and after the components, and what becomes of their Docs."""

import copy

import pytest
import spacy
from conftest import TEXTS, make_topics
from spacy.tokens import Doc, DocBin

JOINED = [" ".join(sentences) for sentences in TEXTS]
TEXT = JOINED[0]


def sentences(doc):
    return [sent.text.strip() for sent in doc.sents]


def base(trained):
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter", source=copy.deepcopy(trained))
    return nlp


def with_untrained(trained, name, **place):
    """A component of spaCy that was initialised and knows nothing, before or after ours."""
    nlp = base(trained)
    pipe = nlp.add_pipe(name, **place)
    if name in ("ner", "parser", "tagger", "textcat", "spancat"):
        for label in ("A", "B"):
            pipe.add_label(label)
    with nlp.select_pipes(enable=name):
        nlp.initialize()
    return nlp


def two_instances(trained):
    nlp = base(trained)
    nlp.add_pipe("sentence_segmenter", source=trained, name="second")
    return nlp


def overwriting_second(trained):
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer", config={"punct_chars": ["t"]})
    nlp.add_pipe("sentence_segmenter", source=copy.deepcopy(trained))
    nlp.get_pipe("sentence_segmenter").cfg["overwrite"] = True
    return nlp


def shared_tok2vec(trained):
    nlp = base(trained)
    nlp.add_pipe("tok2vec", first=True)
    nlp.add_pipe("tagger", config={"model": {"tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}}})
    nlp.get_pipe("tagger").add_label("A")
    with nlp.select_pipes(enable=["tok2vec", "tagger"]):
        nlp.initialize()
    return nlp


def replaced_listeners(trained):
    nlp = shared_tok2vec(trained)
    nlp.replace_listeners("tok2vec", "tagger", ["model.tok2vec"])
    return nlp


def disabled_others(trained):
    nlp = with_untrained(trained, "ner")
    nlp.disable_pipe("ner")
    return nlp


def ruler(trained):
    nlp = base(trained)
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "POT", "pattern": "pot"}])
    return nlp


def merging(trained):
    nlp = ruler(trained)
    nlp.add_pipe("merge_entities")
    return nlp


def frozen(trained):
    """Ours is frozen while another component learns."""
    from conftest import make_examples

    nlp = base(trained)
    nlp.add_pipe("senter")
    examples = make_examples(nlp)
    with nlp.select_pipes(enable="senter"):
        optimizer = nlp.initialize(lambda: examples)
    before = nlp.get_pipe("sentence_segmenter").model.to_bytes()
    nlp.update(examples, sgd=optimizer, exclude=["sentence_segmenter"], annotates=["sentence_segmenter"])
    assert nlp.get_pipe("sentence_segmenter").model.to_bytes() == before
    return nlp


def with_topics(trained):
    nlp = base(trained)
    nlp.add_pipe("topic_segmenter", source=make_topics("xx"))
    return nlp


def renamed(trained):
    nlp = base(trained)
    nlp.rename_pipe("sentence_segmenter", "mine")
    return nlp


PIPELINES = {
    "alone": base,
    "ner after": lambda t: with_untrained(t, "ner"),
    "ner before": lambda t: with_untrained(t, "ner", first=True),
    "tagger before": lambda t: with_untrained(t, "tagger", first=True),
    "parser after": lambda t: with_untrained(t, "parser"),
    "senter after": lambda t: with_untrained(t, "senter"),
    "textcat after": lambda t: with_untrained(t, "textcat"),
    "spancat after": lambda t: with_untrained(t, "spancat"),
    "sentencizer after": lambda t: with_untrained(t, "sentencizer"),
    "ruler after": ruler,
    "tokens merged after": merging,
    "two instances": two_instances,
    "overwrites a sentencizer": overwriting_second,
    "beside a shared tok2vec": shared_tok2vec,
    "listeners replaced": replaced_listeners,
    "others disabled": disabled_others,
    "frozen in training": frozen,
    "topics after": with_topics,
    "renamed": renamed,
    "copied": lambda t: copy.deepcopy(two_instances(t)),
    "topics and a sentencizer": lambda t: (nlp := with_topics(t)).add_pipe("sentencizer") and nlp,
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_give_our_sentences(trained, name, tmp_path):
    nlp = PIPELINES[name](trained)
    assert [sentences(doc) for doc in nlp.pipe(JOINED)] == TEXTS
    if name == "topics after":
        assert nlp(TEXT).spans["topics"]
    nlp.to_disk(tmp_path)
    assert [sentences(doc) for doc in spacy.load(tmp_path).pipe(JOINED)] == TEXTS


def test_pipelines_are_twenty():
    assert len(PIPELINES) >= 20


def test_without_ours_the_sentences_are_others():
    """The counter-example: what others find is not what ours does."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer", config={"punct_chars": ["t"]})
    assert [sentences(doc) for doc in nlp.pipe(JOINED)] != TEXTS


def test_a_parser_before_keeps_its_sentences(trained):
    nlp = with_untrained(trained, "parser", first=True)
    with nlp.select_pipes(disable="sentence_segmenter"):
        expected = sentences(nlp(TEXT))
    assert sentences(nlp(TEXT)) == expected
    nlp.get_pipe("sentence_segmenter").cfg["overwrite"] = True
    with pytest.warns(UserWarning, match="SEG130"):
        assert sentences(nlp(TEXT)) == expected


@pytest.mark.parametrize("name", ["sentencizer", "senter"])
def test_sentences_set_before_stay(trained, name):
    nlp = with_untrained(trained, name, first=True)
    with nlp.select_pipes(disable="sentence_segmenter"):
        expected = sentences(nlp(TEXT))
    assert sentences(nlp(TEXT)) == expected


def test_entities_that_a_boundary_would_cut_stay(trained):
    nlp = base(trained)
    nlp.add_pipe("entity_ruler", first=True).add_patterns([{"label": "X", "pattern": "on. Nobody"}])
    doc = nlp(TEXT)
    assert [ent.text for ent in doc.ents] == ["on. Nobody"]


def test_disabled_and_excluded(trained, tmp_path):
    base(trained).to_disk(tmp_path)
    assert not spacy.load(tmp_path, exclude=["sentence_segmenter"])(TEXT).has_annotation("SENT_START")
    nlp = spacy.load(tmp_path, disable=["sentence_segmenter"])
    assert not nlp(TEXT).has_annotation("SENT_START")
    nlp.enable_pipe("sentence_segmenter")
    assert sentences(nlp(TEXT)) == TEXTS[0]


def routes_of_docs(nlp, doc):
    yield "copy", doc.copy()
    yield "bytes", Doc(nlp.vocab).from_bytes(doc.to_bytes())
    yield "JSON", Doc(nlp.vocab).from_json(doc.to_json())
    yield "DocBin", next(DocBin(docs=[doc], attrs=["SENT_START"]).get_docs(nlp.vocab))
    yield "span", doc[:].as_doc()
    yield (
        "array",
        Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]).from_array(
            "SENT_START", doc.to_array("SENT_START")
        ),
    )


def test_docs_keep_their_segments(trained):
    nlp = with_topics(trained)
    doc = nlp(TEXT)
    topics = [(s.start, s.end, s.label_) for s in doc.spans["topics"]]
    for route, other in routes_of_docs(nlp, doc):
        assert sentences(other) == TEXTS[0], route
        if route in ("copy", "bytes", "JSON", "DocBin"):
            assert [(s.start, s.end, s.label_) for s in other.spans["topics"]] == topics, route


def test_docs_put_together_and_cut(trained):
    nlp = with_topics(trained)
    docs = list(nlp.pipe(JOINED[:2]))
    whole = Doc.from_docs(docs)
    assert sentences(whole) == TEXTS[0] + TEXTS[1]
    second = list(docs[0].sents)[1]
    assert sentences(second.as_doc()) == [TEXTS[0][1]]
    again = second.as_doc()
    for name in nlp.pipe_names:
        again = nlp.get_pipe(name)(again)
    assert sentences(again) == [TEXTS[0][1]]
    assert [(s.start, s.end) for s in again.spans["topics"]] == [(0, len(again))]
    cut = nlp.get_pipe("sentence_segmenter")(docs[0][1:-2].as_doc())
    assert "".join(sent.text_with_ws for sent in cut.sents) == cut.text


def test_a_component_called_on_docs_of_another_vocabulary(trained):
    nlp, other = base(trained), spacy.blank("en")
    doc = nlp.get_pipe("sentence_segmenter")(other.make_doc(TEXT))
    assert sentences(doc) == TEXTS[0]
