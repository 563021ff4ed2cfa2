"""Products of every column with its own weights, with gradients that are written out.

Autograd records each small operation of a loop over columns, and gives each its own gradient
tensor. Here a loop is one operation, and its parts write into shared tensors.

Shapes: ``B`` batch, ``C`` columns, ``K_c`` codes of column ``c``, ``E`` embedding size per column,
``W`` width of the decoder's last layer, ``R`` the sum of all ``K_c``, ``N`` units of a column,
``P`` rows of a weight for all columns.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ContextProducts", "autoregressive_products", "column_products", "project_columns"]


class ContextProducts(nn.Module):
    """:func:`autoregressive_products` as a module, whose inputs and outputs hooks can see.

    Args:
        order: The order in which the columns are drawn.
        slope: Slope of the leaky ReLU below zero.
    """

    def __init__(self, order: Sequence[int], slope: float) -> None:
        super().__init__()
        self.order, self.slope = tuple(order), slope

    def forward(
        self,
        features: Tensor,
        mask: Tensor | None,
        vectors: Tensor,
        weight: Tensor,
        codes: Tensor,
        cardinalities: Sequence[int],
        sizes: Sequence[int],
    ) -> Tensor:
        """Multiply the weights of each column with what it sees of those before it: ``(B, P)``."""
        return autoregressive_products(
            features, mask, vectors, weight, codes, self.order, cardinalities, self.slope, sizes
        )


def project_columns(small: Tensor, projections: Tensor, cardinalities: Sequence[int]) -> Tensor:
    """Project the embeddings of each column by its own matrix: ``(R, E) -> (R, W)``.

    Args:
        small: ``(R, E)``, column by column.
        projections: ``(C, E, W)``.
        cardinalities: Codes per column (``K_c``).
    """
    small, projections = _autocast(small, projections)
    projected: Tensor = _ProjectColumns.apply(  # type: ignore[no-untyped-call]
        small, projections, list(cardinalities)
    )
    return projected


def autoregressive_products(
    features: Tensor,
    mask: Tensor | None,
    vectors: Tensor,
    weight: Tensor,
    codes: Tensor,
    order: Sequence[int],
    cardinalities: Sequence[int],
    slope: float,
    sizes: Sequence[int] | None = None,
) -> Tensor:
    """Multiply the weights of each column with what it sees of the columns before it: ``(B, P)``.

    A column sees the leaky ReLU of the features plus the vectors of the columns before it.

    Args:
        features: ``(B, W)``, those of z.
        mask: ``(B, W)`` factors of dropout, none of them negative, or None.
        vectors: ``(R, W)``, a vector per code of every column.
        weight: ``(P, W)``, the weights of all columns, in the order of ``order``.
        codes: ``(B, C)`` integer codes.
        order: The order in which the columns are drawn.
        cardinalities: Codes per column (``K_c``).
        slope: Slope of the leaky ReLU below zero.
        sizes: Rows of the weight per column, in the order of ``order``; the column's number of
            codes if None.
    """
    # Sums over many columns need the precision of the weights, under autocast as well.
    features, vectors = features.to(weight.dtype), vectors.to(weight.dtype)
    if mask is not None:
        mask = mask.to(weight.dtype)
    products: Tensor = _AutoregressiveProducts.apply(  # type: ignore[no-untyped-call]
        features, vectors, *_autocast(weight), mask, codes.T.contiguous(), order,
        list(cardinalities), slope, sizes,
    )  # fmt: skip
    return products


def column_products(inputs: Tensor, weight: Tensor, sizes: Sequence[int]) -> Tensor:
    """Multiply each column's inputs with its own weights: ``(B, C * N) -> (B, P)``.

    Args:
        inputs: ``(B, C * N)``, N of each column.
        weight: ``(P, N)``, columns in the order of the inputs.
        sizes: Rows of the weight per column.
    """
    products: Tensor = _ColumnProducts.apply(  # type: ignore[no-untyped-call]
        *_autocast(inputs, weight), list(sizes)
    )
    return products


class _ColumnProducts(torch.autograd.Function):
    """The operation of :func:`column_products`."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, sizes: list[int]) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.sizes = sizes
        products = inputs.new_empty(len(inputs), len(weight))
        for part, w, out in zip(
            torch.split(inputs, weight.shape[1], 1),
            torch.split(weight, sizes),
            torch.split(products, sizes, 1),
            strict=True,
        ):
            torch.mm(part, w.T, out=out)
        return products

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        inputs, weight = ctx.saved_tensors
        sizes, n = ctx.sizes, weight.shape[1]
        input_gradient, weight_gradient = torch.empty_like(inputs), torch.empty_like(weight)
        for part, w, upper, lower, out in zip(
            torch.split(inputs, n, 1),
            torch.split(weight, sizes),
            torch.split(gradient, sizes, 1),
            torch.split(input_gradient, n, 1),
            torch.split(weight_gradient, sizes),
            strict=True,
        ):
            torch.mm(upper, w, out=lower)
            torch.mm(upper.T, part, out=out)
        return input_gradient, weight_gradient, None


