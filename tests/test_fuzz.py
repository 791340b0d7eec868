"""The fuzz targets hold on what they start from and near it, and can fail; `tests/fuzz/run.py` goes on from there."""

import numpy as np
import pytest
from fuzz.targets import SETTINGS, bytes_seeds, bytes_to_component, text_seeds, text_to_segments

from spacy_segment.align import set_sent_starts
from spacy_segment.pipeline import sentence_starts
from spacy_segment.pipeline.base import Segmenter


def changed(seeds, n):
    """Some bytes of a seed replaced, cut out or doubled, `n` times."""
    rng = np.random.default_rng(0)
    for _ in range(n):
        data = bytearray(seeds[rng.integers(len(seeds))])
        for place in rng.integers(len(data), size=3).tolist():
            data[place : place + 1] = bytes(rng.integers(256, size=rng.integers(3)).tolist())
        yield bytes(data)


@pytest.mark.parametrize("choice", range(len(SETTINGS)))
def test_any_bytes_are_a_text(choice):
    seeds = text_seeds()
    for data in [b"", *seeds[choice :: len(SETTINGS)], *changed(seeds, 10)]:
        text_to_segments(bytes([choice]) + data[1:])


def test_any_bytes_in_the_place_of_a_component():
    seeds = bytes_seeds()
    for data in [b"", *seeds, *changed(seeds, 25)]:
        bytes_to_component(data)


def test_a_wrong_segment_would_be_seen(monkeypatch):
    monkeypatch.setattr(sentence_starts, "set_sent_starts", lambda doc, is_start: set_sent_starts(doc, is_start | True))
    with pytest.raises(AssertionError):
        text_to_segments(b"\x00One. \n Two.")


def test_an_error_without_a_code_would_be_seen(monkeypatch):
    def from_bytes(*arguments, **settings):
        raise ValueError("no code")

    monkeypatch.setattr(Segmenter, "from_bytes", from_bytes)
    with pytest.raises(ValueError, match="no code"):
        bytes_to_component(bytes_seeds()[4])
