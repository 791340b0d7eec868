"""Adaptation: from Python, from the command line and from `spacy train`."""

import copy
import gzip
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spacy
from conftest import TEXTS, TINY_MODEL, make_examples
from spacy.cli._util import app
from spacy.cli.train import train
from typer.testing import CliRunner

from spacy_segment.adapters import Adapter
from spacy_segment.cli import adapt as adapt_command
from spacy_segment.cli import adapt_benchmark  # noqa: F401
from spacy_segment.length_prior import LengthPrior
from spacy_segment.metrics import PRF
from spacy_segment.models.lora import end_training, read_adapter, train_adapter, write_adapter
from spacy_segment.training.adapt import AdaptSettings, adapt, merge, read_examples, split
from spacy_segment.training.formats import Record
from spacy_segment.training.optimizer import AdamW
from spacy_segment.training.thresholds import TRIED, best_choice, choose_prior

pytest.importorskip("peft")

ROOT = Path(__file__).parent.parent
SEGMENTER = "sentence_segmenter"
QUICK = AdaptSettings(
    max_steps=40, strength=1.0, every=10, patience=2, learn_rate=0.02, batch_bytes=600, lengths=(100, 200)
)
# A kind of text that the tiny model does not know: orders, each opened by "order" and a number, without punctuation.
GOODS = ["four chairs", "one long table", "a box of nails", "paint", "two lamps and a rope", "glass"]
ORDERS = [f"order {n} {GOODS[n % 6]} for room {n % 7}" for n in range(1, 25)]


def orders():
    text, starts = "", []
    for order in ORDERS:
        text += " " if text else ""
        starts.append(len(text))
        text += order
    return Record(text, starts, "orders", "en")


@pytest.fixture(scope="module")
def adapted(trained):
    nlp = copy.deepcopy(trained)
    return nlp, adapt(nlp, [orders()], name="orders", settings=QUICK)


@pytest.fixture
def examples(tmp_path):
    path = tmp_path / "orders.txt"
    path.write_text("\n".join(ORDERS))
    return path


def sentences(nlp, text):
    return [sent.text for sent in nlp(text).sents]


def n_right(nlp):
    return sum(found in ORDERS for found in sentences(nlp, " ".join(ORDERS)))


def test_an_adapter_learns_what_the_base_does_not_know(adapted, trained):
    nlp, adaptation = adapted
    before, after = (n_right(p) for p in (trained, nlp))
    assert after > before + 12
    assert adaptation.after > adaptation.before + 0.2
    assert adaptation.n_sentences == len(ORDERS)
    assert 0 < adaptation.n_steps <= QUICK.max_steps


def test_lengths_are_learned_where_they_help(trained):
    """Lines of verse: equally long, and nothing else tells them apart."""
    nlp = copy.deepcopy(trained)
    rng = np.random.default_rng(0)
    lines = [" ".join("".join(rng.choice(list("abdeklmo"), 4)) for _ in range(6)) for _ in range(20)]
    record = Record(" ".join(lines), [30 * i for i in range(20)], "verse", "en")
    settings = replace(QUICK, conditions=("flat",))
    adaptation = adapt(nlp, [record], name="verse", settings=settings)
    assert adaptation.lengths is not None
    assert np.exp(adaptation.lengths.mean) == pytest.approx(30)
    merge(nlp)
    assert nlp.get_pipe(SEGMENTER).cfg["length_prior"] == [adaptation.lengths.mean, adaptation.lengths.deviation]
    assert np.median([len(line) for line in sentences(nlp, record.text)]) == pytest.approx(29, abs=5)


def test_the_base_stays_what_it_was(adapted, trained):
    nlp, _ = adapted
    other = copy.deepcopy(nlp)
    other.get_pipe(SEGMENTER).set_adapter(None)
    for texts in TEXTS:
        assert sentences(other, " ".join(texts)) == texts
    assert other.get_pipe(SEGMENTER).model.to_bytes() == trained.get_pipe(SEGMENTER).model.to_bytes()


