"""Topic models without training: how alike neighbouring units are, decided by depth or by first neighbours."""

from collections.abc import Callable
from functools import partial

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from ..checks import check_least
from ..topics import find_units, topic_places
from ..types import NEVER, EncoderModel, Floats1d, Floats2d, TopicLogits, TopicModel
from .sizes import check_sizes
from .units import unit_vectors


def DepthScore(
    encoder: EncoderModel, *, block: int = 6, spread: float = 1.0, sharpness: float = 3.0, paragraphs: bool = True
) -> TopicModel:
    """A topic starts in a deep valley of the similarity between the units before and after.

    block (int): Units on either side whose mean vectors are compared.
    spread (float): Valleys count as even odds that are so many standard deviations deeper than the mean of the document.
    sharpness (float): Log-odds per standard deviation.
    paragraphs (bool): Whether topics start at paragraphs alone, in documents that have them.

    RAISES (ValueError): SEG200.

    Hearst (1997), TextTiling: Segmenting text into multi-paragraph subtopic passages, on vectors.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_sizes(block=block)
    check_least(0, sharpness=sharpness)
    score = partial(depth_logits, block=block, spread=spread, sharpness=sharpness)
    return _model("depth_score", encoder, score, paragraphs)


def FirstNeighbour(encoder: EncoderModel, *, mean_length: float = 12.0, paragraphs: bool = True) -> TopicModel:
    """Every unit joins the more similar one of its two neighbours; runs of joined units are averaged and join again.

    mean_length (float): The even odds lie at the first partition whose segments have at least so many units.
    paragraphs (bool): Whether topics start at paragraphs alone, in documents that have them.

    Sarfraz et al. (2021), Temporally-weighted hierarchical clustering; Singh et al. (2023), Unsupervised audio-visual
    lecture segmentation; neighbours in time alone, so that segments are contiguous.

    RAISES (ValueError): SEG200.

    Shape: list of Docs with sentence starts -> list of TopicLogits
    """
    check_least(0, mean_length=mean_length)
    return _model("first_neighbour", encoder, partial(first_neighbour_logits, mean_length=mean_length), paragraphs)


def _model(name: str, encoder: EncoderModel, score: Callable[[Floats2d], Floats1d], paragraphs: bool) -> TopicModel:
    return Model(
        name,
        forward,
        init=init,
        layers=[encoder],
        attrs={"units": "sentences", "score": score, "paragraphs": paragraphs},
    )


def forward(model: TopicModel, docs: list[Doc], is_train: bool) -> tuple[list[TopicLogits], Callable]:
    """Predict: there is nothing to train."""
    results = []
    for doc in docs:
        units = find_units(doc, model.attrs["units"])
        logits = model.attrs["score"](unit_vectors(model.layers[0], doc, units))
        if model.attrs["paragraphs"]:
            logits = np.where(topic_places(units), logits, NEVER)
        results.append(TopicLogits(logits))
    return results, lambda d_logits: docs


def init(model: TopicModel, X: list[Doc] | None = None, Y: None = None) -> None:
    """There is nothing to initialise but the encoder."""
    model.layers[0].initialize(X=X)


def depth_logits(vectors: Floats2d, *, block: int, spread: float, sharpness: float) -> Floats1d:
    """Depth of the valley at every unit, in standard deviations beyond the wanted ones: (n_units,)."""
    n = len(vectors)
    if n < 2:
        return np.full(n, NEVER)
    depths = np.zeros(n)
    depths[1:] = valley_depths(block_similarities(vectors, block)[1:])
    deviation = depths[1:].std()
    if deviation < 1e-9:
        return np.full(n, NEVER)
    return sharpness * ((depths - depths[1:].mean()) / deviation - spread)


def block_similarities(vectors: Floats2d, block: int) -> Floats1d:
    """Cosine of the sums of the `block` units before a unit and of those from it on, (n_units,); 0 for the first."""
    n = len(vectors)
    total = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
    place = np.arange(n)
    left = total[place] - total[np.maximum(place - block, 0)]
    right = total[np.minimum(place + block, n)] - total[place]
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return (left * right).sum(axis=1) / np.maximum(norms, 1e-9)


def valley_depths(similarities: Floats1d) -> Floats1d:
    """How far the similarity climbs from every place to the peaks on its left and right, added; 0 where it is no valley."""
    left, right = _climb(similarities), _climb(similarities[::-1])[::-1]
    valley = (np.diff(similarities, prepend=np.inf) <= 0) & (np.diff(similarities, append=np.inf) >= 0)
    return np.where(valley, left + right, 0.0)


def _climb(similarities: Floats1d) -> Floats1d:
    """Height of the peak that a walk to the left reaches before it first descends, above every place."""
    peaks = similarities.copy()
    for i in range(1, len(peaks)):
        if similarities[i - 1] >= similarities[i]:
            peaks[i] = peaks[i - 1]
    return peaks - similarities


def first_neighbour_logits(vectors: Floats2d, *, mean_length: float) -> Floats1d:
    """In how many rounds of joining a gap survives, less the rounds to the wanted length: (n_units,)."""
    n = len(vectors)
    if n < 2:
        return np.full(n, NEVER)
    survived = np.zeros(n)
    starts = np.arange(n)
    wanted = None
    rounds = 0
    while len(starts) > 1:
        means = np.add.reduceat(vectors, starts, axis=0)
        means = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        similar = (means[1:] * means[:-1]).sum(axis=1)
        to_right = np.append(similar, -np.inf) > np.insert(similar, 0, -np.inf)
        joined = to_right[:-1] | ~to_right[1:]
        # Inside a round, the less alike two neighbours are, the later they join.
        survived[starts[1:]] = rounds + (1 - similar) / 2
        starts = starts[np.append(True, ~joined)]
        rounds += 1
        if wanted is None and n / len(starts) >= mean_length:
            wanted = rounds
    return survived - (rounds if wanted is None else wanted)
