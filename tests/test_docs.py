"""Shell commands of README, guides and configurations: commands and options that exist. Their Python blocks run as tests."""

import re
import shlex
from itertools import pairwise

import pytest
import srsly
from spacy.cli._util import app
from spacy.util import load_config, registry
from test_configs import has
from test_project import ROOT
from typer.main import get_command

from spacy_segment import __version__

PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
CONFIGS = sorted(f"configs/{path.name}" for path in (ROOT / "configs").glob("*.cfg"))
SPACY = "python -m spacy "
registry.cli.get_all()  # ours are entry points


def shell_commands(text):
    """What a page calls of spaCy in blocks and between backticks, or a configuration in its comments, as words."""
    text = re.sub(r"\\\n(# )?", " ", text)
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(python -m spacy [^`\n]+|segment-[^`\n]+)`", text)
    lines += re.findall(r"^#   (python .*)", text, re.MULTILINE)
    for line in lines:
        for part in re.split(r" && | \| ", line):
            if part.startswith((SPACY, "segment-")):
                yield shlex.split(part.removeprefix(SPACY), comments=True)


def faults(words):
    """Options and commands among the words that do not exist. What overrides a configuration has to be a setting of it."""
    command, name = get_command(app), []
    while words and words[0] in getattr(command, "commands", {}):
        name.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if not name:
        return [" ".join(words)]
    known = {option for parameter in command.params for option in parameter.opts}
    given = [word for word in words if re.fullmatch(r"--?[a-z][\w.-]*", word)]
    config = next((load_config(ROOT / word, interpolate=False) for word in words if word in CONFIGS), {})
    wrong = [word for word in given if not (word in known or has(config, word[2:]) or is_var(word))]
    wrong += [value for word, value in pairwise(words) if word.startswith("--vars.") and value.startswith("--")]
    return [f"{' '.join(name)} {word}" for word in wrong]


def is_var(word):
    """Whether it sets a variable of project.yml that is there."""
    return word.startswith("--vars.") and f"\n  {word[7:]}: " in (ROOT / "project.yml").read_text()


@pytest.mark.parametrize("page", PAGES + CONFIGS)
def test_shell_commands_exist(page):
    assert [fault for words in shell_commands((ROOT / page).read_text()) for fault in faults(words)] == []


def test_shell_commands_are_found_and_their_faults_too():
    block = "cat a | python -m spacy segment --bad \\\n    --topics\npython -m spacy segmet"
    text = f"`segment-card x`\n```\n{block}\n```\n"
    commands = list(shell_commands(text))
    assert commands == [["segment", "--bad", "--topics"], ["segmet"], ["segment-card", "x"]]
    assert [fault for words in commands for fault in faults(words)] == ["segment --bad", "segmet"]
    assert faults(["train", "configs/adapt.cfg", "--paths.train", "x", "--paths.trian", "x"]) == ["train --paths.trian"]
    assert faults(["project", "run", "all", "--vars.gpu", "0", "--vars.gpo", "0"]) == ["project run --vars.gpo"]
    assert faults(["project", "run", "all", "--vars.topics_options", " --a b"]) == []
    assert faults(["project", "run", "all", "--vars.topics_options", "--a b"]) == ["project run --a b"]


def test_every_reference_names_its_authors_and_where_it_is():
    citation = srsly.read_yaml(ROOT / "CITATION.cff")
    assert citation["version"] == __version__
    for reference in citation["references"]:
        assert all({"family-names", "given-names"} == set(author) for author in reference["authors"])
        assert ("doi" in reference) != ("url" in reference), reference["title"]


def test_the_changes_name_the_version():
    """Either as a section, or as the one that is to be released first."""
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {__version__}\n" in changes or f"the first will be {__version__}." in changes
