"""A stock Hugging Face encoder over windows of pieces: no padding, and no piece sees further than a few pieces ahead.

Windows of one shape stand behind each other in one flat run, so that every product is one for all of them and nothing
is padded. Only attention tells windows apart: one call per shape, with a corner of one mask that all share.

    run      < a a a a a a > < b b b b b b > < c c c >      "<", ">" = special pieces
    shapes   2 windows of 8, of which 1...7 count           1 window of 5, of which 1...4 count
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Encoders whose layers are those of BERT; the second group counts positions from behind the pad piece.
BERT_LIKE = ("bert", "electra")
ROBERTA_LIKE = ("roberta", "xlm-roberta", "camembert")
# Queries that attend at once where look-ahead is limited.
BLOCK = 128


# On a GPU windows attend in groups, padded to a multiple of so many pieces: every call takes time there, however small.
PADDED = 32


@dataclass(frozen=True)
class Shape:
    """Some windows of the same length, of which the same part counts.

    n (int): How many. length (int): Pieces of each, the special ones included. first, last (int): The part that counts.
    """

    n: int
    length: int
    first: int
    last: int


@dataclass(frozen=True)
class Group:
    """Windows of about the same length that attend in one call.

    rows (Tensor): (n * length,) row of the flat run that stands at every place, any on pads.
    real (Tensor): (n, 1, 1, length) booleans, False on pads.
    kept (Tensor): Places that are no pads, in the order of the run.
    """

    rows: Tensor
    real: Tensor
    kept: Tensor

    def mask(self, lookahead: int | None) -> Tensor:
        """Which keys a query sees, (n, 1, 1 or length, length)."""
        if lookahead is None:
            return self.real
        place = torch.arange(self.real.shape[-1], device=self.real.device)
        return self.real & (place <= place[:, None] + lookahead)


class LimitedLookahead(nn.Module):
    """Gives every layer the mask "j <= i + its look-ahead".

    encoder (nn.Module): Takes `input_ids` and `attention_mask`, gives `last_hidden_state`.
    lookahead (list of int or None): Pieces seen to the right by each layer; None for no limit. The same for all, unless
        the encoder is built like BERT.
    four_dimensional (bool): Whether the encoder takes the mask as (batch, 1, query, key) to be added to the scores
        (transformers 5) or as (batch, query, key) of 0 and 1 (before).
    n_values (tuple of int): Number of values of every surface feature that is added to the embedding of a piece, from 0 on:
        an encoder that knows nothing of them starts as it is.

    Frohmann et al. (2024), section 3.1 (limited look-ahead).

    Shape: ids (n,) and surface (n, len(n_values)) of the windows of all shapes behind each other -> (n_counting, hidden_width),
    in the same order
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        lookahead: list[int] | None,
        four_dimensional: bool,
        n_values: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.get_input_embeddings().embedding_dim
        self.surface = nn.ModuleList(nn.Embedding(n, width) for n in n_values)
        for table in self.surface:
            nn.init.zeros_(table.weight)
        self.lookahead = lookahead
        self.four_dimensional = four_dimensional
        self.packs = is_packable(encoder)
        self.masks: dict[int, Tensor] = {}

    @property
    def n_positions(self) -> int | None:
        """Pieces of the longest window that the encoder has positions for; None if it goes by distances."""
        table = getattr(getattr(self.encoder, "embeddings", None), "position_embeddings", None)
        if not isinstance(table, nn.Embedding):
            return None
        return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)

    def forward(self, ids: Tensor, surface: Tensor, shapes: list[Shape]) -> Tensor:
        """States of the pieces that count, batch by batch of one shape."""
        embedded = self.encoder.get_input_embeddings()(ids)
        for column, table in enumerate(self.surface):
            embedded = embedded + table(surface[:, column])
        if self.packs:
            return self.forward_packed(ids, embedded, shapes)
        windows = _split(embedded, shapes, lambda shape: shape.length)
        lookahead = None if self.lookahead is None else self.lookahead[0]
        states = [self.forward_stock(rows, shape, lookahead) for rows, shape in zip(windows, shapes, strict=True)]
        return torch.cat([_counting(x, shape) for x, shape in zip(states, shapes, strict=True)])

    def forward_stock(self, embedded: Tensor, shape: Shape, lookahead: int | None) -> Tensor:
        """Windows of one shape through the encoder's own code, (n, length, width) -> (n, length, hidden_width)."""
        mask = torch.ones(embedded.shape[:2], dtype=torch.long, device=embedded.device)
        if lookahead is not None:
            allowed = self.mask(lookahead, shape.length).expand(shape.n, -1, -1)
            mask = allowed[:, None] if self.four_dimensional else (allowed == 0).long()
        return self.encoder(inputs_embeds=embedded, attention_mask=mask).last_hidden_state

    def takes_limit(self) -> bool:
        """Whether look-ahead can be limited: tries that the encoder's own code takes the mask, and keeps to it."""
        if self.packs:
            return True
        table = self.encoder.get_input_embeddings().weight
        first = torch.arange(2 * table.shape[1], device=table.device).sin().view(1, 2, -1)
        second = torch.stack([first[:, 0], first[:, 1].flip(-1)], dim=1)
        try:
            with torch.inference_mode():
                a, b = (self.eval().forward_stock(x, Shape(1, 2, 0, 2), 0) for x in (first, second))
        except (ValueError, TypeError, RuntimeError, IndexError):  # what they raise for a mask of unknown shape
            return False
        return bool(torch.allclose(a[:, 0], b[:, 0], atol=1e-5) and not torch.allclose(a[:, 1], b[:, 1], atol=1e-5))

    def forward_packed(self, ids: Tensor, embedded: Tensor, shapes: list[Shape]) -> Tensor:
        """All shapes at once through layers like those of BERT. Each computes only what a later one looks at."""
        encoder = self.encoder
        places = torch.cat([self.places(rows).flatten() for rows in _split(ids, shapes, lambda shape: shape.length)])
        types = torch.zeros_like(ids)
        x = encoder.embeddings(inputs_embeds=embedded[None], position_ids=places[None], token_type_ids=types[None])[0]
        if hasattr(encoder, "embeddings_project"):
            x = encoder.embeddings_project(x)
        layers = encoder.encoder.layer
        if attends_in_groups(ids.device):
            groups = make_groups(shapes, ids.device)
            for i, layer in enumerate(layers):
                x = self.layer_in_groups(layer, x, groups, None if self.lookahead is None else self.lookahead[i])
            windows = _split(x, shapes, lambda shape: shape.length)
            return torch.cat([_counting(rows, shape) for rows, shape in zip(windows, shapes, strict=True)])
        for i, layer in enumerate(layers):
            wanted = [self.wanted(shape, i, len(layers)) for shape in shapes]
            x = self.layer(layer, x, wanted, None if self.lookahead is None else self.lookahead[i])
            shapes = [replace(shape, length=asked.last) for shape, asked in zip(shapes, wanted, strict=True)]
        return x

    def wanted(self, shape: Shape, i: int, n_layers: int) -> Shape:
        """What layer `i` has to compute: the last one what counts, the others also what those behind them look at."""
        if i == n_layers - 1:
            return shape
        reach = shape.length if self.lookahead is None else sum(self.lookahead[i + 1 : n_layers])
        return replace(shape, first=0, last=min(shape.length, shape.last + reach))

    def layer(self, layer: nn.Module, x: Tensor, shapes: list[Shape], lookahead: int | None) -> Tensor:
        """One layer over the windows of all shapes: all of a window is seen, only what counts of it asks.

        Shape: x (n, hidden_width), windows behind each other -> (n_counting, hidden_width)
        """
        attention = layer.attention.self
        windows = _split(x, shapes, lambda shape: shape.length)
        asking = torch.cat([_counting(rows, shape) for rows, shape in zip(windows, shapes, strict=True)])
        queries = _split(attention.query(asking), shapes, lambda shape: shape.last - shape.first)
        keys = _split(attention.key(x), shapes, lambda shape: shape.length)
        values = _split(attention.value(x), shapes, lambda shape: shape.length)
        heads = (attention.num_attention_heads, attention.attention_head_size)
        context = []
        for shape, q, k, v in zip(shapes, queries, keys, values, strict=True):
            q, k, v = (rows.unflatten(-1, heads).transpose(1, 2) for rows in (q, k, v))
            context.append(self.attend(q, k, v, shape, lookahead).transpose(1, 2).flatten(2).flatten(0, 1))
        x = layer.attention.output(torch.cat(context), asking)
        return layer.output(layer.intermediate(x), x)

    def layer_in_groups(self, layer: nn.Module, x: Tensor, groups: list[Group], lookahead: int | None) -> Tensor:
        """One call of attention for a group, and every layer computes everything."""
        attention = layer.attention.self
        heads = (attention.num_attention_heads, attention.attention_head_size)
        columns = [project(x).unflatten(-1, heads) for project in (attention.query, attention.key, attention.value)]
        context = []
        for group in groups:
            shape = len(group.real), group.real.shape[-1]
            # Not by `[]`, whose gradient sorts the places.
            q, k, v = (x.index_select(0, group.rows).unflatten(0, shape).transpose(1, 2) for x in columns)
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=group.mask(lookahead))
            context.append(seen.transpose(1, 2).flatten(2).flatten(0, 1).index_select(0, group.kept))
        x = layer.attention.output(torch.cat(context), x)
        return layer.output(layer.intermediate(x), x)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, shape: Shape, lookahead: int | None) -> Tensor:
        """Attention block by block of queries, each over the keys it may see: with a limit about half of them are hidden.

        Shape: q (n, n_heads, last - first, head_width), k and v (n, n_heads, length, head_width) -> as q
        """
        if lookahead is None:
            return F.scaled_dot_product_attention(q, k, v)
        mask = self.mask(lookahead, shape.length).to(q.dtype)
        blocks = []
        for start in range(shape.first, shape.last, BLOCK):
            stop = min(start + BLOCK, shape.last)
            seen = min(stop + lookahead, shape.length)
            asking = q[:, :, start - shape.first : stop - shape.first]
            hidden = mask[start:stop, :seen]
            blocks.append(F.scaled_dot_product_attention(asking, k[:, :, :seen], v[:, :, :seen], attn_mask=hidden))
        return torch.cat(blocks, dim=2)

    def mask(self, lookahead: int, length: int) -> Tensor:
        """What is added to the scores, (length, length): a corner of one mask for all lengths."""
        mask = self.masks.get(lookahead)
        device = next(self.encoder.parameters()).device
        if mask is None or len(mask) < length or mask.device != device:
            with torch.inference_mode(False):
                hidden = torch.ones(length, length, dtype=torch.bool, device=device).triu(lookahead + 1)
                mask = torch.zeros(length, length, device=device).masked_fill(hidden, torch.finfo(torch.float32).min)
            self.masks[lookahead] = mask
        return mask[:length, :length]

    def places(self, ids: Tensor) -> Tensor:
        """Rows of the position embeddings, same shape."""
        if self.encoder.config.model_type in BERT_LIKE:
            return torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        pad = self.encoder.config.pad_token_id
        real = ids != pad
        return real.cumsum(1) * real + pad


