"""Training on packed batches: they hold what Examples hold, processes make them, commands train and calibrate."""

import json
import multiprocessing
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
import torch
from conftest import TEXTS, TINY_MODEL, make_examples
from torch import nn
from typer.testing import CliRunner

from spacy_segment.loss import sentence_loss
from spacy_segment.models.pieces import tokenize
from spacy_segment.training import packed, packed_loop
from spacy_segment.training.augmenters import conditions, make_example
from spacy_segment.training.calibration import SCALES, SHIFTS, calibrate
from spacy_segment.training.corruption import CONDITIONS
from spacy_segment.training.optimizer import read_checkpoint, write_checkpoint
from spacy_segment.training.packed import NOT_TOLD, Producers, Recipe, made_by_processes, pack, packed_batches
from spacy_segment.training.packed_loop import PackedSettings, Pool, Torn, train_packed
from spacy_segment.training.packed_losses import HIDDEN, PackedTensors, gold_loss, hide_pieces, taught_loss
from spacy_segment.training.packed_optimizer import PackedOptimizer
from spacy_segment.training.rescoring import fit_rescoring

# Nothing is left out: a few steps are enough to learn the texts here.
PLAIN = PackedSettings(size=256, learn_rate=0.01, warmup=10, dropout=0.0, hidden=0.0, bpe_dropout=0.0, n_processes=1)


@pytest.fixture(autouse=True)
def every_batch_is_new(monkeypatch):
    """How many batches are used again depends on how busy the machine is, and what is learned on them: here none is."""
    ready = Producers.take_ready

    def wait(producers, patience=0.0):
        while (made := ready(producers, packed.PATIENCE)) is None:
            pass
        return made

    monkeypatch.setattr(Producers, "take_ready", wait)


@pytest.fixture
def nlp():
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentence_segmenter", config={"model": TINY_MODEL})
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ours").mkdir()
    lines = []
    for sentences in TEXTS * 3:
        starts = np.cumsum([0, *(len(s) + 1 for s in sentences[:-1])]).tolist()
        sents = [[a, a + len(s)] for a, s in zip(starts, sentences, strict=True)]
        lines.append(json.dumps({"text": " ".join(sentences), "sents": sents, "lang": "en"}))
    for split in ("train", "dev"):
        (tmp_path / "ours" / f"tales.{split}.jsonl").write_text("\n".join(lines))
    return tmp_path


def config_of(folder, **augmenter):
    return {
        "corpora": {
            "train": {
                "@readers": "spacy_segment.MixedCorpus.v1",
                "path": f"{folder}/*/*.train.jsonl",
                "exponent": 0.5,
                "weights": {},
                "lengths": [40, 80],
                "join": 0.1,
                "shuffle": 0.3,
                "augmenter": {
                    "@augmenters": "spacy_segment.corruption_mix.v1",
                    "weights": {"clean": 1.0, "corrupted": 1.0},
                    "abbreviated": 0.0,
                    **augmenter,
                },
            }
        }
    }


def recipe_of(nlp, folder, size=64, **augmenter):
    shim = nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0]
    return Recipe.of(config_of(folder, **augmenter), shim.meta, size=size, gap=shim.module.reach)


def loss_of(nlp, folder):
    """The loss of a trained model on batches it is not trained on."""
    torn = Torn.of(nlp.get_pipe("sentence_segmenter").model)
    batches = [PackedTensors.of(made, torn.shim) for made in islice(packed_batches(recipe_of(nlp, folder), 99), 20)]
    return np.mean([float(gold_loss(torn.predict(batch).float(), batch, 0.3)) for batch in batches])


