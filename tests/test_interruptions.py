"""Training that is killed, a disk that is full: what was whole before is whole afterwards."""

import multiprocessing
import os
import random
import resource
import signal
import time

import numpy as np
import pytest
from conftest import make_examples, make_tiny, make_topic_examples, make_topics

from spacy_segment import files
from spacy_segment.training.optimizer import AdamW, read_checkpoint, remaining_steps

EVERY = 2
FORK = multiprocessing.get_context("fork")
MAKERS = {"sentence_segmenter": (make_tiny, make_examples), "topic_segmenter": (make_topics, make_topic_examples)}


def train(name, path, n_steps, done, kill_in=None):
    """Train on; `done` is the number of steps so far. With `kill_in`, die at that place of a save."""
    if kill_in is not None:
        die_at(kill_in)
    make, examples_of = MAKERS[name]
    nlp = make()
    optimizer = AdamW(0.01, checkpoint=str(path), every=EVERY)
    examples = examples_of(nlp)
    for _ in range(n_steps):
        nlp.update(examples, sgd=optimizer)
        optimizer.step_schedules()
        done.value = optimizer.n_steps


def die_at(place):
    """The third call of a function that a save needs kills the process, before or after it did its work."""
    name, when = place
    original, calls = getattr(os, name), []

    def deadly(*arguments):
        calls.append(1)
        if len(calls) == 3 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        original(*arguments)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(files.os, name, deadly)


def run_and_kill(name, path, seconds=None, kill_in=None, by=signal.SIGKILL):
    """RETURNS (int): Steps that were done when the process died."""
    done = FORK.Value("i", 0)
    process = FORK.Process(target=train, args=(name, path, 10_000, done, kill_in))
    process.start()
    if seconds is not None:
        deadline = time.monotonic() + 120
        while not done.value and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        os.kill(process.pid, by)
    process.join(120)
    assert process.exitcode == -by
    return done.value


def resume(name, path):
    done = FORK.Value("i", 0)
    process = FORK.Process(target=train, args=(name, path, 2 * EVERY, done))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    return done.value


def check_resumes(name, path, done):
    steps, arrays = read_checkpoint(path)
    assert done - EVERY <= steps <= done + 1
    assert remaining_steps(100_000, str(path)) == 100_000 - steps
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert resume(name, path) == steps + 2 * EVERY
    assert read_checkpoint(path)[0] > steps


KILLS = [pytest.param(i, marks=() if i < 2 else pytest.mark.nightly) for i in range(20)]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("number", KILLS)
def test_killed_at_a_random_moment(name, number, tmp_path):
    path = tmp_path / "state"
    by = (signal.SIGKILL, signal.SIGTERM)[number % 2]
    done = run_and_kill(name, path, seconds=random.Random(number).uniform(0.05, 0.6), by=by)
    if not path.exists():  # killed before the first checkpoint
        assert done <= EVERY
        return
    check_resumes(name, path, done)


PLACES = [("fsync", "before"), ("fsync", "after"), ("replace", "before"), ("replace", "after"), ("chmod", "before")]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_killed_inside_a_save(place, tmp_path):
    path = tmp_path / "state"
    done = run_and_kill("sentence_segmenter", path, kill_in=place)
    assert read_checkpoint(path)[0] == (3 if place == ("replace", "after") else 2) * EVERY
    check_resumes("sentence_segmenter", path, done)


def in_child(function, *arguments):
    """Run where limits and kills do no harm. RETURNS (str): What went wrong, or nothing."""
    receiver, sender = FORK.Pipe(duplex=False)

    def run():
        try:
            function(*arguments)
            sender.send("")
        except Exception as error:
            sender.send(f"{type(error).__name__}: {error}")

    process = FORK.Process(target=run)
    process.start()
    found = receiver.recv() if receiver.poll(120) else "it hangs"
    process.kill()
    process.join()
    return found


def with_full_disk(function):
    """No file may grow beyond a kilobyte, as if the disk were full."""

    def run(*arguments):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        function(*arguments)

    return run


def contents(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", MAKERS)
def test_a_full_disk_leaves_the_saved_component_as_it_was(name, tmp_path):
    pipe = MAKERS[name][0]().get_pipe(name)
    pipe.to_disk(tmp_path, exclude=["vocab"])
    before = contents(tmp_path)
    pipe.cfg["threshold"] = 0.9
    error = in_child(with_full_disk(lambda: pipe.to_disk(tmp_path, exclude=["vocab"])))
    assert "SEG303" in error
    assert contents(tmp_path)["model"] == before["model"]
    assert contents(tmp_path).keys() == before.keys()
    assert in_child(lambda: pipe.to_disk(tmp_path, exclude=["vocab"])) == ""  # with room it works


def test_a_full_disk_leaves_the_checkpoint_as_it_was(tmp_path):
    path = tmp_path / "state"
    train("sentence_segmenter", path, EVERY, FORK.Value("i", 0))
    before = contents(tmp_path)
    error = in_child(with_full_disk(train), "sentence_segmenter", path, EVERY * 2, FORK.Value("i", 0))
    assert "SEG421" in error
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", MAKERS)
def test_a_target_that_is_no_folder(name, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="SEG303"):
        MAKERS[name][0]().get_pipe(name).to_disk(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="SEG303"):
        make_tiny().get_pipe("sentence_segmenter").to_disk(tmp_path / "model")


@pytest.mark.parametrize("name", MAKERS)
def test_a_loss_that_is_not_a_number_stops_training_and_leaves_the_checkpoint(name, tmp_path):
    make, examples_of = MAKERS[name]
    nlp, path = make(), tmp_path / "state"
    optimizer = AdamW(0.01, checkpoint=str(path), every=1)
    nlp.update(examples_of(nlp), sgd=optimizer)
    optimizer.step_schedules()
    before = path.read_bytes()
    for parameter in nlp.get_pipe(name).model.layers[0].shims[0].module.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="SEG401"):
        nlp.update(examples_of(nlp), sgd=optimizer)
    assert path.read_bytes() == before
