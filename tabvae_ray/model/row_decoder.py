"""The frozen decoder, which draws rows of codes.

Shapes: ``B`` rows, ``C`` columns, ``K_c`` categories of column ``c``, ``C_g`` and ``K_g`` columns
and categories of group ``g``, ``W`` width of the decoder, ``N`` gated units of a column, ``Z``
latent dimensions.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tabvae_ray.errors import ExportError, brief
from tabvae_ray.model.draw import Draw
from tabvae_ray.model.heads import head_starts, padding
from tabvae_ray.model.layers import gated_units
from tabvae_ray.model.vae import VAE

__all__ = ["RowDecoder", "decoder_from_parts"]

# Rows whose activations about fit into the CPU cache; with fewer, the small operations of a draw
# take longer than the cache saves.
_CPU_ROWS = 1024
_GPU_ROWS = 65_536


class RowDecoder:
    """A frozen decoder: latent vectors in, rows of codes out.

    Batch norm is folded into the linear layers. An independent decoder draws all columns at once.
    An autoregressive one draws column by column; a step costs one head, with the column's gated
    units if it has some, and one addition.

    Args:
        cardinalities: Codes per column (``K_c``).
        layers: Weight ``(out, in)`` and bias ``(out,)`` of every hidden layer.
        head: Weight ``(P, W)`` and bias ``(P,)`` of the heads, in the order of the groups; with
            ``hidden``, the weight is ``(P, N)``.
        groups: Columns and width of every group.
        slope: Slope of the activation below zero.
        context: Embeddings ``(sum of K_c, W)`` of drawn codes, added to the features that later
            columns see; None for an independent decoder. With it, every group is one column.
        hidden: Weight ``(C * 2 * N, W)`` and bias ``(C * 2 * N,)`` of the gated units of every
            column of an autoregressive decoder, in the order of the groups; None without them.
    """

    def __init__(
        self,
        cardinalities: Sequence[int],
        layers: Sequence[tuple[Tensor, Tensor]],
        head: tuple[Tensor, Tensor],
        groups: Sequence[tuple[Sequence[int], int]],
        slope: float,
        context: Tensor | None = None,
        hidden: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.cardinalities = tuple(cardinalities)
        self.layers = list(layers)
        self.head_weight, self.head_bias = head
        self.groups = [(list(columns), k) for columns, k in groups]
        self.sizes = [len(columns) * k for columns, k in self.groups]
        self.slope = slope
        self.context = context
        self.hidden = hidden
        self.padding = padding(self.cardinalities, self.groups).to(self.head_bias.device)
        n_inputs = 2 * self.head_weight.shape[1]
        self._units = {
            columns[0]: slice(i * n_inputs, (i + 1) * n_inputs)
            for i, (columns, _) in enumerate(self.groups)
        }
        self._offsets = [0, *accumulate(self.cardinalities)]
        self._heads = {
            column: slice(start, start + self.cardinalities[column])
            for column, start in head_starts(self.groups).items()
        }

    def __repr__(self) -> str:
        kind = "independent" if self.order is None else "autoregressive"
        codes = sum(self.cardinalities)
        return f"{type(self).__name__}({kind}, {len(self.cardinalities)} columns, {codes} codes)"

    @classmethod
    def from_model(cls, model: VAE) -> "RowDecoder":
        """Freeze the decoder of a trained model; its weights are copied."""
        hidden = model.column_hidden
        with torch.no_grad():
            return cls(
                model.cardinalities,
                [(weight.clone(), bias.clone()) for weight, bias in model.decoder.folded()],
                (model.predictor.weights().clone(), model.predictor.linear.bias.clone()),
                model.predictor.groups,
                model.slope,
                None if model.order is None else model.context.vectors().clone(),
                None if hidden is None else (hidden.weight.clone(), hidden.bias.clone()),
            )

    def structure(self) -> dict[str, Any]:
        """Return everything but the weights, for JSON."""
        return {
            "cardinalities": list(self.cardinalities),
            "groups": [[columns, k] for columns, k in self.groups],
            "n_layers": len(self.layers),
            "slope": self.slope,
            "autoregressive": self.context is not None,
            **({} if self.hidden is None else {"column_hidden": self.head_weight.shape[1]}),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights by name."""
        named = {"head.weight": self.head_weight, "head.bias": self.head_bias}
        for i, (weight, bias) in enumerate(self.layers):
            named |= {f"decoder.{i}.weight": weight, f"decoder.{i}.bias": bias}
        if self.context is not None:
            named["context"] = self.context
        if self.hidden is not None:
            named["hidden.weight"], named["hidden.bias"] = self.hidden
        return named

    @property
    def latent_dim(self) -> int:
        """Latent dimensions (``Z``)."""
        inputs = self.head_weight if self.hidden is None else self.hidden[0]
        first = self.layers[0][0] if self.layers else inputs
        return first.shape[1]

    @property
    def order(self) -> list[int] | None:
        """The order in which an autoregressive decoder draws its columns."""
        return None if self.context is None else [columns[0] for columns, _ in self.groups]

    @torch.inference_mode()
    def decode(
        self,
        z: Tensor,
        *,
        temperature: float = 1.0,
        sample: bool = True,
        generator: torch.Generator | None = None,
        allowed: Mapping[int, Tensor] | None = None,
    ) -> Tensor:
        """Draw one row of codes per latent vector: ``(B, Z) -> (B, C)`` int64.

        Args:
            z: Latent vectors, on the decoder's device.
            temperature: Divides the logits; above 1 flattens, below 1 sharpens.
            sample: Draw from the heads; otherwise take the likeliest code.
            generator: Source of the draws, on the decoder's device.
            allowed: By column, the share ``(K_c,)`` of each code's draws that is kept, or a mask;
                the heads are restricted to these codes and renormalised.
        """
        rows = _CPU_ROWS if z.device.type == "cpu" else _GPU_ROWS
        codes = torch.empty(len(z), len(self.cardinalities), dtype=torch.int64, device=z.device)
        draw = Draw(temperature, sample, generator)
        bias = self._restricted_bias(allowed or {}, draw)
        for start in range(0, len(z), rows):
            features = self.features(z[start : start + rows])
            block = codes[start : start + rows]
            if self.context is None:
                self._decode_at_once(features, bias, draw, block)
            else:
                self._decode_in_order(features, self.context, bias, draw, block)
        return codes

    def features(self, z: Tensor) -> Tensor:
        """Compute the features that the heads read: ``(B, Z) -> (B, W)``.

        An autoregressive decoder starts from them. The tensor is new; columns may be added to it.
        """
        features = z if self.layers else z.clone()
        for weight, offset in self.layers:
            features = functional.linear(features, weight, offset)
            features = functional.leaky_relu_(features, self.slope)
        return features

    def head_of(self, column: int) -> slice:
        """Return the rows of a column's head in ``head_weight`` and ``head_bias``."""
        return self._heads[column]

    def column_logits(self, features: Tensor, column: int) -> Tensor:
        """Compute the logits of one column: ``(B, W) -> (B, K_c)``.

        Args:
            features: Those of z; in an autoregressive decoder, with the columns before this one
                added by :meth:`add_column`.
            column: The column.
        """
        hidden = features
        if self.context is not None:
            hidden = functional.leaky_relu(features, self.slope)
        hidden = self._hidden_of(hidden, column)
        head = self._heads[column]
        return functional.linear(hidden, self.head_weight[head], self.head_bias[head])

    def add_column(self, features: Tensor, column: int, codes: Tensor) -> None:
        """Add a column's drawn codes ``(B,)`` to what later columns see, in place."""
        assert self.context is not None
        features += self.context[codes + self._offsets[column]]

    def to(self, device: torch.device) -> "RowDecoder":
        """Move the weights to a device, and return self."""
        self.layers = [(weight.to(device), bias.to(device)) for weight, bias in self.layers]
        self.head_weight, self.head_bias = self.head_weight.to(device), self.head_bias.to(device)
        self.padding = self.padding.to(device)
        self.context = None if self.context is None else self.context.to(device)
        if self.hidden is not None:
            self.hidden = (self.hidden[0].to(device), self.hidden[1].to(device))
        return self

    def _decode_at_once(self, features: Tensor, bias: Tensor, draw: Draw, out: Tensor) -> None:
        logits = functional.linear(features, self.head_weight, bias)  # (B, P)
        for part, (columns, k) in zip(torch.split(logits, self.sizes, 1), self.groups, strict=True):
            out[:, columns] = draw(part.reshape(-1, len(columns), k))  # (B, C_g, K_g)

    def _decode_in_order(
        self, context: Tensor, embeddings: Tensor, bias: Tensor, draw: Draw, out: Tensor
    ) -> None:
        # Drawn codes are added to the context in place. No step allocates a tensor of its size: one
        # scratch tensor holds first the head's input, then the embeddings of the drawn codes.
        scratch = torch.empty_like(context)
        widths = [k for _, k in self.groups]
        weights, biases = torch.split(self.head_weight, widths), torch.split(bias, widths)
        tables = torch.split(embeddings, list(self.cardinalities))
        for ((column,), _), weight, offset in zip(self.groups, weights, biases, strict=True):
            hidden = torch.ops.aten.leaky_relu.out(context, self.slope, out=scratch)
            hidden = self._hidden_of(hidden, column)
            codes = draw(functional.linear(hidden, weight, offset))
            out[:, column] = codes
            if offset is not biases[-1]:
                context += torch.index_select(tables[column], 0, codes, out=scratch)

    def _hidden_of(self, context: Tensor, column: int) -> Tensor:
        """Compute the gated units of a column, if it has some: ``(B, W) -> (B, N)``."""
        if self.hidden is None:
            return context
        units = self._units[column]
        return gated_units(functional.linear(context, self.hidden[0][units], self.hidden[1][units]))

    def _restricted_bias(self, allowed: Mapping[int, Tensor], draw: Draw) -> Tensor:
        bias = self.head_bias + self.padding
        start = 0
        for columns, k in self.groups:
            for column in columns:
                if column in allowed:
                    part = bias[start : start + self.cardinalities[column]]
                    part.copy_(draw.restricted(part, allowed[column].to(bias.device)))
                start += k
        return bias


