"""Norms of the gradients of single rows, without the gradients themselves.

Without batch norm, the loss of a row depends on that row only. The gradient of a weight is then,
for one row, the outer product of what a layer reads and of the gradient of what it returns. Its
norm is the product of their norms (Goodfellow 2015, Efficient per-example gradient computations),
so all norms of a batch cost one backward pass.

Shapes: ``B`` batch, ``C`` columns, ``E`` embedding size per column, ``W`` width of the decoder's
last layer, ``P`` logits of all heads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tabvae_ray.model.vae import VAE

__all__ = ["RowNorms"]


class RowNorms:
    """Computes the norm of the gradient of each row of a batch.

    Args:
        model: A VAE without batch norm.
    """

    def __init__(self, model: VAE) -> None:
        if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
            raise ValueError("with batch norm, the loss of a row depends on the others")
        if model.column_hidden is not None:
            raise ValueError("gradients of single rows are not known with hidden units of columns")
        self.model = model
        self._linear: list[tuple[nn.Linear, Tensor, Tensor]] = []
        # What other modules read and returned.
        self._read: dict[nn.Module, tuple[Any, ...]] = {}
        self._returned: dict[nn.Module, Tensor] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the layers during a forward pass."""
        model = self.model
        self._linear, self._read, self._returned = [], {}, {}
        watched: list[nn.Module] = [model.decoder, model.predictor.steps]
        watched += [model.embedder] if model.has_encoder else []
        watched += [model.products] if model.order is not None else []
        handles = [part.register_forward_hook(self._keep) for part in watched]
        handles += [
            part.register_forward_hook(self._keep_linear)
            for part in model.modules()
            if isinstance(part, nn.Linear)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def squared(self, loss: Tensor, codes: Tensor) -> Tensor:
        """Return ``(B,)`` the squared norms of the gradients of a watched forward pass.

        Args:
            loss: Sum of the losses of the rows; its graph is kept.
            codes: ``(B, C)`` the rows.
        """
        model = self.model
        products, logits = (
            self._read[model.predictor.steps][0],
            self._returned[model.predictor.steps],
        )
        outputs = [out for _, _, out in self._linear]
        outputs += [self._returned[model.embedder]] if model.has_encoder else []
        *by_output, by_logits, by_products = torch.autograd.grad(
            loss, [*outputs, logits, products], retain_graph=True
        )
        with torch.no_grad():
            total = _squares(by_logits)  # the bias of the heads
            for (layer, read, _), gradient in zip(self._linear, by_output, strict=False):
                squares = _squares(gradient)
                total += squares * _squares(read)
                if layer.bias is not None:
                    total += squares
            if model.has_encoder:
                scales = model.embedder.steps.squared_norms()[codes + model.embedder.offsets]
                total += (by_output[-1].square().sum(2) * scales).sum(1)
            if model.order is None:
                total += _squares(by_products) * _squares(self._returned[model.decoder])
            else:
                total += self._autoregressive(by_products, codes)
        return total

    def _autoregressive(self, by_products: Tensor, codes: Tensor) -> Tensor:
        """Return the squared norms for heads and context, from the last column to the first.

        This follows the backward pass in :mod:`tabvae_ray.model.column_products`.
        """
        model = self.model
        assert model.order is not None
        features, mask, _, weight, *_ = self._read[model.products]
        embedder, projections = model.context.embedder, model.context.projections
        small, scales = embedder.vectors(), embedder.steps.squared_norms()
        vectors = model.context.vectors()
        places = codes + embedder.offsets

        def masked(part: Tensor) -> Tensor:
            return part if mask is None else part * mask

        context = masked(features)
        for column in model.order[:-1]:
            context = context + masked(vectors[places[:, column]])
        total, norms = torch.zeros_like(context), torch.zeros_like(context[:, 0])
        sizes = [model.cardinalities[column] for column in model.order]
        heads = zip(
            model.order,
            torch.split(weight, sizes),
            torch.split(by_products, sizes, 1),
            strict=True,
        )
        for column, head, gradient in reversed(list(heads)):
            if column != model.order[-1]:
                place = places[:, column]
                context = context - masked(vectors[place])
                norms += _squares(total) * _squares(small[place])
                norms += _squares(total @ projections[column].T) * scales[place]
            norms += _squares(gradient) * _squares(functional.leaky_relu(context, model.slope))
            slopes = torch.where(context > 0, 1.0, model.slope)
            total = total + masked(gradient @ head * slopes)
        return norms

    def _keep_linear(self, layer: nn.Module, read: tuple[Any, ...], returned: Tensor) -> None:
        assert isinstance(layer, nn.Linear)
        self._linear.append((layer, read[0].detach(), returned))

    def _keep(self, part: nn.Module, read: tuple[Any, ...], returned: Tensor) -> None:
        self._read[part], self._returned[part] = read, returned


def _squares(values: Tensor) -> Tensor:
    """Return the squared norm of each row."""
    return values.square().flatten(1).sum(1)
