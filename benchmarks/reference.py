"""Run other packages on a table, in an environment that has them.

`tvae TRAIN OUT ROWS EPOCHS`: rows of ctgan's TVAE with its own defaults.
`argn TRAIN OUT ROWS MINUTES`: rows of mostlyai-engine's TabularARGN with its own defaults.
`scores REAL SYNTHETIC`: SDMetrics' column shapes and pair trends, over every row and every pair.
`time WHAT REAL SYNTHETIC REPEATS`: CPU seconds of `sdmetrics` (these two scores), `scores`
(artifact-core's two scores) or `plan` (artifact-core's scores, arrays and pictures); the best of
some repetitions, after one to warm up.

Tables are CSV. The names of categorical columns come as JSON on stdin; the answer goes to stdout as
JSON. The environment needs reference-requirements.txt, but not this project;
TabularARGN needs one of its own, with mostlyai-engine and without torchvision.
"""

import io
import json
import os
import sys
import time
import warnings
from collections.abc import Callable

import pandas as pd

MISSING = "<missing>"
# All plots of artifact-core except t-SNE, whose time is scikit-learn's.
PLOTS = {
    "PDF",
    "CDF",
    "DESCRIPTIVE_STATS_ALIGNMENT",
    "PCA_JUXTAPOSITION",
    "TRUNCATED_SVD_JUXTAPOSITION",
    "CORRELATION_HEATMAP_JUXTAPOSITION",
}


def tvae(train: str, out: str, rows: int, epochs: int, categorical: list[str]) -> dict[str, object]:
    """Fit TVAE and write its rows; rows that it cannot be trained on are dropped and reported."""
    import ctgan
    import numpy as np
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002, ctgan draws from global state
    table = pd.read_csv(train, dtype=dict.fromkeys(categorical, str), keep_default_na=True)
    table[categorical] = table[categorical].fillna(MISSING)
    complete = table.dropna()  # ctgan refuses missing numbers
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


def argn(
    train: str, out: str, rows: int, minutes: float, categorical: list[str]
) -> dict[str, object]:
    """Fit TabularARGN and write its rows."""
    from importlib.metadata import version

    import torch
    from mostlyai.engine import TabularARGN

    torch.set_num_threads(1)
    table = pd.read_csv(train, dtype=dict.fromkeys(categorical, str), keep_default_na=True)
    model = TabularARGN(max_training_time=minutes, device="cpu", random_state=0)
    started = time.perf_counter()
    model.fit(table)
    fitted = time.perf_counter()
    made = model.sample(rows)
    seconds = time.perf_counter() - fitted
    made.to_csv(out, index=False)
    return {
        "seconds": fitted - started,
        "rows_per_second": rows / seconds,
        "remark": f"mostlyai-engine {version('mostlyai-engine')}, at most {minutes:g} minutes",
    }


def scores(real: str, synthetic: str, categorical: list[str]) -> dict[str, float]:
    """Compute both properties of the quality report, without a subsample or a threshold."""
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


def seconds(
    what: str, real: str, synthetic: str, repeats: int, categorical: list[str]
) -> dict[str, float]:
    """Return the CPU seconds of the fastest run."""
    tables = [pd.read_csv(path) for path in (real, synthetic)]
    work = _sdmetrics(*tables, categorical) if what == "sdmetrics" else None
    work = work or _artifact_core(*tables, categorical, pictures=what == "plan")
    work()
    found = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return {"seconds": min(found)}


def _sdmetrics(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: list[str]
) -> Callable[[], None]:
    from sdmetrics.reports.single_table._properties import ColumnPairTrends, ColumnShapes

    kinds = {n: "categorical" if n in categorical else "numerical" for n in real.columns}
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}

    def work() -> None:
        ColumnShapes().get_score(real, synthetic, metadata)
        ColumnPairTrends().get_score(real, synthetic, metadata)

    return work


def _artifact_core(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: list[str], *, pictures: bool
) -> Callable[[], None]:
    os.environ["MPLBACKEND"] = "Agg"
    import artifact_core.table_comparison as core

    continuous = [name for name in real.columns if name not in categorical]
    spec = core.TabularDataSpec.from_df(real, cts_features=continuous, cat_features=categorical)
    engine = core.TableComparisonEngine.build(resource_spec=spec)
    tables = real, synthetic

    def work() -> None:
        for kind in core.TableComparisonScoreType:
            engine.produce_dataset_comparison_score(kind, *tables)
        if not pictures:
            return
        engine.produce_dataset_comparison_score_collection(
            core.TableComparisonScoreCollectionType.JS_DISTANCE, *tables
        )
        for kind in core.TableComparisonArrayCollectionType:
            engine.produce_dataset_comparison_array_collection(kind, *tables)
        figures = [
            engine.produce_dataset_comparison_plot(kind, *tables)
            for kind in core.TableComparisonPlotType
            if kind.name in PLOTS
        ]
        for kind in core.TableComparisonPlotCollectionType:
            made = engine.produce_dataset_comparison_plot_collection(kind, *tables)
            figures += list(made.values())
        for figure in figures:
            figure.savefig(io.BytesIO(), format="png", dpi=300)

    return work


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    names = json.load(sys.stdin)
    if sys.argv[1] == "tvae":
        train, out, rows, epochs = sys.argv[2:]
        answer: object = tvae(train, out, int(rows), int(epochs), names)
    elif sys.argv[1] == "argn":
        train, out, rows, minutes = sys.argv[2:]
        answer = argn(train, out, int(rows), float(minutes), names)
    elif sys.argv[1] == "time":
        what, first, second, repeats = sys.argv[2:]
        answer = seconds(what, first, second, int(repeats), names)
    else:
        answer = scores(*sys.argv[2:], names)
    print(json.dumps(answer))
