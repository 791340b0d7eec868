"""Rules of the house: what may import what, what is registered, what is shipped."""

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import spacy
from spacy.util import registry

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "spacy_segment"
# In a fixed order: every worker of pytest-xdist has to collect the same tests.
OURS = sorted(
    (e for group in entry_points().groups for e in entry_points(group=group) if e.value.startswith("spacy_segment.")),
    key=lambda e: (e.group, e.name),
)


def imports(path):
    """Modules that a file imports, those of the package from its root."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            yield base + (node.module or "")


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        (
            "align.py decoding.py metrics.py text.py types.py errors.py files.py loss.py scorers.py curves.py card.py tables.py",
            ["torch", "transformers"],
        ),
        ("models/torch/*.py", ["spacy.", "thinc"]),
        (
            "pipeline/*.py __init__.py",
            ["torch", "transformers", "tokenizers", "spacy_segment.models", "spacy_segment.cli"],
        ),
        ("models/*.py training/*.py *.py", ["spacy_segment.cli"]),
        ("visualize/*.py", ["torch", "transformers", "spacy_segment.models", "spacy_segment.cli"]),
    ],
)
def test_floors(files, forbidden):
    paths = [path for pattern in files.split() for path in PACKAGE.glob(pattern)]
    assert paths
    for path in paths:
        for name in imports(path):
            wrong = [f for f in forbidden if name == f.rstrip(".") or name.startswith(f.rstrip(".") + ".")]
            assert not wrong, f"{path} imports {name}"


def test_importing_does_not_import_torch():
    check = "import spacy_segment, sys; sys.exit('torch' in sys.modules or 'spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


@pytest.mark.parametrize("entry", OURS, ids=lambda e: e.name)
def test_every_entry_point_resolves(entry):
    assert callable(entry.load())


def test_names_are_versioned_and_registered():
    names = {e.name for e in OURS if e.group not in ("spacy_factories", "spacy_cli")}
    assert len(names) >= 17
    assert all(name.startswith("spacy_segment.") and name.endswith(".v1") for name in names)
    assert registry.architectures.get("spacy_segment.SaT.v1")
    assert "sentence_segmenter" in spacy.blank("xx").factory_names


def test_package_data_is_small():
    sizes = {p.stem: p.stat().st_size for p in (PACKAGE / "pretrained").glob("*")}
    assert sizes["sentences"] < 14 * 10**6
    assert sizes["topics"] < 11 * 10**6
    assert sum(sizes.values()) < 25 * 10**6
