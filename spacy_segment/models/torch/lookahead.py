"""A stock Hugging Face encoder in which no piece sees further than a few pieces ahead."""

import torch
from torch import Tensor, nn


class LimitedLookahead(nn.Module):
    """Gives every layer the mask "key j is real and j <= i + lookahead".

    encoder (nn.Module): Takes `input_ids` and `attention_mask`, gives `last_hidden_state`.
    lookahead (int or None): Pieces seen to the right by one layer; None for no limit.
    four_dimensional (bool): Whether the encoder takes the mask as (batch, 1, query, key) to be added to the scores
        (transformers 5) or as (batch, query, key) of 0 and 1 (before).

    Frohmann et al. (2024), section 3.1 (limited look-ahead).

    Shape: ids (batch, length), lengths (batch,) -> (batch, length, hidden_width)
    """

    def __init__(self, encoder: nn.Module, *, lookahead: int | None, four_dimensional: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.lookahead = lookahead
        self.four_dimensional = four_dimensional

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        place = torch.arange(ids.shape[1], device=ids.device)
        real = place[None, :] < lengths[:, None]
        mask: Tensor = real.long()
        if self.lookahead is not None:
            near = place[None, :] <= place[:, None] + self.lookahead
            allowed = real[:, None, :] & near[None]
            if self.four_dimensional:
                dtype = next(self.encoder.parameters()).dtype
                mask = torch.zeros(allowed.shape, dtype=dtype, device=ids.device)
                mask = mask.masked_fill(~allowed, torch.finfo(dtype).min)[:, None]
            else:
                mask = allowed.long()
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
