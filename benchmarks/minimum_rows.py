"""The cost in scores of leaving out values that fewer than five rows have.

    python -m benchmarks.minimum_rows [--table heart] [--rows 4000] [--epochs 10] [--seeds 2]

Each table is encoded and decoded, and trained, with ``transformers.min_rows`` 0 and 5, with the
same seeds and the same settings otherwise. Scores are those of as many rows as the table has,
against all of its real rows. A resample of the real rows shows the noise of the scores.
"""

import argparse
import json
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.common import DATA, HEART, show
from benchmarks.quality import shared_trends
from benchmarks.tables import TABLES
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.table.encoding import TableEncoder

_SCORES = ("mean_js_distance", "correlation_distance", "column_shapes", "pair_trends")


def stored_values(encoder: TableEncoder) -> int:
    """Return the number of categories and atoms that an export would hold."""
    atoms = sum(len(coder.get("atoms", ())) for coder in encoder.to_mapping().values())
    return atoms + sum(len(column.categories) for column in encoder.spec.columns)


def read(name: str) -> pd.DataFrame:
    """Read a shared table."""
    folder = DATA / name
    if name == "heart":
        return pd.read_csv(HEART)
    return pd.read_csv(folder / json.loads((folder / "meta.json").read_text())["file"])


def config_of(min_rows: int, epochs: int) -> TabularVAEConfig:
    """Return the configuration of a training."""
    return TabularVAEConfig().replace(
        {
            "training.max_n_epochs": epochs,
            "training.learning_rate": 0.003,
            "training.batch_size": 128,
            "training.device": "cpu",
            "architecture.decoder": "autoregressive",
            "architecture.encoder_layer_sizes": [128],
            "architecture.decoder_layer_sizes": [128],
            "transformers.n_bins_cts": 20,
            "transformers.min_rows": min_rows,
        }
    )


def samples(
    table: pd.DataFrame, spec: TableSpec, epochs: int, seeds: int
) -> Iterator[tuple[str, int | None, int | None, list[pd.DataFrame]]]:
    """Yield what was done, the least number of rows, the number of stored values, and rows."""
    n = len(table)
    drawn = [table.sample(n, replace=True, random_state=seed) for seed in range(seeds)]
    yield "resampled", None, None, drawn
    for min_rows in (0, 5):
        encoder = TableEncoder.fit(table, spec, config_of(min_rows, epochs).transformers)
        rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
        yield "encoded and decoded", min_rows, stored_values(encoder), [rows]
    for min_rows in (0, 5) if epochs else ():
        made = []
        for seed in range(seeds):
            vae = TabularVAE.build(spec, config_of(min_rows, epochs), seed=seed)
            vae.fit(table)
            made.append(vae.generate(n, seed=seed))
        yield "trained", min_rows, stored_values(vae.encoder), made


def main() -> None:
    """Print a row per table, way and least number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=TABLES, action="append", help="may be repeated")
    parser.add_argument("--rows", type=int, default=4000, help="rows of each table, at most")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each training; 0: none")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each kind")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []
    for name in arguments.table or TABLES:
        table = read(name)
        table = table.sample(min(len(table), arguments.rows), random_state=0, ignore_index=True)
        spec = TableSpec.infer(table)
        comparison = ComparisonPlan(scores=_SCORES).prepare(table, spec)
        for way, *counts, made in samples(table, spec, arguments.epochs, arguments.seeds):
            found = []
            for rows in made:
                scores = comparison.compute(rows).scores
                trends = shared_trends(comparison, comparison.reader.read(rows))
                found.append([*(scores[score] for score in _SCORES), trends])
            means = (f"{mean:.4f}" for mean in np.mean(found, axis=0))
            numbers = ("-" if count is None else f"{count}" for count in counts)
            line = (name, f"{len(table):,}", way, *numbers, *means)
            print(*line, flush=True)
            lines.append(line)
    show(
        "Values that fewer than five rows have",
        lines,
        (
            *("table", "rows", "way", "`min_rows`", "categories and atoms"),
            *(*_SCORES, "pair_trends, shared bins"),
        ),
    )


if __name__ == "__main__":
    main()
