"""Learning curves are those of a run, also of one that was killed and went on."""

import io
import sys

import pytest
import srsly
from small_corpus import write_corpus
from spacy.cli.train import train
from spacy.util import load_config
from test_configs import SMALL, has
from test_project import ROOT

from spacy_segment.training.logger import console_logger, read_rows, write_rows
from spacy_segment.training.optimizer import write_checkpoint

CONFIG = ROOT / "configs" / "sentences.cfg"


class Terminal(io.StringIO):
    """Progress bars are for terminals alone."""

    def isatty(self) -> bool:
        return True


@pytest.mark.slow
def test_a_run_that_goes_on_keeps_its_curve_and_a_fresh_one_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    write_corpus(tmp_path)
    checkpoint, log = tmp_path / "checkpoint.safetensors", tmp_path / "log.jsonl"
    given = load_config(CONFIG, interpolate=False)
    overrides = {key: value for key, value in SMALL.items() if has(given, key) and "max_steps" not in key}
    overrides |= {f"paths.{split}": str(tmp_path / f"sentences/*/*{split}.*") for split in ("train", "dev")}
    overrides |= {"training.optimizer.every": 2, "training.eval_frequency": 2, "paths.checkpoint": str(checkpoint)}
    overrides |= {f"components.sentence_segmenter.model.encoder.{name}_width": 32 for name in ("hidden", "inner")}
    vocabulary = "initialize.components.sentence_segmenter.vocabulary"
    overrides |= {f"{vocabulary}.size": 500, f"{vocabulary}.max_characters": 2000}
    overrides |= {"training.logger.output_file": str(log)}

    def steps_of(total: int) -> list[int]:
        train(CONFIG, tmp_path / "out", overrides={**overrides, "variables.total_steps": total})
        return [row["step"] for row in srsly.read_jsonl(log)]

    assert steps_of(4) == [0, 2, 4]
    before = list(srsly.read_jsonl(log))
    assert steps_of(6) == [0, 2, 4, 6]
    rows = list(srsly.read_jsonl(log))
    assert rows[:2] == before[:2]
    assert rows[2] != before[2]  # made again by the run that went on from there
    assert rows[0]["losses"]["sentence_segmenter"] > 0
    assert 0 <= rows[0]["scores"]["sents_boundary_f"] <= 100
    assert "Epoch" in sys.stderr.getvalue()
    checkpoint.unlink()
    assert steps_of(2) == [0, 2]


def test_a_log_that_is_none_stops_only_a_run_that_goes_on(tmp_path):
    log, checkpoint = tmp_path / "log.jsonl", tmp_path / "checkpoint"
    log.write_text('{"a": 1}\n')
    assert read_rows(log, 0) == []
    write_checkpoint(checkpoint, 2, [])
    setup = console_logger(output_file=str(log), checkpoint=str(checkpoint))
    with pytest.raises(ValueError, match=r"SEG422.*KeyError: 'step'"):
        setup(None)
    assert log.read_text() == '{"a": 1}\n'


def test_a_log_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="SEG139"):
        write_rows(tmp_path / "file" / "log.jsonl", [])
