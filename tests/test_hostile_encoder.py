"""Planted directories of Hugging Face encoders: a coded error each time, no code run, no other model read."""

import json
import struct
from contextlib import suppress

import pytest
import torch
from planted import canary, snapshot
from safetensors.torch import load_file, save_file

from spacy_segment.models.checkpoints import build_config
from spacy_segment.models.encoder import HFEncoder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{c}" for c in "abcdefgh")]
SIZES = dict(
    vocab_size=len(WORDS),
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=64,
)
CODE = "import os\nos.mkdir({path!r})\nfrom transformers import BertModel, BertConfig\nclass Evil(BertModel): pass\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bytes of the files of a tiny random BERT."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    path = tmp_path_factory.mktemp("bert")
    (path / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab_file=str(path / "vocab.txt")).save_pretrained(path)
    BertModel(BertConfig(**SIZES)).save_pretrained(path, safe_serialization=True)
    return {p.name: p.read_bytes() for p in path.iterdir()}


@pytest.fixture
def bert(files, tmp_path):
    path = tmp_path / "bert"
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def edit(name, **values):
    """Change values of a JSON file; `CODE` in them becomes the path of a planted module."""

    def plant(path):
        (path / "evil.py").write_text(CODE.format(path=str(path.parent / "code_was_run")))
        content = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps({**content, **values}))

    return plant


def edit_weights(change):
    def plant(path):
        tensors = load_file(path / "model.safetensors")
        change(tensors)
        save_file(tensors, path / "model.safetensors", {"format": "pt"})

    return plant


def only_pickle(path):
    (path / "model.safetensors").unlink()
    (path / "pytorch_model.bin").write_bytes(canary(path.parent))


def index(target):
    """Weights in parts, one of which is said to lie elsewhere."""

    def plant(path):
        names = list(load_file(path / "model.safetensors"))
        (path / "model.safetensors").rename(path.parent / "elsewhere.safetensors")
        where = target.format(path=path.parent)
        content = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, where)}
        (path / "model.safetensors.index.json").write_text(json.dumps(content))

    return plant


def adapter(path):
    (path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "other/model"}))


def write(name, data):
    return lambda path: (path / name).write_bytes(data)


AUTO = {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil", "AutoTokenizer": ["evil.Evil", "evil.Evil"]}
PLANTED = {
    "weights are a pickle of torch": only_pickle,
    "weights are a pickle by the right name": lambda path: write("model.safetensors", canary(path.parent))(path),
    "weights are truncated": lambda path: write("model.safetensors", (path / "model.safetensors").read_bytes()[:-200])(
        path
    ),
    "header of 2^60 bytes": write("model.safetensors", struct.pack("<Q", 2**60) + b"{}"),
    "weights lie elsewhere": index("{path}/elsewhere.safetensors"),
    "weights lie above": index("../elsewhere.safetensors"),
    "a tensor is missing": edit_weights(lambda t: t.pop("encoder.layer.0.output.dense.weight")),
    "a tensor of another shape": edit_weights(lambda t: t.update({"embeddings.LayerNorm.bias": torch.zeros(3)})),
    "a tensor with NaN": edit_weights(lambda t: t["embeddings.LayerNorm.bias"].fill_(float("nan"))),
    "code of its own for a new type": edit("config.json", model_type="evil", auto_map=AUTO),
    "code of its own in place of BERT": edit("config.json", model_type=None, auto_map=AUTO),
    "a detector with a backbone on the hub": edit("config.json", model_type="detr", backbone="resnet50"),
    "a type that is no text": edit("config.json", model_type="vit"),
    "a type that is a list": edit("config.json", model_type=["bert"]),
    "10^12 pieces": edit("config.json", vocab_size=10**12),
    "10^9 layers": edit("config.json", num_hidden_layers=10**9),
    "10^6 layers": edit("config.json", num_hidden_layers=10**6),
    "10^12 positions": edit("config.json", max_position_embeddings=10**12),
    "a width that is a word": edit("config.json", hidden_size="wide"),
    "no heads": edit("config.json", num_attention_heads=0),
    "configuration is no JSON": write("config.json", b"{"),
    "configuration is a list": write("config.json", b"[]"),
    "configuration is a nest": write("config.json", b"[" * 200_000),
    "an adapter of another model": adapter,
    "vocabulary is truncated": lambda path: write("tokenizer.json", (path / "tokenizer.json").read_bytes()[:300])(path),
    "vocabulary larger than the table": edit(
        "tokenizer.json",
        model={
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {**{w: i for i, w in enumerate(WORDS)}, "z": 5000},
        },
    ),
    "nothing at all": lambda path: [p.unlink() for p in path.iterdir()],
}


@pytest.mark.parametrize("case", PLANTED)
def test_planted_encoder_has_a_coded_error(case, bert, nothing_happens):
    PLANTED[case](bert)
    before = snapshot(bert)
    with pytest.raises(ValueError, match="SEG310") as error:
        HFEncoder(str(bert), dtype="float32").initialize()
    assert str(bert.parent) not in str(error.value).split(":")[0]
    assert snapshot(bert) == before


@pytest.mark.parametrize("plant", [edit("config.json", auto_map=AUTO), edit("tokenizer_config.json", auto_map=AUTO)])
def test_code_beside_a_known_type_is_not_run(plant, bert, nothing_happens):
    plant(bert)
    with suppress(ValueError):  # whether it loads does not matter
        HFEncoder(str(bert), dtype="float32").initialize()


def test_the_encoder_loads_when_nothing_is_planted(bert, nothing_happens):
    model = HFEncoder(str(bert), dtype="float32")
    model.initialize()
    assert model.get_dim("nO") == 32


def test_a_saved_encoder_with_a_planted_configuration(bert, nothing_happens):
    model = HFEncoder(str(bert), dtype="float32")
    model.initialize()
    shim = model.shims[0]
    good, tensors = shim.meta, {k: v.clone() for k, v in shim.module.state_dict().items()}
    for change in (
        {"num_hidden_layers": 10**6},
        {"vocab_size": 10**12},
        {"model_type": "detr", "backbone": "resnet50"},
        {"model_type": None},
    ):
        with pytest.raises(ValueError, match="SEG300"):
            shim.restore(tensors, {**good, "config": {**good["config"], **change}})
    for special in ([2, 3, 10**6], [None, None, None]):
        with pytest.raises(ValueError, match="SEG300"):
            shim.restore(tensors, {**good, "special": special})
    shim.restore(tensors, good)


def test_configurations_keep_nothing_that_names_code():
    config = build_config(
        {"model_type": "bert", "auto_map": AUTO, "quantization_config": {}, "torch_dtype": "x", **SIZES}
    )
    assert config.hidden_size == 32
    assert not {"auto_map", "quantization_config"} & set(config.to_dict())
