import numpy as np
import pytest
import torch
from conftest import make_examples, make_tiny

from spacy_segment.files import write_atomically
from spacy_segment.training.optimizer import AdamW, read_checkpoint, remaining_steps

KEY = (1, "weight")


def run(optimizer, weights, n):
    for step in range(n):
        optimizer(KEY, weights, np.sin(weights + step))
        optimizer.step_schedules()
    return weights


def schedule(rates):
    yield from rates


def test_adamw_does_what_torch_does():
    start = np.random.default_rng(0).normal(size=(3, 4)).astype("f")
    expected = torch.nn.Parameter(torch.from_numpy(start.copy()))
    theirs = torch.optim.AdamW([expected], lr=0.1, weight_decay=0.01, betas=(0.9, 0.98), eps=1e-8)
    for step in range(5):
        expected.grad = torch.sin(expected.detach() + step)
        theirs.step()
    ours = run(AdamW(0.1, grad_clip=0), start.copy(), 5)
    np.testing.assert_allclose(ours, expected.detach().numpy(), rtol=1e-5)


def test_adamw_clips_the_gradient():
    clipped, free = (AdamW(0.1, grad_clip=c, eps=1.0) for c in (0.1, 0.0))
    a, b = (np.zeros((2, 2), dtype="f") for _ in range(2))
    clipped(KEY, a, np.full((2, 2), 9.0, dtype="f"))
    free(KEY, b, np.full((2, 2), 9.0, dtype="f"))
    assert np.abs(a).max() < np.abs(b).max()


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    path = str(tmp_path / "state.safetensors")
    rates = [0.1 / (i + 1) for i in range(20)]
    start = np.random.default_rng(0).normal(size=(3, 4)).astype("f")
    whole = run(AdamW(schedule(rates)), start.copy(), 10)
    run(AdamW(schedule(rates), checkpoint=path, every=3), start.copy(), 8)  # stops after step 8; saved at 6
    assert remaining_steps(10, path) == 4
    resumed = AdamW(schedule(rates), checkpoint=path, every=100)
    weights = np.zeros_like(start)
    resumed(KEY, weights, np.ones_like(start))  # puts the stored state in place
    resumed.resumed = {}
    for step in range(6, 10):
        resumed(KEY, weights, np.sin(weights + step))
        resumed.step_schedules()
    np.testing.assert_allclose(weights, whole, rtol=1e-5)


def test_remaining_steps_without_a_checkpoint(tmp_path):
    assert remaining_steps(10) == 10
    assert remaining_steps(10, str(tmp_path / "none")) == 10


def test_checkpoint_of_another_model(tmp_path):
    path = str(tmp_path / "state.safetensors")
    run(AdamW(0.1, checkpoint=path, every=1), np.zeros((2, 2), dtype="f"), 1)
    with pytest.raises(ValueError, match="SEG420"):
        AdamW(0.1, checkpoint=path)(KEY, np.zeros((3, 3), dtype="f"), np.zeros((3, 3), dtype="f"))


def test_broken_checkpoint(tmp_path):
    (tmp_path / "state").write_bytes(b"no")
    with pytest.raises(ValueError, match="SEG420"):
        read_checkpoint(tmp_path / "state")


def test_resumed_component_has_the_weights_of_the_checkpoint(tmp_path):
    path = str(tmp_path / "state.safetensors")
    first, second = make_tiny(), make_tiny()
    for nlp in (first, second):
        optimizer = AdamW(0.01, checkpoint=path, every=3)
        for _ in range(3 if nlp is first else 1):
            nlp.update(make_examples(nlp), sgd=optimizer)
            optimizer.step_schedules()
    models = [nlp.get_pipe("sentence_segmenter").model for nlp in (first, second)]
    docs = [first.make_doc("The kettle is on.")]
    np.testing.assert_allclose(*(model.predict(docs)[0].states for model in models), atol=1e-6)


def test_write_atomically_keeps_the_old_file_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_parameter_whose_first_gradient_comes_later_is_resumed_too(tmp_path):
    path = tmp_path / "state.safetensors"
    first, second = np.full((2, 3), 1.0, dtype="f"), np.full(4, 2.0, dtype="f")
    optimizer = AdamW(0.1, checkpoint=str(path), every=1)
    for key, weights in (((1, "a"), first), ((2, "b"), second)):
        optimizer(key, weights, np.ones_like(weights))
    optimizer.step_schedules()
    resumed = AdamW(0.1, checkpoint=str(path), every=1)
    resumed.step_schedules()  # a batch that nothing is learned from
    a, b = np.zeros_like(first), np.zeros_like(second)
    resumed((1, "a"), a, np.ones_like(a))
    resumed.step_schedules()  # saves what is still waiting as well
    np.testing.assert_array_equal(a, first)
    resumed((2, "b"), b, np.ones_like(b))
    np.testing.assert_array_equal(b, second)
    again = AdamW(0.1, checkpoint=str(path))
    for key, weights in (((1, "a"), np.zeros_like(first)), ((2, "b"), np.zeros_like(second))):
        again(key, weights, np.ones_like(weights))
        assert weights.any()


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    data, path = tmp_path / "a.txt", str(tmp_path / "state.safetensors")
    data.write_text("One.")
    run(AdamW(0.1, checkpoint=path, every=1, data=str(data)), np.zeros((2, 2), dtype="f"), 1)
    assert AdamW(0.1, checkpoint=path, data=[str(data)]).n_steps == AdamW(0.1, checkpoint=path).n_steps == 1
    data.write_text("Two.")
    with pytest.raises(ValueError, match=r"SEG420.*of other data"):
        AdamW(0.1, checkpoint=path, data=str(data))
