"""project.yml: what it has to offer, and that the README shows it as it is."""

import re
import shutil

import pytest
import srsly
from test_project import ROOT
from weasel.cli.document import project_document
from weasel.cli.run import project_run

PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
WANTED = ["convert", "corrupt", "train-sentences", "train-topics", "adapt", "evaluate", "benchmark", "plot", "package"]
WANTED += ["visualize", "clean", "all", "sentences", "topics", "smoke"]


@pytest.mark.parametrize("name", WANTED)
def test_commands_and_workflows(name):
    assert name in COMMANDS or name in PROJECT["workflows"]


@pytest.mark.parametrize("command", PROJECT["commands"], ids=lambda c: c["name"])
def test_commands_declare_what_they_read_and_write(command):
    assert command["deps"]
    assert command["outputs"]


@pytest.mark.parametrize("workflow", [name for name, steps in PROJECT["workflows"].items() if "convert" in steps])
def test_steps_come_after_what_they_need(workflow):
    written = {output for command in COMMANDS.values() for output in command.get("outputs", [])}
    there = {path for path in written if path.startswith("spacy_segment")}
    for step in PROJECT["workflows"][workflow]:
        assert not [path for path in COMMANDS[step]["deps"] if path in written and path not in there], step
        there |= set(COMMANDS[step]["outputs"])


@pytest.mark.parametrize("workflow", PROJECT["workflows"])
def test_no_step_writes_what_an_earlier_one_read_or_wrote(workflow):
    """Else a second run would not skip the earlier one."""
    before = set()
    for step in PROJECT["workflows"][workflow]:
        assert not before & set(COMMANDS[step]["outputs"]), step
        before |= {*COMMANDS[step]["deps"], *COMMANDS[step]["outputs"]}


@pytest.mark.parametrize("command", PROJECT["commands"], ids=lambda c: c["name"])
def test_embedded_weights_that_a_config_reads_are_among_the_deps(command):
    script = " ".join(command["script"])
    for path in re.findall(r"configs/\w+\.cfg", script):
        for name in re.findall(r'^(?:pretrained|vocabulary) = "(\w+)"', (ROOT / path).read_text(), re.MULTILINE):
            embeds = re.search(rf"training\.embed \S+ \w+ {name}$", command["script"][0])
            assert embeds or f"spacy_segment/pretrained/{name}.safetensors" in command["deps"]


def test_clean_removes_what_is_there_every_time(tmp_path):
    shutil.copy(ROOT / "project.yml", tmp_path)
    for _ in range(2):
        for folder in COMMANDS["clean"]["outputs"]:
            (tmp_path / folder).mkdir()
        project_run(tmp_path, "clean", capture=True)
        assert {path.name for path in tmp_path.iterdir()} == {"project.yml", "project.lock"}


def test_assets_are_pinned_and_have_names_that_convert_reads():
    from spacy_segment.training.formats import split_of

    for asset in PROJECT["assets"]:
        assert len([part for part in asset["url"].split("/") if len(part) == 40]) == 1, asset["url"]
        assert split_of(ROOT / asset["dest"])
        assert re.fullmatch("[0-9a-f]{32}", asset["checksum"]), asset["dest"]


def test_every_workflow_checks_the_data_first():
    for name in ("all", "sentences", "topics", "english", "embedded"):
        assert PROJECT["workflows"][name][:2] == ["verify", "convert"]
    assert set(COMMANDS["verify"]["outputs"]) <= set(COMMANDS["convert"]["deps"])


def test_the_readme_shows_the_project_and_is_short(tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    project_document(ROOT, tmp_path / "README.md", no_emoji=True)
    text = (ROOT / "README.md").read_text()
    assert (tmp_path / "README.md").read_text() == text
    assert len(text.splitlines()) <= 200
