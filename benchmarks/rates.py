"""Learning rates beside each other, for the batches and epochs that a short time leaves.

    python -m benchmarks.rates --table magic --batch-size 512 --epochs 10
    python -m benchmarks.rates --table magic --rows 5000 --batch-size 128 --epochs 15 --point 0

The initial points of `full.yaml`, with decoders as narrow as those that the space `auto` chooses
for short times. 15% of the rows are held out. All models have the same seed and the same bins.
"""

import argparse
from collections.abc import Sequence

import torch

from benchmarks.common import show
from benchmarks.heads import initial_point, prepared, trained
from benchmarks.tables import TABLES
from tabvae_ray.config import TabularVAEConfig

RATES = (0.003, 0.006, 0.012)
# Batches from which `auto` has decoders of these widths only.
LARGE, NARROW = 512, [128, 256]


def configured(point: int, rate: float, options: argparse.Namespace) -> TabularVAEConfig:
    """Return the configuration of an initial point, changed as asked."""
    changes = {
        "training.learning_rate": rate,
        "training.batch_size": options.batch_size,
        "training.max_n_epochs": options.epochs,
        "validation.holdout_fraction": 0.15,
    }
    if options.batch_size >= LARGE:
        changes["architecture.decoder_layer_sizes"] = NARROW
    return initial_point(point).replace(changes)


def line(table: str, point: int, rate: float, options: argparse.Namespace) -> tuple[str, ...]:
    """Train one model, and return its line of the result."""
    config = configured(point, rate, options)
    vae, n_rows = prepared(table, options.rows, config)
    return (
        table,
        f"{n_rows:,}",
        str(point + 1),
        f"{config.training.batch_size}",
        f"{config.training.max_n_epochs}",
        f"{rate:g}",
        *trained(vae),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every table and point with every rate, and print one table of results."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--table", action="append", choices=TABLES)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--point", action="append", type=int, choices=(0, 1, 2))
    parser.add_argument("--rate", action="append", type=float)
    parser.add_argument("--batch-size", type=int, default=LARGE)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args(arguments)
    lines = [
        line(table, point, rate, options)
        for table in options.table or ["adult", "covertype_10k", "magic"]
        for point in options.point or (0, 1, 2)
        for rate in options.rate or RATES
    ]
    header = ("table", "rows", "point", "batch", "epochs", "rate", "CPU s", "training", "held out")
    show("nats per row", lines, header)


if __name__ == "__main__":
    main()
