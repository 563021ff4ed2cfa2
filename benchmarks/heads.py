"""Heads that start from the shares of the codes, beside heads that start at random.

    python -m benchmarks.heads --table adult --table shoppers

The first initial point of `full.yaml`, on a part of each table, of which 15% are held out. Each way
trains for the epochs of the space and for half of them, with the same seed.
"""

import argparse
import time
from collections.abc import Sequence

import torch

from benchmarks.common import show
from benchmarks.tables import TABLES, load
from tabvae_ray import TableSpec, TabularVAE
from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.search.optimize.sampler import first_points
from tabvae_ray.space.named_spaces import named_space
from tabvae_ray.space.space_file import parse_space


def prepared(table: str, rows: int, config: TabularVAEConfig) -> tuple[TabularVAE, int]:
    """Return a model that is ready to train on a part of a table, and the rows of the part."""
    train, _, declared = load(table)
    train = train.sample(min(rows, len(train)), random_state=0).reset_index(drop=True)
    vae = TabularVAE.build(TableSpec.infer(train, declared=declared), config, device="cpu")
    vae.prepare(train)
    return vae, len(train)


def trained(vae: TabularVAE) -> tuple[str, str, str]:
    """Train a model; return the CPU seconds, and the nats of training and of held-out rows."""
    began = time.process_time()
    vae.trainer.train()
    seconds = time.process_time() - began
    nats = vae.evaluate()
    return f"{seconds:.1f}", f"{nats['train_nats']:.3f}", f"{nats['holdout_nats']:.3f}"


def line(table: str, rows: int, share: float, *, from_shares: bool) -> tuple[str, ...]:
    """Train one model, and return its line of the result."""
    config = _config(share)
    vae, n_rows = prepared(table, rows, config)
    if not from_shares:
        torch.manual_seed(0)
        vae.trainer.model.predictor.linear.reset_parameters()
    start = "shares of the codes" if from_shares else "random"
    return table, f"{n_rows:,}", start, str(config.training.max_n_epochs), *trained(vae)


def initial_point(number: int) -> TabularVAEConfig:
    """Return the configuration of an initial point of `full.yaml`, counted from 0."""
    space = parse_space(parse_yaml(named_space("full").read_text("utf-8")), "full")
    return space.config(first_points(space)[number])


def _config(share: float) -> TabularVAEConfig:
    config = initial_point(0)
    return config.replace(
        {
            "training.max_n_epochs": round(share * config.training.max_n_epochs),
            "validation.holdout_fraction": 0.15,
        }
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every table in each way, and print one table of results."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--table", action="append", choices=TABLES)
    parser.add_argument("--rows", type=int, default=5_000)
    options = parser.parse_args(arguments)
    lines = [
        line(table, options.rows, share, from_shares=from_shares)
        for table in options.table or ["adult", "shoppers", "magic"]
        for share in (1.0, 0.5)
        for from_shares in (False, True)
    ]
    header = ("table", "rows", "heads start from", "epochs", "CPU s", "training", "held out")
    show("nats per row", lines, header)


if __name__ == "__main__":
    main()
