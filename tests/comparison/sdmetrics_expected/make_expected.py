"""Writes the numbers that SDMetrics gives, for tests/comparison/test_shapes.py.

Run it in an environment with sdmetrics 0.32 (its pandas is older than ours):

    python tests/comparison/sdmetrics_expected/make_expected.py tests/comparison/score_fixtures
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.reports.single_table._properties import ColumnPairTrends, ColumnShapes

HERE = Path(__file__).parent


def own_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Missing values on both sides, an unseen category, a constant, integers, text and numbers."""
    rng = np.random.default_rng(7)
    tables = []
    for n_rows, shift in ((150, 0.0), (120, 0.3)):
        x = rng.normal(shift, 1.0, n_rows)
        y = np.round(0.5 * x + rng.exponential(1.0, n_rows), 2)
        y[rng.random(n_rows) < 0.1] = np.nan
        city = rng.choice(["Oslo", "a, b", "Zürich"], n_rows, p=[0.6, 0.3, 0.1]).astype(object)
        city[rng.random(n_rows) < 0.05 + shift / 5] = None
        table = pd.DataFrame(
            {
                "x": x,
                "y": y,
                "whole": rng.poisson(3, n_rows),
                "constant": 2.5,
                "city": city,
                "level": rng.integers(1, 4, n_rows),
            }
        )
        tables.append(table)
    tables[1].loc[tables[1].index[:9], "city"] = "Atlantis"
    return tables[0], tables[1]


def scores(real: pd.DataFrame, synthetic: pd.DataFrame, kinds: dict[str, str]) -> dict[str, object]:
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}
    shapes, trends = ColumnShapes(), ColumnPairTrends()
    shapes.num_rows_subsample = trends.num_rows_subsample = None
    result: dict[str, object] = {
        "column_shapes": shapes.get_score(real, synthetic, metadata),
        "pair_trends": trends.get_score(real, synthetic, metadata),
    }
    result["shapes"] = dict(zip(shapes.details["Column"], shapes.details["Score"], strict=True))
    pairs = trends.details[["Column 1", "Column 2", "Score"]].dropna()
    result["trends"] = pairs.to_numpy().tolist()
    return result


def main() -> None:
    real, synthetic = own_tables()
    real.to_csv(HERE / "real.csv", index=False)
    synthetic.to_csv(HERE / "synthetic.csv", index=False)
    kinds = dict.fromkeys(["x", "y", "whole", "constant"], "numerical")
    kinds |= dict.fromkeys(["city", "level"], "categorical")
    expected = {"own": scores(real, synthetic, kinds) | {"kinds": kinds}}
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        case = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        kinds = dict.fromkeys(case["continuous"], "numerical")
        kinds |= dict.fromkeys(case["categorical"], "categorical")
        tables = (pd.read_csv(folder / f"{name}.csv") for name in ("real", "synthetic"))
        expected[folder.name] = scores(*tables, kinds)  # type: ignore[call-arg]
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (HERE / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