def attends_in_groups(device: torch.device) -> bool:
    """Whether windows of neighbouring shapes attend together: on a GPU, where many small calls cost more than pads."""
    return device.type != "cpu"


def make_groups(shapes: list[Shape], device: torch.device) -> list[Group]:
    """Groups of the windows of a run, those of neighbouring shapes."""
    lengths = np.repeat([shape.length for shape in shapes], [shape.n for shape in shapes])
    starts = np.cumsum(lengths) - lengths
    sizes = -(-lengths // PADDED) * PADDED
    groups = []
    for of in np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(sizes)) + 1):
        place = np.arange(sizes[of[0]])
        real = place < lengths[of, None]
        rows = np.where(real, starts[of, None] + place, starts[of, None])
        arrays = rows.ravel(), real[:, None, None], np.flatnonzero(real)
        groups.append(Group(*(torch.as_tensor(array, device=device) for array in arrays)))
    return groups


def is_packable(encoder: nn.Module) -> bool:
    """Whether an encoder has the layers of BERT and nothing that looks at distances."""
    config = encoder.config
    kind = getattr(config, "position_embedding_type", "absolute")
    return config.model_type in BERT_LIKE + ROBERTA_LIKE and kind == "absolute"


def _split(x: Tensor, shapes: list[Shape], length) -> list[Tensor]:
    """A flat run as one (n, length, ...) view per shape."""
    sizes = [shape.n * length(shape) for shape in shapes]
    return [rows.unflatten(0, (s.n, length(s))) for rows, s in zip(x.split(sizes), shapes, strict=True)]


def _counting(rows: Tensor, shape: Shape) -> Tensor:
    return rows[:, shape.first : shape.last].flatten(0, 1)
