"""Count the rows of any table that break the rules of the real one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import Mask, TableView
from tabvae_ray.table.rules.forms.bins import LabelRule
from tabvae_ray.table.rules.forms.dates import DateBy
from tabvae_ray.table.rules.forms.exclusive import Exclusive
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.forms.several import Scaled
from tabvae_ray.table.rules.rule import Dependence, MissingTogether, Rule, agrees_within_groups

__all__ = ["RuleCounter", "RuleCounts", "count_rules"]


@dataclass(frozen=True)
class RuleCounts:
    """Counts of the rows that break the rules of another table.

    Args:
        broken: Rows that break each rule, by its sentence, the worst rule first; None where the
            rule cannot be checked, because a column is absent or holds values of another type.
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
        """Share of pairs of a row and a rule that keep it; None without any rule to check.

        Exceptions count as broken only as far as they are more frequent than in the real table.
        """
        shares = [self._kept(sentence, count) for sentence, count in self.broken.items()]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known and self.n_rows else None

    @property
    def score(self) -> float:
        """The share of pairs that keep the rules: 1 without rules, 0 if none can be checked."""
        return (0.0 if self.broken else 1.0) if self.kept is None else self.kept

    def _kept(self, sentence: str, broken: int | None) -> float | None:
        if broken is None or not self.n_rows:
            return None
        usual = self.real[sentence] / self.n_real
        return min(1.0, (1 - broken / self.n_rows) / (1 - usual)) if usual < 1 else 1.0


@dataclass(frozen=True)
class RuleCounter:
    """The rules of a real table with what is needed to check other tables, without its rows.

    Args:
        rules: The rules.
        columns: The columns of the real table.
        real: Real rows that break each rule, by its sentence.
        n_real: Rows of the real table.
        known: By the sentence of a dependence, the distinct values that go together.
    """

    rules: tuple[Rule, ...]
    columns: tuple[Column, ...]
    real: Mapping[str, int]
    n_real: int
    known: Mapping[str, pd.DataFrame]

    @classmethod
    def fit(cls, rules: Sequence[Rule], columns: Sequence[Column], real: pd.DataFrame) -> Self:
        """Check the real rows.

        Args:
            rules: Rules of the real table.
            columns: Its columns.
            real: The real rows.
        """
        view, counts, known = TableView(real, columns), {}, {}
        for rule in rules:
            broken = rule.broken(view)
            counts[str(rule)] = int(broken.sum())
            if isinstance(rule, Dependence):
                kept = real.loc[~broken, [*rule.on, rule.column]]
                known[str(rule)] = kept.drop_duplicates(ignore_index=True)
        return cls(tuple(rules), tuple(columns), counts, len(real), known)

    def count(self, synthetic: pd.DataFrame) -> RuleCounts:
        """Count the rows of a synthetic table that break each rule, the worst rule first."""
        found: dict[str, int | None] = {}
        for rule in self.rules:
            names = {rule.column, *rule.given}
            broken = self._broken(rule, synthetic) if names <= set(synthetic.columns) else None
            found[str(rule)] = None if broken is None else int(broken.sum())
        worst = sorted(found, key=lambda name: -(found[name] or 0))
        counts = {name: found[name] for name in worst}
        return RuleCounts(counts, dict(self.real), len(synthetic), self.n_real)

    def _broken(self, rule: Rule, synthetic: pd.DataFrame) -> Mask | None:
        """Return ``(N,)`` true for each row that breaks a rule; None if it cannot be checked."""
        if isinstance(rule, Dependence):
            return _depends_otherwise(rule, self.known[str(rule)], synthetic)
        columns = [column for column in self.columns if column.name in (rule.column, *rule.given)]
        view = TableView(synthetic, columns)
        for column in columns:
            if isinstance(rule, OnlyWhere | Fixed) and rule.values and column.name == rule.other:
                continue
            if isinstance(rule, Scaled | DateBy) and column.name == rule.by:
                continue
            if isinstance(rule, LabelRule | Fixed) and column.name == rule.column:
                continue
            own: Any = view[column.name]
            try:
                readable = own.moments if column.kind == "datetime" else own.numbers
            except DataError:
                return None
            of_values = isinstance(rule, MissingTogether) or (
                isinstance(rule, Exclusive) and rule.state == "has a value"
            )
            if readable is None and not of_values:
                return None
        return rule.broken(view)


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
    return RuleCounter.fit(rules, columns, real).count(synthetic)


def _depends_otherwise(rule: Dependence, known: pd.DataFrame, synthetic: pd.DataFrame) -> Mask:
    """Return true where a value is not the one that its determinants have in the real table.

    Values that the real table does not have must at least determine one value among themselves.

    Args:
        rule: The dependence.
        known: Distinct rows of the real table that keep it.
        synthetic: The rows to check.
    """
    names = [*rule.on, rule.column]
    both = pd.concat(
        [known[names].astype(object), synthetic[names].astype(object)], ignore_index=True
    )
    codes = [pd.factorize(both[name], use_na_sentinel=False)[0] for name in names]
    groups = codes[0].astype(np.int64)
    for more in codes[1:-1]:
        groups = groups * (int(more.max()) + 1) + more
    values, n_known = codes[-1].astype(np.int64), len(known)
    right = pd.Series(values[:n_known], index=groups[:n_known])
    # Of several values that are as frequent, the first one counts.
    right = right[~right.index.duplicated()]
    expected = right.reindex(groups[n_known:]).to_numpy(dtype=np.float64)
    unknown = np.isnan(expected)
    broken: Mask = ~unknown & (expected != values[n_known:])
    if unknown.any():
        rest = np.flatnonzero(unknown)
        broken[rest] = ~agrees_within_groups(groups[n_known:][rest], values[n_known:][rest])
    return broken
