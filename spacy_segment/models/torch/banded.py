"""The small encoder: convolutions and banded attention over one flat run of pieces.

Sequences are not padded to the longest: all of a batch stand behind each other in one run, apart by a
few pad pieces, and `segments` names the sequence of every piece (-1 on pads). Every operation is
local, so cost is linear, a text of any length is one sequence, and packing cannot change a result.

    pieces     a a a a a a . . b b b . . c c c c c c c c . .     "." = pad
    segments   0 0 0 0 0 0 - - 1 1 1 - - 2 2 2 2 2 2 2 2 - -
    query i    sees the keys  i - lookback ... i + lookahead  of its own sequence
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PieceEmbedding(nn.Module):
    """Factorised embedding of a piece and of what its characters looked like before lower-casing.

    n_pieces (int): Size of the vocabulary, hash buckets of unknown characters included.
    n_values (tuple of int): Number of values of every surface feature (columns 1... of the input).

    Lan et al. (2020), ALBERT, section 3.1 (factorisation).

    Shape: (n, 1 + n_features) integers -> (n, hidden_width)
    """

    def __init__(self, *, n_pieces: int, embedding_width: int, hidden_width: int, n_values: tuple[int, ...]) -> None:
        super().__init__()
        self.pieces = nn.Embedding(n_pieces, embedding_width)
        self.features = nn.ModuleList(nn.Embedding(n, embedding_width) for n in n_values)
        self.project = nn.Linear(embedding_width, hidden_width)
        nn.init.normal_(self.pieces.weight, std=0.5)
        for table in self.features:
            nn.init.normal_(table.weight, std=0.5)

    def forward(self, features: Tensor) -> Tensor:
        x = self.pieces(features[:, 0])
        for column, table in enumerate(self.features, start=1):
            x = x + table(features[:, column])
        return self.project(x)


class LocalConv(nn.Module):
    """Depth-wise convolution over neighbouring pieces: this carries the word order.

    width (int): Width of the kernel in pieces, odd. Looks `width // 2` pieces to either side.

    Shape: (n, hidden_width) -> (n, hidden_width)
    """

    def __init__(self, *, hidden_width: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(hidden_width, hidden_width, (1, width), padding=(0, width // 2), groups=hidden_width)

    def forward(self, x: Tensor) -> Tensor:
        # (n, width) read as a channels-last picture of height 1: no copy, and the fastest kernel on a CPU.
        return self.conv(x.t()[None, :, None, :])[0, :, 0, :].t()


class BandedAttention(nn.Module):
    """Multi-head attention in which a piece sees `lookback` pieces back and `lookahead` pieces on.

    A block of `lookback` queries sees a band of keys and values: the block before, the block itself and
    the first `lookahead` pieces of the block after. A learned bias for every distance takes the place of positions.

    Raffel et al. (2020), T5 (relative bias); Beltagy et al. (2020), Longformer (band).

    Shape: (n, hidden_width), mask (n_blocks, lookback, 2 * lookback + lookahead) -> (n, hidden_width);
    n is a multiple of lookback.
    """

    def __init__(self, *, hidden_width: int, n_heads: int, lookback: int, lookahead: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.lookback = lookback
        self.lookahead = lookahead
        self.qkv = nn.Linear(hidden_width, 3 * hidden_width)
        self.output = nn.Linear(hidden_width, hidden_width)
        self.distance_bias = nn.Parameter(torch.zeros(n_heads, lookback + lookahead + 1))
        self.register_buffer("distance", band_distances(lookback, lookahead), persistent=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend; shapes and mask as the class says."""
        n, width = x.shape
        qkv = self.qkv(x).view(n, 3, self.n_heads, width // self.n_heads)
        q = qkv[:, 0].unflatten(0, (-1, self.lookback)).transpose(1, 2)  # (n_blocks, n_heads, lookback, head_width)
        k, v = view_band(qkv[:, 1:], self.lookback, self.lookahead).transpose(-1, -2).unbind(1)
        bias = self.distance_bias[:, self.distance.clamp(0, self.lookback + self.lookahead)].to(q.dtype)
        bias = bias.masked_fill(~mask[:, None], torch.finfo(q.dtype).min / 2)
        with torch.autocast(x.device.type, enabled=False):
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.output(y.transpose(1, 2).reshape(n, width))


class BandedLayer(nn.Module):
    """Convolution, attention (in some layers) and feed-forward, each added to its input (pre-norm).

    Shape: (n, hidden_width) -> (n, hidden_width)
    """

    def __init__(
        self,
        *,
        hidden_width: int,
        inner_width: int,
        conv_width: int,
        attention: BandedAttention | None,
        dropout_prob: float,
    ) -> None:
        super().__init__()
        self.conv_norm = nn.LayerNorm(hidden_width)
        self.conv = LocalConv(hidden_width=hidden_width, width=conv_width)
        self.attention_norm = nn.LayerNorm(hidden_width) if attention is not None else None
        self.attention = attention
        self.inner_norm = nn.LayerNorm(hidden_width)
        self.inner = nn.Linear(hidden_width, inner_width)
        self.outer = nn.Linear(inner_width, hidden_width)
        self.dropout = nn.Dropout(dropout_prob)

    def forward(self, x: Tensor, keep: Tensor, mask: Tensor) -> Tensor:
        x = x + self.dropout(self.conv(self.conv_norm(x) * keep))
        if self.attention is not None and self.attention_norm is not None:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        return x + self.dropout(self.outer(F.gelu(self.inner(self.inner_norm(x)))))


class BandedStack(nn.Module):
    """Layers over a flat run: convolutions, and attention within a band in every `attention_every`-th, counted from the last.

    lookahead (int): Units seen to the right by one attention layer; lookback (int): to the left.

    Shape: (n, hidden_width), segments (n,) integers, -1 on pads -> (n, hidden_width)
    """

    def __init__(
        self,
        *,
        hidden_width: int,
        inner_width: int,
        n_layers: int,
        n_heads: int,
        conv_width: int,
        lookback: int,
        lookahead: int,
        attention_every: int,
        dropout_prob: float,
    ) -> None:
        super().__init__()
        self.lookback = lookback
        self.lookahead = lookahead
        self.layers = nn.ModuleList(
            BandedLayer(
                hidden_width=hidden_width,
                inner_width=inner_width,
                conv_width=conv_width,
                attention=BandedAttention(
                    hidden_width=hidden_width, n_heads=n_heads, lookback=lookback, lookahead=lookahead
                )
                if attends
                else None,
                dropout_prob=dropout_prob,
            )
            for attends in attending(n_layers, attention_every)
        )
        self.norm = nn.LayerNorm(hidden_width)
        self.register_buffer("distance", band_distances(lookback, lookahead), persistent=False)

    def forward(self, x: Tensor, segments: Tensor) -> Tensor:
        """All layers over a run, which is filled up with pads of segment -1."""
        n = segments.shape[0]
        fill = padded_length(n, self.lookback) - n
        x = F.pad(x, (0, 0, 0, fill))
        segments = F.pad(segments, (0, fill), value=-1)
        keep = (segments >= 0)[:, None]
        inside = (self.distance >= 0) & (self.distance <= self.lookback + self.lookahead)
        band = view_band(segments, self.lookback, self.lookahead, fill=-2)
        mask = inside & (segments.view(-1, self.lookback, 1) == band[:, None, :])
        for layer in self.layers:
            x = layer(x, keep, mask)
        return self.norm(x)[:n]


class BandedEncoder(nn.Module):
    """Encode a flat run of pieces; see the head of this file.

    n_layers (int): Number of layers; every `attention_every`-th one attends, counted from the last.
    lookahead (int): Pieces seen to the right in all, split over the layers.
    lookback (int): Pieces seen to the left by one attention layer.

    Shape: features (n, 1 + n_features) integers, segments (n,) integers -> (n, hidden_width)
    """

    def __init__(
        self,
        *,
        n_pieces: int,
        n_values: tuple[int, ...],
        embedding_width: int,
        hidden_width: int,
        n_layers: int,
        conv_width: int,
        lookahead: int,
        attention_every: int,
        dropout_prob: float,
        **settings: int,
    ) -> None:
        super().__init__()
        self.reach = conv_width // 2
        self.embed = PieceEmbedding(
            n_pieces=n_pieces, embedding_width=embedding_width, hidden_width=hidden_width, n_values=n_values
        )
        self.dropout = nn.Dropout(dropout_prob)
        self.stack = BandedStack(
            hidden_width=hidden_width,
            n_layers=n_layers,
            conv_width=conv_width,
            lookahead=(lookahead - n_layers * self.reach) // sum(attending(n_layers, attention_every)),
            attention_every=attention_every,
            dropout_prob=dropout_prob,
            **settings,
        )

    def forward(self, features: Tensor, segments: Tensor) -> Tensor:
        return self.stack(self.dropout(self.embed(features)), segments)


def attending(n_layers: int, every: int) -> list[bool]:
    """Which layers attend: every so many, counted from the last."""
    return [(n_layers - 1 - i) % every == 0 for i in range(n_layers)]


def padded_length(n: int, block: int) -> int:
    """Round up to a multiple of `block`, coarsely enough that there are at most eight lengths between n and 2 n.

    The CPU library makes (and keeps) kernels for every length it meets: free lengths leak gigabytes.
    """
    step = block * max(1, 2 ** max(0, n.bit_length() - 4) // block)
    return -(-n // step) * step


def view_band(rows: Tensor, lookback: int, lookahead: int, *, fill: int = 0) -> Tensor:
    """Every block of `lookback` rows with the block before and the first rows of the block after around it; nothing is copied
    but the rows once.

    Shape: (n, ...) -> (n_blocks, ..., 2 * lookback + lookahead)
    """
    before, after = (rows.new_full((width, *rows.shape[1:]), fill) for width in (lookback, lookahead))
    return torch.cat([before, rows, after]).unfold(0, 2 * lookback + lookahead, lookback)


def band_distances(lookback: int, lookahead: int) -> Tensor:
    """Distance of every key of a band to every query, 0 = `lookback` pieces before it.

    Shape: (lookback, 2 * lookback + lookahead)
    """
    keys = torch.arange(2 * lookback + lookahead)
    queries = torch.arange(lookback)
    return keys[None, :] - queries[:, None]
