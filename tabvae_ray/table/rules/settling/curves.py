"""Give columns the values that smooth functions say, but for as many rows as break them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import Floats, TableView
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.curves.curve import SCALES
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tabvae_ray.table.rules.values import as_dtype

__all__ = ["keep_smooth"]


def keep_smooth(
    rows: pd.DataFrame, rule: Smooth, columns: Mapping[str, Column], rng: np.random.Generator
) -> None:
    """Compute a column, except where the result is beyond its range, and in the rows furthest off.

    With many exceptions it matters which rows they are. The network draws some of them, so the
    rows that it draws furthest from the result keep their draw.

    Args:
        rows: Generated rows, in place.
        rule: The rule.
        columns: The columns by name.
        rng: Source of the fraction of a row that is left over.
    """
    assert rule.curve is not None
    column, within = columns[rule.column], rule.curve.within
    view = TableView(rows, [columns[name] for name in (rule.column, *rule.given)])
    own, expected = numbers_of(view, rule.column), rule.expected(view)
    low, high = float(column.minimum or 0), float(column.maximum or 0)
    usable = (expected >= low - within) & (expected <= high + within) & ~np.isnan(own)
    results = np.clip(np.where(usable, expected, low), low, high)
    scale = SCALES[rule.curve.of]
    apart: Floats = np.abs(scale.taken(own, within) - scale.taken(results, within))
    apart = np.where(usable, apart, np.inf)
    # Rows without a value are neither kept nor exceptions.
    known = np.flatnonzero(~np.isnan(own))
    n_odd = int(rule.exceptions * len(known) + rng.random())
    odd = known[np.argsort(-apart[known], kind="stable")[:n_odd]]
    usable[odd] = False
    values = as_dtype(results, column, rows)
    rows[column.name] = rows[column.name].where(~usable, values)
