"""`spacy segment` when something is wrong: broken input, a full disk, a reader that leaves, Ctrl-C."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_segment.cli import outputs, segment
from spacy_segment.cli.inputs import decode_parts
from spacy_segment.files import atomic_file

RUNNER = CliRunner()
JSON = '{{"text": {}}}\n'


def invoke(model, *arguments):
    return RUNNER.invoke(app, ["segment", *map(str, arguments), "--model", model])


FILES = {
    "half a pair.jsonl": JSON.format('"a\\ud800b"'),
    "nest.jsonl": "[" * 100_000,
    "list.jsonl": "[]",
    "no text.jsonl": JSON.format("null"),
    "number.jsonl": "1" * 10_000,
    "not utf.jsonl": b'{"text": "\xff"}',
    "utf-16.txt": "Ä text.".encode("utf-16"),
    "latin.txt": "good\ngrün\n".encode("latin-1"),
    "no.txt.gz": b"this is no archive",
    "half.txt.gz": gzip.compress(b"It rained. " * 900)[:-30],
    "flipped.jsonl.gz": gzip.compress(b'{"text": "It rained."}\n' * 900)[:-30],
}


@pytest.mark.parametrize("name", FILES)
def test_broken_input_is_one_coded_line_with_its_place(model, tmp_path, name):
    content = FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = invoke(model, path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "SEG132" in result.stderr
    assert f"{name}, line " in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("pattern", ["", "[", "a\0b", "nothing/**"])
def test_patterns_that_find_nothing(model, pattern):
    result = invoke(model, pattern)
    assert result.exit_code == 1
    assert "SEG131" in result.stderr


def test_issue_files_whose_names_look_like_patterns(model, tmp_path):
    for name in ("[2021].txt", "2.txt", "what?.txt"):
        (tmp_path / name).write_text("It rained.")
    for pattern, name in (("[2021].txt", "[2021].txt"), ("what?.txt", "what?.txt"), ("[2021]*.txt", "2.txt")):
        result = invoke(model, tmp_path / pattern, "-f", "jsonl")
        assert json.loads(result.stdout)["id"] == str(tmp_path / name)


@pytest.mark.parametrize("name", ["{locked}", "x" * 5000 + ".txt"])
def test_issue_input_that_cannot_be_looked_at_was_output_that_cannot_be_written(model, locked, name):
    result = invoke(model, name.format(locked=locked))
    assert result.exit_code == 1
    assert "✘ [SEG132]" in result.stderr


@pytest.mark.parametrize("output_format", ["text", "html", "spacy"])
def test_issue_a_failed_command_left_empty_folders(model, tmp_path, output_format):
    (tmp_path / "latin.txt").write_bytes(b"gr\xfcn")
    (tmp_path / "new").mkdir()
    arguments = ["-f", output_format, "-o"]
    assert "SEG132" in invoke(model, tmp_path / "latin.txt", *arguments, tmp_path / "new" / "a" / "b" / "out").stderr
    assert list((tmp_path / "new").iterdir()) == []
    assert "SEG139" in invoke(model, tmp_path / "latin.txt", *arguments, tmp_path / "a" / ("x" * 300) / "out").stderr
    assert not (tmp_path / "a").exists()


def test_a_failed_command_leaves_folders_that_hold_something(tmp_path):
    def fail():
        (tmp_path / "a" / "other").write_text("of another command")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "a" / "b" / "out"):
        fail()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["other"]


def test_a_folder_without_files_and_a_record_without_a_text(model, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ".hidden").write_text("It rained.")
    assert "folders that hold files" in " ".join(invoke(model, tmp_path / "folder").stderr.split())
    (tmp_path / "a.jsonl").write_text('{"txt": "It rained."}')
    assert 'under the key "text", got none' in " ".join(invoke(model, tmp_path / "a.jsonl").stderr.split())


@pytest.mark.parametrize("content", ["", " \n\n ", "\ufeff", "\x00\x00", "x" * 30_000, "\r\r\n\u2028\x85"])
def test_odd_texts_are_no_error(model, tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content.encode())
    for output_format in ("text", "jsonl", "conllu"):
        assert invoke(model, tmp_path / "a.txt", "-f", output_format).exit_code == 0


@pytest.mark.parametrize(
    ("components", "arguments", "code"),
    [
        ([], [], "SEG133"),
        (["sentencizer"], ["--threshold", "0.3"], "SEG135"),
        (["sentencizer"], ["-l", "xx"], None),
    ],
)
def test_pipelines_of_others(tmp_path, components, arguments, code):
    nlp = spacy.blank("xx")
    for name in components:
        nlp.add_pipe(name)
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "a.txt").write_text("It rained. We left.")
    result = invoke(str(tmp_path / "model"), tmp_path / "a.txt", *arguments)
    if code is None:
        assert result.stdout.splitlines() == ["It rained.", "We left."]
    else:
        assert result.exit_code == 1
        assert code in result.stderr


def test_output_that_cannot_be_written(model, tmp_path):
    (tmp_path / "a.txt").write_text("It rained.")
    (tmp_path / "folder").mkdir()
    for output in (tmp_path / "folder", tmp_path / "a.txt" / "b"):
        result = invoke(model, tmp_path / "a.txt", "-o", output)
        assert result.exit_code == 1
        assert "SEG139" in result.stderr
    assert (tmp_path / "a.txt").read_text() == "It rained."


@pytest.mark.parametrize("output_format", ["text", "html", "spacy"])
def test_issue_a_folder_as_the_output_was_refused_after_the_work(model, tmp_path, output_format):
    (tmp_path / "broken.txt").write_bytes(b"\xff")  # the work would stop at this
    (tmp_path / "folder").mkdir()
    result = invoke(model, tmp_path / "broken.txt", "-f", output_format, "-o", tmp_path / "folder")
    assert (result.exit_code, "SEG139" in result.stderr) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.txt", "folder"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_reported_and_a_device_stays_a_device(model, tmp_path):
    (tmp_path / "a.txt").write_text("It rained.")
    before = os.stat("/dev/full").st_mode
    result = invoke(model, tmp_path / "a.txt", "-o", "/dev/full")
    assert result.exit_code == 1
    assert "SEG139" in result.stderr
    assert os.stat("/dev/full").st_mode == before


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with atomic_file(tmp_path / "pipe") as file:
        file.write(b"text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_links_and_modes_stay(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_file(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o600


def test_no_docbin_appears_unless_all_do(model, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "DOCBIN_TOKENS", 5)
    lines = [json.dumps({"text": "It rained. We left."})] * 5
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "broken"]))
    (tmp_path / "out.spacy").write_bytes(b"old")
    result = invoke(model, tmp_path / "a.jsonl", "-f", "spacy", "-o", tmp_path / "out.spacy")
    assert "SEG132" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "out.spacy"]
    assert (tmp_path / "out.spacy").read_bytes() == b"old"
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert invoke(model, tmp_path / "a.jsonl", "-f", "spacy", "-o", tmp_path / "out.spacy").exit_code == 0
    assert {"out.spacy", "out-2.spacy"} <= {p.name for p in tmp_path.iterdir()}


def test_one_huge_line_is_read_in_parts():
    parts = list(decode_parts(io.BytesIO(b"a" * (3 << 20)), "x"))
    assert len(parts) == 3


def test_a_text_without_an_end_of_a_sentence_makes_progress(trained, monkeypatch):
    monkeypatch.setattr(segment, "BLOCK", 200)
    source = segment.Source("x", ["a" * 1000, " b" * 500])
    found = list(segment.segment_source(trained, source))
    assert "".join(doc.text for _, doc in found) == "a" * 1000 + " b" * 500
    assert [offset for offset, _ in found][:2] == [0, len(found[0][1].text)]


COMMAND = [sys.executable, "-m", "spacy", "segment"]


def start(model, *arguments, **settings):
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments), "--model", model], preexec_fn=hear_ctrl_c, **{**pipes, **settings}
    )


def hear_ctrl_c():
    """A job in the background of a shell ignores it, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_reader_that_leaves_is_no_error(model, tmp_path):
    (tmp_path / "a.txt").write_text("It rained all night. " * 30_000)
    process = start(model, tmp_path / "a.txt")
    process.stdout.readline()
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    assert process.wait(120) == 0


def test_ctrl_c_leaves_no_half_written_file(model, tmp_path):
    (tmp_path / "out").write_text("old")
    process = start(model, "-", "-o", tmp_path / "out", "-f", "jsonl")
    process.stdin.write(b"It rained all night. " * 60_000)
    process.stdin.flush()  # two blocks are there, and more may come
    deadline = time.monotonic() + 120
    while not any(p.stat().st_size for p in tmp_path.glob(".out.*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(tmp_path.glob(".out.*"))  # it was in the middle of writing
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "old"
