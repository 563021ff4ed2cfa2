"""Count the rows of any table that break the rules of the real one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.rule import Dependence, Rule, agrees_within_groups
from tabvae_ray.table.rules.views import Mask, TableView

__all__ = ["RuleCounts", "count_rules"]


@dataclass(frozen=True)
class RuleCounts:
    """Counts of the rows that break the rules of another table.

    Args:
        broken: Rows that break each rule, by its sentence; None where the rule cannot be checked,
            because a column is absent or does not hold what the rule is about.
        real: Real rows that break it.
        n_rows: Rows of the table.
        n_real: Rows of the real table.
    """

    broken: dict[str, int | None]
    real: dict[str, int]
    n_rows: int
    n_real: int

    @property
    def kept(self) -> float | None:
        """Share of pairs of a row and a rule that keep it; None without any rule to check."""
        counts = [count for count in self.broken.values() if count is not None]
        if not counts or not self.n_rows:
            return None
        return 1 - sum(counts) / (len(counts) * self.n_rows)


def count_rules(
    rules: Sequence[Rule], columns: Sequence[Column], real: pd.DataFrame, synthetic: pd.DataFrame
) -> RuleCounts:
    """Count the rows of a synthetic table that break each rule, the worst rule first.

    Args:
        rules: Rules of the real table.
        columns: Its columns.
        real: The real rows.
        synthetic: Rows of any origin.
    """
    view = TableView(real, columns)
    ours = {str(rule): int(rule.broken(view).sum()) for rule in rules}
    found: dict[str, int | None] = {}
    for rule in rules:
        names = (rule.column, *rule.given)
        own = [column for column in columns if column.name in names]
        if all(name in synthetic for name in names):
            broken = _broken(rule, own, real, synthetic)
            found[str(rule)] = None if broken is None else int(broken.sum())
        else:
            found[str(rule)] = None
    worst = sorted(found, key=lambda name: -(found[name] or 0))
    return RuleCounts({name: found[name] for name in worst}, ours, len(synthetic), len(real))


def _broken(
    rule: Rule, columns: Sequence[Column], real: pd.DataFrame, synthetic: pd.DataFrame
) -> Mask | None:
    """Return ``(N,)`` true for each synthetic row that breaks a rule; None if it has no meaning."""
    if isinstance(rule, Dependence):
        return _depends_otherwise(rule, real, synthetic)
    view = TableView(synthetic, columns)
    for column in columns:
        own = view[column.name]
        try:
            readable = own.moments if column.kind == "datetime" else own.numbers
        except DataError:
            return None
        if readable is None and rule.kind != "missing":
            return None
    return rule.broken(view)


def _depends_otherwise(rule: Dependence, real: pd.DataFrame, synthetic: pd.DataFrame) -> Mask:
    """Return true where a value is not the one that its determinants have in the real table.

    Values that the real table does not have must at least determine one value among themselves.
    """
    names = [*rule.on, rule.column]
    both = pd.concat([real[names], synthetic[names]], ignore_index=True).astype(object)
    codes = [pd.factorize(both[name], use_na_sentinel=False)[0] for name in names]
    groups = codes[0].astype(np.int64)
    for more in codes[1:-1]:
        groups = groups * (int(more.max()) + 1) + more
    values, n_real = codes[-1].astype(np.int64), len(real)
    agrees = agrees_within_groups(groups[:n_real], values[:n_real])
    known = pd.Series(values[:n_real][agrees], index=groups[:n_real][agrees])
    known = known[~known.index.duplicated()]
    expected = known.reindex(groups[n_real:]).to_numpy(dtype=np.float64)
    unknown = np.isnan(expected)
    broken: Mask = ~unknown & (expected != values[n_real:])
    if unknown.any():
        rest = np.flatnonzero(unknown)
        broken[rest] = ~agrees_within_groups(groups[n_real:][rest], values[n_real:][rest])
    return broken