def test_the_same_seed_gives_the_same_adapter(trained):
    settings = AdaptSettings(max_steps=4, every=2, batch_bytes=300, seed=7)
    found = []
    for seed in (7, 7, 8):
        nlp = copy.deepcopy(trained)
        adapt(nlp, [orders()], settings=AdaptSettings(**{**vars(settings), "seed": seed}))
        found.append(nlp.get_pipe(SEGMENTER).adapters["adapted"].to_bytes())
    assert found[0] == found[1] != found[2]


def test_merged_weights_predict_what_the_adapter_did(adapted):
    nlp, _ = adapted
    doc = nlp.make_doc(" ".join(ORDERS))
    other = copy.deepcopy(nlp)
    threshold = other.get_pipe(SEGMENTER).adapters["orders"].threshold
    expected_sentences = sentences(nlp, " ".join(ORDERS))
    merge(other)
    assert sentences(other, " ".join(ORDERS)) == expected_sentences
    found, expected = (p.get_pipe(SEGMENTER).predict([doc])[0].logits for p in (other, nlp))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert other.get_pipe(SEGMENTER).cfg["threshold"] == threshold
    assert not other.get_pipe(SEGMENTER).adapters
    with pytest.raises(ValueError, match="SEG230"):
        merge(other)


def test_the_key_of_a_fused_projection_stays(adapted):
    nlp, _ = adapted
    weights = nlp.get_pipe(SEGMENTER).adapters["orders"].weights
    fused = [array for name, array in weights.items() if name.endswith("qkv.b")]
    assert fused
    for b in fused:
        query, key, value = np.split(b, 3)
        assert query.any()
        assert value.any()
        assert not key.any()


def test_training_that_fails_leaves_the_model_alone(trained):
    nlp = copy.deepcopy(trained)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(nlp, [orders()], settings=QUICK, watch=stop)
    pipe = nlp.get_pipe(SEGMENTER)
    assert not pipe.adapters
    assert pipe.model.to_bytes() == trained.get_pipe(SEGMENTER).model.to_bytes()
    assert all(parameter.requires_grad for parameter in pipe.model.layers[0].shims[0].module.parameters())


def test_parts_tile_the_examples():
    records = [orders(), Record("One. Two. Three.", [0, 5, 10], "x", "en")]
    parts = split(records, 4)
    kept = [p.text[a:b].strip() for part in parts for p in part for a, b in spans(p)]
    assert kept == [*ORDERS, "One.", "Two.", "Three."]
    assert {sum(len(p.starts) for p in part) for part in parts} <= {6, 7}


def spans(record):
    return zip(record.starts, [*record.starts[1:], len(record.text)], strict=True)


def test_many_examples_hold_out_one_part(trained):
    nlp = copy.deepcopy(trained)
    watched = []
    records = [orders()] * 10
    adapt(nlp, records, settings=AdaptSettings(max_steps=1, every=1), watch=lambda *seen: watched.append(seen))
    assert watched == [(1, 2), (2, 2)]


def test_issue_training_took_more_steps_than_asked_for(trained, monkeypatch):
    updates = []
    nlp = copy.deepcopy(trained)
    pipe = nlp.get_pipe(SEGMENTER)
    monkeypatch.setattr(pipe, "update", lambda *args, **kwargs: updates.append(args))
    watched = []
    settings = AdaptSettings(max_steps=5, every=3)
    adapt(nlp, [orders()], settings=settings, watch=lambda *seen: watched.append(seen))
    assert len(updates) == 5 * 4  # one learner from all, three without a third each
    assert watched == [(3, 20), (6, 20), (9, 20), (12, 20), (14, 20), (16, 20), (18, 20), (20, 20)]


