"""Wheels: built by `spacy package`, installed in a fresh environment, loaded offline."""

import io
import json
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import TEXTS, make_tiny
from spacy.cli.package import package
from spacy.language import Language
from spacy.training import Example

from spacy_segment.cli.card import write

pytest.importorskip("wheel")

TEXT = " ".join(TEXTS[0])
CHECK = """
import json, socket, sys
def refuse(*args): raise OSError("the network was used")
socket.socket.connect = refuse
import spacy
nlp = spacy.load(sys.argv[1])
doc = nlp(sys.argv[2])
print(json.dumps({
    "file": __import__(sys.argv[1]).__file__,
    "meta": nlp.meta["segment"],
    "pipes": nlp.pipe_names,
    "sents": [sent.start_char for sent in doc.sents],
    "topics": [topic.start_char for topic in doc.spans["topics"]],
    "tags": [token.tag_ for token in doc],
    "ents": [ent.start_char for ent in doc.ents],
}))
"""


def build(nlp: Language, folder: Path, name: str) -> Path:
    """Card and wheel of a pipeline. RETURNS (Path): The wheel."""
    nlp.meta.update(name=name, version="1.2.3", description="A test.", license="MIT")
    write(nlp, folder / "card", {}, [])
    (folder / "packages").mkdir()
    package(folder / "card", folder / "packages", create_sdist=False, create_wheel=True)
    (wheel,) = folder.rglob("*.whl")
    return wheel


def load_elsewhere(wheel: Path, folder: Path, name: str) -> dict:
    """Install the wheel in a fresh virtual environment that sees the packages of this one; load it in a new process."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    (purelib,) = (folder / "venv" / "lib").glob("python*/site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (purelib / "others.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in others))
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    command = [python, "-c", CHECK, name, TEXT]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env, cwd=folder)
    return json.loads(done.stdout.splitlines()[-1])


def make_combined() -> Language:
    """Tagger, entities and both of ours."""
    nlp = make_tiny("en")
    nlp.add_pipe("topic_segmenter")
    doc = nlp.make_doc(TEXT)
    annotations = {"tags": ["A", "B"] * (len(doc) // 2) + ["A"] * (len(doc) % 2), "entities": [(4, 10, "THING")]}
    example = Example.from_dict(doc, annotations)
    for name in ("tagger", "ner"):
        nlp.add_pipe(name, first=True).initialize(lambda: [example], nlp=nlp)
    return nlp


@pytest.mark.slow
def test_a_combined_wheel_loads_offline_in_a_fresh_environment(tmp_path):
    nlp = make_combined()
    wheel = build(nlp, tmp_path, "topics_tiny_sm")
    found = load_elsewhere(wheel, tmp_path, "en_topics_tiny_sm")
    doc = nlp(TEXT)
    assert Path(found["file"]).is_relative_to(tmp_path / "venv")
    assert found["pipes"] == nlp.pipe_names == ["ner", "tagger", "sentence_segmenter", "topic_segmenter"]
    assert found["sents"] == [sent.start_char for sent in doc.sents]
    assert found["topics"] == [topic.start_char for topic in doc.spans["topics"]]
    assert found["tags"] == [token.tag_ for token in doc]
    assert found["ents"] == [ent.start_char for ent in doc.ents]
    assert found["meta"]["settings"]["topic_segmenter"]["threshold"] is None


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


def is_pickle(data: bytes) -> bool:
    """A pickle, or an archive that may hold one, as torch writes."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        return True
    try:
        list(pickletools.genops(data))
    except ValueError:
        return False
    return bool(data)
