"""Heads over the vectors of two units, or of one: the same topic, the next unit, the label of the topic."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .units import LabelHead, UnitPooling

# Log-odds that two neighbours share their topic, before anything is learned.
FREQUENT = 2.5


class PairHeads(nn.Module):
    """Pooling of pieces, and what two pooled vectors say of each other.

    lama_heads (int): Heads of LAMA pooling, 0 for the mean.
    n_labels (int): Columns of label logits, 0 for none.

    Shape: states (n_pieces, input_width), unit_of (n_pieces,) ascending, doc_of (n_units,) -> (n_units, width) from `pool`;
    u, v (n, width) -> (n,) from `same_topic` and `follows`; (n, width) -> (n, n_labels) from `label`
    """

    def __init__(self, *, input_width: int, width: int, lama_heads: int, n_labels: int) -> None:
        super().__init__()
        self.pool = UnitPooling(input_width=input_width, width=width, n_heads=lama_heads, n_opening=0)
        self.dropout = nn.Dropout(0.0)
        self.pair = nn.Linear(4 * width, width)
        self.topic = nn.Linear(width, 1)
        self.next = nn.Linear(width, 1)
        self.label = LabelHead(width, n_labels)
        nn.init.constant_(self.topic.bias, FREQUENT)

    def same_topic(self, u: Tensor, v: Tensor) -> Tensor:
        """Log-odds that two units are of one topic."""
        return self.topic(self._compare(u, v))[:, 0].float()

    def follows(self, u: Tensor, v: Tensor) -> Tensor:
        """Log-odds that the second is the unit after the first."""
        return self.next(self._compare(u, v))[:, 0].float()

    def _compare(self, u: Tensor, v: Tensor) -> Tensor:
        u, v = self.dropout(u), self.dropout(v)
        return F.gelu(self.pair(torch.cat([u, v, u * v, (u - v).abs()], dim=1)))