def test_a_packed_batch_has_the_loss_of_its_examples(nlp, folder):
    pipe = nlp.get_pipe("sentence_segmenter")
    encoder, head = pipe.model.layers
    shim = encoder.shims[0]
    head.set_param("W", np.random.default_rng(0).normal(size=head.get_param("W").shape).astype("f"))
    output = nn.Linear(head.get_dim("nI"), head.get_dim("nO"))
    with torch.no_grad():
        output.weight.copy_(torch.as_tensor(head.get_param("W")))
        output.bias.copy_(torch.as_tensor(head.get_param("b")))
    changed = [CONDITIONS[name](eg.reference.text, _starts(eg)) for eg in make_examples(nlp) for name in CONDITIONS]
    examples = [make_example(nlp, one) for one in changed]
    states, _ = pipe.model([eg.predicted for eg in examples], is_train=True)
    expected, _ = sentence_loss(examples, states, mark_weight=0.4)
    recipe = recipe_of(nlp, folder, size=1024)
    pieces = [tokenize(shim.cutter, one.text, see_newlines=True) for one in changed]
    batch = pack(list(zip(pieces, changed, strict=True)), recipe)
    assert (batch.marks != NOT_TOLD).any()
    tensors = PackedTensors.of(batch, shim)
    student = Torn(shim, output)
    logits = student.logits(student.states(tensors.features, tensors.segments))
    assert float(gold_loss(logits, tensors, 0.4).detach()) == pytest.approx(expected, rel=1e-4)


def _starts(example):
    return np.asarray([sent.start_char for sent in example.reference.sents])


def test_a_stream_depends_on_its_seed_alone(nlp, folder):
    recipe = recipe_of(nlp, folder)
    one, same, other = (next(packed_batches(recipe, seed)) for seed in (0, 0, 1))
    assert (one.features == same.features).all()
    assert (one.boundaries == same.boundaries).all()
    assert not np.array_equal(one.features, other.features)
    assert len(one.features) == len(one.segments) == len(one.boundaries) == len(one.marks) == 64
    assert set(one.boundaries[one.segments < 0]) <= {NOT_TOLD}
    assert 1 in one.boundaries


def test_half_of_the_texts_are_cut_into_more_pieces(nlp, folder):
    whole, dropped = (next(packed_batches(replace(recipe_of(nlp, folder, 2048), bpe_dropout=p), 0)) for p in (0.0, 0.6))
    assert whole.segments.max() > dropped.segments.max()  # fewer texts fill a batch


def test_hidden_pieces_keep_their_surface():
    features = torch.tensor([[5, 1, 1, 1]] * 400)
    changed, places = hide_pieces(features, 0.25)
    assert len(places) == 100
    assert set(changed[places, 0].tolist()) == {HIDDEN}
    assert (changed[:, 0] == HIDDEN).sum() == len(set(places.tolist()))
    assert (changed[:, 1:] == features[:, 1:]).all()
    assert (features[:, 0] == 5).all()


def test_a_teacher_that_knows_the_gold_teaches_what_the_gold_does(nlp, folder):
    shim = nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0]
    batch = PackedTensors.of(next(packed_batches(recipe_of(nlp, folder, 1024), 0)), shim)
    certain = torch.full((1024, 12), -50.0)
    certain[:, 0] = torch.where(batch.boundaries == 1, 50.0, -50.0)
    certain[torch.arange(1024), 1 + batch.marks.clamp(min=0).long()] = 50.0
    logits = torch.randn(1024, 12)
    assert float(taught_loss(logits, certain, batch, 0.3)) == pytest.approx(
        float(gold_loss(logits, batch, 0.3)), rel=1e-4
    )


def test_a_model_that_predicts_no_marks_learns_boundaries_alone(nlp, folder):
    shim = nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0]
    batch = PackedTensors.of(next(packed_batches(recipe_of(nlp, folder, 1024), 0)), shim)
    logits = torch.randn(1024, 12)
    assert gold_loss(logits[:, :1], batch, 0.3) == gold_loss(logits, batch, 0.0)
    assert taught_loss(logits[:, :1], logits[:, :1], batch, 0.3) == taught_loss(logits, logits, batch, 0.0)


def test_a_model_learns_from_its_teacher_alone(nlp, folder):
    settings = replace(PLAIN, steps=150)
    train_packed(nlp, config_of(folder), settings)
    teacher = nlp.get_pipe("sentence_segmenter").model
    student = spacy.blank("xx")
    student.add_pipe("sentence_segmenter", config={"model": TINY_MODEL})
    student.initialize(lambda: make_examples(student))
    train_packed(student, config_of(folder), replace(settings, teacher_weight=1.0), teacher=teacher)
    assert [s.text for s in student(" ".join(TEXTS[0])).sents] == TEXTS[0]
    other = spacy.blank("xx")
    other.add_pipe("sentence_segmenter", config={"model": TINY_MODEL})
    other.initialize(lambda: make_examples(other)[:1])
    with pytest.raises(ValueError, match="SEG437"):
        train_packed(other, config_of(folder), settings, teacher=teacher)


