"""Calibrate the marginals of a trained decoder to those of the training rows.

After training, the mean prediction of a head differs a little from the share of each code in the
data: because of dropout, weight decay and the last step, and because z comes from the prior instead
of the encoder. In generated rows these errors add up over the columns. At the maximum of the
likelihood, the bias of an output layer makes mean prediction and share agree (the score equations
of multinomial logistic regression). Here, an offset per code makes them agree for the rows that the
model itself generates.

Shapes: ``M`` rows, ``K_c`` codes of column ``c``, ``Z`` latent dimensions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tabvae_ray.model.draw import Draw
from tabvae_ray.model.row_decoder import RowDecoder

__all__ = ["calibrate"]

# Steps of iterative proportional fitting (Deming & Stephan 1940). The offsets are small; after this
# many steps the error is below the noise of the rows.
_STEPS = 4
# Rows whose logits fit into the CPU cache.
_ROWS = 2048
_MIN_MASS = 1e-12
# Logits of a column that are kept, 256 MiB; of a column of more codes, fewer rows are looked at.
_MOST_LOGITS, _FEWEST_ROWS = 2**26, 4096


@torch.inference_mode()
def calibrate(
    decoder: RowDecoder, z: Tensor, counts: Sequence[Tensor], generator: torch.Generator
) -> None:
    """Shift the biases of the heads so that generated columns have the shares of ``counts``.

    Columns are calibrated in the order in which they are drawn, each given draws of the calibrated
    columns before it, at temperature 1.

    Args:
        decoder: The decoder; its ``head_bias`` is changed.
        z: ``(M, Z)`` draws from the prior, on the decoder's device.
        counts: Training rows per code, ``(K_c,)`` for every column. One more row is spread over
            all codes, so that no code has a share of zero.
        generator: Source of the draws of autoregressive columns, on the decoder's device.
    """
    features = [decoder.features(part) for part in torch.split(z, _ROWS)]
    draw = Draw(1.0, True, generator)
    for column in decoder.order or range(len(decoder.cardinalities)):
        n_codes = len(counts[column])
        n_parts = max(_MOST_LOGITS // n_codes, _FEWEST_ROWS) // _ROWS
        logits = [decoder.column_logits(part, column) for part in features[:n_parts]]
        target = counts[column].to(z.device, torch.float64) + 1 / len(counts[column])
        offset = _offset(logits, target / target.sum())
        decoder.head_bias[decoder.head_of(column)] += offset
        if decoder.context is not None:
            for i, part in enumerate(features):
                # By now the bias of the head has the offset.
                after = logits[i] + offset if i < n_parts else decoder.column_logits(part, column)
                decoder.add_column(part, column, draw(after))


def _offset(logits: Sequence[Tensor], target: Tensor) -> Tensor:
    """Fit the offset that gives the logits the target shares as their mean softmax.

    Args:
        logits: ``(M, K_c)``, in parts.
        target: ``(K_c,)`` shares.
    """
    n_rows = sum(len(part) for part in logits)
    offset = torch.zeros(len(target), device=target.device)
    for _ in range(_STEPS):
        mass = torch.zeros_like(target)
        for part in logits:
            mass += torch.softmax(part + offset, 1).double().sum(0)
        # A code may be so unlikely everywhere that its mass is zero in float32.
        offset += (target / (mass / n_rows).clamp(min=_MIN_MASS)).log().float()
    return offset
