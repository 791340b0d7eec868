"""What the coherence model learns from: boundaries, labels, disarrayed documents, contrasts between topics.

Yu et al. (2023), Improving long document topic segmentation models with enhanced coherence modeling, section 3.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = -100
# Relations of a unit to the one before it in a disarrayed document.
NEXT, SAME_TOPIC, OTHER_TOPIC = range(3)
TEMPERATURE = 0.1
N_NEGATIVES = 3


@dataclass(frozen=True)
class Disarrayed:
    """A run of units in a new order.

    order (ndarray): (m,) the unit of the old run that stands here, -1 on pads.
    docs, boundary, relation (ndarray): (m,) as in the old run; NEXT, SAME_TOPIC, OTHER_TOPIC, or IGNORE.
    """

    order: np.ndarray
    docs: np.ndarray
    boundary: np.ndarray
    relation: np.ndarray


def disarray(docs: np.ndarray, boundary: np.ndarray, rng: np.random.Generator, *, gap: int) -> Disarrayed:
    """Shuffle the topics of every document, and all units of a topic but its last.

    In half of the documents, half of the topics are replaced by topics of the others.
    gap (int): Pads after every document.
    """
    topics = [_topics(docs, boundary, doc) for doc in range(int(docs.max()) + 1)]
    everything = [topic for document in topics for topic in document]
    columns: list[tuple[np.ndarray, int, np.ndarray, np.ndarray]] = []
    for doc, document in enumerate(topics):
        chosen = [document[i] for i in rng.permutation(len(document))]
        if rng.random() < 0.5:
            chosen = [everything[rng.integers(len(everything))] if rng.random() < 0.5 else t for t in chosen]
        for place, topic in enumerate(chosen):
            units = np.append(rng.permutation(topic[:-1]), topic[-1])
            relation = np.where(np.diff(units, prepend=IGNORE) == 1, NEXT, SAME_TOPIC)
            relation[0] = OTHER_TOPIC if place else IGNORE
            columns.append((units, doc, np.arange(len(units)) == 0, relation))
        pads = np.full(gap, -1)
        columns.append((pads, -1, np.zeros(gap, dtype=bool), np.full(gap, IGNORE)))
    return Disarrayed(
        order=np.concatenate([c[0] for c in columns]),
        docs=np.concatenate([np.full(len(c[0]), c[1]) for c in columns]),
        boundary=np.concatenate([c[2] for c in columns]),
        relation=np.concatenate([c[3] for c in columns]),
    )


def _topics(docs: np.ndarray, boundary: np.ndarray, doc: int) -> list[np.ndarray]:
    units = np.flatnonzero(docs == doc)
    return np.split(units, np.flatnonzero(boundary[units][1:]) + 1)


def boundary_loss(logits: Tensor, gold: Tensor, docs: Tensor) -> Tensor:
    """Mean binary cross-entropy over gaps: units that are no pads and not the first of a document. Shape: (n,) -> ()"""
    return F.binary_cross_entropy_with_logits(
        logits.float(), gold.float(), weight=is_gap(docs).float(), reduction="sum"
    ) / (is_gap(docs).sum().clamp(min=1))


def is_gap(docs: Tensor) -> Tensor:
    """Shape: (n,) -> (n,) booleans"""
    before = torch.cat([docs.new_full((1,), -1), docs[:-1]])
    return (docs >= 0) & (docs == before)


def contrastive_loss(states: Tensor, docs: np.ndarray, boundary: np.ndarray) -> Tensor:
    """CSSL: a unit shall be nearer to its neighbour in the topic than to the first units after the topic.

    Units without a neighbour in their topic, and documents of one topic, do not count.

    Equation 5 of the paper, temperature 0.1, one positive, three negatives. Shape: (n, width) -> ()
    """
    positive, negatives = contrasts(docs, boundary)
    anchors = np.flatnonzero(positive >= 0)
    if not len(anchors):
        return states.sum() * 0.0
    unit = F.normalize(states.float(), dim=1)
    others = torch.as_tensor(np.column_stack([positive, negatives])[anchors], device=states.device)
    similarities = torch.einsum("aw,akw->ak", unit[torch.as_tensor(anchors, device=states.device)], unit[others])
    target = torch.zeros(len(anchors), dtype=torch.long, device=states.device)
    return F.cross_entropy(similarities / TEMPERATURE, target)


def contrasts(docs: np.ndarray, boundary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RETURNS (tuple): The positive of every unit, (n,), -1 for none; its negatives, (n, N_NEGATIVES)."""
    n = len(docs)
    place = np.arange(n)
    new_doc = np.diff(docs, prepend=-2) != 0
    new_topic = new_doc | boundary.astype(bool)
    topic = np.cumsum(new_topic)
    doc_run = np.cumsum(new_doc)
    end = np.searchsorted(topic, topic, side="right")
    first = np.searchsorted(doc_run, doc_run)
    last = np.searchsorted(doc_run, doc_run, side="right")
    following = np.append(place[1:], n - 1)
    positive = np.where(~new_topic, place - 1, np.where((topic[following] == topic) & (place + 1 < n), following, -1))
    topics_in_doc = topic[last - 1] - topic[first] + 1
    positive = np.where((docs >= 0) & (topics_in_doc > 1), positive, -1)
    after = np.where(end < last, end, first)
    negatives = np.minimum(after[:, None] + np.arange(N_NEGATIVES), last[:, None] - 1)
    return positive, negatives
