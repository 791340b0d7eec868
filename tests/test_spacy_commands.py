"""spaCy's own commands with both components. What they cannot do is said in docs/training.md."""

import json
import warnings

import pytest
import spacy
from conftest import make_tiny
from run_smoke import SENTENCES, TOPICS
from small_corpus import write_corpus
from spacy.cli._util import app
from spacy.tokens import DocBin
from test_project import ROOT
from typer.testing import CliRunner

from spacy_segment.training.topic_readers import TopicCorpus

RUNNER = CliRunner()
COMPONENTS = {"sentences": "sentence_segmenter", "topics": "topic_segmenter"}


def run(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = RUNNER.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a corpus, a pipeline of both components and Docs with gold sentences and topics."""
    folder = tmp_path_factory.mktemp("work")
    write_corpus(folder)
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter")
    nlp.add_pipe("topic_segmenter")
    nlp.to_disk(folder / "model")
    gold = TopicCorpus(str(folder / "topics" / "themes" / "dev*"), limit=2)
    DocBin(docs=[example.reference for example in gold(nlp)]).to_disk(folder / "dev.spacy")
    return folder


def options(work, kind):
    """Options for a configuration: our corpus, small sizes, no endless stream, no variable in the optimizer."""
    paths = {f"paths.{split}": work / kind / "*" / f"*{split}.*" for split in ("train", "dev")}
    finite = {"training.train_corpus": "corpora.dev", "training.optimizer.learn_rate.total_steps": 1}
    given = {**(SENTENCES if kind == "sentences" else TOPICS), **paths, **finite}
    return [part for key, value in given.items() for part in (f"--{key}", str(value))]


@pytest.mark.parametrize("command", [["evaluate"], ["benchmark", "accuracy"]])
def test_evaluate(work, command):
    output = run(*command, work / "model", work / "dev.spacy", "--output", work / "e.json", "--spans-key", "topics")
    found = json.loads((work / "e.json").read_text())
    assert "SENT F" in output
    assert "SPAN F" in output
    assert found["sents_f"] > 0.5
    assert 0 <= found["topics_pk"] <= 1
    assert found["sents_boundary_f_per_condition"]


def test_benchmark_speed(work):
    make_tiny().to_disk(work / "tiny")
    output = run(
        "benchmark", "speed", work / "tiny", work / "dev.spacy", "--batches", 30, "--batch-size", 2, "--warmup", 1
    )
    assert "Mean" in output


@pytest.mark.parametrize(("kind", "score"), [("sentences", "sents_boundary_f"), ("topics", "topics_pk_inverse")])
def test_find_threshold_from_0_to_1(work, kind, score):
    arguments = [work / "model", work / "dev.spacy", COMPONENTS[kind], "threshold", score, "--n_trials", 3]
    assert "Best threshold" in run("find-threshold", *arguments)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_debug_config(work, kind):
    assert "Config is valid" in run("debug", "config", ROOT / "configs" / f"{kind}.cfg", *options(work, kind))


@pytest.mark.parametrize("kind", COMPONENTS)
def test_debug_data_reads_the_corpora(work, kind):
    arguments = ["debug", "data", ROOT / "configs" / f"{kind}.cfg", *options(work, kind)]
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    # It wants 100 examples at least, and finds that train and dev are one.
    assert "Low number of examples" in result.output
    assert "total word(s) in the data" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMPONENTS)
def test_debug_model(work, kind):
    arguments = [ROOT / "configs" / f"{kind}.cfg", COMPONENTS[kind], "-DIM", *options(work, kind)]
    output = run("debug", "model", *arguments)
    assert "model looks good" in output
