"""Estimates of training time and memory, from the shape of a table and a configuration.

The constants were fitted to steps of networks between 70,000 and 1,600,000 weights on one core
with AVX2, for tables of 12 to 55 columns (benchmarks/README.md has times of the same kind). They
hold within a factor of two on similar machines that do nothing else.
"""

import math
from itertools import pairwise

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.space.table_shape import TableShape

__all__ = ["epoch_seconds", "n_weights", "report_seconds", "setup_seconds", "trial_memory"]

# Seconds per step, whatever the batch: of any network, and per column.
_STEP = {"independent": (3.0e-3, 0.2e-3), "autoregressive": (5.0e-3, 0.7e-3)}
# Seconds per weight and step for the optimiser, and per weight and row for the products.
_PER_WEIGHT, _PER_WEIGHT_AND_ROW = 1.3e-8, 8.6e-11
# An autoregressive decoder: seconds per row, column and unit of its last layer.
_PER_UNIT = 1.0e-8
# Seconds per cell that is generated and scored, and per report whatever the table.
_PER_SCORED_CELL, _PER_REPORT = 5.0e-6, 1.0
_MAX_SCORED_ROWS = 100_000
# Ray's start, and the reference levels by cell.
_START, _PER_LEVEL_CELL, _MAX_LEVEL_ROWS = 10.0, 1.0e-5, 50_000
# Bytes of a process that has imported torch, and per cell of the table.
_PROCESS, _PER_CELL = 600 * 2**20, 50
# Weight, gradient and two moments of the optimiser; logits, their gradient and probabilities.
_PER_WEIGHT_BYTES, _PER_LOGIT_BYTES = 16, 12


def n_weights(shape: TableShape, config: TabularVAEConfig) -> int:
    """Return about how many weights the network has."""
    a, n_columns = config.architecture, len(shape.columns)
    n_codes = shape.n_codes(config.transformers)
    decoder = [a.latent_dim, *_decoder_widths(config)]
    n_gated = _n_gated(shape, config)
    n = n_gated + n_codes * (a.column_hidden if n_gated else decoder[-1])
    if a.has_encoder:
        encoder = [n_columns * a.n_embd, *a.encoder_layer_sizes]
        n += n_codes * a.n_embd + 2 * encoder[-1] * a.latent_dim
        n += sum(x * y for x, y in pairwise(encoder))
    n += sum(x * y for x, y in pairwise(decoder))
    if a.decoder == "autoregressive":
        n += n_codes * a.n_embd + n_columns * a.n_embd * decoder[-1]
    return n


def epoch_seconds(
    shape: TableShape, config: TabularVAEConfig, *, threads: int = 1, gpu: bool = False
) -> float:
    """Return about how long one epoch takes.

    Args:
        shape: The table.
        config: The configuration of the training.
        threads: Threads; more of them help less and less.
        gpu: True if it runs on a GPU, where a step costs about the same for any batch.
    """
    n_rows = shape.n_training_rows(config.validation.holdout_fraction)
    batch = max(1, min(config.training.batch_size, n_rows))
    n_columns, weights = len(shape.columns), n_weights(shape, config)
    fixed, per_column = _STEP[config.architecture.decoder]
    step = fixed + per_column * n_columns
    if not gpu:
        step += weights * _PER_WEIGHT
        if config.architecture.decoder == "autoregressive":
            step += batch * n_columns * _decoder_widths(config)[-1] * _PER_UNIT
            step += batch * _n_gated(shape, config) * _PER_WEIGHT_AND_ROW
        else:
            step += batch * weights * _PER_WEIGHT_AND_ROW
        step /= math.sqrt(threads)
    return step * math.ceil(n_rows / batch)


def report_seconds(shape: TableShape) -> float:
    """Return about how long a trial takes to generate rows and score them at a rung."""
    n_cells = min(shape.rows, _MAX_SCORED_ROWS) * len(shape.columns)
    return _PER_REPORT + n_cells * _PER_SCORED_CELL


def setup_seconds(shape: TableShape) -> float:
    """Return about how long a search takes before its first trial trains."""
    n_cells = min(shape.rows, _MAX_LEVEL_ROWS) * len(shape.columns)
    return _START + n_cells * _PER_LEVEL_CELL


def trial_memory(shape: TableShape, config: TabularVAEConfig) -> int:
    """Return about how many bytes the process of a trial takes."""
    logits = min(config.training.batch_size, shape.rows) * shape.n_codes(config.transformers)
    return (
        _PROCESS
        + shape.rows * len(shape.columns) * _PER_CELL
        + n_weights(shape, config) * _PER_WEIGHT_BYTES
        + logits * _PER_LOGIT_BYTES
    )


def _n_gated(shape: TableShape, config: TabularVAEConfig) -> int:
    """Return the number of weights of the columns' gated units."""
    a = config.architecture
    if a.decoder != "autoregressive":
        return 0
    return len(shape.columns) * 2 * a.column_hidden * (_decoder_widths(config)[-1] + 1)


def _decoder_widths(config: TabularVAEConfig) -> list[int]:
    a = config.architecture
    given = a.decoder_layer_sizes
    widths = reversed(a.encoder_layer_sizes) if given is None else given
    return list(widths) or [a.latent_dim]
