"""Statistics of continuous columns."""

from collections.abc import Callable

import numpy as np

from tabvae_ray.comparison.options import Statistic
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns

__all__ = ["statistics"]


def statistics(table: TableColumns, statistic: Statistic) -> dict[str, float]:
    """Compute a statistic of every continuous column but datetimes, without missing values.

    Standard deviations and variances divide by n - 1 and are NaN for a single value. Quartiles are
    interpolated linearly. The statistics of a column without values are NaN, and those too large
    for a float are infinite.
    """
    compute = _COMPUTE[statistic]
    values = {
        name: table.sorted_numbers(name) for name in table.numbers if name not in table.epochs
    }
    least = 2 if statistic in ("stds", "variances") else 1
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: compute(column) if len(column) >= least else float("nan")
            for name, column in values.items()
        }


_COMPUTE: dict[Statistic, Callable[[Floats], float]] = {
    "means": lambda values: float(np.mean(values)),
    "stds": lambda values: float(np.std(values, ddof=1)),
    "variances": lambda values: float(np.var(values, ddof=1)),
    "medians": lambda values: float(np.median(values)),
    "first_quartiles": lambda values: float(np.quantile(values, 0.25)),
    "third_quartiles": lambda values: float(np.quantile(values, 0.75)),
    "minima": lambda values: float(values[0]),
    "maxima": lambda values: float(values[-1]),
}
