"""Wheels: built by `spacy package`, installed in a fresh environment, loaded offline."""

import io
import json
import pickletools
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import routes
import spacy
from conftest import TEXTS, make_examples, make_tiny
from routes import MANY, NAMES, answers, fresh, learned, logits, parameters
from spacy.cli.package import package
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, load_model_from_config
from test_project import ROOT

from spacy_segment.cli.card import write

pytest.importorskip("wheel")

TEXT = " ".join(TEXTS[0])


def build(nlp: Language, folder: Path, name: str) -> Path:
    """Card and wheel of a pipeline. RETURNS (Path): The wheel."""
    nlp.meta.update(name=name, version="1.2.3", description="A test.", license="MIT")
    write(nlp, folder / "card", {}, [])
    (folder / "packages").mkdir()
    package(folder / "card", folder / "packages", create_sdist=False, create_wheel=True)
    (wheel,) = folder.rglob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """A fresh virtual environment with a wheel, that sees the packages of this one. RETURNS (Path): Its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    (purelib,) = (folder / "venv" / "lib").glob("python*/site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (purelib / "others.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in others))
    return python


def load_elsewhere(python: Path, name: str, folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Load an installed pipeline in a new process. RETURNS (tuple): What it says of itself, and its parameters and logits."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    command = [python, routes.__file__, name, folder / f"{name}.npz"]
    subprocess.run(command, check=True, env=env, cwd=folder)
    with np.load(folder / f"{name}.npz") as arrays:
        found = dict(arrays)
    return json.loads(str(found.pop("said"))), found


def combine(nlp: Language) -> Language:
    """Put a tagger and entities before ours."""
    doc = nlp.make_doc(TEXT)
    annotations = {"tags": ["A", "B"] * (len(doc) // 2) + ["A"] * (len(doc) % 2), "entities": [(4, 10, "THING")]}
    example = Example.from_dict(doc, annotations)
    for name in ("tagger", "ner"):
        nlp.add_pipe(name, first=True).initialize(lambda: [example], nlp=nlp)
    return nlp


@pytest.mark.parametrize(
    "state", [pytest.param("untrained", marks=pytest.mark.nightly), pytest.param("trained", marks=pytest.mark.slow)]
)
def test_a_combined_wheel_loads_offline_in_a_fresh_environment(trained, tmp_path, state):
    """Parameters, logits and the answers to fifty texts are the same there."""
    other = combine(fresh())
    nlp = combine(learned(trained)) if state == "trained" else other
    python = install(build(nlp, tmp_path, "topics_tiny_sm"), tmp_path)
    said, found = load_elsewhere(python, "xx_topics_tiny_sm", tmp_path)
    assert Path(said["file"]).is_relative_to(tmp_path / "venv")
    assert said["pipes"] == nlp.pipe_names == ["ner", "tagger", *NAMES]
    assert said["meta"]["settings"]["topic_segmenter"]["threshold"] is None
    assert said["answers"] == json.loads(json.dumps(answers(nlp.pipe(MANY))))
    assert (said["answers"] != json.loads(json.dumps(answers(other.pipe(MANY))))) == (state == "trained")
    wanted = parameters(nlp)
    for key, array in wanted.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)
    values = logits(nlp)
    for i, array in enumerate(values):
        np.testing.assert_allclose(found[f"logits {i}"], array, atol=1e-5)
    assert len(found) == len(wanted) + len(values)


def test_a_wheel_says_what_it_needs_and_holds_no_pickle(tmp_path):
    wheel = build(make_tiny(), tmp_path, "sents_tiny_sm")
    assert wheel.name == "xx_sents_tiny_sm-1.2.3-py3-none-any.whl"
    archive = zipfile.ZipFile(wheel)
    files = {name: archive.read(name) for name in archive.namelist()}
    metadata = next(data.decode() for name, data in files.items() if name.endswith("METADATA"))
    assert "Requires-Dist: spacy-segment<0.2.0,>=0.1.0" in metadata
    assert "# xx_sents_tiny_sm" in metadata
    assert any(name.endswith("sentence_segmenter/model") for name in files)
    assert [name for name, data in files.items() if is_pickle(data)] == []
    assert is_pickle(b"\x80\x04K\x01.")


def test_beside_a_shared_transformer_our_files_hold_no_pickle(bert, tmp_path):
    """Its own file does. Where it was read from is in none of them, and pip is told what it needs."""
    encoder = shutil.copytree(bert, tmp_path / "encoder")
    config = load_config(ROOT / "configs" / "sentences_shared_transformer.cfg", {"paths.encoder": str(encoder)})
    for name in ("tagger", "ner"):
        config["nlp"]["pipeline"].remove(name)
        del config["components"][name]
    nlp = load_model_from_config(config, auto_fill=True)
    nlp.initialize(lambda: make_examples(nlp))
    nlp.meta.update(name="shared_tiny_sm", description="A test.", license="MIT")
    write(nlp, tmp_path / "card", {}, [])
    shutil.rmtree(encoder)
    files = {
        path.relative_to(tmp_path / "card"): path.read_bytes()
        for path in (tmp_path / "card").rglob("*")
        if path.is_file()
    }
    assert [path for path, data in files.items() if is_pickle(data)] == [Path("transformer/model")]
    assert [path for path, data in files.items() if str(tmp_path).encode() in data] == []
    needed = json.loads(files[Path("meta.json")])["requirements"]
    assert [re.split("[<>]", requirement)[0] for requirement in needed] == ["spacy-segment", "spacy-transformers"]
    assert ", ".join(needed) in files[Path("README.md")].decode()
    again = spacy.load(tmp_path / "card")
    assert [token.is_sent_start for token in again(TEXT)] == [token.is_sent_start for token in nlp(TEXT)]


def is_pickle(data: bytes) -> bool:
    """A pickle, or an archive that may hold one, as torch writes."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        return True
    try:
        list(pickletools.genops(data))
    except ValueError:
        return False
    return bool(data)