def test_hidden_pieces_can_be_guessed(nlp, folder):
    losses = []
    settings = replace(PLAIN, steps=200, hidden=0.1, guess_weight=1.0)
    # What guessing counts falls to 0, and with it the loss: seen is what one guess costs.
    train_packed(nlp, config_of(folder), settings, watch=lambda n, loss: losses.append(loss / settings.left(n - 1)))
    assert losses[2] < 0.8 * losses[0]


def test_batches_are_used_again_while_new_ones_are_made(nlp, folder):
    shim = nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0]
    made = list(islice(packed_batches(recipe_of(nlp, folder), 0), 3))

    class Slow:
        """One new batch in three."""

        calls = 0

        def take(self):
            return made[0]

        def take_ready(self):
            self.calls += 1
            return made[self.calls // 3] if self.calls % 3 == 0 else None

    pool = Pool(Slow(), shim, np.random.default_rng(0))
    drawn = [pool.draw() for _ in range(7)]
    assert pool.made == len({id(batch) for batch in drawn}) == 3


def test_processes_make_batches_and_tell_what_went_wrong(nlp, folder, tmp_path):
    recipe = recipe_of(nlp, folder)
    with made_by_processes(recipe, 2) as producers:
        first = [producers.take() for _ in range(6)]
    assert len({batch.features.tobytes() for batch in first}) > 1
    for path in (folder / "ours").glob("*.train.jsonl"):
        path.unlink()
    with made_by_processes(recipe, 1) as producers, pytest.raises(ValueError, match="SEG110"):
        producers.take()


def test_a_process_that_was_killed_is_an_error_with_a_code(nlp, folder, monkeypatch):
    monkeypatch.setattr(packed, "PATIENCE", 0.2)
    with made_by_processes(recipe_of(nlp, folder), 1) as producers:
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        with pytest.raises(OSError, match="SEG435"):
            [producers.take() for _ in range(100)]


def test_a_process_ends_when_the_one_that_asked_for_batches_was_killed(nlp, folder, monkeypatch):
    monkeypatch.setattr(packed, "PATIENCE", 0.05)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(is_alive=lambda: False))
    packed._produce(recipe_of(nlp, folder), 0, multiprocessing.get_context("spawn").Queue(2))  # has to come back


def test_training_on_packed_batches_lowers_the_loss(nlp, folder):
    seen, before = [], loss_of(nlp, folder)
    settings = replace(PLAIN, steps=150)
    train_packed(nlp, config_of(folder), settings, watch=lambda done, loss: seen.append(done))
    assert seen == [50, 100, 150]
    assert loss_of(nlp, folder) < 0.2 * before
    again = spacy.blank("xx")
    again.add_pipe("sentence_segmenter", config={"model": TINY_MODEL}).from_bytes(
        nlp.get_pipe("sentence_segmenter").to_bytes()
    )
    text = " ".join(TEXTS[0])
    assert [s.text for s in again(text).sents] == [s.text for s in nlp(text).sents] == TEXTS[0]


def test_a_killed_run_goes_on_from_its_checkpoint(nlp, folder, monkeypatch):
    monkeypatch.setattr(packed_loop, "EVERY", 20)
    settings = PackedSettings(steps=60, size=256, learn_rate=0.01, warmup=10, n_processes=1)
    checkpoint, seen = folder / "run.safetensors", []

    def kill(done, loss):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_packed(nlp, config_of(folder), settings, checkpoint=checkpoint, watch=kill)
    assert read_checkpoint(checkpoint)[0] == 40  # it was killed after 50 steps
    nlp.initialize(lambda: make_examples(nlp))
    train_packed(nlp, config_of(folder), settings, checkpoint=checkpoint, watch=lambda *told: seen.append(told))
    assert [done for done, _ in seen] == [50, 60]
    weights = nlp.get_pipe("sentence_segmenter").model.to_bytes()
    nlp.initialize(lambda: make_examples(nlp))
    train_packed(nlp, config_of(folder), settings, checkpoint=checkpoint, watch=lambda *told: seen.append(told))
    assert len(seen) == 2  # nothing is left to do
    assert nlp.get_pipe("sentence_segmenter").model.to_bytes() == weights
    write_checkpoint(checkpoint, 5, [[np.zeros((2, 3), "f")] * 3])
    with pytest.raises(ValueError, match="SEG420"):
        train_packed(nlp, config_of(folder), settings, checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"steps": 0}, "SEG200"),
        ({"dropout": 1.0}, "SEG200"),
        ({"learn_rate": 0.0}, "SEG200"),
        ({"n_processes": 0}, "SEG200"),
        ({"hidden": 1.0}, "SEG200"),
        ({"bpe_dropout": -0.1}, "SEG200"),
        ({"guess_weight": -1.0}, "SEG200"),
        ({"weight_decay": -1.0}, "SEG200"),
        ({"teacher_weight": 1.5}, "SEG200"),
    ],
)
def test_settings_that_cannot_be(nlp, folder, change, code):
    with pytest.raises(ValueError, match=code):
        train_packed(nlp, config_of(folder), PackedSettings(**change))


