"""Give columns the categories that others determine."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_positions
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.forms.bins import LabelRule
from tabvae_ray.table.rules.values import write_values

__all__ = ["keep_labels"]


def keep_labels(
    rows: pd.DataFrame,
    rule: LabelRule,
    columns: Mapping[str, Column],
    rng: np.random.Generator,
    *,
    compact: bool,
) -> None:
    """Give a column the categories that other columns say.

    Args:
        rows: Generated rows, in place.
        rule: The rule.
        columns: The columns by name.
        rng: Source of the exceptions.
        compact: Whether categorical columns are pandas categoricals whatever their dtype.
    """
    column = columns[rule.column]
    view = TableView(rows, [columns[name] for name in (rule.column, *rule.given)])
    places, labels = rule.coded(view)
    known: dict[object, int] = {category: i for i, category in enumerate(column.categories)}
    positions = np.array([*(known.get(label, -1) for label in labels), -1])[places]
    own = column_positions(rows[column.name], column)
    kept = (positions < 0) | (own < 0) | (rng.random(len(rows)) < rule.exceptions)
    write_values(rows, column, np.where(kept, own, positions).astype(np.float64), compact)
