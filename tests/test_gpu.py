"""On a GPU: the same results as on a CPU, training that learns, files that either reads."""

import copy

import numpy as np
import pytest
import spacy
import torch
from conftest import TEXTS, TINY_MODEL, TINY_TOPICS, make_examples, make_topic_examples, make_topics
from test_adapters import SEGMENTER, logits
from test_devices import ENCODERS
from test_pair_models import PAIRS
from test_pair_models import train as train_pairs
from test_unit_encoder import make_nlp as make_second
from test_unit_encoder import train as train_second

from spacy_segment.length_prior import LengthPrior
from spacy_segment.training.formats import Record
from spacy_segment.training.optimizer import AdamW, read_checkpoint

pytestmark = pytest.mark.gpu
if not torch.cuda.is_available():
    pytest.skip("there is no GPU", allow_module_level=True)
pytest.importorskip("cupy", reason="spaCy needs cupy for a GPU")

SENTENCES = [
    ["The ferry leaves at nine.", "Dr. Miller missed it by a minute!", "Will there be another one?", "Nobody knew."],
    ["we went to the market in the morning", "it was closed", "so we walked back along the river", "it rained"],
    ["Der Bäcker öffnet um 6 Uhr.", "Heute kam niemand.", "電車が一時間遅れました。", "誰も来ませんでした。"],
    ["Opening hours\n\n", "We open at nine.\n", "We close at five.\n", "Call us: the number is on the door."],
]
# The last is longer than a window, and than a block of attention.
LINES = [" ".join(sentences) for sentences in SENTENCES]
LINES = ["", "One.", *LINES, " ".join(LINES * 30)]
TOPICS = (
    "Rain fell on the hills all night. The wind turned north at dawn. Snow is expected above a thousand metres.\n\n"
    "Mix the flour with water and salt. Let the dough rest for an hour. Bake the bread until it is brown.\n\n"
    "The court heard two witnesses. The judge adjourned the trial. A verdict is expected in spring."
)
STEPS = 12


@pytest.fixture(autouse=True)
def gpu():
    """What is made in a test stands on the GPU; what is made after `require_cpu` does not."""
    spacy.require_gpu()
    spacy.util.fix_random_seed(0)
    yield
    spacy.require_cpu()


def on_cpu(function, *args):
    spacy.require_cpu()
    try:
        return function(*args)
    finally:
        spacy.require_gpu()


def device_of(nlp, name=SEGMENTER):
    (device,) = {shim.device.type for node in nlp.get_pipe(name).model.walk() for shim in node.shims}
    return device


def embedded(dtype="float32"):
    nlp = spacy.blank("xx")
    nlp.add_pipe(SEGMENTER, config={"model": {"encoder": {"dtype": dtype}}})
    return nlp


def tiny(encoder=None, **settings):
    """A tiny pipeline with an encoder of any kind, initialised on TEXTS."""
    nlp = spacy.blank("en")
    encoder = {**(encoder or TINY_MODEL["encoder"]), **settings}
    nlp.add_pipe(SEGMENTER, config={"model": {**TINY_MODEL, "encoder": encoder}})
    nlp.initialize(lambda: make_examples(nlp))
    return nlp


def learn(nlp, optimizer, examples, steps=STEPS):
    return [sum(nlp.update(examples, sgd=optimizer).values()) for _ in range(steps)]


def starts(nlp, lines=LINES):
    return [[sent.start_char for sent in doc.sents] if len(doc) else [] for doc in nlp.pipe(lines)]


def predict_topics(nlp, text=TOPICS):
    doc = nlp.make_doc(text)
    spacy.blank("en").add_pipe("sentencizer")(doc)
    return nlp.get_pipe("topic_segmenter").predict([doc])[0]


def assert_same_topics(found, expected, atol=1e-3):
    for name in ("boundary", "any_level", "labels"):
        if getattr(expected, name) is not None:
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=atol)


