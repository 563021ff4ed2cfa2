"""Move moments to where a duration or a date is the given one."""

import numpy as np
import pandas as pd

from tabvae_ray.table.column_values import column_range
from tabvae_ray.table.grids.timeline import numbers_at_seconds
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.dates import DateOf
from tabvae_ray.table.rules.forms.formula import SECONDS, Duration
from tabvae_ray.table.rules.given.chains import Chains
from tabvae_ray.table.rules.scale import on_one_scale
from tabvae_ray.table.rules.values import (
    HeldRows,
    as_dtype,
    held_cells,
    plain_values,
    write_values,
)

__all__ = ["keep_date", "keep_duration"]

# Months and years are as long as on average.
_SECONDS = {**SECONDS, "months": 2629746.0, "years": 31556952.0}
_DAY = 86400.0


def keep_duration(chains: Chains, part: HeldRows, rule: Duration) -> None:
    """Move the start, or compute a drawn duration, in place."""
    unit = _SECONDS.get(rule.unit, _DAY)
    if chains.is_computed(rule.column):
        _shift(chains, part, rule, rule.end, unit)
    _shift(chains, part, rule, rule.start, -unit)
    if not chains.is_computed(rule.column):
        _compute_duration(chains, part, rule)


def keep_date(chains: Chains, part: HeldRows, rule: DateOf) -> None:
    """Move the date-time of which a date or a time is given, in place."""
    _shift(chains, part, rule, rule.of, 1.0)


def _shift(chains: Chains, part: HeldRows, rule: Duration | DateOf, name: str, unit: float) -> None:
    """Move a moment by as much as the result is beside the given one."""
    column, view = chains.columns[name], chains.view(part, rule)
    seconds = view[name].seconds
    assert seconds is not None
    if isinstance(rule, Duration):
        apart = numbers_of(view, rule.column) - rule.expected(view)
    else:
        assert isinstance(rule, DateOf)
        own = view[rule.column].seconds
        assert own is not None
        apart = own - rule.expected(view)
    moved = numbers_at_seconds(seconds + unit * apart, column, np.floor)
    _, least, most = column_range(column)
    moved = np.clip(moved, least, most)
    own_numbers = plain_values(part[name], column)
    write_values(part, column, np.where(np.isnan(moved), own_numbers, moved), compact=False)


def _compute_duration(chains: Chains, part: HeldRows, rule: Duration) -> None:
    """Compute a duration that is drawn, where both of its ends are given."""
    column, view = chains.columns[rule.column], chains.view(part, rule)
    expected = rule.expected(view)
    wrong = rule.broken(view) & ~np.isnan(expected)
    if column.kind != "categorical":
        # Another start may be found for a duration beyond its range.
        low, high = on_one_scale(np.array(column_range(column)[1:]), column)
        wrong &= ((expected >= low) & (expected <= high)) | held_cells(part, rule.start)
    if column.kind == "categorical":
        numbers = [float(value) for value in column.categories]
        places = pd.Index(numbers).get_indexer(pd.Index(np.rint(expected)))
        own = plain_values(part[column.name], column)
        write_values(part, column, np.where(wrong & (places >= 0), places, own), compact=False)
        return
    made = as_dtype(np.where(wrong, expected, 0.0), column, part)
    part[column.name] = part[column.name].where(~wrong, made)