@pytest.mark.parametrize(
    "text", ["", "One sentence alone.", "One.\nTwo.\nThree.\nFour.", "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.\n\nSix."]
)
def test_too_few_examples(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(ValueError, match="SEG432"):
        read_examples(tmp_path / "a.txt")


def test_files_of_every_format(tmp_path, trained):
    record = orders()
    ends = [*record.starts[1:], len(record.text) + 1]
    data = {"text": record.text, "sents": [[a, b - 1] for a, b in zip(record.starts, ends, strict=True)]}
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write(json.dumps(data))
    (read,) = read_examples(tmp_path)
    assert (read.text, read.starts) == (record.text, record.starts)
    with pytest.raises(ValueError, match="SEG110"):
        read_examples(tmp_path / "none.txt")
    (tmp_path / "b.jsonl").write_text('{"text": "no sentences"}')
    with pytest.raises(ValueError, match="SEG111"):
        read_examples(tmp_path / "b.jsonl")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"conditions": ("upside_down",)}, "SEG210"),
        ({"max_steps": 0}, "SEG200"),
        ({"learn_rate": 0.0}, "SEG200"),
        ({"folds": 1}, "SEG200"),
        ({"rank": 0}, "SEG200"),
        ({"alpha": -1.0}, "SEG200"),
        ({"alpha": float("nan")}, "SEG200"),
        ({"learn_rate": float("inf")}, "SEG200"),
        ({"seed": -1}, "SEG200"),
        ({"rank": 1000}, "SEG200"),
        ({"rank": 1.5}, "SEG200"),
        ({"max_steps": True}, "SEG200"),
        ({"dropout": 1.0}, "SEG200"),
        ({"lengths": ()}, "SEG200"),
        ({"lengths": (1,)}, "SEG200"),
    ],
)
def test_settings_that_cannot_be(trained, settings, code):
    with pytest.raises(ValueError, match=code):
        adapt(trained, [orders()], settings=AdaptSettings(**settings))


@pytest.mark.parametrize(
    ("text", "starts", "code"),
    [
        ("a b c d e f", [2, 2, 2, 2, 2], "SEG100"),
        ("a b c d e f", [0, 2, 4, 6, 80], "SEG100.*got 80 at position 4"),
        ("a b c d e f", [4, 2, 0, 6, 8], "SEG100.*got 2 at position 1"),
    ],
)
def test_issue_records_with_starts_that_cannot_be_were_taken(text, starts, code):
    with pytest.raises(ValueError, match=code):
        read_examples([Record(text, starts, "x", "en")])


def test_issue_examples_too_short_to_draw_from_were_drawn_from_for_ever():
    with pytest.raises(ValueError, match="SEG211"):
        read_examples([Record("a b", [0, 2], str(i), "en") for i in range(9)])


def test_without_peft(trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ImportError, match="SEG431"):
        adapt(trained, [orders()])


def test_an_encoder_without_torch_layers():
    nlp = spacy.blank("en")
    encoder = {
        "@architectures": "spacy_segment.Tok2VecEncoder.v1",
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 16,
            "depth": 1,
            "embed_size": 50,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": False,
            "pretrained_vectors": None,
        },
    }
    nlp.add_pipe(SEGMENTER, config={"model": {**TINY_MODEL, "encoder": encoder}})
    nlp.initialize(lambda: make_examples(nlp))
    with pytest.raises(ValueError, match="SEG430"):
        adapt(nlp, [orders()])


def test_a_hugging_face_encoder(bert, tmp_path):
    encoder = {
        "@architectures": "spacy_segment.HFEncoder.v1",
        "name": str(bert),
        "window": 64,
        "lookback": 16,
        "lookahead": 8,
    }
    nlp = spacy.blank("en")
    nlp.add_pipe(SEGMENTER, config={"model": {**TINY_MODEL, "n_marks": 0, "encoder": encoder}})
    nlp.initialize(lambda: make_examples(nlp))
    before = nlp.get_pipe(SEGMENTER).model.to_bytes()
    pipe = nlp.get_pipe(SEGMENTER)
    with train_adapter(pipe.model, rank=4, alpha=8.0):
        optimizer = AdamW(0.01)
        losses = [pipe.update(make_examples(nlp), sgd=optimizer)[SEGMENTER] for _ in range(10)]
        pipe.add_adapter("adapted", read_adapter(pipe.model, 0.5))
    assert losses[-1] < losses[0]
    assert pipe.model.to_bytes() == before
    pipe.set_adapter("adapted")
    changed = {".".join(name.split(".")[-2:]) for name in pipe.adapters["adapted"].targets}
    assert changed == {"self.query", "self.value", "intermediate.dense"}
    nlp.to_disk(tmp_path)
    doc = nlp.make_doc(" ".join(ORDERS))
    found, expected = (p.get_pipe(SEGMENTER).predict([doc])[0].logits for p in (spacy.load(tmp_path), nlp))
    np.testing.assert_array_equal(found, expected)
    pipe.set_adapter(None)
    assert not np.allclose(pipe.predict([doc])[0].logits, expected)


