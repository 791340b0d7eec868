"""No network, no cache, no code out of data: what the source may call, and a run with sockets blocked."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "spacy_segment"
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "torch.save", "os.system", "os.popen"}
FORBIDDEN_MODULES = {"pickle", "dill", "joblib", "shelve", "marshal", "yaml", "requests", "urllib", "http"}
# Calls that read from Hugging Face, and what each has to say.
GUARDS = {"from_pretrained": {"trust_remote_code": False}, "from_config": {"trust_remote_code": False}}


def faults(source):
    """Lines of a source that the rules forbid."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if not node.level else []
        else:
            names = []
        yield from (f"{node.lineno}: imports {n}" for n in names if n.split(".")[0] in FORBIDDEN_MODULES)
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {k.arg: k.value for k in node.keywords}
        if name in FORBIDDEN_CALLS or name.split(".")[0] in FORBIDDEN_MODULES:
            yield f"{node.lineno}: calls {name}"
        if "shell" in keywords:
            yield f"{node.lineno}: asks for a shell"
        wanted = GUARDS.get(name.split(".")[-1])
        if wanted and (None in keywords or any(_value(keywords.get(k)) is not v for k, v in wanted.items())):
            yield f"{node.lineno}: {name} without {wanted}"
        if name == "AutoModel.from_pretrained" and _value(keywords.get("use_safetensors")) is not True:
            yield f"{node.lineno}: {name} may open a pickle"


def _value(node):
    return node.value if isinstance(node, ast.Constant) else None


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_source_runs_no_code_out_of_data(path):
    assert list(faults(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval(x)",
        "import pickle",
        "from pickle import loads",
        "torch.load(f)",
        "yaml.load(f)",
        "subprocess.run(x, shell=True)",
        "AutoConfig.from_pretrained(x)",
        "AutoConfig.from_pretrained(x, trust_remote_code=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=False)",
        "AutoModel.from_pretrained(x, **settings)",
        "AutoModel.from_config(x)",
    ],
)
def test_the_rules_find_what_they_forbid(source):
    assert list(faults(source))


def test_no_shipped_file_is_a_pickle():
    for path in (PACKAGE / "pretrained").iterdir():
        size = int.from_bytes(path.read_bytes()[:8], "little")
        assert path.suffix == ".safetensors"
        assert path.read_bytes()[8:9] == b"{"
        assert 0 < size < path.stat().st_size


RUN = """
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit("the network was used")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = refuse
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("sentence_segmenter")
nlp.add_pipe("topic_segmenter")
nlp.to_disk(sys.argv[1])
for pipeline in (nlp, spacy.load(sys.argv[1])):
    doc = pipeline("It rained. We left.")
    assert len(list(doc.sents)) == 2 and doc.spans["topics"]
"""


def test_loading_and_predicting_use_no_network_and_no_cache(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    names = ("HOME", "HF_HOME", "XDG_CACHE_HOME", "TRANSFORMERS_CACHE", "TORCH_HOME")
    run = subprocess.run(
        [sys.executable, "-B", "-c", RUN, str(tmp_path / "model")],
        env={**os.environ, **dict.fromkeys(names, str(home)), "HF_HUB_OFFLINE": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert not list(home.rglob("*"))