class _ProjectColumns(torch.autograd.Function):
    """The operation of :func:`project_columns`."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, projections: Tensor, sizes: list[int]) -> Tensor:
        ctx.save_for_backward(small, projections)
        ctx.sizes = sizes
        vectors = small.new_empty(len(small), projections.shape[2])
        for part, matrix, out in zip(
            torch.split(small, sizes), projections, torch.split(vectors, sizes), strict=True
        ):
            torch.mm(part, matrix, out=out)
        return vectors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        small, projections = ctx.saved_tensors
        sizes = ctx.sizes
        small_gradient, matrix_gradients = torch.empty_like(small), torch.empty_like(projections)
        for part, matrix, upper, lower, out in zip(
            torch.split(small, sizes),
            projections,
            torch.split(gradient, sizes),
            torch.split(small_gradient, sizes),
            matrix_gradients,
            strict=True,
        ):
            torch.mm(upper, matrix.T, out=lower)
            torch.mm(part.T, upper, out=out)
        return small_gradient, matrix_gradients, None


class _AutoregressiveProducts(torch.autograd.Function):
    """The operation of :func:`autoregressive_products`."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        vectors: Tensor,
        weight: Tensor,
        mask: Tensor | None,
        codes: Tensor,
        order: Sequence[int],
        cardinalities: list[int],
        slope: float,
        sizes: Sequence[int] | None,
    ) -> Tensor:
        sizes = [cardinalities[column] for column in order] if sizes is None else list(sizes)
        tables = torch.split(vectors, cardinalities)
        products = weight.new_empty(len(features), len(weight))
        # Factors of dropout are not negative, so they may be applied before the leaky ReLU.
        context = features.clone() if mask is None else features * mask
        scratch = torch.empty_like(context)
        for column, w, out in zip(
            order, torch.split(weight, sizes), torch.split(products, sizes, 1), strict=True
        ):
            hidden = torch.ops.aten.leaky_relu.out(context, slope, out=scratch)
            torch.mm(hidden.to(w.dtype), w.T, out=out)
            if column != order[-1]:
                added = torch.index_select(tables[column], 0, codes[column], out=scratch)
                _add(context, added, mask)
        ctx.save_for_backward(context, vectors, weight, mask, codes)
        ctx.order, ctx.cardinalities, ctx.slope, ctx.sizes = order, cardinalities, slope, sizes
        return products

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        last, vectors, weight, mask, codes = ctx.saved_tensors
        order, cardinalities, sizes = ctx.order, ctx.cardinalities, ctx.sizes
        tables = torch.split(vectors, cardinalities)
        vector_gradient, weight_gradient = torch.zeros_like(vectors), torch.empty_like(weight)
        table_gradients = torch.split(vector_gradient, cardinalities)
        # The context is computed back from the last column to the first. Keeping it for each takes
        # C times the memory, and new memory of that size takes longer than the computation.
        # All else lies in one scratch tensor in turn: new tensors are slower, and leave the cache.
        context, scratch, total = last.clone(), torch.empty_like(last), torch.zeros_like(last)
        heads = zip(
            order,
            torch.split(weight, sizes),
            torch.split(gradient, sizes, 1),
            torch.split(weight_gradient, sizes),
            strict=True,
        )
        for column, w, upper, out in reversed(list(heads)):
            if column != order[-1]:
                added = torch.index_select(tables[column], 0, codes[column], out=scratch)
                _add(context, added, mask, -1)
                table_gradients[column].index_add_(0, codes[column], total)
            hidden = torch.ops.aten.leaky_relu.out(context, ctx.slope, out=scratch)
            torch.mm(upper.T, hidden.to(w.dtype), out=out)
            if w.dtype == scratch.dtype:
                torch.mm(upper, w, out=scratch)
            else:
                scratch.copy_(upper @ w)
            part = torch.ops.aten.leaky_relu_backward.grad_input(
                scratch, context, ctx.slope, False, grad_input=scratch
            )
            _add(total, part, mask)
        return (total, vector_gradient, weight_gradient, *[None] * 6)


def _add(total: Tensor, part: Tensor, mask: Tensor | None, sign: int = 1) -> None:
    """Add what the mask leaves of a part, in place."""
    if mask is None:
        total.add_(part, alpha=sign)
    else:
        total.addcmul_(part, mask, value=sign)


def _autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors in the type of products, which the parts of an operation cannot choose."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in tensors)
