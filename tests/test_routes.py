"""The same answer whatever the route: saving, copying, batching, processes; for both components and each state."""

import copy
import multiprocessing
import pickle
from functools import cache

import numpy as np
import pytest
import spacy
from conftest import make_tiny, make_topic_examples, make_topics
from routes import JOINED, MANY, NAMES, answers, fresh, learned, logits, parameters
from spacy.language import Language
from spacy.util import load_model_from_config


@pytest.fixture(scope="module")
def pipelines(trained):
    """Both components in every state."""
    embedded = spacy.blank("xx")
    for name in NAMES:
        embedded.add_pipe(name)
    return {"untrained": fresh(), "trained": learned(trained), "embedded": embedded}


def to_disk(nlp, path):
    nlp.to_disk(path / "model")
    return spacy.load(path / "model")


def component_to_disk(nlp, path):
    other = load_model_from_config(nlp.config, vocab=nlp.vocab)
    for name in NAMES:
        nlp.get_pipe(name).to_disk(path / name, exclude=["vocab"])
        other.get_pipe(name).from_disk(path / name, exclude=["vocab"])
    return other


def component_bytes(nlp, path):
    other = load_model_from_config(nlp.config, vocab=nlp.vocab)
    for name in NAMES:
        other.get_pipe(name).from_bytes(nlp.get_pipe(name).to_bytes(exclude=["vocab"]), exclude=["vocab"])
    return other


def model_bytes(nlp, path):
    other = load_model_from_config(nlp.config, vocab=nlp.vocab)
    for name in NAMES:
        other.get_pipe(name).model.from_bytes(nlp.get_pipe(name).model.to_bytes())
    return other


def sourced(nlp, path):
    other = spacy.blank("xx")
    for name in NAMES:
        other.add_pipe(name, source=nlp)
    return other


ROUTES = {
    "spacy.load": to_disk,
    "to_bytes": lambda nlp, path: load_model_from_config(nlp.config).from_bytes(nlp.to_bytes()),
    "pickle": lambda nlp, path: pickle.loads(pickle.dumps(nlp)),
    "deepcopy": lambda nlp, path: copy.deepcopy(nlp),
    "disk of the component": component_to_disk,
    "bytes of the component": component_bytes,
    "bytes of the model": model_bytes,
    "source": sourced,
}


@pytest.fixture(scope="module")
def expected(pipelines):
    """State -> what each pipeline gives, one text at a time, found once."""

    @cache
    def find(state):
        nlp = pipelines[state]
        return parameters(nlp), logits(nlp), answers(nlp(text) for text in MANY)

    return find


@pytest.mark.parametrize("state", ["untrained", "trained", "embedded"])
@pytest.mark.parametrize("route", ROUTES)
def test_round_trip(pipelines, expected, tmp_path, state, route):
    weights, values, segments = expected(state)
    other = ROUTES[route](pipelines[state], tmp_path)
    found = parameters(other)
    assert weights.keys() == found.keys()
    for name in weights:
        np.testing.assert_array_equal(found[name], weights[name], err_msg=name)
    for a, b in zip(logits(other), values, strict=True):
        np.testing.assert_array_equal(a, b)
    assert answers(other.pipe(MANY)) == segments


def test_round_trips_can_fail(pipelines, expected):
    """The counter-example: fresh initialisations and other states differ in everything that is compared."""
    other = fresh()
    for nlp in (pipelines["trained"], pipelines["untrained"]):
        assert any(not np.array_equal(v, parameters(other)[k]) for k, v in parameters(nlp).items() if "embed" in k)
    assert any(not np.array_equal(a, b) for a, b in zip(logits(other), logits(pipelines["trained"]), strict=True))
    assert answers(other.pipe(MANY)) != expected("trained")[2]
    assert expected("embedded")[2] != expected("trained")[2]


@pytest.mark.parametrize("state", ["untrained", "trained", "embedded"])
def test_saving_twice_gives_the_same_bytes(pipelines, tmp_path, state):
    pipelines[state].to_disk(tmp_path / "one")
    spacy.load(tmp_path / "one").to_disk(tmp_path / "two")
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len([f for f in files if f.name == "model"]) == 2
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("state", ["trained", "embedded"])
def test_batches(pipelines, expected, state, batch_size):
    alone = expected(state)[2]
    order = np.random.default_rng(batch_size).permutation(len(MANY))
    found = answers(pipelines[state].pipe([MANY[i] for i in order], batch_size=batch_size))
    assert [found[i] for i in np.argsort(order)] == alone
    assert found != alone  # the order was another


def test_one_thread_and_two(pipelines):
    import torch

    before = torch.get_num_threads()
    found = []
    for n in (1, 2):
        torch.set_num_threads(n)
        found.append(logits(pipelines["embedded"]))
    torch.set_num_threads(before)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-2 if has_bfloat16() else 1e-5)


def has_bfloat16():
    from spacy_segment.models.shim import has_fast_bfloat16

    return has_fast_bfloat16("cpu")


def test_the_same_seed_gives_the_same_weights():
    found = []
    for seed in (1, 1, 1, 2):
        spacy.util.fix_random_seed(seed)
        nlp = make_topics("xx")
        nlp.add_pipe("sentence_segmenter", source=make_tiny(), first=True)
        optimizer = nlp.resume_training()
        for _ in range(3):
            nlp.update(make_topic_examples(nlp), sgd=optimizer)
        found.append(parameters(nlp))
    for name in found[0]:
        for again in found[1:3]:
            np.testing.assert_array_equal(found[0][name], again[name], err_msg=name)
    assert any(not np.array_equal(found[0][name], found[3][name]) for name in found[0])


def _work(nlp, n_process, connection):
    connection.send(answers(nlp.pipe(MANY, n_process=n_process, batch_size=8)))


def in_time(method, target, *arguments, seconds=240):
    """Run in a process that is killed if it hangs. RETURNS: What it sent, or None."""
    context = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(*arguments, sender))
    process.start()
    found = receiver.recv() if receiver.poll(seconds) else None
    process.kill()
    process.join()
    return found


# Every spawned process imports everything anew.
SPAWNED = [pytest.param("spawn", n, marks=pytest.mark.slow if n == 2 else pytest.mark.nightly) for n in (1, 2, 4)]


@pytest.mark.parametrize(("method", "n_process"), [("fork", 1), ("fork", 2), ("fork", 4), *SPAWNED])
def test_processes(pipelines, method, n_process):
    """Also after torch has used more than one thread, which once made a fork wait for ever."""
    import torch

    nlp = pipelines["trained"]
    torch.set_num_threads(2)
    expected = answers(nlp.pipe(MANY))
    assert in_time(method, _work, nlp, n_process) == expected
    torch.set_num_threads(1)


@Language.component("stumble")
def stumble(doc):
    if "kettle" in doc.text:
        raise ValueError(f"stumbled over {doc.text[:10]}")
    return doc


@pytest.mark.parametrize("n_process", [1, 2])
def test_an_exception_in_a_worker_surfaces_with_its_text(trained, n_process):
    nlp = copy.deepcopy(trained)
    nlp.add_pipe("stumble")
    with pytest.raises(ValueError, match="stumbled over The kettle"):
        list(nlp.pipe(JOINED, n_process=n_process, batch_size=2))
    topics = make_topics("xx")  # no sentences: our own error
    with pytest.raises(ValueError, match="SEG140"):
        list(topics.pipe(JOINED, n_process=n_process, batch_size=2))


def test_a_hang_would_be_seen():
    assert in_time("fork", _sleep, seconds=0.5) is None


def _sleep(connection):
    import time

    time.sleep(60)
