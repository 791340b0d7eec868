"""Fit the second look of a sentence model, `rescoring.py`, on dev texts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from torch import nn

from ..align import sent_start_offsets
from ..pipeline.before import run_before
from ..rescoring import NO_RESCORING, WIDTHS, examine, rescore
from ..scorers import CONDITION, CORPUS
from ..types import Bools1d, Boundaries, Floats1d, Floats2d
from .calibration import macro_f

# Share of what is learned that counts: the corpora of users are others.
STRENGTH = 0.6
# Parts of the corpora that are left out in turn, to see what it is worth on corpora it was not fitted to.
FOLDS = 4
STEPS, BATCH, LEARN_RATE, WEIGHT_DECAY = 2000, 2048, 0.003, 0.01


class Scores(NamedTuple):
    """Macro boundary F1 of one set of texts: without the second look, and with one fitted to other corpora."""

    before: float
    after: float


@dataclass(frozen=True)
class Sample:
    """A dev text with what the model says of it.

    group (tuple): Set, corpus and condition. features (Floats2d): (n, WIDTHS[0]) of its likely places. is_start (Bools1d): (n,)
    whether a sentence starts there.
    """

    reference: Doc
    group: tuple[int, str, str]
    boundaries: Boundaries
    features: Floats2d
    is_start: Bools1d


def fit_rescoring(
    nlp: Language, sets: list[Iterable[Example]], *, component: str = "sentence_segmenter", seed: int = 0
) -> list[Scores]:
    """Give a sentence segmenter a second look, if that helps on corpora that it is not fitted to. Adapters are off meanwhile.

    sets (list): Kinds of texts that count alike, such as whole documents and short parts, each of many corpora.
    RETURNS (list of Scores): Of every set.
    """
    pipe: Any = nlp.get_pipe(component)
    with pipe.without_adapter():
        return _fit_rescoring(nlp, pipe, sets, seed)


def _fit_rescoring(nlp: Language, pipe: Any, sets: list[Iterable[Example]], seed: int) -> list[Scores]:
    pipe.model.set_param("rescoring", NO_RESCORING)
    samples = [sample for i, examples in enumerate(sets) for sample in _observe(nlp, pipe, i, examples)]
    corpora = sorted({sample.group[1] for sample in samples})
    fold_of = dict(zip(corpora, np.random.default_rng(seed).permutation(len(corpora)) % FOLDS, strict=True))
    rescored = [sample.boundaries for sample in samples]
    for fold in set(fold_of.values()):
        weights = _fit([sample for sample in samples if fold_of[sample.group[1]] != fold], seed)
        left_out = [i for i, sample in enumerate(samples) if fold_of[sample.group[1]] == fold]
        texts = [samples[i].reference.text for i in left_out]
        found = rescore(texts, [rescored[i] for i in left_out], weights, see_newlines=pipe.sees_newlines)
        for i, boundaries in zip(left_out, found, strict=True):
            rescored[i] = boundaries
    scores = []
    for i in range(len(sets)):
        members = [n for n, sample in enumerate(samples) if sample.group[0] == i]
        references = [samples[n].reference for n in members]
        before = macro_f(nlp, pipe, references, [samples[n].boundaries for n in members])
        scores.append(Scores(before, macro_f(nlp, pipe, references, [rescored[n] for n in members])))
    if fmean(score.after for score in scores) > fmean(score.before for score in scores):
        pipe.model.set_param("rescoring", pipe.model.ops.asarray(_fit(samples, seed)))
    return scores


def _observe(nlp: Language, pipe: Any, number: int, examples: Iterable[Example]) -> Iterator[Sample]:
    references = [example.reference for example in examples]
    found = pipe.predict(run_before(nlp, pipe, (nlp.make_doc(reference.text) for reference in references)))
    for reference, boundaries in zip(references, found, strict=True):
        group = (number, reference.user_data.get(CORPUS, ""), reference.user_data.get(CONDITION, ""))
        described = list(examine([reference.text], [boundaries], see_newlines=pipe.sees_newlines))
        features = np.concatenate([np.zeros((0, WIDTHS[0]), dtype=np.float32), *(rows for _, rows in described)])
        places = np.concatenate([np.zeros(0, dtype=np.int64), *(found for found, _ in described)])
        is_start = np.isin(boundaries.offsets[places], sent_start_offsets(reference))
        yield Sample(reference, group, boundaries, features, is_start)


def _fit(samples: list[Sample], seed: int) -> Floats1d:
    """Minimise the cross-entropy; a place counts by the root of what its corpus and condition have.

    RETURNS (Floats1d): (SIZE,) weights of `rescore`, nothing but zeros if there is no place to learn from.
    """
    sizes = Counter[tuple[int, str, str]]()
    for sample in samples:
        sizes[sample.group] += len(sample.features)
    X = np.concatenate([np.zeros((0, WIDTHS[0]), dtype=np.float32), *(sample.features for sample in samples)])
    Y = np.concatenate([np.zeros(0, dtype=bool), *(sample.is_start for sample in samples)])
    torch.manual_seed(seed)
    layers = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(WIDTHS)]
    nn.init.zeros_(layers[-1].weight)
    nn.init.zeros_(layers[-1].bias)
    mean, deviation = np.zeros(WIDTHS[0]), np.ones(WIDTHS[0])
    if len(X):
        mean, deviation = X.mean(axis=0), X.std(axis=0) + 1e-6
        shares = np.concatenate([np.full(len(s.features), max(sizes[s.group], 1) ** -0.5) for s in samples])
        chosen = np.random.default_rng(seed).choice(len(X), size=(STEPS, BATCH), p=shares / shares.sum())
        _train(
            layers, torch.from_numpy((X - mean) / deviation), torch.from_numpy(np.column_stack([X[:, 0], Y])), chosen
        )
    weights = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers]
    W, b = weights[0]
    weights[0] = (W / deviation, b - W @ (mean / deviation))
    W, b = weights[-1]
    weights[-1] = (STRENGTH * W, STRENGTH * b)
    return np.concatenate([part.ravel() for layer in weights for part in layer]).astype(np.float32)


def _train(layers: list[nn.Linear], X: torch.Tensor, goal: torch.Tensor, chosen: np.ndarray) -> None:
    """goal: (n, 2), the log-odds that the network changes, and whether a sentence starts there."""
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARN_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARN_RATE, total_steps=len(chosen))
    for rows in torch.from_numpy(chosen):
        logits = goal[rows, 0] + network(X[rows])[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, goal[rows, 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
