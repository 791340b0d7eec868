"""What a sentence model learns from packed batches, on the device of its module: gold, a teacher, pieces that were hidden."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.shim import VocabularyShim
from ..models.torch.banded import PieceEmbedding
from .packed import NOT_TOLD, PackedBatch

# Row of the embedding that pads have; hidden pieces look the same.
HIDDEN = 0


@dataclass
class PackedTensors:
    """A packed batch where the module is.

    features (Tensor): (n, n_features) integers. segments, boundaries, marks (Tensor): (n,), see `PackedBatch`.
    taught (Tensor or None): (n, 1 + n_marks) logits of a teacher.
    """

    features: Tensor
    segments: Tensor
    boundaries: Tensor
    marks: Tensor
    taught: Tensor | None = None

    @classmethod
    def of(cls, batch: PackedBatch, shim: VocabularyShim) -> "PackedTensors":
        features = shim.tensor(batch.features.astype(np.int32))
        return cls(features, *(shim.tensor(array) for array in (batch.segments, batch.boundaries, batch.marks)))


def hide_pieces(features: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Hide some pieces, drawn with replacement; their case and the gaps around them stay.

    RETURNS (tuple): The features with fewer pieces, and the places of the hidden ones, (int(share * n),).
    """
    places = torch.randint(len(features), (int(share * len(features)),), device=features.device)
    changed = features.clone()
    changed[places, 0] = HIDDEN
    return changed, places


def gold_loss(logits: Tensor, batch: PackedTensors, mark_weight: float) -> Tensor:
    """What `loss.sentence_loss` is of the same texts. logits (Tensor): (n, 1 + n_marks)."""
    gold = batch.boundaries.clamp(min=0).float()
    loss = _mean(F.binary_cross_entropy_with_logits(logits[:, 0], gold, reduction="none"), batch)
    if logits.shape[1] == 1:
        return loss
    marks = F.cross_entropy(logits[:, 1:], batch.marks.clamp(min=0).long(), reduction="none")
    return loss + mark_weight * _mean(marks * (batch.marks != NOT_TOLD), batch)


def taught_loss(logits: Tensor, taught: Tensor, batch: PackedTensors, mark_weight: float) -> Tensor:
    """The same with the probabilities of a teacher in the place of the gold. Hinton et al. (2015)."""
    loss = _mean(F.binary_cross_entropy_with_logits(logits[:, 0], taught[:, 0].sigmoid(), reduction="none"), batch)
    if logits.shape[1] == 1:
        return loss
    marks = -(taught[:, 1:].softmax(1) * logits[:, 1:].log_softmax(1)).sum(1)
    return loss + mark_weight * _mean(marks * (batch.marks != NOT_TOLD), batch)


def _mean(losses: Tensor, batch: PackedTensors) -> Tensor:
    """Over the places that count."""
    counts = batch.boundaries != NOT_TOLD
    return (losses * counts).sum() / counts.sum().clamp(min=1)


class HiddenPieces(nn.Module):
    """Guess hidden pieces from the states in their places, by the table that embeds pieces. Devlin et al. (2019)."""

    def __init__(self, embedding: PieceEmbedding) -> None:
        super().__init__()
        self.table = embedding.pieces.weight
        width = self.table.shape[1]
        self.transform = nn.Sequential(nn.Linear(embedding.project.out_features, width), nn.GELU(), nn.LayerNorm(width))
        self.scale = 2.0 * width**-0.5

    def forward(self, states: Tensor, pieces: Tensor) -> Tensor:
        """The mean loss. states (Tensor): (m, hidden_width). pieces (Tensor): (m,) what was hidden."""
        scores = self.scale * self.transform(states) @ self.table.t()
        return F.cross_entropy(scores.float(), pieces.long())
