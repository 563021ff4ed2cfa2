"""Success of membership attacks, beside quality, on the same table.

    python -m benchmarks.privacy --table heart --table magic [--rows 4000] [--epochs 40]

A fifth of the rows is held out. The model is the first point of ``small.yaml``, trained for at
most a given number of epochs, and is compared with a resample of the training rows, which leaks as
copies do, and with independent columns, which leak hardly anything. Attacks and
scores are those of the package; 0.5 is chance.
"""

import argparse
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from benchmarks.common import ROOT, show
from benchmarks.minimum_rows import read
from benchmarks.quality import TABLES, shared_trends
from tabvae_ray import TableSpec, TabularVAE
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reading.table_columns import Integers
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.space.space_file import load_space
from tabvae_ray.tabular_vae import split_rows
from tabvae_ray.training.membership import white_box_attacks

_SCORES = ("column_shapes", "pair_trends", "membership_black_box")
_SEED = 0


def sources(
    table: pd.DataFrame, vae: TabularVAE, training: Integers
) -> Iterator[tuple[str, pd.DataFrame, MembershipAttacks | None]]:
    """Yield names, rows, and the attacks on the model if there is one."""
    vae.fit(table)
    real = table.iloc[training].reset_index(drop=True)
    rng = np.random.default_rng(_SEED)
    n = len(real)
    attacks = white_box_attacks(vae.trainer, most_rows=10_000, n_draws=8, n_bootstraps=200)
    yield "small.yaml, first point", vae.generate(n, seed=_SEED), attacks
    yield "resample", real.iloc[rng.integers(n, size=n)].reset_index(drop=True), None
    orders = {name: rng.permutation(n) for name in real}
    yield (
        "independent columns",
        pd.DataFrame({k: v.take(orders[k]).array for k, v in real.items()}),
        None,
    )


def cells(attacks: MembershipAttacks | None) -> list[str]:
    """Return the strongest AUC, its interval, and the training rows found at 1% false alarms."""
    if attacks is None:
        return ["-", "-"]
    found = attacks.attacks[attacks.strongest].tpr_at_1_percent
    auc = f"{attacks.auc:.3f} ({attacks.low:.3f} to {attacks.high:.3f})"
    return [auc, f"{100 * found:.1f}%"]


def main() -> None:
    """Print a row per table and source of rows."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=TABLES, action="append", help="may be repeated")
    parser.add_argument("--rows", type=int, default=4000, help="rows of each table, at most")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of the training, at most")
    arguments = parser.parse_args()
    space = load_space(str(ROOT / "search_spaces" / "small.yaml"))
    own = {
        "training.max_n_epochs": arguments.epochs,
        "training.device": "cpu",
        "validation.holdout_fraction": 0.2,
    }
    config = space.config(space.initial[0]).replace(own)
    lines = []
    for name in arguments.table or TABLES:
        table = read(name)
        table = table.sample(min(len(table), arguments.rows), random_state=0, ignore_index=True)
        spec = TableSpec.infer(table)
        vae = TabularVAE.build(spec, config, seed=_SEED, device="cpu")
        training, held_out = split_rows(len(table), 0.2, vae.split_seed)
        comparison = ComparisonPlan(scores=_SCORES).prepare(table, spec, held_out=held_out)
        for way, rows, white_box in sources(table, vae, training):
            found = comparison.compute(rows)
            trend = shared_trends(comparison, comparison.reader.read(rows))
            numbers = (found.scores["column_shapes"], found.scores["pair_trends"], trend)
            black_box = [*cells(found.membership), found.membership.strongest]
            scores = [f"{value:.4f}" for value in numbers]
            line = (name, str(len(training)), way, *cells(white_box), *black_box, *scores)
            print(*line, flush=True)
            lines.append(line)
    show(
        "Membership inference",
        lines,
        (
            *("table", "rows to train on", "rows", "model: AUC", "TPR at 1% FPR"),
            *("synthetic rows: AUC", "TPR at 1% FPR", "strongest attack"),
            *("column_shapes", "pair_trends", "pair_trends, shared bins"),
        ),
    )


if __name__ == "__main__":
    main()
