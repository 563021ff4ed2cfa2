"""Make generated rows keep the rules of the table."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.errors import ExportError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import (
    categories_at,
    column_positions,
)
from tabvae_ray.table.rules.column_views import EXACT, Floats, Mask, TableView
from tabvae_ray.table.rules.forms.bins import LabelRule
from tabvae_ray.table.rules.forms.dates import MomentRule, is_clock
from tabvae_ray.table.rules.forms.exclusive import Exclusive
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.formula import Formula, Linear
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.forms.parts import DAY
from tabvae_ray.table.rules.lookup import Lookup, check_values
from tabvae_ray.table.rules.rule import Dependence, MissingTogether, Order, Rule
from tabvae_ray.table.rules.scale import in_right_order
from tabvae_ray.table.rules.settling.labels import keep_labels
from tabvae_ray.table.rules.settling.moments import keep_date, keep_end
from tabvae_ray.table.rules.settling.orders import settle_orders
from tabvae_ray.table.rules.settling.states import keep_exclusive, keep_fixed, keep_only_where
from tabvae_ray.table.rules.shared import filler, learnt_lookups
from tabvae_ray.table.rules.steps import EndOf, steps_of
from tabvae_ray.table.rules.values import (
    HeldRows,
    as_dtype,
    as_series,
    plain_values,
    positions_of,
    without_exceptions,
    write_values,
)

__all__ = ["RuleKeeper"]


class RuleKeeper:
    """Corrects decoded rows so that they keep the rules.

    The network draws all columns. Those that others determine are then computed, so that a rule
    without exceptions holds in every row, and one with some exceptions in as many as in the table.

    Args:
        rules: The rules of the spec.
        columns: The columns of the spec.
        lookups: By column, the values that a dependence gives it.
        fillers: By column, a value for rows in which it must not be missing.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        columns: Sequence[Column],
        lookups: Mapping[str, Lookup],
        fillers: Mapping[str, float],
    ) -> None:
        self.rules, self._spec = tuple(rules), tuple(columns)
        self._columns = {column.name: column for column in columns}
        self.lookups = self._lookups = dict(lookups)
        self._fillers = dict(fillers)
        self._computed = steps_of(rules)
        self._names = {step.column for step in self._computed}
        self._inputs = {name for step in self._computed for name in step.given}
        self._exact = [rule for rule in rules if rule.exceptions == 0]

    @classmethod
    def fit(
        cls,
        rules: Sequence[Rule],
        columns: Sequence[Column],
        table: pd.DataFrame,
        crowd: Crowd | None = None,
    ) -> Self:
        """Learn what the rules need to know of the training rows.

        A dependence of which less than half is known by enough rows is left out with a warning.

        Args:
            rules: The rules of the spec.
            columns: The columns of the spec.
            table: Training rows.
            crowd: The training rows, if a least number of them must share what is learnt.
        """
        of = {column.name: column for column in columns}
        crowd = crowd if crowd is not None and crowd.min_rows else None
        lookups = learnt_lookups(rules, of, table, crowd)
        rules = [
            rule for rule in rules if not isinstance(rule, Dependence) or rule.column in lookups
        ]
        fillers = {
            rule.column: filler(table, of[rule.column], crowd)
            for rule in rules
            if isinstance(rule, MissingTogether)
        }
        return cls(rules, columns, lookups, fillers)

    def apply(
        self, rows: pd.DataFrame, rng: np.random.Generator, *, compact: bool = False
    ) -> pd.DataFrame:
        """Return rows that keep the rules.

        Args:
            rows: Decoded rows; none takes the place of another if some cells of them stay.
            rng: Source of all draws.
            compact: Whether categorical columns are pandas categoricals whatever their dtype.
        """
        if not self.rules or len(rows) == 0:
            return rows
        rows = rows.copy(deep=False)
        missing = [rule for rule in self.rules if isinstance(rule, MissingTogether)]
        with np.errstate(all="ignore"):
            for rule in self.rules:
                if isinstance(rule, Exclusive):
                    keep_exclusive(rows, rule, self._columns, self._names, rng, compact=compact)
            for rule in missing:
                if rule.other not in self._names or self._is_settled(rule):
                    self._keep_missing(rule, rows, rng, compact)
            for lookup in self._lookups.values():
                if lookup.closed and len(lookup.on) > 1 and lookup.on[0].name not in self._names:
                    write_values(rows, lookup.on[0], lookup.known_firsts(rows, rng), compact)
                # What the table has no value for must not be drawn.
                if lookup.on[-1].name not in self._names:
                    write_values(rows, lookup.on[-1], lookup.known_keys(rows, rng), compact)
            self._keep_states(rows, rng, compact, computed=False)
            self._keep_orders(rows, rng, compact)
            self.compute(rows, rng, compact)
            orders = [rule for rule in self.rules if isinstance(rule, Order)]
            settle_orders(
                rows, orders, self._columns, self._names, self._inputs, rng, compact=compact
            )
            self._keep_states(rows, rng, compact, computed=True)
            for rule in missing:
                if rule.other in self._names:
                    self._keep_missing(rule, rows, rng, compact)
            return rows if isinstance(rows, HeldRows) else self._replaced(rows, rng)

    def _is_settled(self, rule: MissingTogether) -> bool:
        """Return whether a computed column is missing where it is drawn as such: formulas say."""
        return not rule.values and rule.other not in self._lookups

    def compute(self, rows: pd.DataFrame, rng: np.random.Generator, compact: bool) -> None:
        """Compute columns in place."""
        for computed in self._computed:
            if isinstance(computed, EndOf):
                view = self._view(rows, computed.duration)
                keep_end(computed.duration, view, rows, self._columns[computed.duration.end], rng)
            elif isinstance(computed, MomentRule):
                view = self._view(rows, computed)
                keep_date(computed, view, rows, self._columns[computed.column], rng)
            elif isinstance(computed, LabelRule):
                keep_labels(rows, computed, self._columns, rng, compact=compact)
            elif isinstance(computed, Dependence):
                self._keep_dependence(computed, rows, rng, compact)
            else:
                self._keep_formula(computed, rows, rng, compact)

    def _keep_states(
        self, rows: pd.DataFrame, rng: np.random.Generator, compact: bool, *, computed: bool
    ) -> None:
        """Change drawn columns that others fix, before or after columns are computed."""
        settled = self._names | self._inputs if computed else self._names
        for rule in self.rules:
            if not isinstance(rule, Fixed | OnlyWhere):
                continue
            # What is computed later says nothing yet.
            is_later = not computed and rule.other in self._names
            if isinstance(rule, Fixed) and rule.column not in settled and not is_later:
                keep_fixed(rows, rule, self._columns, rng, compact=compact)
            # An input must not change once its results are computed.
            if isinstance(rule, OnlyWhere) and (not is_later or rule.column in self._inputs):
                keep_only_where(rows, rule, self._columns, settled, rng, compact=compact)

    def _keep_orders(self, rows: pd.DataFrame, rng: np.random.Generator, compact: bool) -> None:
        """Exchange values until all orders hold, as often as a chain of them may need."""
        orders = [
            rule
            for rule in self.rules
            if isinstance(rule, Order) and not {rule.column, rule.upper} & self._names
        ]
        for _ in orders:
            broken = [_keep_order(rule, rows, self._columns, rng, compact) for rule in orders]
            if not any(broken):
                break

    def to_mapping(self) -> dict[str, Any]:
        """Return what was learnt as plain values for JSON; the rules stand in the spec."""
        return {
            "lookups": {name: lookup.to_mapping() for name, lookup in self._lookups.items()},
            "fillers": self._fillers,
        }

    @classmethod
    def from_mapping(cls, mapping: Any, rules: Sequence[Rule], columns: Sequence[Column]) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ExportError: If it does not fit the rules.
        """
        of = {column.name: column for column in columns}
        try:
            lookups = {
                rule.column: Lookup.from_mapping(
                    mapping["lookups"][rule.column], [of[name] for name in rule.on], of[rule.column]
                )
                for rule in rules
                if isinstance(rule, Dependence)
            }
            fillers = {
                rule.column: float(mapping["fillers"][rule.column])
                for rule in rules
                if isinstance(rule, MissingTogether)
            }
            for name, filler in fillers.items():
                check_values(np.array([filler]), of[name])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ExportError(f"rules: do not fit the spec: {error!r}") from None
        return cls(rules, columns, lookups, fillers)

    def _view(self, rows: pd.DataFrame, rule: Rule) -> TableView:
        return TableView(rows, [self._columns[name] for name in (rule.column, *rule.given)])

    def _keep_formula(
        self, rule: Formula, rows: pd.DataFrame, rng: np.random.Generator, compact: bool
    ) -> None:
        view, column = self._view(rows, rule), self._columns[rule.column]
        expected = rule.expected(view)
        wanted = (np.abs(expected) < EXACT) & ~view[rule.column].missing
        wanted &= ~rule.exceptional(view, rng)
        if column.kind == "categorical":
            places = positions_of(np.rint(expected), column)
            known = wanted & (places >= 0)
            own = column_positions(rows[column.name], column)
            rows[column.name] = as_series(
                categories_at(np.where(known, places, own).astype(np.int32), column, compact), rows
            )
            return
        if column.missing and isinstance(rule, Linear) and rule.is_copy:
            # An amount that is negative is no credit.
            absent = wanted & _of_other_sign(expected, column)
            rows[column.name] = rows[column.name].mask(absent)
            wanted &= ~absent
        if is_clock(view[column.name]):
            # No time of day is beyond midnight.
            wanted &= (expected >= 0) & (expected < DAY)
        values = as_dtype(np.where(wanted, expected, 0.0), column, rows)
        rows[column.name] = rows[column.name].where(~wanted, values)

    def _keep_dependence(
        self, rule: Dependence, rows: pd.DataFrame, rng: np.random.Generator, compact: bool
    ) -> None:
        column, lookup = self._columns[rule.column], self._lookups[rule.column]
        values = lookup.drawn_values(rows, rng)
        if rule.exceptions and lookup.odd is None:
            # Too few rows have each exception to be learnt, so the network says what they are.
            own = plain_values(rows[column.name], column)
            wrong = ~np.isclose(own, values, rtol=0, atol=0, equal_nan=True)
            if wrong.mean() <= rule.exceptions:
                return
            values = np.where(without_exceptions(wrong, rule.exceptions, rng), values, own)
        write_values(rows, column, values, compact)

    def _keep_missing(
        self,
        rule: MissingTogether,
        rows: pd.DataFrame,
        rng: np.random.Generator,
        compact: bool,
    ) -> None:
        view, column = self._view(rows, rule), self._columns[rule.column]
        expected, own = rule.expected_missing(view), view[rule.column].missing
        wrong = expected != own
        if wrong.mean() <= rule.exceptions:
            return
        if rule.exceptions:
            wrong = without_exceptions(wrong, rule.exceptions, rng)
        values = plain_values(rows[column.name], column)
        present = values[~own]
        if len(present) == 0:
            present = np.array([self._fillers[column.name]])
        drawn = present[rng.integers(0, len(present), len(rows))]
        absent = -1.0 if column.kind == "categorical" else np.nan
        write_values(
            rows, column, np.where(wrong, np.where(expected, absent, drawn), values), compact
        )

    def _replaced(self, rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Return the rows with those that still break an exact rule replaced by ones that do not.

        Few do, where a rule between computed columns cannot be kept by changing one of them.
        """
        broken: Mask = np.zeros(len(rows), dtype=bool)
        for rule in self._exact:
            broken |= self.broken(rule, rows)
        if not broken.any() or broken.all():
            return rows
        places = np.arange(len(rows))
        places[broken] = rng.choice(np.flatnonzero(~broken), int(broken.sum()))
        return rows.iloc[places].reset_index(drop=True)

    def broken(self, rule: Rule, rows: pd.DataFrame) -> Mask:
        """Return ``(N,)`` true where a row breaks a rule, or may not be generated."""
        if isinstance(rule, Dependence):
            column, lookup = self._columns[rule.column], self._lookups[rule.column]
            own = plain_values(rows[rule.column], column)
            same = np.isclose(own, lookup.values_of(rows), rtol=0, atol=0, equal_nan=True)
            return ~same | ~lookup.knows(rows)
        return rule.broken(self._view(rows, rule))


def _of_other_sign(values: Floats, column: Column) -> Mask:
    """Return ``(N,)`` true where numbers have a sign that those of a column never have."""
    assert column.minimum is not None and column.maximum is not None
    return ((values < 0) & (column.minimum >= 0)) | ((values > 0) & (column.maximum <= 0))


def _keep_order(
    rule: Order,
    rows: pd.DataFrame,
    columns: Mapping[str, Column],
    rng: np.random.Generator,
    compact: bool,
) -> bool:
    """Exchange values in the wrong order; return whether there were any.

    Equal ones move apart by the smallest step.
    """
    low, high = columns[rule.column], columns[rule.upper]
    wrong = rule.broken(TableView(rows, [low, high]))
    if wrong.mean() <= rule.exceptions:
        return False
    if rule.exceptions:
        wrong = without_exceptions(wrong, rule.exceptions, rng)
    lows = plain_values(rows[low.name], low).copy()
    highs = plain_values(rows[high.name], high).copy()
    lows[wrong], highs[wrong] = in_right_order(
        lows[wrong], highs[wrong], low, high, strict=rule.strict
    )
    write_values(rows, low, lows, compact)
    write_values(rows, high, highs, compact)
    return True
