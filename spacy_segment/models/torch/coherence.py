"""Vectors of units -> logits of boundaries, labels: a document encoder of linear cost.

units      a a a a a . . . . b b b . . . .     one flat run, `reach` pads after every document
docs       0 0 0 0 0 - - - - 1 1 1 - - - -     -1 on pads
unit i     is told how alike the units before it are to those from it on, at several scales, and what the document as a
           whole says of it (cues: change points, words that come back),
           and sees the units i - span ... i + span of its own document in every layer that attends
gap i      (before unit i) is judged by the states of units i - 1 and i
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .banded import BandedStack
from .units import LabelHead, UnitPooling, run_means

# Units on either side of a gap whose mean vectors are compared.
SCALES = (1, 2, 4, 8, 16)
# Log-odds of a boundary before anything is learned.
RARE = -2.5


class DocumentEncoder(nn.Module):
    """Unit vectors and surface features -> states of units.

    n_values (tuple of int): Number of values of every surface feature; n_cues (int): columns of cues.
    n_layers (int): 0 leaves a unit without context but for similarities and the mean of its document.

    Shape: vectors (n, width), raw (n, any width) to compare, features (n, n_features) integers, cues (n, n_cues),
    docs (n,) -> (n, width)
    """

    def __init__(
        self,
        *,
        width: int,
        n_layers: int,
        n_heads: int,
        conv_width: int,
        span: int,
        n_values: tuple[int, ...],
        n_cues: int,
    ) -> None:
        super().__init__()
        self.reach = conv_width // 2
        self.features = nn.ModuleList(nn.Embedding(n, width) for n in n_values)
        self.similarities = nn.Linear(2 * len(SCALES), width)
        self.cues = nn.Linear(n_cues, width)
        self.whole = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.0)
        self.stack = BandedStack(
            hidden_width=width,
            inner_width=2 * width,
            n_layers=n_layers,
            n_heads=n_heads,
            conv_width=conv_width,
            lookback=span,
            lookahead=span,
            attention_every=1,
            dropout_prob=0.0,
        )

    def forward(self, vectors: Tensor, raw: Tensor, features: Tensor, cues: Tensor, docs: Tensor) -> Tensor:
        """States of units, (n, width); arguments as of `Coherence`."""
        real = docs >= 0
        owners = docs.clamp(min=0)
        n_docs = int(owners.max()) + 1
        means = run_means(vectors[real], docs[real], n_docs)
        alike = self.similarities(similarities(raw, docs))
        x = self.dropout(vectors) + alike + self.cues(cues) + self.whole(means)[owners]
        for column, table in enumerate(self.features):
            x = x + table(features[:, column])
        return self.stack(x, docs)


class SecondVectors(nn.Module):
    """Vectors of units by another encoder, and how alike they are. Tells nothing before it has learned.

    Shape: vectors (n, unit_width), docs (n,) -> (n, width)
    """

    def __init__(self, *, unit_width: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(unit_width, elementwise_affine=False)
        self.project = nn.Linear(unit_width, width)
        self.similarities = nn.Linear(2 * len(SCALES), width)
        for layer in (self.project, self.similarities):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, vectors: Tensor, docs: Tensor) -> Tensor:
        return self.project(self.norm(vectors)) + self.similarities(similarities(vectors, docs))


class Coherence(nn.Module):
    """Pooling, document encoder and heads.

    n_labels (int): Columns of label logits, 0 for none.
    unit_width (int): Width of second vectors of units, 0 for none.

    Yu et al. (2023), Improving long document topic segmentation models with enhanced coherence modeling.

    Shape: vectors (n, width), second (n, unit_width), raw (n, any width), features (n, n_features) integers,
    cues (n, n_cues), docs (n,) -> (n, 2): main boundaries, boundaries of any level; (n, n_labels)
    """

    def __init__(
        self,
        *,
        input_width: int,
        width: int,
        n_layers: int,
        n_heads: int,
        conv_width: int,
        span: int,
        lama_heads: int,
        n_opening: int,
        lead_width: int,
        n_values: tuple[int, ...],
        n_cues: int,
        n_labels: int,
        unit_width: int = 0,
    ) -> None:
        super().__init__()
        self.pool = UnitPooling(
            input_width=input_width, width=width, n_heads=lama_heads, n_opening=n_opening, lead_width=lead_width
        )
        self.second = SecondVectors(unit_width=unit_width, width=width) if unit_width else None
        self.encode = DocumentEncoder(
            width=width,
            n_layers=n_layers,
            n_heads=n_heads,
            conv_width=conv_width,
            span=span,
            n_values=n_values,
            n_cues=n_cues,
        )
        self.pair = nn.Linear(4 * width, width)
        self.boundary = nn.Linear(width, 2)
        self.succession = nn.Linear(width, 3)
        self.label = LabelHead(width, n_labels)
        nn.init.constant_(self.boundary.bias, RARE)

    def forward(
        self, vectors: Tensor, second: Tensor, raw: Tensor, features: Tensor, cues: Tensor, docs: Tensor
    ) -> tuple[Tensor, Tensor]:
        states = self.states(vectors, second, raw, features, cues, docs)
        return self.boundary(self.judge(states)), self.label(states)

    def states(
        self, vectors: Tensor, second: Tensor, raw: Tensor, features: Tensor, cues: Tensor, docs: Tensor
    ) -> Tensor:
        """States of units, (n, width)."""
        if self.second is not None:
            vectors = vectors + self.second(second, docs)
        return self.encode(vectors, raw, features, cues, docs)

    def judge(self, states: Tensor) -> Tensor:
        """What is between every unit and the one before it. Shape: (n, width) -> (n, width)"""
        before = torch.cat([states[:1], states[:-1]])
        pairs = torch.cat([before, states, before * states, (before - states).abs()], dim=1)
        return F.gelu(self.pair(pairs))


def similarities(raw: Tensor, docs: Tensor) -> Tensor:
    """`block_similarities` of vectors as they are, and less the mean of their document. Shape: (n, any width) -> (n, 2 * len(SCALES))"""
    real, owners = docs >= 0, docs.clamp(min=0)
    unit = F.normalize(raw, dim=1)
    means = run_means(unit[real], docs[real], int(owners.max()) + 1)
    centred = (unit - means[owners]) * real[:, None]
    return torch.cat([block_similarities(raw, docs), block_similarities(centred, docs)], dim=1)


def block_similarities(raw: Tensor, docs: Tensor) -> Tensor:
    """Cosine of the mean of the units before a unit and the mean of the units from it on, at every scale.

    Blocks end at the ends of a document; the first unit of one and pads get 0.

    Hearst (1997), TextTiling, on vectors.

    Shape: raw (n, any width), docs (n,) -> (n, len(SCALES))
    """
    n = docs.shape[0]
    place = torch.arange(n, device=docs.device)
    change = torch.ones(n + 1, dtype=torch.bool, device=docs.device)
    change[1:-1] = docs[1:] != docs[:-1]
    edges = torch.nonzero(change)[:, 0]
    run = torch.searchsorted(edges, place, right=True) - 1
    low, high = edges[run], edges[run + 1]
    unit = F.normalize(raw.float(), dim=1)
    total = torch.cat([unit.new_zeros(1, unit.shape[1]), unit]).double().cumsum(0)
    columns = []
    for scale in SCALES:
        left = total[place] - total[torch.maximum(place - scale, low)]
        right = total[torch.minimum(place + scale, high)] - total[place]
        columns.append(F.cosine_similarity(left, right, dim=1, eps=1e-6))
    return (torch.stack(columns, dim=1) * (docs >= 0)[:, None]).to(raw.dtype)