def decoder_from_parts(
    structure: Mapping[str, Any],
    cardinalities: Sequence[int],
    tensors: Mapping[str, Tensor],
) -> RowDecoder:
    """Rebuild a decoder from what its methods ``structure`` and ``tensors`` returned.

    Raises:
        ExportError: If the parts do not fit each other.
    """
    if structure["cardinalities"] != list(cardinalities):
        raise ExportError(
            f"decoder: has heads of {brief(structure['cardinalities'])} codes, but the columns "
            f"have {brief(list(cardinalities))}"
        )
    groups = [([int(c) for c in columns], int(k)) for columns, k in structure["groups"]]
    members = [column for columns, _ in groups for column in columns]
    if sorted(members) != list(range(len(cardinalities))):
        raise ExportError(
            f"decoder: the groups must hold each column once, but got {brief(members)}"
        )
    for columns, k in groups:
        if k != max(cardinalities[column] for column in columns):
            raise ExportError(f"decoder: the group of columns {brief(columns)} cannot be {k} wide")
    slope = float(structure["slope"])
    if not 0 <= slope < 1:
        raise ExportError(f"decoder: slope must be >= 0 and < 1, but got {slope}")
    autoregressive = structure["autoregressive"] is True
    if autoregressive and any(len(columns) != 1 for columns, _ in groups):
        raise ExportError("decoder: an autoregressive decoder has one column per group")
    # Exports of earlier versions have no such units.
    n_units = int(structure.get("column_hidden", 0))
    if n_units < 0 or (n_units and not autoregressive):
        raise ExportError(f"decoder: column_hidden cannot be {n_units}")

    def tensor(name: str, *shape: int | None) -> Tensor:
        found = tensors.get(name)
        if found is None:
            raise ExportError(f"decoder: model.safetensors has no {name}")
        fits = found.dim() == len(shape) and all(
            want in (None, have) for want, have in zip(shape, found.shape, strict=True)
        )
        if not fits:
            raise ExportError(f"decoder: {name} has the wrong shape {tuple(found.shape)}")
        return found

    layers = []
    width: int | None = None
    for i in range(int(structure["n_layers"])):
        weight = tensor(f"decoder.{i}.weight", None, width)
        width = weight.shape[0]
        layers.append((weight, tensor(f"decoder.{i}.bias", width)))
    rows = sum(len(columns) * k for columns, k in groups)
    context = tensor("context", sum(cardinalities), width) if autoregressive else None
    hidden = None
    if n_units:
        n = 2 * n_units * len(groups)
        hidden = (tensor("hidden.weight", n, width), tensor("hidden.bias", n))
        width = n_units
    head = (tensor("head.weight", rows, width), tensor("head.bias", rows))
    return RowDecoder(cardinalities, layers, head, groups, slope, context, hidden)
