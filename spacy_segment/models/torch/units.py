"""States of pieces -> one vector per unit -> its label."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LabelHead(nn.Linear):
    """Label logits of vectors. For no labels there is nothing to initialise, of which torch would warn."""

    def reset_parameters(self) -> None:
        if self.out_features:
            super().reset_parameters()


class UnitPooling(nn.Module):
    """Mean of the states of a unit's pieces, or LAMA: several means, weighted by attention that knows the topic.

    Head j gives piece t the score tanh((p_j . c)(q_j . h_t)), where c is the mean state of the document; a soft-max over
    the pieces of the unit makes weights of it. The first pieces of a unit are read in order beside that.

    n_heads (int): LAMA heads; 0 takes the plain mean.
    n_opening (int): First pieces of a unit that are read in order; lead_width (int): numbers that are read of each.

    Mehta et al. (2019), Low rank factorization for compact multi-head self-attention, equations 5-8 (c is theirs to learn).

    Shape: states (n_pieces, input_width), unit_of (n_pieces,) ascending, doc_of (n_units,) -> (n_units, width)
    """

    def __init__(self, *, input_width: int, width: int, n_heads: int, n_opening: int, lead_width: int = 32) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.project = nn.Linear(input_width * max(1, n_heads), width)
        self.opening = Opening(input_width, width, n_opening, lead_width) if n_opening else None
        if n_heads:
            self.context = nn.Linear(input_width, n_heads, bias=False)
            self.query = nn.Linear(input_width, n_heads, bias=False)

    def forward(self, states: Tensor, unit_of: Tensor, doc_of: Tensor) -> Tensor:
        """Pool; shapes as the class says."""
        n_units = doc_of.shape[0]
        if self.n_heads:
            topic = self.context(run_means(run_means(states, unit_of, n_units), doc_of, int(doc_of.max()) + 1))
            weights = torch.exp(torch.tanh(topic[doc_of[unit_of]] * self.query(states)).float())
            total = states.new_zeros(n_units, self.n_heads).index_add(0, unit_of, weights)
            weighted = (weights / total[unit_of])[:, :, None] * states[:, None, :]
            pooled = states.new_zeros(n_units, self.n_heads, states.shape[1]).index_add(0, unit_of, weighted).flatten(1)
        else:
            pooled = run_means(states, unit_of, n_units)
        vectors = self.project(pooled)
        return vectors if self.opening is None else vectors + self.opening(states, unit_of, n_units)


class Opening(nn.Module):
    """The first pieces of a unit, read in order. Shape: states (n_pieces, input_width), unit_of (n_pieces,) -> (n_units, width)"""

    def __init__(self, input_width: int, width: int, n_pieces: int, lead_width: int) -> None:
        super().__init__()
        self.n_pieces = n_pieces
        self.lead = nn.Linear(input_width, lead_width)
        self.join = nn.Linear(lead_width * n_pieces, width)

    def forward(self, states: Tensor, unit_of: Tensor, n_units: int) -> Tensor:
        """Read the openings; shapes as the class says."""
        if not len(states):
            return states.new_zeros(n_units, self.join.out_features)
        units = torch.arange(n_units, device=unit_of.device)
        first = torch.searchsorted(unit_of, units)
        places = first[:, None] + torch.arange(self.n_pieces, device=unit_of.device)
        places = places.clamp(max=len(states) - 1)
        inside = unit_of[places] == units[:, None]
        # Of length 1: vectors of words that tell no topic may be short, yet they open a unit.
        return self.join((self.lead(F.normalize(states[places], dim=2)) * inside[:, :, None]).flatten(1))


def run_means(x: Tensor, owners: Tensor, n: int) -> Tensor:
    """Mean of the rows of every owner, 0 for an owner of none. Shape: (m, width), owners (m,) in 0 ... n - 1 -> (n, width) float32"""
    x = x.float()  # a GPU adds in the type of the sum, and a bfloat16 stands still at 256 times what is added
    counts = torch.bincount(owners, minlength=n).clamp(min=1)
    return x.new_zeros(n, x.shape[1]).index_add(0, owners, x) / counts[:, None]
