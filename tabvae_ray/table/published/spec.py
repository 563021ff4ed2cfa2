"""Specs without the values that too few rows have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.column import Column
from tabvae_ray.table.published.columns import published_column
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.comparison import Comparison
from tabvae_ray.table.rules.forms.dates import DateBy
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.forms.several import Scaled
from tabvae_ray.table.rules.rule import MissingTogether, Rule
from tabvae_ray.table.spec import TableSpec

__all__ = ["published_spec"]


def published_spec(spec: TableSpec, table: pd.DataFrame, crowd: Crowd) -> TableSpec:
    """Return the spec of rows that are generated, without values that too few rows have.

    Args:
        spec: Spec of the table.
        table: The training rows.
        crowd: The training rows; with a least number of 0, nothing is left out.

    Raises:
        DataError: If there are too few rows for any value.
    """
    if not crowd.min_rows:
        return spec
    if crowd.size < crowd.min_rows:
        raise DataError(
            f"the table has {crowd.size} {crowd.noun} to train on, but transformers.min_rows lets "
            f"a model keep only values that {crowd.min_rows} {crowd.noun} share: add rows, or set "
            "it lower (0 switches it off)"
        )
    columns = tuple(published_column(part, table[part.name], crowd) for part in spec.columns)
    kept = {column.name: column for column in columns}
    rules = tuple(
        part
        for rule in spec.rules
        if (part := _published(_shared(rule, spec, table, crowd), kept)) is not None
    )
    return spec.model_copy(update={"columns": columns, "rules": rules, "min_rows": crowd.min_rows})


def _shared(rule: Rule, spec: TableSpec, table: pd.DataFrame, crowd: Crowd) -> Rule | None:
    """Return a rule without what too few rows say.

    That is a limit with few rows on one side, a range that few rows are in, values beside which few
    have a number above 0, and labels that few have beside what tells their number.
    """
    if isinstance(rule, Scaled | DateBy):
        view = TableView(table, [spec[name] for name in (rule.column, *rule.given)])
        told = ~(np.isnan(rule.expected(view)) | view[rule.column].missing | rule.broken(view))
        labels = view[rule.by].values
        return _with_labels(
            rule,
            [
                label
                for label in rule.labels
                if crowd.part(told & labels.isin([label]).to_numpy()).size >= crowd.min_rows
            ],
        )
    if isinstance(rule, Bins):
        view = TableView(table, [spec[rule.column], spec[rule.of]])
        places, _ = rule.model_copy(update={"absent": None}).coded(view)
        present = places >= 0
        ranges = crowd.part(present).enough(places[present], len(rule.labels))
        return rule if ranges.all() else None
    if isinstance(rule, Fixed) and rule.limit is not None:
        numbers = numbers_of(TableView(table, [spec[rule.other]]), rule.other)
        sides = (numbers < rule.limit, numbers >= rule.limit)
        is_shared = all(crowd.part(side).size >= crowd.min_rows for side in sides)
        return rule if is_shared else None
    if not isinstance(rule, OnlyWhere) or not rule.values:
        return rule
    view = TableView(table, [spec[rule.column], spec[rule.other]])
    is_above = rule.is_above(numbers_of(view, rule.column))
    own = view[rule.other].values
    values = tuple(
        value
        for value in rule.values
        if crowd.part(is_above & own.isin([value]).to_numpy()).size >= crowd.min_rows
    )
    return rule.model_copy(update={"values": values}) if values else None


def _published(rule: Rule | None, columns: dict[str, Column]) -> Rule | None:
    if isinstance(rule, Comparison):
        categories = columns[rule.column].categories
        labels = tuple(label if label in categories else None for label in rule.labels)
        absent = rule.absent if rule.absent in categories else None
        kept = len({*labels} - {None}) > 1
        return rule.model_copy(update={"labels": labels, "absent": absent}) if kept else None
    if isinstance(rule, Scaled | DateBy):
        return _with_labels(rule, columns[rule.by].categories)
    if isinstance(rule, Bins):
        said = {*rule.labels, rule.labels[0] if rule.absent is None else rule.absent}
        return rule if said <= set(columns[rule.column].categories) else None
    if isinstance(rule, Fixed) and rule.label not in columns[rule.column].categories:
        return None
    if not isinstance(rule, MissingTogether | OnlyWhere | Fixed) or not rule.values:
        return rule
    other = columns[rule.other]
    values = tuple(value for value in rule.values if value in other.categories)
    if values:
        return rule.model_copy(update={"values": values})
    if isinstance(rule, OnlyWhere | Fixed):
        return None
    # Without such values, the column is never missing: so says the rule if the other never is.
    return None if other.missing else rule.model_copy(update={"values": ()})


def _with_labels(rule: Scaled | DateBy, labels: Sequence[Any]) -> Rule | None:
    """Return a rule with those of its labels that are among others; None without any."""
    key = "factors" if isinstance(rule, Scaled) else "counts"
    known = dict(zip(rule.labels, getattr(rule, key), strict=True))
    kept = {label: known[label] for label in known if label in labels}
    update = {"labels": tuple(kept), key: tuple(kept.values())}
    return rule.model_copy(update=update) if kept else None
