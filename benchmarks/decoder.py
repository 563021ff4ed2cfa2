"""Held-out nats of the autoregressive decoder with and without gated units per column.

The models of a table train in turns, epoch by epoch, so that other processes of the machine slow
all of them alike. All have the same bins, rows and seeds.
"""

import argparse
import time
from pathlib import Path

import pandas as pd
import torch

from benchmarks.common import DATA, show
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, read_table
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.space_file import load_space

HEADER = ("table", "units", "epochs", "CPU s", "nats, training rows", "nats, held-out rows")


def main() -> None:
    """Train the models of every table that is named, and print their nats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="append", required=True, help="a shared table, or a file")
    parser.add_argument("--rows", type=int, default=8_000, help="rows drawn of a larger table")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--units", type=int, nargs="+", default=[0, 16, 32])
    parser.add_argument("--point", type=int, default=1, help="initial point of full.yaml, from 0")
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 256])
    args = parser.parse_args()
    torch.set_num_threads(1)
    space = load_space(str(named_space("full")))
    config = space.config(space.initial[args.point]).replace(
        {
            "architecture.decoder_layer_sizes": args.widths,
            "architecture.latent": "none",
            "training.batch_size": 256,
            "training.max_n_epochs": args.epochs,
            "validation.holdout_fraction": 0.15,
        }
    )
    rows = [
        row
        for name in args.table
        for row in compared(Path(name).stem, sample(name, args.rows), config, args.units)
    ]
    show("Gated units per column", rows, HEADER)


def sample(name: str, n_rows: int) -> pd.DataFrame:
    """Read a table, and draw rows if it has more."""
    folder = DATA / name
    file = str(folder / f"{name}.csv.gz") if folder.is_dir() else name
    table = read_table(file)
    return table.sample(min(n_rows, len(table)), random_state=1).reset_index(drop=True)


def compared(
    name: str, table: pd.DataFrame, config: TabularVAEConfig, units: list[int]
) -> list[tuple[str, ...]]:
    """Train a model for each number of units, and return their rows of the result."""
    spec = TableSpec.infer(table)
    models = [
        TabularVAE.build(spec, config.replace({"architecture.column_hidden": n}), device="cpu")
        for n in units
    ]
    for model in models:
        model.prepare(table)
    seconds = [0.0] * len(models)
    for epoch in range(1, config.training.max_n_epochs + 1):
        for i, model in enumerate(models):
            started = time.process_time()
            model.trainer.train(epoch)
            seconds[i] += time.process_time() - started
    found = []
    for n, model, used in zip(units, models, seconds, strict=True):
        nats = model.evaluate()
        figures = (f"{nats[key]:.3f}" for key in ("train_nats", "holdout_nats"))
        found.append((name, f"{n}", f"{model.trainer.epoch}", f"{used:.1f}", *figures))
    return found


if __name__ == "__main__":
    main()
