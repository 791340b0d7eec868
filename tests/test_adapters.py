"""Named adapters in one pipeline: switching, saving, refusing."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import spacy
import srsly
from conftest import TEXTS, make_tiny
from spacy.tokens import Doc

from spacy_segment.adapters import Adapter
from spacy_segment.cli.pipelines import change_settings
from spacy_segment.length_prior import LengthPrior
from spacy_segment.models.torch.low_rank import find_targets, fingerprint

JOINED = [" ".join(sentences) for sentences in TEXTS]
SEGMENTER = "sentence_segmenter"


def make_adapter(nlp, seed, threshold=0.5):
    """An adapter of random matrices, large enough that it is seen."""
    model = nlp.get_pipe(SEGMENTER).model
    module = model.layers[0].shims[0].module
    rng = np.random.default_rng(seed)
    weights = {"head.W": rng.normal(size=model.layers[1].get_param("W").shape), "head.b": rng.normal(size=12)}
    for name in find_targets(module):
        n_out, n_in = module.get_submodule(name).weight.shape
        weights |= {f"{name}.a": rng.normal(size=(2, n_in)), f"{name}.b": rng.normal(size=(n_out, 2))}
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    return Adapter(weights, 0.5, threshold, fingerprint(module, find_targets(module)))


@pytest.fixture
def nlp(trained):
    nlp = copy.deepcopy(trained)
    pipe = nlp.get_pipe(SEGMENTER)
    pipe.add_adapter("legal", make_adapter(nlp, 1, threshold=0.3))
    pipe.add_adapter("verse", make_adapter(nlp, 2).to_bytes())
    return nlp


def logits(nlp, texts, names=None):
    docs = [nlp.make_doc(text) for text in texts]
    for doc, name in zip(docs, names or [], strict=False):
        doc._.segment_adapter = name
    return [found.logits for found in nlp.get_pipe(SEGMENTER).predict(docs)]


def by_name(nlp):
    """Logits of the first text under each adapter, set for all."""
    found = {}
    for name in (None, "legal", "verse"):
        nlp.get_pipe(SEGMENTER).set_adapter(name)
        (found[name],) = logits(nlp, JOINED[:1])
    nlp.get_pipe(SEGMENTER).set_adapter(None)
    return found


def test_off_is_exactly_the_base(nlp, trained):
    expected = logits(trained, JOINED)
    for _ in range(2):
        for a, b in zip(logits(nlp, JOINED), expected, strict=True):
            np.testing.assert_array_equal(a, b)
        found = by_name(nlp)
        assert not np.allclose(found["legal"], found[None])
        assert not np.allclose(found["verse"], found["legal"])


def test_issue_an_adapter_printed_its_matrices(nlp):
    shown = repr(nlp.get_pipe(SEGMENTER).adapters["legal"])
    assert "threshold=0.3" in shown
    assert "array" not in shown


def test_docs_of_one_batch_may_differ(nlp):
    expected = by_name(nlp)
    nlp.get_pipe(SEGMENTER).set_adapter("legal")
    names = ["verse", None, "legal", "verse", None]
    mixed = logits(nlp, [JOINED[0]] * 6, names)
    for found, name in zip(mixed, [*names, "legal"], strict=True):
        np.testing.assert_allclose(found, expected[name], atol=1e-5)


def test_a_stream_of_docs(nlp):
    def sentences(doc):
        return [sent.text for sent in doc.sents]

    alone = {}
    for name in (None, "legal", "verse"):
        nlp.get_pipe(SEGMENTER).set_adapter(name)
        alone[name] = sentences(nlp(JOINED[1]))
    nlp.get_pipe(SEGMENTER).set_adapter(None)
    names = ["legal", None, "verse"] * 4
    docs = [nlp.make_doc(JOINED[1]) for _ in names]
    for doc, name in zip(docs, names, strict=True):
        doc._.segment_adapter = name
    for batch_size in (1, 5, 100):
        assert [sentences(doc) for doc in nlp.pipe(copy.deepcopy(docs), batch_size=batch_size)] == [
            alone[name] for name in names
        ]


def test_issue_a_thread_without_an_adapter_saw_the_matrices_of_one_in_another_thread(nlp):
    text = " ".join(JOINED * 20)
    names = [None, "legal"] * 2
    expected = [logits(nlp, [text], [name])[0] for name in names]
    with ThreadPoolExecutor(len(names)) as pool:
        found = pool.map(lambda name: [logits(nlp, [text], [name])[0] for _ in range(20)], names)
        for several, alone in zip(found, expected, strict=True):
            for one in several:
                np.testing.assert_allclose(one, alone, atol=1e-4)


def test_every_adapter_has_its_threshold(nlp):
    pipe = nlp.get_pipe(SEGMENTER)
    pipe.cfg["threshold"] = 0.9
    doc = nlp.make_doc(JOINED[0])
    thresholds = []
    for name in ("legal", "verse", None):
        doc._.segment_adapter = name
        thresholds.append(pipe._decides_by(doc)[0])
    assert thresholds == [0.3, 0.5, 0.9]


def routes(nlp, tmp_path):
    nlp.to_disk(tmp_path / "model")
    yield spacy.load(tmp_path / "model")
    yield make_tiny().from_bytes(nlp.to_bytes())
    yield copy.deepcopy(nlp)
    yield pickle.loads(pickle.dumps(nlp))


def test_round_trips(nlp, tmp_path):
    expected = by_name(nlp)
    nlp.get_pipe(SEGMENTER).set_adapter("verse")
    for other in routes(nlp, tmp_path):
        assert other.get_pipe(SEGMENTER).cfg["adapter"] == "verse"
        assert {k: a.threshold for k, a in other.get_pipe(SEGMENTER).adapters.items()} == {"legal": 0.3, "verse": 0.5}
        for name, found in by_name(other).items():
            np.testing.assert_array_equal(found, expected[name])


def test_a_file_of_an_adapter_can_be_carried_over(nlp, trained, tmp_path):
    nlp.to_disk(tmp_path)
    file = tmp_path / SEGMENTER / "adapters" / "legal.safetensors"
    other = copy.deepcopy(trained)
    other.get_pipe(SEGMENTER).add_adapter("contracts", file)
    other.get_pipe(SEGMENTER).set_adapter("contracts")
    np.testing.assert_array_equal(logits(other, JOINED)[0], by_name(nlp)["legal"])


def test_saving_again_takes_files_of_dropped_adapters_away(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    del nlp.get_pipe(SEGMENTER).adapters["legal"]
    nlp.to_disk(tmp_path)
    assert [file.stem for file in (tmp_path / SEGMENTER / "adapters").iterdir()] == ["verse"]


def test_settings_given_at_load_win(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    override = {"components": {SEGMENTER: {"adapter": "legal", "threshold": 0.7}}}
    pipe = spacy.load(tmp_path, config=override).get_pipe(SEGMENTER)
    assert pipe.cfg["adapter"] == "legal"
    assert pipe.adapters["legal"].threshold == 0.7
    with pytest.raises(ValueError, match="SEG230"):
        spacy.load(tmp_path, config={"components": {SEGMENTER: {"adapter": "other"}}})


def test_a_threshold_that_json_changes_does_not_count_as_given_at_load(trained, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe(SEGMENTER, source=trained)
    pipe = nlp.get_pipe(SEGMENTER)
    pipe.cfg["configured"] = {**pipe.cfg["configured"], "threshold": 0.3}
    nlp.config["components"][SEGMENTER]["threshold"] = 0.3
    pipe.add_adapter("legal", make_adapter(nlp, 1, threshold=0.7))
    pipe.cfg["threshold"] = 0.6
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model").get_pipe(SEGMENTER)
    assert loaded.cfg["threshold"] == pytest.approx(0.6)
    assert loaded.adapters["legal"].threshold == pytest.approx(0.7)


def test_what_was_given_at_one_load_is_not_given_at_the_next(nlp, tmp_path):
    nlp.to_disk(tmp_path / "a")
    loaded = spacy.load(tmp_path / "a", config={"components": {SEGMENTER: {"min_length": 5}}})
    loaded.get_pipe(SEGMENTER).cfg["min_length"] = 7
    loaded.to_disk(tmp_path / "b")
    assert spacy.load(tmp_path / "b").get_pipe(SEGMENTER).cfg["min_length"] == 7


def test_a_load_that_fails_changes_neither_adapters_nor_settings(nlp):
    other = copy.deepcopy(nlp).get_pipe(SEGMENTER)
    del other.adapters["verse"]
    other.cfg["threshold"] = 0.9
    data = srsly.msgpack_loads(other.to_bytes())
    broken = srsly.msgpack_dumps({**data, "model": b"no model"})
    pipe = nlp.get_pipe(SEGMENTER)
    settings = dict(pipe.cfg)
    with pytest.raises(ValueError, match="SEG300"):
        pipe.from_bytes(broken)
    assert pipe.cfg == settings
    assert set(pipe.adapters) == {"legal", "verse"}


def test_worker_processes_know_the_adapter_of_a_doc(nlp):
    docs = [nlp.make_doc(JOINED[0]) for _ in range(4)]
    docs[1]._.segment_adapter = "legal"
    expected = [[sent.text for sent in nlp.get_pipe(SEGMENTER)(copy.deepcopy(doc)).sents] for doc in docs]
    assert [[sent.text for sent in doc.sents] for doc in nlp.pipe(docs, n_process=2, batch_size=2)] == expected


def test_unknown_names(nlp):
    with pytest.raises(ValueError, match=r"SEG230.*legal, verse"):
        nlp.get_pipe(SEGMENTER).set_adapter("medical")
    doc = nlp.make_doc("One. Two.")
    for name in ("medical", ["legal"]):
        doc._.segment_adapter = name
        with pytest.raises(ValueError, match="SEG230"):
            nlp.get_pipe(SEGMENTER).predict([doc])


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 101, None, 3])
def test_names_that_no_file_could_have(nlp, name):
    with pytest.raises(ValueError, match="SEG200"):
        nlp.get_pipe(SEGMENTER).add_adapter(name, make_adapter(nlp, 1))


def test_an_adapter_of_another_base(nlp):
    other = make_tiny()
    other.get_pipe(SEGMENTER).add_adapter("legal", nlp.get_pipe(SEGMENTER).adapters["legal"])
    other.get_pipe(SEGMENTER).set_adapter("legal")
    with pytest.raises(ValueError, match="SEG331"):
        other("One. Two.")
    wide = spacy.blank("xx")
    wide.add_pipe(SEGMENTER).add_adapter("legal", nlp.get_pipe(SEGMENTER).adapters["legal"])
    wide.get_pipe(SEGMENTER).set_adapter("legal")
    with pytest.raises(ValueError, match="SEG331"):
        wide("One. Two.")


def test_lengths_belong_to_the_adapter(nlp, tmp_path):
    pipe = nlp.get_pipe(SEGMENTER)
    text = " ".join("one two three four" for _ in range(30))
    legal = pipe.adapters["legal"]
    unsure = {name: array * (0 if name.startswith("head") else 1) for name, array in legal.weights.items()}
    pipe.add_adapter(
        "regular", replace(legal, weights=unsure, threshold=0.5, lengths=LengthPrior(float(np.log(38)), 0.15))
    )
    nlp.to_disk(tmp_path)
    found = {}
    for name in (None, "legal", "regular"):
        docs = [p.make_doc(text) for p in (nlp, spacy.load(tmp_path))]
        for p, doc in zip((nlp, spacy.load(tmp_path)), docs, strict=True):
            doc._.segment_adapter = name
            found[name] = [sent.start_char for sent in p(doc).sents]
    assert 30 <= np.median(np.diff(found["regular"])) <= 46
    assert found["regular"] not in (found["legal"], found[None])


def broken():
    sound = Adapter({"x.a": np.ones((2, 3), "f"), "x.b": np.ones((3, 2), "f")}, 1.0, 0.5, "")
    head = {"head.W": np.ones((1, 3), "f"), "head.b": np.ones(1, "f")}
    yield b""
    yield b"\xff" * 100
    yield sound.to_bytes()  # no head
    yield Adapter({**sound.weights, **head, "x.a": np.full((2, 3), np.nan, "f")}, 1.0, 0.5, "").to_bytes()
    yield Adapter({**sound.weights, **head, "x.a": np.ones((1, 3), "f")}, 1.0, 0.5, "").to_bytes()
    yield Adapter({**sound.weights, **head}, 1.0, 2.0, "").to_bytes()
    yield Adapter({**sound.weights, **head}, 1.0, 0.5, "").to_bytes()[:-7]
    yield Adapter({**sound.weights, **head}, 1.0, 0.5, "", LengthPrior(3.0, 0.0)).to_bytes()
    yield Adapter({**sound.weights, **head}, 1.0, 0.5, "", LengthPrior(float("nan"), 0.2)).to_bytes()


@pytest.mark.parametrize("data", broken())
def test_files_that_are_no_adapters(nlp, data, tmp_path):
    with pytest.raises(ValueError, match="SEG330"):
        nlp.get_pipe(SEGMENTER).add_adapter("new", data)
    nlp.to_disk(tmp_path)
    (tmp_path / SEGMENTER / "adapters" / "new.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="SEG330"):
        spacy.load(tmp_path)


def test_issue_adapters_on_disk_that_cannot_be_read_or_called_so(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    folder = tmp_path / SEGMENTER / "adapters"
    (folder / "folder.safetensors").mkdir()
    with pytest.raises(ValueError, match="SEG330"):
        spacy.load(tmp_path)
    (folder / "folder.safetensors").rename(folder / "of two words.safetensors")
    with pytest.raises(ValueError, match=r"SEG200.*'of two words'"):
        spacy.load(tmp_path)


@pytest.mark.parametrize("adapter", ["/no/such/file.safetensors", ".", None, 3])
def test_issue_what_is_no_adapter_had_no_code_or_was_taken(nlp, adapter):
    with pytest.raises(ValueError, match="SEG330"):
        nlp.get_pipe(SEGMENTER).add_adapter("new", adapter)
    assert "new" not in nlp.get_pipe(SEGMENTER).adapters


def test_the_extension_says_nothing_by_default(nlp):
    doc = Doc(nlp.vocab, words=["One", "."])
    pipe = nlp.get_pipe(SEGMENTER)
    pipe.set_adapter("legal")
    assert pipe._adapter(doc) is pipe.adapters["legal"]
    doc._.segment_adapter = None
    assert pipe._adapter(doc) is None


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_issue_a_threshold_of_0_or_1_could_not_be_loaded_again(nlp, tmp_path, threshold):
    change_settings(nlp, {"threshold": threshold})
    nlp.to_disk(tmp_path / "saved")
    pipe = spacy.load(tmp_path / "saved").get_pipe(SEGMENTER)
    assert {adapter.threshold for adapter in pipe.adapters.values()} == {threshold}


def test_adapters_can_be_excluded(nlp, trained, tmp_path):
    pipe = nlp.get_pipe(SEGMENTER)
    pipe.to_disk(tmp_path / "pipe", exclude=["adapters"])
    assert not (tmp_path / "pipe" / "adapters").exists()
    other = spacy.blank("xx").add_pipe(SEGMENTER, config={"model": trained.get_pipe_config(SEGMENTER)["model"]})
    other.from_bytes(pipe.to_bytes(), exclude=["adapters"])
    assert not other.adapters