def test_a_loss_that_is_no_number_stops_training(nlp, folder):
    settings = PackedSettings(steps=60, size=128, learn_rate=1e30, warmup=0, n_processes=1)
    with pytest.raises(ValueError, match="SEG401"):
        train_packed(nlp, config_of(folder), settings)


def test_other_corpora_and_encoders_are_named(nlp, folder):
    other = config_of(folder)
    other["corpora"]["train"]["@readers"] = "spacy_segment.SentenceCorpus.v1"
    with pytest.raises(ValueError, match="SEG200"):
        train_packed(nlp, other, PackedSettings(steps=1, size=64, n_processes=1))
    with pytest.raises(ValueError, match="SEG210"):
        recipe_of(nlp, folder, weights={"burnt": 1.0})
    listening = spacy.blank("xx")
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 16, "depth": 1, "embed_size": 50, "window_size": 1}
    tok2vec |= {"maxout_pieces": 2, "subword_features": True, "pretrained_vectors": None}
    model = {"@architectures": "spacy_segment.SaT.v1", "n_marks": 0, "pretrained": None}
    model["encoder"] = {"@architectures": "spacy_segment.Tok2VecEncoder.v1", "tok2vec": tok2vec}
    listening.add_pipe("sentence_segmenter", config={"model": model})
    listening.initialize(lambda: make_examples(listening))
    with pytest.raises(ValueError, match="SEG434"):
        train_packed(listening, config_of(folder), PackedSettings(steps=1, size=64, n_processes=1))


def test_calibration_takes_what_is_best_on_the_examples(nlp):
    examples = [changed for eg in make_examples(nlp) for changed in conditions()(nlp, eg)]
    for _ in range(40):
        nlp.update(make_examples(nlp))
    pipe = nlp.get_pipe("sentence_segmenter")
    text = nlp.make_doc(" ".join(TEXTS[1]))
    before = pipe.predict([text])[0].logits
    scores = calibrate(nlp, examples)
    assert len(scores) == len(SCALES) * len(SHIFTS)
    scale, shift = max(scores, key=scores.__getitem__)
    np.testing.assert_allclose(pipe.predict([text])[0].logits, scale * before + shift, atol=1e-4)


