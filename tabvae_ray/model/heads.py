"""The categorical heads of the decoder, in groups of columns.

Shapes: ``B`` batch, ``K_c`` categories (codes) of column ``c``, ``W`` width of the decoder's last
layer. Columns of similar cardinality form a group ``g`` of ``C_g`` columns, padded to ``K_g``
categories each, so that one tensor operation serves all of them; ``P`` is the sum of ``C_g * K_g``.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby
from operator import itemgetter

import torch
from torch import Tensor, nn
from torch.nn import functional

from tabvae_ray.model.embeddings import OrderedSteps
from tabvae_ray.model.loss import cross_entropy

__all__ = ["MultiFeaturePredictor", "group_columns", "head_starts", "padding"]


class MultiFeaturePredictor(nn.Module):
    """One categorical head per column, all in one weight matrix.

    Args:
        width: Features that a head sees (``W``).
        cardinalities: Categories per column (``K_c``).
        groups: Columns that share a tensor operation, see :func:`group_columns`. A column with
            fewer categories than its group is wide has logits of minus infinity for the rest.
        orders: As in :class:`MultiFeatureEmbedder`; heads of ordered codes are learnt by steps, so
            that a step is the log odds of the next code (an adjacent-categories logit).
    """

    padding: Tensor
    order: Tensor  # (C,) columns in the order of the groups
    first: Tensor  # (C,) first logit of each of them
    owner: Tensor  # (P,) position in that order of the column of each logit

    def __init__(
        self,
        width: int,
        cardinalities: Sequence[int],
        groups: Sequence[tuple[Sequence[int], int]],
        orders: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.groups = [(list(columns), k) for columns, k in groups]
        self.sizes = [len(columns) * k for columns, k in self.groups]
        # Columns and codes of neighbouring groups of the same width, which share a softmax.
        self.shapes = [
            (sum(len(columns) for columns, _ in same), k)
            for k, same in groupby(self.groups, key=itemgetter(1))
        ]
        self.linear = nn.Linear(width, sum(self.sizes))
        starts = head_starts(self.groups)
        self.steps = OrderedSteps(
            [[starts[column] + code for code in order] for column, order in (orders or {}).items()],
            sum(self.sizes),
        )
        self.register_buffer("padding", padding(cardinalities, self.groups), persistent=False)
        order = [column for columns, _ in self.groups for column in columns]
        widths = [k for columns, k in self.groups for _ in columns]
        self.register_buffer("order", torch.tensor(order), persistent=False)
        first = torch.tensor([starts[column] for column in order])
        self.register_buffer("first", first, persistent=False)
        owner = torch.arange(len(order)).repeat_interleave(torch.tensor(widths))
        self.register_buffer("owner", owner, persistent=False)

    def start_from(self, counts: Sequence[Tensor]) -> None:
        """Let the biases be the log shares of the codes, so that training need not learn them.

        Args:
            counts: Rows per code, ``(K_c,)`` for every column, or estimates of them. Half a row is
                added to each.
        """
        starts = head_starts(self.groups)
        with torch.no_grad():
            for column, rows in enumerate(counts):
                shares = rows.double().clamp(min=0) + 0.5
                part = self.linear.bias[starts[column] : starts[column] + len(shares)]
                part.copy_(torch.log(shares / shares.sum()))

    def weights(self) -> Tensor:
        """Return the weights of all heads: ``(P, W)``."""
        weight: Tensor = self.steps(self.linear.weight)
        return weight

    def forward(self, features: Tensor) -> Tensor:
        """Compute the logits of all heads: ``(B, W) -> (B, P)``."""
        return self.logits(functional.linear(features, self.linear.weight))

    def logits(self, products: Tensor) -> Tensor:
        """Compute logits from the products of features with ``linear.weight``, ``(B, P)`` each.

        The steps of ordered codes are summed here and not in the weight, because a batch has fewer
        rows than a head sees features.
        """
        # Sums over many codes need the precision of the weights, under autocast as well.
        bias = self.linear.bias + self.padding
        summed: Tensor = self.steps(products.to(bias.dtype), 1)
        return summed + bias

    def grouped(self, logits: Tensor) -> list[Tensor]:
        """Split logits ``(B, P)`` by group: ``(B, C_g, K_g)`` each."""
        parts = torch.split(logits, self.sizes, 1)
        return [
            part.view(-1, len(columns), k)
            for part, (columns, k) in zip(parts, self.groups, strict=True)
        ]

    def cross_entropy(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Compute the cross-entropy per cell in nats, columns in the order of the groups.

        Args:
            logits: ``(B, P)``.
            codes: ``(B, C)`` integer codes.

        Returns:
            ``(B, C)``.
        """
        targets = codes.index_select(1, self.order) + self.first
        return cross_entropy(logits.float(), self.shapes, targets, self.owner)


def head_starts(groups: Sequence[tuple[Sequence[int], int]]) -> dict[int, int]:
    """Return the first row of every column's head in the weights of all heads."""
    starts = accumulate((len(columns) * k for columns, k in groups), initial=0)
    return {
        column: start + i * k
        for start, (columns, k) in zip(starts, groups, strict=False)
        for i, column in enumerate(columns)
    }


def padding(cardinalities: Sequence[int], groups: Sequence[tuple[Sequence[int], int]]) -> Tensor:
    """Return the padding of the logits, ``(P,)``: 0, or minus infinity past a column's codes."""
    parts = [
        torch.where(torch.arange(k) < cardinalities[column], 0.0, -torch.inf)
        for columns, k in groups
        for column in columns
    ]
    return torch.cat(parts)


def group_columns(cardinalities: Sequence[int]) -> list[tuple[list[int], int]]:
    """Group columns of similar cardinality, widest first: ``[(columns, K_g), ...]``.

    A group's narrowest column has more than 3/4 of its width, which bounds the padding.
    """
    groups: list[tuple[list[int], int]] = []
    for column in sorted(range(len(cardinalities)), key=lambda c: (-cardinalities[c], c)):
        if groups and cardinalities[column] * 4 > groups[-1][1] * 3:
            groups[-1][0].append(column)
        else:
            groups.append(([column], cardinalities[column]))
    return groups
