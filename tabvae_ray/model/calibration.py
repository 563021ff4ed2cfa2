"""Bringing the columns' marginals of a trained decoder to those of the training rows.

Training ends with heads whose mean prediction is a little off: dropout, weight decay, a last step
in some direction, and z from the prior where training had it from the encoder. What is drawn adds
that up over the columns. An offset per code takes it out again, as the bias of an output layer does
at the maximum of the likelihood, where mean prediction and share in the data agree (the score
equations of multinomial logistic regression); here they are made to agree for the rows that the
model itself generates.

Shapes: ``M`` rows, ``K_c`` codes of column ``c``, ``Z`` latent dimensions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tabvae_ray.model.row_decoder import Draw, RowDecoder

__all__ = ["calibrate"]

# Each scales the codes as iterative proportional fitting does (Deming & Stephan 1940); the offsets
# are small, and after so many steps what is left is below the noise of the rows.
_STEPS = 4
# Rows whose logits stay in the processor's cache.
_ROWS = 2048
_LEAST_MASS = 1e-12


@torch.inference_mode()
def calibrate(
    decoder: RowDecoder, z: Tensor, counts: Sequence[Tensor], generator: torch.Generator
) -> None:
    """Shift the biases of the heads so that generated columns have the shares of ``counts``.

    Column by column in the order in which they are drawn, so that a column is calibrated given
    the columns before it as they will be; for draws at temperature 1.

    Args:
        decoder: The decoder; its ``head_bias`` is changed.
        z: ``(M, Z)`` draws from the prior, on the decoder's device.
        counts: Training rows per code, ``(K_c,)`` for every column. A code that none has keeps its
            part of one more row, which is spread over all codes.
        generator: Source of the draws of autoregressive columns, on the decoder's device.
    """
    features = [decoder.features(part) for part in torch.split(z, _ROWS)]
    draw = Draw(1.0, True, generator)
    for column in decoder.order or range(len(decoder.cardinalities)):
        logits = [decoder.column_logits(part, column) for part in features]
        target = counts[column].to(z.device, torch.float64) + 1 / len(counts[column])
        offset = _offset(logits, target / target.sum())
        decoder.head_bias[decoder.head_of(column)] += offset
        if decoder.context is not None:
            for part, before in zip(features, logits, strict=True):
                decoder.add_column(part, column, draw(before + offset))


def _offset(logits: Sequence[Tensor], target: Tensor) -> Tensor:
    """What brings the mean softmax of logits ``(M, K_c)``, in parts, to shares ``(K_c,)``."""
    n_rows = sum(len(part) for part in logits)
    offset = torch.zeros(len(target), device=target.device)
    for _ in range(_STEPS):
        mass = torch.zeros_like(target)
        for part in logits:
            mass += torch.softmax(part + offset, 1).double().sum(0)
        # A code may be so unlikely everywhere that its mass is zero in float32.
        offset += (target / (mass / n_rows).clamp(min=_LEAST_MASS)).log().float()
    return offset