def test_the_command_trains_calibrates_and_saves(folder):
    from spacy.cli._util import app

    import spacy_segment.cli.train  # noqa: F401

    sizes = {"hidden_width": 32, "embedding_width": 16, "inner_width": 32, "n_layers": 2, "n_heads": 2}
    sizes |= {"conv_width": 5, "lookahead": 12, "lookback": 8}
    overrides = [f"--components.sentence_segmenter.model.encoder.{name}={value}" for name, value in sizes.items()]
    overrides += [f"--paths.train={folder}/*/*.train.jsonl", f"--paths.dev={folder}/*/*.dev.jsonl"]
    overrides += ["--initialize.components.sentence_segmenter.vocabulary.size=300", "--corpora.train.lengths=[40,80]"]
    arguments = ["segment-train", "configs/sentences.cfg", "--output", str(folder / "out"), "--workers", "1"]
    arguments += ["--steps", "120", "--size", "256", "--learn-rate", "0.01", *overrides]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "boundary F1 (macro)" in result.output
    trained = spacy.load(folder / "out" / "model-last")
    assert [sent.text for sent in trained(" ".join(TEXTS[0])).sents] == TEXTS[0]
    arguments[3:4] = [str(folder / "taught"), "--teacher", str(folder / "out" / "model-last")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (folder / "taught" / "model-last").exists()


def test_the_command_calibrates(nlp, folder):
    from spacy.cli._util import app

    import spacy_segment.cli.calibrate  # noqa: F401

    nlp.to_disk(folder / "fresh")
    dev = f"{folder}/*/*.dev.jsonl"
    result = CliRunner().invoke(
        app, ["segment-calibrate", str(folder / "fresh"), dev, "--output", str(folder / "sure")]
    )
    assert result.exit_code == 0, result.output
    assert "boundary F1 (macro)" in result.output
    assert spacy.load(folder / "sure").has_pipe("sentence_segmenter")
    result = CliRunner().invoke(app, ["segment-calibrate", str(folder / "no"), dev, "--output", str(folder / "x")])
    assert result.exit_code == 1
    assert "SEG133" in result.output + result.stderr


@pytest.mark.parametrize("text", ["no config", "[nlp]\nlang = 'en'", "[training]\nseed = ${nothing.here}"])
def test_the_command_says_what_is_wrong_with_a_config(tmp_path, text):
    from spacy.cli._util import app

    import spacy_segment.cli.train  # noqa: F401

    (tmp_path / "a.cfg").write_text(text)
    result = CliRunner().invoke(app, ["segment-train", str(tmp_path / "a.cfg"), "--output", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "[SEG202]" in result.stderr
    assert "a.cfg" in result.stderr
    assert not (tmp_path / "out").exists()


def test_matrices_of_layers_are_orthogonalised_and_the_table_of_pieces_is_not(nlp):
    torn = Torn.of(nlp.get_pipe("sentence_segmenter").model)
    encoder = torn.shim.module
    nn.init.normal_(torn.output.weight)  # at first it is zero, and no gradient comes through
    before = {name: weight.detach().clone() for name, weight in encoder.named_parameters()}
    optimizer = PackedOptimizer(encoder, [torn.output], 0.0)
    features, segments = torch.randint(1, 4, (64, 4)), torch.zeros(64, dtype=torch.long)
    optimizer.step(torn.logits(torn.states(features, segments)).square().sum(), 0.01)
    matrix = encoder.stack.layers[0].inner.weight - before["stack.layers.0.inner.weight"]
    values = torch.linalg.svdvals(matrix.detach())
    assert values.max() < 2 * values.median()  # of a plain gradient a few are far larger than all others
    table = encoder.embed.pieces.weight - before["embed.pieces.weight"]
    assert (table.detach().abs().amax(1) > 0).sum() == 3  # the pieces that were there


def test_an_older_torch_is_named(nlp, folder, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ImportError, match="SEG438"):
        train_packed(nlp, config_of(folder), PLAIN)


def test_settings_that_a_config_leaves_out_are_those_of_the_reader(nlp, folder):
    config, meta = config_of(folder), nlp.get_pipe("sentence_segmenter").model.layers[0].shims[0].meta
    train = {
        "@readers": "spacy_segment.MixedCorpus.v1",
        "path": config["corpora"]["train"]["path"],
        "lengths": [200],
        "augmenter": {"@augmenters": "spacy_segment.corruption_mix.v1", "weights": {"clean": 1.0}},
    }
    recipe = Recipe.of({"corpora": {"train": train}}, meta, size=512, gap=4)
    assert recipe.corpus["join"] == 0.05
    assert next(packed_batches(recipe, 0)).features.shape[0] == 512
    for missing in ("lengths", "augmenter"):
        with pytest.raises(ValueError, match="SEG200"):
            Recipe.of({"corpora": {"train": {k: v for k, v in train.items() if k != missing}}}, meta, size=512, gap=4)


def test_calibration_and_the_second_look_leave_adapters_out(nlp, monkeypatch):
    pipe = nlp.get_pipe("sentence_segmenter")
    pipe.cfg["adapter"] = "legal"
    monkeypatch.setattr(pipe.adapters, "find", lambda name: None)
    predict, seen = pipe.predict, []
    monkeypatch.setattr(pipe, "predict", lambda docs: seen.append(pipe.cfg["adapter"]) or predict(docs))
    calibrate(nlp, make_examples(nlp))
    fit_rescoring(nlp, [make_examples(nlp)])
    assert set(seen) == {None}
    assert pipe.cfg["adapter"] == "legal"
