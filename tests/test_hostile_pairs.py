"""Planted files of the topic models that judge pairs: a coded error each time, no code run, no file written."""

import numpy as np
import pytest
import spacy
import srsly
import torch
from conftest import make_topics
from planted import canary, snapshot
from test_hostile import LARGE, edit_model, edit_weights, set_first, set_piece, torch_save, write
from test_pair_models import PAIRS

TOPICS = "topic_segmenter"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name of the model -> bytes of every file of a pipeline with it."""
    found = {}
    for name, model in PAIRS.items():
        spacy.util.fix_random_seed(1)  # of some weights no sum is large enough to overflow
        nlp = make_topics(model=model)
        nlp.add_pipe("sentencizer", first=True)
        path = tmp_path_factory.mktemp(name)
        nlp.to_disk(path)
        found[name] = {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    return found


@pytest.fixture
def plant(saved, tmp_path):
    """Writes a pipeline of a name."""

    def write_all(name):
        for file, data in saved[name].items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_bytes(data)
        return tmp_path / name

    return write_all


def heads(change):
    return edit_weights(change, TOPICS, 0)


def encoder(change):
    return edit_weights(change, TOPICS, 1)


def attribute(**values):
    return edit_model(lambda c: c["attrs"][0].update({k: srsly.msgpack_dumps(v) for k, v in values.items()}), TOPICS)


CASES = {
    "model is a pickle": write(f"{TOPICS}/model", canary),
    "heads are a pickle": lambda path: edit_model(
        lambda c: c["shims"][0].__setitem__(0, canary(path.parent, torch_save)), TOPICS
    )(path),
    "model is truncated": lambda path: (path / TOPICS / "model").write_bytes(
        (path / TOPICS / "model").read_bytes()[:-500]
    ),
    "a node less": edit_model(lambda c: c["nodes"].pop(), TOPICS),
    "inputs of 10^12": heads(lambda t, meta: {**meta, "input_width": LARGE}),
    "inputs of another width": heads(lambda t, meta: {**meta, "input_width": 31}),
    "inputs of a word": heads(lambda t, meta: {**meta, "input_width": "wide"}),
    "no meta data of the heads": heads(lambda t, meta: {"labels": []}),
    "a head is missing": heads(lambda t, meta: t.pop("topic.bias") is None or meta),
    "a head too many": heads(lambda t, meta: t.update(more=torch.zeros(2))),
    "a head of another shape": heads(lambda t, meta: t.update({"topic.bias": torch.zeros(7)})),
    "a head with NaN": heads(set_first(float("nan"))),
    "a head that overflows": heads(lambda t, meta: t.update({"topic.weight": torch.full((1, 32), 3e38)})),
    "vectors with infinity": encoder(set_first(float("inf"))),
    "vectors of another width": encoder(lambda t, meta: t.update({"embed.weight": torch.zeros(300, 5)})),
    "a piece beyond the table": encoder(set_piece),
    "a vocabulary of 10^12 pieces": encoder(lambda t, meta: {**meta, "n_known": LARGE}),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("case", CASES)
def test_planted_pair_model_has_a_coded_error(case, name, plant, nothing_happens):
    path = plant(name)
    CASES[case](path)
    before = snapshot(path)
    with pytest.raises(ValueError, match=r"\[SEG[23]\d\d\]"):
        spacy.load(path)
    assert snapshot(path) == before


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("planted", ["many", 0, -3])
def test_options_are_those_of_the_config_whatever_the_model_file_says(planted, name, plant, nothing_happens):
    path = plant(name)
    text = "One. Two. Three."
    expected = spacy.load(path)(text).spans["topics"].attrs["scores"]
    attribute(max_tokens=planted)(path)
    np.testing.assert_array_equal(spacy.load(path)(text).spans["topics"].attrs["scores"], expected)


@pytest.mark.parametrize("labels", [[1, 2, 3], "abc", [["a"], ["b"]], {"a": 1}])
def test_planted_labels_of_local_context_have_a_coded_error(labels, plant, nothing_happens):
    path = plant("local_context")
    heads(lambda t, meta: {**meta, "labels": labels})(path)
    with pytest.raises(ValueError, match=r"\[SEG[23]\d\d\]"):
        spacy.load(path)


@pytest.mark.parametrize("name", PAIRS)
def test_issue_units_without_tokens_were_accepted(name):
    with pytest.raises(ValueError, match=r"SEG200.*max_tokens"):
        make_topics(model={**PAIRS[name], "max_tokens": 0})


@pytest.mark.parametrize("name", PAIRS)
def test_the_pair_model_loads_when_nothing_is_planted(name, plant, nothing_happens):
    nlp = spacy.load(plant(name))
    doc = nlp("One. Two. Three.")
    assert doc.spans["topics"]
    assert np.isfinite(nlp.get_pipe(TOPICS).predict([doc])[0].boundary).all()
