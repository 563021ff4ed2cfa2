"""Give columns the date-times that others determine."""

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.forms.dates import MomentRule
from tabvae_ray.table.rules.forms.formula import Duration
from tabvae_ray.table.rules.scale import moments_after
from tabvae_ray.table.rules.steps import start_of_end
from tabvae_ray.table.rules.values import write_values

__all__ = ["keep_date", "keep_end"]


def keep_end(
    rule: Duration, view: TableView, rows: pd.DataFrame, end: Column, rng: np.random.Generator
) -> None:
    """Move the end of a duration to its start and the drawn duration, at the drawn time.

    It stays missing where it was drawn so.

    Args:
        rule: The duration.
        view: Its columns in the rows.
        rows: Generated rows, in place.
        end: The column of the end.
        rng: Source of the exceptions.
    """
    low, within = start_of_end(rule, view)
    moved = moments_after(low, within, end)
    own = column_numbers(rows[rule.end], end)
    kept = np.isnan(moved) | np.isnan(own) | (rng.random(len(rows)) < rule.exceptions)
    write_values(rows, end, np.where(kept, own, moved), compact=False)


def keep_date(
    rule: MomentRule, view: TableView, rows: pd.DataFrame, column: Column, rng: np.random.Generator
) -> None:
    """Give a column the date-times that others say.

    Args:
        rule: The rule.
        view: Its columns in the rows.
        rows: Generated rows, in place.
        column: The column.
        rng: Source of the exceptions.
    """
    expected = rule.expected(view)
    own = column_numbers(rows[rule.column], column)
    dates = moments_after(expected, np.zeros(len(rows)), column)
    kept = np.isnan(dates) | np.isnan(own) | (rng.random(len(rows)) < rule.exceptions)
    write_values(rows, column, np.where(kept, own, dates), compact=False)
