"""What other packages make and say of a table; run by a Python that has them.

`tvae TRAIN OUT ROWS EPOCHS`: rows of ctgan's TVAE with its own defaults.
`scores REAL SYNTHETIC`: SDMetrics' column shapes and pair trends, every row and every pair counted.

Tables are CSV; categorical columns' names come as JSON on stdin, the answer goes to stdout as JSON.
Needs pandas, sdmetrics and ctgan only, not this project.
"""

import json
import sys
import time
import warnings

import pandas as pd

MISSING = "<missing>"


def tvae(train: str, out: str, rows: int, epochs: int, categorical: list[str]) -> dict[str, object]:
    """Fit, sample, write; what TVAE cannot take is left out and said."""
    import ctgan
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002, it draws from global state
    table = pd.read_csv(train, dtype=dict.fromkeys(categorical, str), keep_default_na=True)
    table[categorical] = table[categorical].fillna(MISSING)
    complete = table.dropna()  # it refuses missing numbers
    model = ctgan.TVAE(epochs=epochs, enable_gpu=False)
    started = time.perf_counter()
    model.fit(complete, categorical)
    fitted = time.perf_counter()
    made = model.sample(rows)
    seconds = time.perf_counter() - fitted
    made[categorical] = made[categorical].astype(object).replace(MISSING, None)
    made.to_csv(out, index=False)
    return {
        "seconds": fitted - started,
        "rows_per_second": rows / seconds,
        "remark": f"ctgan {ctgan.__version__}, {epochs} epochs"
        + (f", on {len(complete)} rows without missing numbers" * (len(complete) < len(table))),
    }


def scores(real: str, synthetic: str, categorical: list[str]) -> dict[str, float]:
    """Both properties of the quality report, without a subsample and without a threshold."""
    from sdmetrics.reports.single_table._properties import ColumnPairTrends, ColumnShapes

    text = dict.fromkeys(categorical, str)
    tables = [pd.read_csv(path, dtype=text) for path in (real, synthetic)]
    kinds = {n: "categorical" if n in categorical else "numerical" for n in tables[0].columns}
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}
    shapes, trends = ColumnShapes(), ColumnPairTrends()
    shapes.num_rows_subsample = trends.num_rows_subsample = None
    trends.real_correlation_threshold = trends.real_association_threshold = 0
    return {
        "column_shapes": float(shapes.get_score(*tables, metadata)),
        "pair_trends": float(trends.get_score(*tables, metadata)),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    names = json.load(sys.stdin)
    if sys.argv[1] == "tvae":
        train, out, rows, epochs = sys.argv[2:]
        answer: object = tvae(train, out, int(rows), int(epochs), names)
    else:
        answer = scores(*sys.argv[2:], names)
    print(json.dumps(answer))