def test_issue_an_encoder_that_was_not_read_yet_could_not_be_adapted(bert):
    encoder = {"@architectures": "spacy_segment.HFEncoder.v1", "name": str(bert), "window": 64, "lookback": 16}
    nlp = spacy.blank("en")
    encoder |= {"lookahead": 8}
    nlp.add_pipe(SEGMENTER, config={"model": {**TINY_MODEL, "n_marks": 0, "encoder": encoder}})
    adapt(nlp, [orders()], name="orders", settings=replace(QUICK, max_steps=1))
    assert nlp.get_pipe(SEGMENTER).cfg["adapter"] == "orders"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_segment_adapt_writes_a_pipeline(model, examples, tmp_path):
    options = ["--model", model, "--output", tmp_path / "out", "--name", "orders", "--learn-rate", "0.02"]
    result = run("segment-adapt", examples, *options, "--max-steps", "20", "--conditions", "clean,corrupted")
    assert result.exit_code == 0, result.output
    assert "24 sentences" in result.output
    nlp = spacy.load(tmp_path / "out")
    assert nlp.get_pipe(SEGMENTER).cfg["adapter"] == "orders"
    assert n_right(nlp) > n_right(spacy.load(model))
    file = tmp_path / "out" / SEGMENTER / "adapters" / "orders.safetensors"
    assert file.stat().st_size < 2 * 10**6
    assert Adapter.from_bytes(file.read_bytes()).threshold == nlp.get_pipe(SEGMENTER).adapters["orders"].threshold


def test_the_report_says_in_words_that_there_is_no_threshold(adapted, capsys):
    adapt_command.report(replace(adapted[1], threshold=None), Path("out"), "orders")
    assert "no threshold of its own" in " ".join(capsys.readouterr().out.split())


def test_a_pipeline_without_a_sentence_segmenter(examples, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", name=SEGMENTER)
    nlp.to_disk(tmp_path / "other")
    for name in (SEGMENTER, "sentencizer"):
        with pytest.raises(ValueError, match="SEG436"):
            adapt(nlp, [orders()], component=name)
    result = run("segment-adapt", examples, "--model", tmp_path / "other", "--output", tmp_path / "out")
    assert (result.exit_code, "SEG" in result.output) == (1, True)


def test_segment_adapt_merges(model, examples, tmp_path):
    options = ["--model", model, "--output", tmp_path / "out", "--max-steps", "1", "--merge"]
    assert run("segment-adapt", examples, *options).exit_code == 0
    assert not spacy.load(tmp_path / "out").get_pipe(SEGMENTER).adapters


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["{examples}", "--model", "/no/such/pipeline"], "SEG133"),
        (["{examples}", "--lang", "qq"], "SEG133"),
        (["{empty}"], "SEG432"),
        (["{examples}", "--conditions", "purple"], "SEG210"),
        (["{examples}", "--conditions", ","], "SEG200"),
        (["{examples}", "--rank", "0"], "SEG200"),
        ([""], "SEG110"),
        (["{examples}", "--name", "a/b"], "SEG200"),
        (["/no/such/file.txt"], "SEG110"),
        (["{examples}", "--output", "{examples}"], "SEG303"),
        (["{examples}", "--output", "{examples}/out"], "SEG303"),
    ],
)
def test_segment_adapt_errors(arguments, code, examples, tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    filled = [argument.format(examples=examples, empty=empty) for argument in arguments]
    result = run("segment-adapt", "--output", tmp_path / "out", *filled)
    assert result.exit_code == 1
    assert code in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("conditions", ["clean, flat", "clean,"])
def test_issue_conditions_with_spaces_were_no_conditions(model, examples, tmp_path, conditions):
    options = ["--model", model, "--output", tmp_path / "out", "--max-steps", "1", "--conditions", conditions]
    assert run("segment-adapt", examples, *options).exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sizes", "a"], "'sizes' must be numbers from 1 on"),
        (["--sizes", "8,0"], "'sizes' must be numbers from 1 on"),
        (["--sizes", ","], "'sizes' must be names"),
        (["--conditions", "purple"], "'conditions' must be some of clean, flat, corrupted"),
        (["--adapt-to", ","], "'adapt_to' must be names"),
    ],
)
def test_issue_lists_of_the_benchmark_had_no_code(model, examples, options, said):
    result = run("segment-benchmark", "adapt", examples, "--model", model, *options)
    assert result.exit_code == 1
    assert f"[SEG200] {said}" in " ".join(result.output.split())


