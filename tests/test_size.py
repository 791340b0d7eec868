"""Time and memory against the size of the input. `pytest -m nightly -s tests/test_size.py` prints the table.

Every measurement is a process of its own; seconds are those of the processor. `SIZES` (in MB, default "1,5,10") and `FILE_SIZE` (default 200) can be smaller.
"""

import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import process_time

import numpy as np
import pytest
import spacy

pytestmark = pytest.mark.nightly
MB = 10**6
SIZES = [int(size) for size in os.environ.get("SIZES", "1,5,10").split(",")]
FILE_SIZE = int(os.environ.get("FILE_SIZE", "200"))
KIB = 1 if sys.platform == "darwin" else 1024
TEXT = "rain fell on the hills and nobody came to the harbour before the boat left for an island in the north"
WORDS = TEXT.split()


def make_text(n_bytes):
    """Sentences of random words, a blank line after every tenth."""
    rng = np.random.default_rng(0)
    parts, size = [], 0
    while size < n_bytes:
        words = rng.choice(WORDS, size=int(rng.integers(4, 20))).tolist()
        parts.append(" ".join(words).capitalize() + (".\n\n" if len(parts) % 10 == 9 else ". "))
        size += len(parts[-1])
    return "".join(parts)[:n_bytes]


def show(line):
    sys.stdout.write(f"\n{line}")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def pipeline(topics):
    nlp = spacy.blank("xx")
    nlp.max_length = sys.maxsize
    nlp.add_pipe("sentence_segmenter")
    if topics:
        nlp.add_pipe("topic_segmenter")
    nlp(make_text(20_000))
    return nlp


def one_document(topics, size):
    """Seconds, and bytes above what the process had after a first short text."""
    nlp = pipeline(topics)
    text = make_text(size * MB)
    before, start = peak(), process_time()
    doc = nlp(text)
    assert len(doc.text) == len(text)
    return process_time() - start, peak() - before


def many_documents(n):
    """Memory in use after half of the documents and after all of them."""
    nlp = pipeline(True)
    found = []
    for i, _ in enumerate(nlp.pipe(make_text(200 + j % 300) for j in range(n)), start=1):
        if i in (n // 2, n):
            found.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    return found


def alone(function, *arguments):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


@pytest.mark.parametrize("topics", [False, True], ids=["sentences", "topics"])
def test_one_document_is_linear(topics):
    found = {size: alone(one_document, topics, size) for size in SIZES}
    for size, (seconds, extra) in found.items():
        show(f"{'topics' if topics else 'sentences'} {size} MB: {seconds:.1f} s, {extra / 2**20:.0f} MiB more")
    largest, half = SIZES[-1], SIZES[-2]
    assert found[largest][0] / found[half][0] <= 1.15 * largest / half
    assert found[largest][1] <= largest / 10 * 2**30
    # Linear: twice the size takes at most so much more than twice the memory.
    assert found[largest][1] / found[half][1] <= 1.3 * largest / half


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_twenty_thousand_documents_without_growth():
    half, whole = alone(many_documents, int(os.environ.get("DOCUMENTS", "20000")))
    show(f"memory after half of the documents: {half / 2**20:.0f} MiB, after all: {whole / 2**20:.0f} MiB")
    assert whole - half < 100 * 2**20


def test_a_large_file_through_the_command(tmp_path):
    text = make_text(MB).encode()
    with open(tmp_path / "large.txt", "wb") as file:
        for _ in range(FILE_SIZE):
            file.write(text)
    command = [sys.executable, "-m", "spacy", "segment", str(tmp_path / "large.txt"), "-o", str(tmp_path / "out")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    most, seconds = after.ru_maxrss, after.ru_utime - before.ru_utime
    show(f"{FILE_SIZE} MB file: {seconds:.0f} s, peak {most * KIB / 2**20:.0f} MiB of the process")
    assert most * KIB < 1.5 * 2**30 or most == before.ru_maxrss
    assert (tmp_path / "out").stat().st_size > 0.95 * FILE_SIZE * MB
