"""Drawing rows of codes from a trained VAE.

Shapes: ``B`` rows, ``C`` columns, ``K_c`` categories of column ``c``, ``C_g`` and ``K_g`` columns and
categories of group ``g``, ``W`` width of the decoder, ``Z`` latent dimensions.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from tabvae_ray.model.vae import VAE

__all__ = ["RowDecoder"]

# Rows whose activations stay in the processor's cache; the speed is flat around it.
_CPU_ROWS = 1024
_GPU_ROWS = 65_536


class RowDecoder:
    """A frozen decoder: latent vectors in, rows of codes out.

    Batch norm is folded into the linear layers. An independent decoder draws all columns at once;
    an autoregressive one column by column, and a step costs one head and one addition.

    Args:
        model: The trained VAE; its weights are copied.
    """

    def __init__(self, model: VAE) -> None:
        with torch.no_grad():
            self.layers = [(w.clone(), b.clone()) for w, b in model.decoder.folded()]
            predictor = model.predictor
            self.weight = predictor.linear.weight.detach().clone()
            self.bias = (predictor.linear.bias + predictor.padding).detach()
            self.order = model.order
            if model.order is not None:
                self.context = model.context.table.weight.detach().clone()
                self.offsets = model.context.offsets.tolist()
        self.groups, self.sizes = predictor.groups, predictor.sizes
        self.slope = model.slope
        self.cardinalities = model.cardinalities
        self.latent_dim = model.latent_dim

    def decode(
        self,
        z: Tensor,
        *,
        temperature: float = 1.0,
        sample: bool = True,
        generator: torch.Generator | None = None,
        allowed: Mapping[int, Tensor] | None = None,
    ) -> Tensor:
        """One row of codes per latent vector: ``(B, Z) -> (B, C)`` int64.

        Args:
            z: Latent vectors, on the decoder's device.
            temperature: Divides the logits; above 1 flattens, below 1 sharpens.
            sample: Draw from the heads; otherwise take the likeliest code.
            generator: Source of the draws, on the decoder's device.
            allowed: Codes that a column may take, as a boolean mask ``(K_c,)`` per column; the
                heads are restricted to them and renormalised.
        """
        rows = _CPU_ROWS if z.device.type == "cpu" else _GPU_ROWS
        codes = torch.empty(len(z), len(self.cardinalities), dtype=torch.int64, device=z.device)
        bias = self._restricted_bias(allowed or {})
        with torch.inference_mode():
            for start in range(0, len(z), rows):
                features = z[start : start + rows]
                for weight, offset in self.layers:
                    features = functional.linear(features, weight, offset)
                    features = functional.leaky_relu_(features, self.slope)
                block = codes[start : start + rows]
                draw = _Draw(temperature, sample, generator)
                if self.order is None:
                    self._decode_at_once(features, bias, draw, block)
                else:
                    self._decode_in_order(features, bias, draw, block)
        return codes

    def to(self, device: torch.device) -> "RowDecoder":
        """Move the weights; returns self."""
        self.layers = [(w.to(device), b.to(device)) for w, b in self.layers]
        self.weight, self.bias = self.weight.to(device), self.bias.to(device)
        if self.order is not None:
            self.context = self.context.to(device)
        return self

    def _decode_at_once(self, features: Tensor, bias: Tensor, draw: "_Draw", out: Tensor) -> None:
        logits = functional.linear(features, self.weight, bias)  # (B, P)
        for part, (columns, k) in zip(logits.split(self.sizes, 1), self.groups, strict=True):
            out[:, columns] = draw(part.reshape(-1, k)).view(-1, len(columns))  # (B, C_g, K_g)

    def _decode_in_order(self, context: Tensor, bias: Tensor, draw: "_Draw", out: Tensor) -> None:
        context = context.clone()
        hidden = torch.empty_like(context)
        start = 0
        for i, ([column], k) in enumerate(self.groups):
            torch.ops.aten.leaky_relu.out(context, self.slope, out=hidden)
            head = slice(start, start + k)
            codes = draw(functional.linear(hidden, self.weight[head], bias[head]))
            out[:, column] = codes
            start += k
            if i + 1 < len(self.groups):
                context += self.context[codes + self.offsets[column]]

    def _restricted_bias(self, allowed: Mapping[int, Tensor]) -> Tensor:
        if not allowed:
            return self.bias
        bias = self.bias.clone()
        start = 0
        for columns, k in self.groups:
            for column in columns:
                if column in allowed:
                    forbidden = ~allowed[column].to(bias.device)
                    bias[start : start + len(forbidden)].masked_fill_(forbidden, -torch.inf)
                start += k
        return bias


class _Draw:
    """Codes from logits: ``(R, K) -> (R,)``."""

    def __init__(
        self, temperature: float, sample: bool, generator: torch.Generator | None
    ) -> None:
        self.temperature, self.sample, self.generator = temperature, sample, generator

    def __call__(self, logits: Tensor) -> Tensor:
        if not self.sample:
            return logits.argmax(dim=1)
        if self.temperature != 1.0:
            logits = logits / self.temperature
        # Inverse CDF: one uniform number a row, where Gumbel-max needs one a logit.
        mass = torch.softmax(logits, dim=1).cumsum(dim=1)
        level = torch.rand(len(logits), 1, generator=self.generator, device=logits.device)
        # The total is 1 up to rounding. Scaled by it, the level never passes the last code that has
        # any mass, so neither padding nor a code that is not allowed can be drawn.
        level = level * mass[:, -1:]
        return torch.searchsorted(mass, level, right=True).squeeze(1).clamp_(max=logits.shape[1] - 1)