def test_benchmark_adapt(model, tmp_path):
    record = orders()
    ends = [*record.starts[1:], len(record.text) + 1]
    data = {"text": record.text, "sents": [[a, b - 1] for a, b in zip(record.starts, ends, strict=True)]}
    for part in ("train", "test"):
        (tmp_path / f"orders.{part}.jsonl").write_text(json.dumps(data))
    options = ["--model", model, "--sizes", "8, 16", "--seeds", "1", "--conditions", "flat", "--max-steps", "2"]
    options += ["--output", tmp_path / "r.json"]
    general = tmp_path / "general.txt"
    general.write_text("\n".join(TEXTS[0]))
    result = run("segment-benchmark", "adapt", tmp_path / "orders.train.jsonl", *options, "--general", general)
    assert result.exit_code == 0, result.output
    assert "largest difference of a logit 0.0" in result.output
    (row,) = json.loads((tmp_path / "r.json").read_text())
    assert row["condition"] == "flat"
    assert set(row["after"]) == set(row["seconds"]) == {"8", "16"}
    assert all(0 <= f <= 1 for f in row["after"].values())


def test_issue_the_benchmark_printed_an_empty_table_where_no_test_file_stood(examples, tmp_path):
    result = run("segment-benchmark", "adapt", examples, "--output", tmp_path / "r.json")
    assert result.exit_code == 1
    assert "SEG114" in result.output
    assert not (tmp_path / "r.json").exists()


def test_spacy_train(model, examples, tmp_path):
    config = (ROOT / "configs" / "adapt.cfg").read_text()
    config = config.replace('factory = "sentence_segmenter"', f'source = "{model}"')
    config = re.sub(r"initial_rate = .*", "initial_rate = 0.02", config)
    (tmp_path / "config.cfg").write_text(config)
    paths = {
        "paths.train": str(examples),
        "paths.dev": str(examples),
        "training.max_steps": 20,
        "training.eval_frequency": 10,
    }
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=paths)
    for folder in ("model-best", "model-last"):
        nlp = spacy.load(tmp_path / "out" / folder)
        pipe = nlp.get_pipe(SEGMENTER)
        assert pipe.cfg["adapter"] == "adapted"
        with_adapter = sentences(nlp, " ".join(ORDERS))
        pipe.set_adapter(None)
        assert pipe.model.to_bytes() == spacy.load(model).get_pipe(SEGMENTER).model.to_bytes()
        assert sentences(nlp, " ".join(TEXTS[0])) == TEXTS[0]
        assert with_adapter != sentences(nlp, " ".join(ORDERS))


def test_spacy_train_without_a_new_adapter(trained, examples):
    from spacy_segment.training.adapter_callbacks import save_adapter

    with pytest.raises(ValueError, match="SEG433"):
        save_adapter(str(examples))(trained)


def test_training_is_left_even_after_an_error(trained):
    model = trained.get_pipe(SEGMENTER).model
    before = model.to_bytes()
    with pytest.raises(ZeroDivisionError), train_adapter(model, rank=2, alpha=4.0):
        raise ZeroDivisionError
    assert model.to_bytes() == before


def test_issue_the_threshold_of_a_few_examples_was_best_by_chance():
    few = {t: PRF(tp=20, fp=4, fn=6) for t in TRIED}
    assert best_choice({**few, 0.25: PRF(tp=22, fp=4, fn=4), 0.3: PRF(tp=22, fp=4, fn=4)}) is None
    many = {t: PRF(tp=2000, fp=400, fn=600) for t in TRIED}
    assert best_choice({**many, 0.25: PRF(tp=2200, fp=400, fn=400)}) == 0.25


