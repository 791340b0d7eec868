"""Documents as the coherence model reads them: which units, what they look like, what the whole says of them; runs of several."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..odds import sigmoid
from ..topics import Units
from ..types import Bools1d, Floats2d, Ints1d, PieceStates, TopicGold
from .change_point import change_points
from .cohesion import cohesion
from .torch.coherence import SCALES
from .unit_surface import N_VALUES, surface_features
from .units import directions, owners

# Settings of the change points that are told, which trained models go by; log-odds are divided by SCALE.
PENALTIES = (1.55, 2.0)
SHARPNESS, MAX_UNITS = 4.0, 60
SCALE = 8.0
# Of change points log-odds and probability for every penalty, of words that come back how many at every scale, and how many more
# than in the mean of the document; and of either, that it is told at all.
N_CHANGES = 2 * len(PENALTIES) + 1
N_CUES = N_CHANGES + 2 * len(SCALES) + 1


@dataclass(frozen=True)
class Run:
    """Units of a batch behind each other, pads after every document.

    unit_of (Tensor): (n_pieces,) place of the unit of every piece, -1 where it is not read.
    reader (Tensor): (n_sentences,) the same of every sentence.
    docs (Tensor): (n,) document of every unit, -1 on pads; features (n, len(N_VALUES)), cues (n, N_CUES).
    gold (dict): "boundary", "any_level", "labels", (n,) each.
    """

    unit_of: Tensor
    reader: Tensor
    features: Tensor
    cues: Tensor
    docs: Tensor
    gold: dict[str, Tensor]


@dataclass(frozen=True)
class Part:
    """The units of one document that a step learns from.

    unit_of (Ints1d): (n_pieces,) unit of every piece, -1 where it is not read.
    reader (Ints1d): (n_sentences,) the same of every sentence: units that are read may be paragraphs of several.
    """

    unit_of: Ints1d
    reader: Ints1d
    features: np.ndarray
    cues: Floats2d
    gold: TopicGold


def select(units: Units, chosen: Bools1d) -> Units:
    """RETURNS (Units): Those that are chosen, (n_units,) booleans."""
    return Units(units.tokens[chosen], units.starts[chosen], units.gaps[chosen])


def document_cues(
    means: Floats2d, places: Bools1d, words: Ints1d, unit_of: Ints1d, *, changes: bool, repeats: bool
) -> Floats2d:
    """What the document as a whole says of the units that are read, (n_read, N_CUES); zeros where it is not to be told.

    means (Floats2d): (n_units, width), places (Bools1d): (n_units,), of all units.
    words, unit_of (Ints1d): (n_pieces,) number of every piece as a word, and its place among the units that are read.
    changes, repeats (bool): Whether change points, and words that come back, are told.
    """
    cues = np.zeros((int(places.sum()), N_CUES), dtype=np.float32)
    if changes:
        cues[:, :N_CHANGES] = change_cues(means, places)
    if repeats:
        cues[:, N_CHANGES:] = cohesion_cues(words, unit_of, len(cues))
    return cues


def change_cues(means: Floats2d, places: Bools1d) -> Floats2d:
    """What change points say of the units that are read: (n_read, N_CHANGES).

    means (Floats2d): (n_units, width) mean state of every unit; places (Bools1d): (n_units,) which are read.
    """
    logits = change_points(directions(means), places, PENALTIES, sharpness=SHARPNESS, max_units=MAX_UNITS)[places]
    columns = [logits / SCALE, sigmoid(logits), np.ones((len(logits), 1))]
    return np.concatenate(columns, axis=1).astype(np.float32)


def cohesion_cues(words: Ints1d, unit_of: Ints1d, n_units: int) -> Floats2d:
    """What words that come back say of units, (n_units, N_CUES - N_CHANGES); words and unit_of as for `cohesion`."""
    shared = cohesion(words, unit_of, n_units)
    return np.concatenate([shared, shared - shared.mean(axis=0), np.ones((n_units, 1), np.float32)], axis=1)


def make_part(
    text: str,
    units: Units,
    places: Bools1d,
    cues: Floats2d,
    pieces: PieceStates,
    gold: TopicGold,
    crop: int,
    rng: np.random.Generator,
) -> Part:
    """A run of the units that are read, of half to three halves of `crop`; 0 takes all. cues (Floats2d): (n_read, N_CUES)."""
    read = select(units, places)
    n = len(read.starts)
    of = owners(pieces, read.starts)
    features = surface_features(text, read, np.bincount(of, minlength=n))
    size = max(2, int(crop * rng.uniform(0.5, 1.5))) if crop else n
    first = int(rng.integers(max(1, n - size + 1)))
    last = min(n, first + size)
    chosen = slice(first, last)
    boundary, any_level = gold.boundary[places][chosen].copy(), gold.any_level[places][chosen].copy()
    boundary[0] = any_level[0] = True

    def within(owner: Ints1d) -> Ints1d:
        return np.where((owner >= first) & (owner < last), owner - first, -1)

    return Part(
        unit_of=within(of),
        reader=within(np.cumsum(places) - 1),
        features=features[chosen],
        cues=cues[chosen],
        gold=TopicGold(boundary, any_level, gold.labels[places][chosen]),
    )


def tell(part: Part, *, features: Bools1d, cues: bool) -> Part:
    """Leave out what is not told: surface features, (len(N_VALUES),) booleans, or the cues."""
    return replace(part, features=part.features * features, cues=part.cues * cues)


def flatten(parts: list[Part], *, joined: Bools1d, gap: int, device: torch.device) -> Run:
    """Lay parts behind each other.

    joined (Bools1d): Which parts go on the document of the part before; a topic starts there.
    gap (int): Pads after every document.
    """
    unit_of, reader, features, cues, docs, golds = [], [], [], [], [], []
    start, doc = 0, -1
    for i, part in enumerate(parts):
        n = len(part.features)
        follows = i > 0 and bool(joined[i])
        doc += not follows
        pads = 0 if i + 1 < len(parts) and joined[i + 1] else gap
        unit_of.append(np.where(part.unit_of < 0, -1, part.unit_of + start))
        reader.append(np.where(part.reader < 0, -1, part.reader + start))
        features += [part.features, np.zeros((pads, len(N_VALUES)), dtype=np.int64)]
        cues += [part.cues, np.zeros((pads, N_CUES), dtype=np.float32)]
        docs += [np.full(n, doc), np.full(pads, -1)]
        gold = np.stack([part.gold.boundary, part.gold.any_level, part.gold.labels], axis=1).astype(np.int64)
        golds += [gold, np.zeros((pads, 3), dtype=np.int64)]
        start += n + pads

    def tensor(arrays: list[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.concatenate(arrays), device=device)

    gold_columns = tensor(golds).unbind(1)
    return Run(
        tensor(unit_of),
        tensor(reader),
        tensor(features),
        tensor(cues),
        tensor(docs),
        dict(zip(("boundary", "any_level", "labels"), gold_columns, strict=True)),
    )