def test_the_embedded_model_says_the_same_in_float32():
    cpu, gpu = on_cpu(embedded), embedded()
    assert (device_of(cpu), device_of(gpu)) == ("cpu", "cuda")
    for found, expected in zip(logits(gpu, LINES), on_cpu(logits, cpu, LINES), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert starts(gpu) == on_cpu(starts, cpu)


@pytest.mark.parametrize("dtype", ["bfloat16", "auto", "int8"])
def test_the_embedded_model_says_nearly_the_same_in_other_precisions(dtype):
    expected = np.concatenate(on_cpu(lambda: logits(embedded(), LINES)))
    found = np.concatenate(logits(embedded(dtype), LINES))
    assert np.mean((found > 0) == (expected > 0)) >= 0.99
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_lowers_the_loss_and_the_file_is_read_on_a_cpu(dtype, tmp_path):
    nlp = tiny(dtype=dtype)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    losses = learn(nlp, optimizer, make_examples(nlp))
    assert losses[-1] < losses[0] / 2
    nlp.to_disk(tmp_path)
    found = logits(nlp, LINES)
    again = on_cpu(spacy.load, tmp_path)
    assert device_of(again) == "cpu"
    tolerance = 1e-3 if dtype == "float32" else 0.2
    for ours, theirs in zip(found, on_cpu(logits, again, LINES), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    for ours, theirs in zip(found, logits(spacy.load(tmp_path), LINES), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


def test_gradients_are_those_of_a_cpu():
    def gradients(data):
        nlp = tiny().from_bytes(data)
        nlp.update(make_examples(nlp), sgd=False)
        model = nlp.get_pipe(SEGMENTER).model
        named = model.layers[0].shims[0].module.named_parameters()
        return {name: weights.grad.cpu().numpy() for name, weights in named}

    data = on_cpu(lambda: tiny().to_bytes())
    expected = on_cpu(gradients, data)
    for name, found in gradients(data).items():
        np.testing.assert_allclose(found, expected[name], atol=1e-3, err_msg=name)


@pytest.mark.parametrize("kind", ["tok2vec", "hf", "unlimited"])
def test_other_encoders_learn(kind, bert):
    hf = {"@architectures": "spacy_segment.HFEncoder.v1", "name": str(bert), "dtype": "float32"}
    kinds = {"tok2vec": ENCODERS["tok2vec"], "hf": hf, "unlimited": {**hf, "lookahead": None, "dtype": "bfloat16"}}
    nlp = spacy.blank("en")
    nlp.add_pipe(SEGMENTER, config={"model": {**TINY_MODEL, "encoder": kinds[kind]}})
    nlp.initialize(lambda: make_examples(nlp))
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.005
    losses = learn(nlp, optimizer, make_examples(nlp))
    assert losses[-1] < losses[0]
    data, found = nlp.to_bytes(), logits(nlp, LINES[1:4])
    again = on_cpu(lambda: spacy.blank("en").from_config(nlp.config).from_bytes(data))
    for ours, theirs in zip(found, on_cpu(logits, again, LINES[1:4]), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.2 if kind == "unlimited" else 1e-3)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    path = str(tmp_path / "state.safetensors")
    nlp, examples = tiny(), make_examples(tiny())
    optimizer = AdamW(0.01, checkpoint=path, every=5)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
        optimizer.step_schedules()
    expected = logits(nlp, LINES)
    steps, arrays = read_checkpoint(tmp_path / "state.safetensors")
    assert steps == 5
    assert any(array.any() for name, array in arrays.items() if name.endswith("mom2"))
    spacy.util.fix_random_seed(1)
    again, resumed = tiny(), AdamW(0.01, checkpoint=path, every=100)
    before = logits(again, LINES)
    again.update(examples, sgd=resumed)  # puts the stored state in place
    for ours, theirs in zip(logits(again, LINES), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert any(not np.allclose(a, b, atol=1e-4) for a, b in zip(before, expected, strict=True))
    resumed.resumed = {}
    for pipeline, sgd in ((nlp, optimizer), (again, resumed)):
        pipeline.update(examples, sgd=sgd)
    for ours, theirs in zip(logits(again, LINES), logits(nlp, LINES), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_a_model_on_the_cpu_learns_beside_a_gpu():
    nlp = on_cpu(tiny)
    losses = learn(nlp, AdamW(0.01), make_examples(nlp))
    assert device_of(nlp) == "cpu"
    assert losses[-1] < losses[0] / 2


def test_a_model_moves():
    nlp = tiny()
    expected = logits(nlp, LINES)
    model = nlp.get_pipe(SEGMENTER).model
    model.to_cpu()
    assert device_of(nlp) == "cpu"
    found = on_cpu(logits, nlp, LINES)
    model.to_gpu(0)
    for moved, back, at_first in zip(found, logits(nlp, LINES), expected, strict=True):
        np.testing.assert_allclose(moved, at_first, atol=1e-3)
        np.testing.assert_allclose(back, at_first, atol=1e-5)


def test_an_adapter_is_made_used_and_saved(tmp_path):
    pytest.importorskip("peft")
    from spacy_segment.training.adapt import AdaptSettings, adapt, merge

    nlp = tiny()
    learn(nlp, AdamW(0.01), make_examples(nlp), steps=40)
    base = logits(nlp, LINES)
    lines = [f"order {n} {goods} for room {n % 7}" for n, goods in enumerate(["paint", "one long table", "glass"] * 6)]
    record = Record(" ".join(lines), [0, *(np.cumsum([len(line) + 1 for line in lines])[:-1].tolist())], "orders", "en")
    settings = AdaptSettings(
        max_steps=20,
        strength=1.0,
        every=10,
        learn_rate=0.02,
        batch_bytes=600,
        lengths=(100, 200),
        conditions=("clean",),
    )
    adaptation = adapt(nlp, [record], name="orders", settings=settings)
    assert adaptation.after >= adaptation.before
    assert adaptation.lengths is None or isinstance(adaptation.lengths, LengthPrior)
    found = logits(nlp, LINES)
    nlp.to_disk(tmp_path)
    for ours, theirs in zip(found, on_cpu(lambda: logits(spacy.load(tmp_path), LINES)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    nlp.get_pipe(SEGMENTER).set_adapter(None)
    for ours, theirs in zip(logits(nlp, LINES), base, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    nlp.get_pipe(SEGMENTER).set_adapter("orders")
    merge(nlp)
    for ours, theirs in zip(logits(nlp, LINES), found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_embedded_topic_model_says_the_same():
    def predict(dtype="float32"):
        nlp = spacy.blank("en")
        nlp.add_pipe("topic_segmenter", config={"model": {"dtype": dtype}})
        return nlp, predict_topics(nlp)

    _, expected = on_cpu(predict)
    nlp, found = predict()
    assert device_of(nlp, "topic_segmenter") == "cuda"
    assert_same_topics(found, expected)
    _, rough = predict("bfloat16")
    assert np.mean((rough.boundary > 0) == (expected.boundary > 0)) >= 0.9
    assert np.abs(rough.boundary - expected.boundary).max() < 0.5


@pytest.mark.parametrize("name", ["DepthScore", "FirstNeighbour", "ChangePoint"])
def test_models_without_training_say_the_same(name):
    def predict(data=None):
        encoder = {"@architectures": "spacy_segment.StaticEncoder.v1", "pretrained": "topics"}
        nlp = spacy.blank("en")
        nlp.add_pipe(
            "topic_segmenter", config={"model": {"@architectures": f"spacy_segment.{name}.v1", "encoder": encoder}}
        )
        return predict_topics(nlp)

    assert_same_topics(predict(), on_cpu(predict))


@pytest.mark.parametrize("settings", [{}, {"dtype": "bfloat16"}, {"lama_heads": 2, "dtype": "bfloat16"}])
def test_coherence_learns(settings, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("topic_segmenter", config={"model": {**copy.deepcopy(TINY_TOPICS), **settings}})
    examples = make_topic_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    table = nlp.get_pipe("topic_segmenter").model.layers[0].shims[0].module.embed.weight
    before = table.detach().clone()
    losses = learn(nlp, optimizer, examples, steps=30)
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert not torch.equal(before, table)
    nlp.to_disk(tmp_path)
    found = predict_topics(nlp)
    again = on_cpu(spacy.load, tmp_path)
    assert device_of(again, "topic_segmenter") == "cpu"
    assert_same_topics(found, on_cpu(predict_topics, again), atol=0.5 if settings else 1e-3)


@pytest.mark.parametrize("trainable", [False, True])
def test_coherence_learns_with_a_second_encoder(bert, trainable):
    nlp = make_second(bert, trainable=trainable)
    train_second(nlp)
    model = nlp.get_pipe("topic_segmenter").model
    assert device_of(nlp, "topic_segmenter") == "cuda"
    assert float(model.shims[0].module.second.project.weight.detach().abs().max()) > 0
    data, found = nlp.to_bytes(), predict_topics(nlp)
    again = on_cpu(lambda: make_second(bert, trainable=trainable).from_bytes(data))
    assert_same_topics(found, on_cpu(predict_topics, again))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", PAIRS)
def test_models_of_pairs_learn(name, dtype):
    nlp, losses = train_pairs({**PAIRS[name], "dtype": dtype, "lama_heads": 2}, steps=30)
    assert device_of(nlp, "topic_segmenter") == "cuda"
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert np.isfinite(predict_topics(nlp).boundary).all()


def test_means_of_many_rows_are_exact_in_bfloat16():
    from spacy_segment.models.torch.units import run_means

    ones = torch.ones(5000, 3, dtype=torch.bfloat16, device="cuda")
    means = run_means(ones, torch.zeros(5000, dtype=torch.long, device="cuda"), 1)
    assert means.cpu().tolist() == [[1.0, 1.0, 1.0]]


def test_topics_of_a_pipeline_of_both(tmp_path):
    nlp = make_topics()
    nlp.add_pipe(SEGMENTER, first=True)
    docs = list(nlp.pipe([" ".join(sentences) for sentences in TEXTS], batch_size=2))
    assert all(doc.spans["topics"] for doc in docs)