def test_issue_lengths_of_verse_were_left_out_where_the_model_knew_the_examples_by_heart():
    prose, verse = LengthPrior(3.0, 0.4), LengthPrior(3.0, 0.1)
    known, a_little_worse, far_worse, a_little_better, far_better = (
        dict.fromkeys(TRIED, PRF(tp=tp, fp=64 - tp, fn=64 - tp)) for tp in (56, 55, 44, 57, 64)
    )
    for counts, for_prose, for_verse in (
        (a_little_worse, None, verse),
        (a_little_better, None, verse),
        (far_worse, None, None),
        (far_better, prose, verse),
    ):
        assert choose_prior([known, counts], [None, prose])[1] == for_prose
        assert choose_prior([known, counts], [None, verse]) == ((known, None) if for_verse is None else (counts, verse))


def test_an_adapter_of_half_strength_makes_half_of_the_change(trained):
    model = trained.get_pipe(SEGMENTER).model
    head = np.array(model.layers[1].get_param("W"))
    with train_adapter(model, rank=2, alpha=4.0):
        start = read_adapter(model, None)
        write_adapter(model, replace(start, weights={name: array + 1 for name, array in start.weights.items()}))
        whole, half = read_adapter(model, None), read_adapter(model, None, 0.5)
    np.testing.assert_allclose(whole.weights["head.W"], head + 1, rtol=1e-5)
    np.testing.assert_allclose(half.weights["head.W"], head + 0.5, rtol=1e-5)
    for name in whole.targets:
        change, all_of_it = (a.weights[f"{name}.b"] @ a.weights[f"{name}.a"] for a in (half, whole))
        np.testing.assert_allclose(change, all_of_it / 2, rtol=1e-5)


def test_issue_a_config_adapts_by_the_rule_of_segment_adapt(trained, examples):
    """It went all of the way."""
    from spacy_segment.training.adapter_callbacks import new_adapter, save_adapter

    nlp = new_adapter(rank=2, alpha=4.0)(trained)
    model = nlp.get_pipe(SEGMENTER).model
    try:
        start = read_adapter(model, None)
        learned = replace(start, weights={name: array + 0.01 for name, array in start.weights.items()})
        write_adapter(model, learned)
        saved = save_adapter(str(examples), strength=0.5)(nlp).get_pipe(SEGMENTER).adapters["adapted"]
    finally:
        end_training(model)
    for name in saved.targets:
        np.testing.assert_allclose(saved.weights[f"{name}.b"], learned.weights[f"{name}.b"] / 2, rtol=1e-5)


def test_issue_dev_files_without_sentences_are_named(trained, tmp_path):
    from spacy_segment.training.adapter_callbacks import new_adapter, save_adapter

    (tmp_path / "empty.txt").write_text("")
    nlp = new_adapter(rank=2, alpha=4.0)(trained)
    try:
        with pytest.raises(ValueError, match=r"SEG115.*empty\.txt"):
            save_adapter(str(tmp_path / "empty.txt"))(nlp)
    finally:
        end_training(nlp.get_pipe(SEGMENTER).model)


@pytest.mark.parametrize("strength", [0.0, 1.5])
def test_an_adapter_goes_part_of_the_way_or_all_of_it(strength):
    with pytest.raises(ValueError, match=r"SEG200.*strength"):
        AdaptSettings(strength=strength).check()


def test_issue_an_adapter_of_a_model_of_8_bits_broke_off(trained):
    """Or it was judged by the weights of another one, if there had been a prediction."""
    nlp = copy.deepcopy(trained)
    pipe = nlp.get_pipe(SEGMENTER)
    pipe.model.layers[0].shims[0].dtype = "int8"
    docs = [nlp.make_doc(ORDERS[0])]
    before = pipe.predict(docs)[0].logits
    with train_adapter(pipe.model, rank=2, alpha=4.0):
        start = read_adapter(pipe.model, None)
        more = {name: array + name.endswith(".b") for name, array in start.weights.items()}
        adapter = replace(start, weights=more)
        write_adapter(pipe.model, adapter)
        in_training = pipe.predict(docs)[0].logits
    np.testing.assert_array_equal(pipe.predict(docs)[0].logits, before)
    pipe.add_adapter("orders", adapter)
    pipe.set_adapter("orders")
    np.testing.assert_allclose(pipe.predict(docs)[0].logits, in_training, atol=1e-4)
    assert np.abs(in_training - before).max() > 0.1
