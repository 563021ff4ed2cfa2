"""Embeddings of codes, and the parametrisation of ordered codes by steps.

Shapes: ``B`` batch, ``C`` columns, ``K_c`` categories (codes) of column ``c``, ``E`` embedding size
per column, ``W`` width of the decoder's last layer, ``R`` rows of a weight.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tabvae_ray.model.column_products import project_columns

__all__ = ["ContextEmbedder", "MultiFeatureEmbedder", "OrderedSteps"]


class OrderedSteps(nn.Module):
    """Parametrises rows of a weight by their steps from one ordered code to the next.

    After the piecewise linear encoding of Gorishniy et al. 2022 (On embeddings for numerical
    features, section 3.2): neighbouring codes are alike unless the data say otherwise. With
    independent weights for every bin of a number, a network memorises where it should interpolate.

    Args:
        groups: For each ordered column, the rows of its codes in ascending order.
    """

    rows: Tensor

    def __init__(self, groups: Iterable[Sequence[int]]) -> None:
        super().__init__()
        ordered = [list(rows) for rows in groups if len(rows) > 1]
        self.sizes = [len(rows) for rows in ordered]
        index = torch.tensor([row for rows in ordered for row in rows], dtype=torch.int64)
        self.register_buffer("rows", index, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """Sum the steps of each ordered column and centre them: ``(R, size) -> (R, size)``.

        Other rows stay as they are. The scale makes the distance between the first and the last
        code about that between two random rows.
        """
        if not self.sizes:
            return weight
        summed: Tensor = _CentredSums.apply(weight, self.rows, self.sizes)
        return summed


class _CentredSums(torch.autograd.Function):
    """Sums of the steps of each ordered column, less their mean.

    The backward pass is written out, because autograd would record seven operations per column.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.sizes = sizes
        steps = weight.index_select(0, rows)
        for part in torch.split(steps, sizes):
            summed = part.cumsum(0)
            torch.sub(summed, summed.mean(0), out=part).mul_(math.sqrt(2 / len(part)))
        return weight.index_copy(0, rows, steps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        steps = gradient.index_select(0, rows)
        for part in torch.split(steps, ctx.sizes):
            part.sub_(part.mean(0)).mul_(math.sqrt(2 / len(part)))
            # A step has the gradients of all codes from its own on. Centred ones sum to zero, so
            # these are minus the gradients of the codes before it.
            part.sub_(part.cumsum(0))
        return gradient.index_copy(0, rows, steps), None, None


class MultiFeatureEmbedder(nn.Module):
    """One embedding table for all columns, with an offset per column: ``(B, C) -> (B, C, E)``.

    Args:
        cardinalities: Codes per column (``K_c``).
        size: Size of a vector (``E``).
        orders: For each column with ordered codes, its codes in ascending order, without those
            that have no place in the order (such as the code of missing values).
    """

    offsets: Tensor

    def __init__(
        self,
        cardinalities: Sequence[int],
        size: int,
        orders: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(sum(cardinalities), size)
        offsets = [0, *accumulate(cardinalities[:-1])]
        self.register_buffer("offsets", torch.tensor(offsets), persistent=False)
        self._steps = OrderedSteps(
            [offsets[column] + code for code in order] for column, order in (orders or {}).items()
        )

    def vectors(self) -> Tensor:
        """Return a vector per code of every column: ``(sum of K_c, E)``."""
        vectors: Tensor = self._steps(self.table.weight)
        return vectors

    def forward(self, codes: Tensor) -> Tensor:
        """Embed integer codes, each below ``K_c``: ``(B, C) -> (B, C, E)``."""
        return functional.embedding(codes + self.offsets, self.vectors())


class ContextEmbedder(nn.Module):
    """A wide vector per code: a small embedding, projected by a matrix per column.

    An independent wide embedding for every code memorises rows: on Adult, a classifier trained on
    generated rows has AUC 0.917 on real rows with these vectors, and 0.914 with independent ones
    that copy training rows as often.

    Args:
        cardinalities: Codes per column (``K_c``).
        n_embd: Size of the embeddings (``E``).
        width: Size of the vectors (``W``).
        orders: See :class:`MultiFeatureEmbedder`.
    """

    def __init__(
        self,
        cardinalities: Sequence[int],
        n_embd: int,
        width: int,
        orders: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.cardinalities = list(cardinalities)
        self.embedder = MultiFeatureEmbedder(cardinalities, n_embd, orders)
        # Small, so that sums of many vectors start about as large as the features they add to.
        scale = 0.1 / math.sqrt(n_embd)
        self.projections = nn.Parameter(torch.randn(len(cardinalities), n_embd, width) * scale)

    def vectors(self) -> Tensor:
        """Return a vector per code of every column: ``(sum of K_c, W)``."""
        return project_columns(self.embedder.vectors(), self.projections, self.cardinalities)
