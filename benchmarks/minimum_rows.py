"""What it costs in scores to leave out values that fewer than five rows have.

    python -m benchmarks.minimum_rows [--rows 4000] [--epochs 10] [--seeds 2]

Each shared table is trained with ``transformers.min_rows`` 0 and 5, with the same seeds and the
same settings otherwise. Scores are those of as many generated rows as the table has, against all of
its real rows.
"""

import argparse
import json
import warnings

import numpy as np
import pandas as pd

from benchmarks.common import DATA, show
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.comparison.plan import ComparisonPlan

_SCORES = ("mean_js_distance", "correlation_distance", "column_shapes", "pair_trends")


def stored_values(vae: TabularVAE) -> int:
    """Return the number of categories and atoms that an export would hold."""
    atoms = sum(len(coder.get("atoms", ())) for coder in vae.encoder.to_mapping().values())
    return atoms + sum(len(column.categories) for column in vae.encoder.spec.columns)


def main() -> None:
    """Print a row per table and least number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000, help="rows of each table, at most")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each training")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each kind")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []
    for folder in sorted(path.parent for path in DATA.glob("*/meta.json")):
        table = pd.read_csv(folder / json.loads((folder / "meta.json").read_text())["file"])
        table = table.sample(min(len(table), arguments.rows), random_state=0, ignore_index=True)
        spec = TableSpec.infer(table)
        comparison = ComparisonPlan(scores=_SCORES).prepare(table, spec)
        for min_rows in (0, 5):
            found = []
            for seed in range(arguments.seeds):
                config = TabularVAEConfig().replace(
                    {
                        "training.max_n_epochs": arguments.epochs,
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
                vae = TabularVAE.build(spec, config, seed=seed)
                vae.fit(table)
                scores = comparison.compute(vae.generate(len(table), seed=seed)).scores
                found.append([scores[name] for name in _SCORES])
            means = (f"{mean:.4f}" for mean in np.mean(found, axis=0))
            line = (folder.name, f"{len(table):,}", str(min_rows), str(stored_values(vae)), *means)
            print(*line, flush=True)
            lines.append(line)
    show(
        "Values that fewer than five rows have",
        lines,
        ("table", "rows", "`min_rows`", "categories and atoms", *_SCORES),
    )


if __name__ == "__main__":
    main()
