"""Planted model directories: a coded error each time, no code run, no file written, bounded memory."""

import json
import os
import pickle
import struct

import numpy as np
import pytest
import spacy
import srsly
import torch
from conftest import make_tiny, make_topics
from planted import canary, snapshot
from safetensors.torch import load, save

from spacy_segment.models.serialize import FORMAT
from spacy_segment.training.optimizer import AdamW, read_checkpoint

LARGE = 10**12


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Bytes of every file of a small pipeline with both components."""
    nlp = make_tiny()
    nlp.add_pipe("topic_segmenter", source=make_topics("xx"))
    path = tmp_path_factory.mktemp("saved")
    nlp.to_disk(path)
    return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.fixture
def pipeline(saved, tmp_path):
    path = tmp_path / "pipeline"
    for name, data in saved.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def edit_model(change, component="sentence_segmenter"):
    """Change what the model file says; `change` gets the dictionary of thinc."""

    def plant(path):
        file = path / component / "model"
        content = srsly.msgpack_loads(file.read_bytes())
        content = change(content) or content
        file.write_bytes(srsly.msgpack_dumps(content))

    return plant


def edit_weights(change, component="sentence_segmenter", node=1):
    """Change the safetensors inside the model file; `change` gets tensors and meta data."""

    def replace(content):
        data = content["shims"][node][0]
        tensors, meta = load(data), json.loads(header_of(data)["__metadata__"][FORMAT])
        meta = change(tensors, meta) or meta
        content["shims"][node][0] = save({k: v.contiguous() for k, v in tensors.items()}, {FORMAT: json.dumps(meta)})

    return edit_model(replace, component)


def edit_header(change):
    """Change the header of the safetensors inside the model file; `change` gets and returns bytes or an object."""

    def replace(content):
        data = content["shims"][1][0]
        size = int.from_bytes(data[:8], "little")
        header = change(json.loads(data[8 : 8 + size]))
        header = header if isinstance(header, bytes) else json.dumps(header).encode()
        content["shims"][1][0] = struct.pack("<Q", len(header)) + header + data[8 + size :]

    return edit_model(replace)


def edit_json(file, change):
    def plant(path):
        content = json.loads((path / file).read_text())
        (path / file).write_text(json.dumps(change(content) or content))

    return plant


def edit_config(old, new):
    def plant(path):
        text = (path / "config.cfg").read_text()
        assert old in text
        (path / "config.cfg").write_text(text.replace(old, new.format(path=path), 1))

    return plant


def write(file, data):
    """Put bytes in the place of a file; a function makes them of the folder."""
    return lambda path: (path / file).write_bytes(data(path.parent) if callable(data) else data)


def header_of(data):
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def set_first(value):
    """Change a weight of the first tensor by name that has any; safetensors lists them in no fixed order."""

    def change(tensors, meta):
        name = min(name for name, tensor in tensors.items() if tensor.numel())
        tensors[name].flatten()[0] = value

    return change


def set_piece(tensors, meta):
    tokenizer = json.loads(meta["tokenizer"])
    tokenizer["model"]["vocab"]["zzz"] = 10**6
    meta["tokenizer"] = json.dumps(tokenizer)


def lying_scale(tensors, meta):
    name = min(tensors)
    tensors[name] = torch.zeros(1, 10**5, dtype=torch.int8)
    tensors[f"{name}.scale"] = torch.ones(10**5, 1, dtype=torch.float16)


def replace_shim(make):
    return lambda path: edit_model(lambda content: content["shims"][1].__setitem__(0, make(path.parent)))(path)


def torch_save(thing):
    import io

    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def link(target):
    def plant(path):
        (path / "sentence_segmenter" / "model").unlink()
        (path / "sentence_segmenter" / "model").symlink_to(target)

    return plant


def fifo(path):
    (path / "sentence_segmenter" / "model").unlink()
    os.mkfifo(path / "sentence_segmenter" / "model")


MODEL, CFG = "sentence_segmenter/model", "sentence_segmenter/cfg"
HEAD = 2  # the node with the weights of the head
PLANTED = {
    "model is a pickle": write(MODEL, canary),
    "model is saved by torch": write(MODEL, lambda folder: canary(folder, torch_save)),
    "model is empty": write(MODEL, b""),
    "model is missing": lambda path: (path / MODEL).unlink(),
    "model is truncated": lambda path: (path / MODEL).write_bytes((path / MODEL).read_bytes()[:-1000]),
    "model is noise": write(MODEL, bytes(range(256)) * 40),
    "model is a list": edit_model(lambda content: [1]),
    "model is a device without end": link("/dev/zero"),
    "model is a pipe without a writer": fifo,
    "model says it has 4 GB": write(MODEL, b"\xdb\xff\xff\xff\xff"),
    "model says it has 4 G entries": write(MODEL, b"\xdf\xff\xff\xff\xff"),
    "model is a nest": write(MODEL, b"\x91" * 100_000),
    "one node less": edit_model(lambda content: content["nodes"].pop()),
    "one attribute list less": edit_model(lambda content: content["attrs"].pop()),
    "one shim more": edit_model(lambda content: content["shims"][1].append(b"")),
    "a reference to nowhere": edit_model(lambda content: content["nodes"][0].update(refs={"x": 99})),
    "another width": edit_model(lambda content: content["nodes"][1]["dims"].update(nO=LARGE)),
    "head of another shape": edit_model(lambda c: c["params"][HEAD].update(W=np.zeros((3, 5), "f"))),
    "head without a number": edit_model(lambda c: c["params"][HEAD].update(W=np.full((12, 32), np.nan, "f"))),
    "head of words": edit_model(lambda c: c["params"][HEAD].update(W="words")),
    "head that is gone": edit_model(lambda c: c["params"][HEAD].update(W=None)),
    "weights are a pickle": replace_shim(canary),
    "weights are saved by torch": replace_shim(lambda folder: canary(folder, torch_save)),
    "weights are short": replace_shim(lambda folder: b"1234"),
    "header of 2^60 bytes": replace_shim(lambda folder: struct.pack("<Q", 2**60) + b"{}"),
    "header is no JSON": edit_header(lambda header: b"{" * 50),
    "header is a list": edit_header(lambda header: b"[]"),
    "header is a nest": edit_header(lambda header: b"[" * 200_000),
    "offsets beyond the end": edit_header(
        lambda h: {**h, "stack.norm.bias": {**h["stack.norm.bias"], "data_offsets": [0, LARGE]}}
    ),
    "shape of a million gigabytes": edit_header(
        lambda h: {**h, "stack.norm.bias": {**h["stack.norm.bias"], "shape": [LARGE, 1000]}}
    ),
    "shape that overflows": edit_header(
        lambda h: {**h, "stack.norm.bias": {**h["stack.norm.bias"], "shape": [2**40, 2**40]}}
    ),
    "no meta data": edit_header(lambda header: {**header, "__metadata__": {}}),
    "meta data is a list": edit_weights(lambda tensors, meta: [1]),
    "meta data without a vocabulary": edit_weights(lambda tensors, meta: {"n_known": 5}),
    "a vocabulary of 10^12 pieces": edit_weights(lambda tensors, meta: {**meta, "n_known": LARGE}),
    "a vocabulary of -5 pieces": edit_weights(lambda tensors, meta: {**meta, "n_known": -5}),
    "a vocabulary of many pieces": edit_weights(lambda tensors, meta: {**meta, "n_known": "many"}),
    "vocabulary is truncated": edit_weights(lambda t, meta: {**meta, "tokenizer": meta["tokenizer"][:200]}),
    "vocabulary is a number": edit_weights(lambda tensors, meta: {**meta, "tokenizer": 5}),
    "a piece beyond the table": edit_weights(set_piece),
    "a tensor is missing": edit_weights(lambda tensors, meta: tensors.pop("stack.norm.bias") is None or meta),
    "a tensor too many": edit_weights(lambda tensors, meta: tensors.update(more=torch.zeros(2))),
    "a tensor of another shape": edit_weights(lambda t, meta: t.update({"stack.norm.bias": torch.zeros(7)})),
    "a tensor with NaN": edit_weights(set_first(float("nan"))),
    "a tensor with infinity": edit_weights(set_first(float("inf"))),
    "a scale that blows up": edit_weights(lying_scale),
    "complex numbers": edit_weights(lambda t, meta: t.update({"stack.norm.bias": torch.zeros(32, dtype=torch.cfloat)})),
    "settings are no JSON": write(CFG, b"{nothing"),
    "settings are a list": write(CFG, b"[1, 2]"),
    "settings are an empty list": write(CFG, b"[]"),
    "settings are a nest": write(CFG, b"[" * 200_000),
    "threshold is a word": edit_json(CFG, lambda cfg: {**cfg, "threshold": "high"}),
    "threshold is NaN": edit_json(CFG, lambda cfg: {**cfg, "threshold": float("nan")}),
    "threshold is a list": edit_json(CFG, lambda cfg: {**cfg, "threshold": [0.5]}),
    "configured is a number": edit_json(CFG, lambda cfg: {**cfg, "configured": 5}),
    "pretrained leads out": edit_config("pretrained = null", 'pretrained = "../../../../../../etc/hostname"'),
    "pretrained is absolute": edit_config("pretrained = null", 'pretrained = "{path}/sentence_segmenter/model"'),
    "a width of 10^12": edit_config("hidden_width = 32", f"hidden_width = {LARGE}"),
    "10^9 layers": edit_config("n_layers = 2", f"n_layers = {10**9}"),
    "topics: labels are numbers": edit_weights(lambda t, meta: {**meta, "labels": [1, 2, 3]}, "topic_segmenter", 0),
    "topics: labels are a word": edit_weights(lambda t, meta: {**meta, "labels": "abc"}, "topic_segmenter", 0),
    "topics: inputs of 10^12": edit_weights(lambda t, m: {**m, "input_width": LARGE}, "topic_segmenter", 0),
    "topics: a tensor with NaN": edit_weights(set_first(float("nan")), "topic_segmenter", 0),
    "topics: model is a pickle": write("topic_segmenter/model", canary),
    "topics: settings are a list": write("topic_segmenter/cfg", b"[1]"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_planted_pipeline_has_a_coded_error(case, pipeline, nothing_happens):
    PLANTED[case](pipeline)
    before = snapshot(pipeline) if "pipe without" not in case else None
    with pytest.raises(ValueError, match=r"\[SEG[23]\d\d\]"):
        spacy.load(pipeline)
    assert before is None or snapshot(pipeline) == before


@pytest.mark.parametrize("planted", [{"project": "x"}, {"window": 0}])
def test_options_are_those_of_the_config_whatever_the_model_file_says(planted, pipeline, nothing_happens):
    text = "It rained. We went home."
    expected = spacy.load(pipeline)(text).to_json()
    edit_model(lambda c: c["attrs"][1].update({k: srsly.msgpack_dumps(v) for k, v in planted.items()}))(pipeline)
    assert spacy.load(pipeline)(text).to_json() == expected


def test_the_pipeline_loads_when_nothing_is_planted(pipeline, nothing_happens):
    doc = spacy.load(pipeline)("One. Two.")
    assert doc.spans["topics"]


@pytest.mark.parametrize(
    "case", [c for c in PLANTED if c.startswith(("model is a pickle", "head of", "weights", "a tensor"))]
)
def test_planted_bytes_have_a_coded_error(case, pipeline, nothing_happens):
    PLANTED[case](pipeline)
    data = srsly.msgpack_dumps(
        {"cfg": (pipeline / CFG).read_bytes(), "vocab": b"", "model": (pipeline / MODEL).read_bytes()}
    )
    pipe = make_tiny().get_pipe("sentence_segmenter")
    with pytest.raises(ValueError, match=r"\[SEG3\d\d\]"):
        pipe.from_bytes(data, exclude=["vocab"])


def checkpoint(arrays=None, metadata=None):
    return save(arrays or {"0.weights": torch.zeros(2)}, {"steps": "1"} if metadata is None else metadata)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        checkpoint(metadata={}),
        checkpoint(metadata={"steps": "many"}),
        checkpoint(metadata={"steps": "-1"}),
        checkpoint(metadata={"steps": str(LARGE)}),
        checkpoint({"0.weights": torch.full((2,), float("nan"))}),
        checkpoint()[:-3],
        struct.pack("<Q", 200_000) + b"[" * 200_000,
        struct.pack("<Q", 2) + b"[]",
    ],
)
def test_planted_checkpoint_has_a_coded_error(data, tmp_path, nothing_happens):
    (tmp_path / "state").write_bytes(data)
    with pytest.raises(ValueError, match="SEG420"):
        AdamW(checkpoint=str(tmp_path / "state"))


def test_a_pickled_checkpoint_is_not_opened(tmp_path, nothing_happens):
    (tmp_path / "state").write_bytes(canary(tmp_path))
    with pytest.raises(ValueError, match="SEG420"):
        read_checkpoint(tmp_path / "state")


def test_the_canary_sings(tmp_path):
    pickle.loads(canary(tmp_path))
    assert (tmp_path / "code_was_run").exists()
