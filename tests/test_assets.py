"""Data folders against the checksums of a project, as weasel does not check them."""

import hashlib

import pytest
import srsly
from typer.testing import CliRunner

from spacy_segment.cli.data import data_app
from spacy_segment.training.assets import verify

TEXT = "One sentence.\nAnother one.\n"


@pytest.fixture
def project(tmp_path):
    """A project with an asset with a checksum and one without, both fetched, and a file that is no asset."""
    folder = tmp_path / "assets" / "sentences" / "news"
    folder.mkdir(parents=True)
    for name in ("en_a.test.txt", "en_b.test.txt", "en_c.test.txt"):
        (folder / name).write_text(TEXT)
    checksum = hashlib.md5(TEXT.encode()).hexdigest()
    assets = [
        {"dest": "assets/sentences/news/en_a.test.txt", "url": "https://example.org/a", "checksum": checksum},
        {"dest": "assets/sentences/news/en_b.test.txt", "url": "https://example.org/b"},
    ]
    srsly.write_yaml(tmp_path / "project.yml", {"assets": assets})
    return tmp_path


def check(project, data="assets"):
    return verify(project / data, project / "project.yml", project / "corpus" / "files.tsv")


def test_files_are_listed_with_how_they_were_checked(project):
    assert check(project) == (3, 1)
    rows = [line.split("\t") for line in (project / "corpus" / "files.tsv").read_text().splitlines()]
    assert [(row[0][-13:], row[2]) for row in rows[1:]] == [
        ("en_a.test.txt", "checksum"),
        ("en_b.test.txt", "none"),
        ("en_c.test.txt", "none"),
    ]


def test_wrong_and_missing_files_are_all_named_and_nothing_is_written(project):
    folder = project / "assets" / "sentences" / "news"
    (folder / "en_a.test.txt").write_text(TEXT.upper())
    (folder / "en_b.test.txt").unlink()
    with pytest.raises(ValueError, match=r"SEG113.*en_b.test.txt is missing.*en_a.test.txt has MD5"):
        check(project)
    assert not (project / "corpus").exists()


def test_another_folder_needs_no_assets(project):
    (project / "mine" / "topics").mkdir(parents=True)
    assert check(project, "mine") == (0, 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("assets", "3 files in {out}; with a checksum in {yml}, and right: 1"),
        ("mine", "0 files in {out}; none was compared, for {yml} has no checksum of them"),
    ],
)
def test_command_says_what_was_compared(project, data, said):
    out, yml = project / "out.tsv", project / "project.yml"
    (project / data).mkdir(exist_ok=True)
    result = CliRunner().invoke(data_app, ["verify", str(project / data), str(out), "--project", str(yml)])
    assert said.format(out=out, yml=yml) in " ".join(result.stdout.split())


def test_command_fails_in_one_line(project):
    (project / "assets" / "sentences" / "news" / "en_a.test.txt").write_text("")
    arguments = [
        "verify",
        project / "assets",
        project / "out.tsv",
        "--project",
        project / "project.yml",
    ]
    result = CliRunner().invoke(data_app, [str(a) for a in arguments])
    assert result.exit_code == 1
    assert "SEG113" in result.stderr
    assert not (project / "out.tsv").exists()


def test_issue_a_folder_without_data_was_right(project):
    with pytest.raises(ValueError, match="SEG110"):
        check(project, "nothing")


@pytest.mark.parametrize("content", [None, "- a\n- b\n", "assets: [1]\n", "a: [\n"])
def test_issue_a_project_that_cannot_be_read_had_no_code(project, content):
    path = project / "project.yml"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ValueError, match="SEG113"):
        check(project)


def test_a_project_without_assets_and_assets_that_are_folders(project):
    (project / "project.yml").write_text("assets:\n")
    assert check(project) == (3, 0)
    srsly.write_yaml(project / "project.yml", {"assets": [{"dest": "assets/sentences/news", "git": {}}]})
    assert check(project) == (3, 0)
