"""Static vectors of sub-word pieces that say what a sentence encoder says of the passages they stand in."""

from collections.abc import Iterator

import numpy as np
import spacy
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from ..models.encoder import HFEncoder
from ..models.pieces import N_BUCKETS
from ..models.words import WordCutter

# Passages and pieces the teacher reads at once; steps of training, passages per step, step size.
BATCH = 1024
STEPS = 3_000
STUDENT_BATCH = 512
RATE = 0.003
# Passages a piece must stand in before their mean counts as much as the teacher's vector of the piece alone.
PRIOR = 4.0


def distill(
    passages: list[str], tokenizer: Tokenizer, n_known: int, *, teacher: str, width: int, seed: int = 0
) -> np.ndarray:
    """Learn vectors whose mean over a passage points where the teacher's vector of the passage does.

    The target is the teacher's mean-pooled vector, less the mean of all, on its first `width` principal components. Vectors
    begin as the mean of the passages a piece stands in and of the teacher's vector of the piece by itself.

    teacher (str): Directory or name of a Hugging Face encoder.
    RETURNS (ndarray): (n_known + N_BUCKETS, width) float32.
    RAISES (ValueError): SEG310.

    Tulkens & van Dongen (2024), Model2Vec, for static students of sentence encoders.
    """
    words = [tokenizer.id_to_token(i) for i in range(n_known)]
    seen = np.concatenate(list(_embed(teacher, passages)))
    center = seen.mean(axis=0)
    _, _, axes = np.linalg.svd(seen - center, full_matrices=False)
    targets = _unit((seen - center) @ axes[:width].T)
    alone = _unit((np.concatenate(list(_embed(teacher, words))) - center) @ axes[:width].T)
    cutter = WordCutter(tokenizer, n_known)
    bags = [cutter(passage)[0] for passage in passages]
    start = np.zeros((n_known + N_BUCKETS, width), dtype=np.float32)
    start[:n_known] = alone * PRIOR
    count = np.full(len(start), PRIOR, dtype=np.float32)
    for bag, target in zip(bags, targets, strict=True):
        ids = np.unique(bag)
        start[ids] += target
        count[ids] += 1
    return _train(start / count[:, None], bags, targets, seed)


def _train(start: np.ndarray, bags: list[np.ndarray], targets: np.ndarray, seed: int) -> np.ndarray:
    """Raise the cosine of the mean of a passage's vectors and its target."""
    rng = np.random.default_rng(seed)
    table = torch.nn.EmbeddingBag(*start.shape, mode="mean", _weight=torch.from_numpy(start))
    optimizer = torch.optim.Adam(table.parameters(), lr=RATE)
    gold = torch.from_numpy(targets)
    kept = np.flatnonzero([len(bag) > 0 for bag in bags])
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        chosen = rng.choice(kept, STUDENT_BATCH)
        lengths = np.asarray([len(bags[i]) for i in chosen])
        ids = torch.from_numpy(np.concatenate([bags[i] for i in chosen]).astype(np.int64))
        offsets = torch.from_numpy(np.cumsum(lengths) - lengths)
        loss = (1 - F.cosine_similarity(table(ids, offsets), gold[chosen])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return table.weight.detach().numpy()


def _embed(teacher: str, texts: list[str]) -> Iterator[np.ndarray]:
    """YIELDS (ndarray): Mean states of a batch of texts, (n, hidden_width)."""
    nlp = spacy.blank("xx")
    encoder = HFEncoder(teacher, lookahead=None, lookback=0, window=128)
    encoder.initialize()
    for begin in range(0, len(texts), BATCH):
        docs = [nlp.make_doc(text) for text in texts[begin : begin + BATCH]]
        states = [p.states for p in encoder.predict(docs)]
        yield np.stack([s.mean(axis=0) if len(s) else np.zeros(encoder.get_dim("nO"), "f") for s in states])


def _unit(x: np.ndarray) -> np.ndarray:
    return (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)).astype(np.float32)
