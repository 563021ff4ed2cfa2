"""Correct drawn cells so that rows keep the rules beside given ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tabvae_ray.errors import ExportError
from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import Codes, Mask
from tabvae_ray.table.rules.forms.exclusive import Exclusive
from tabvae_ray.table.rules.forms.formula import Duration
from tabvae_ray.table.rules.given.bounds import keep_bounds
from tabvae_ray.table.rules.given.chains import Chains
from tabvae_ray.table.rules.given.turning import turn
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.rule import Constraint, Dependence, Order
from tabvae_ray.table.rules.steps import EndOf, in_order, steps_of
from tabvae_ray.table.rules.values import HeldRows

__all__ = ["GivenKeeper"]

# A mended rule may break another one, which is then mended.
_ROUNDS = 3


class GivenKeeper:
    """Corrects the drawn cells of rows so that the rows keep the rules beside given cells.

    Args:
        keeper: Makes generated rows keep the rules.
        columns: The columns of the spec.
    """

    def __init__(self, keeper: RuleKeeper, columns: Sequence[Column]) -> None:
        self._keeper = keeper
        self._columns = {column.name: column for column in columns}
        steps = steps_of(keeper.rules)
        self._computed = {step.column for step in steps}
        self._chains = Chains(keeper, columns)
        # What follows from a column is looked at before what the column follows from.
        computing = [step.duration if isinstance(step, EndOf) else step for step in reversed(steps)]
        said = [r for r in keeper.rules if isinstance(r, Constraint)]
        turned = [r for r in said if not isinstance(r, Order | Exclusive)]
        try:
            turned = in_order(turned)
        except ExportError:
            pass  # They go in a circle, so that any order is as good.
        self._rules = turned[::-1] + computing
        self._orders = [r for r in said if isinstance(r, Order) and r.exceptions == 0]

    def keep(
        self, rows: pd.DataFrame, held: Mapping[str, Mask], rng: np.random.Generator
    ) -> pd.DataFrame:
        """Return rows that keep the rules as far as given cells allow it.

        Args:
            rows: Decoded rows in which given cells stand, and others from which values are taken.
            held: By column, ``(N,)`` true for each given cell.
            rng: Source of all draws.
        """
        made = HeldRows.of(rows, held)
        with np.errstate(all="ignore"):
            keep_bounds(made, self._orders, self._columns, self._computed, rng)
            made = HeldRows.of(self._keeper.apply(made, rng), held)
            exempt = [rng.random(len(rows)) < rule.exceptions for rule in self._rules]
            for _ in range(_ROUNDS):
                turned = self._turned(made, held, exempt, rng)
                if not turned.any():
                    break
                places = np.flatnonzero(turned | self._others(held, len(rows)))
                part = made.picked(places)
                keep_bounds(part, self._orders, self._columns, self._computed, rng)
                made = _put(made, self._keeper.apply(part, rng), places, held)
        return pd.DataFrame(made)

    def n_broken(self, rows: pd.DataFrame, held: Mapping[str, Mask]) -> Codes:
        """Return ``(N,)`` rules without exceptions that a row breaks, and not by given cells alone.

        Args:
            rows: Rows.
            held: By column, ``(N,)`` true for each given cell.
        """
        found = np.zeros(len(rows), dtype=np.int64)
        with np.errstate(all="ignore"):
            for rule in self._keeper.rules:
                if rule.exceptions == 0:
                    # Keys that are given say the value, or cannot be known.
                    is_looked_up = isinstance(rule, Dependence)
                    names = rule.given if is_looked_up else (rule.column, *rule.given)
                    none = np.zeros(len(rows), dtype=bool)
                    fixed = np.logical_and.reduce([held.get(name, none) for name in names])
                    found += self._keeper.broken(rule, rows) & ~fixed
        return found

    def _turned(
        self,
        rows: HeldRows,
        held: Mapping[str, Mask],
        exempt: Sequence[Mask],
        rng: np.random.Generator,
    ) -> Mask:
        """Change inputs of rules whose results are given, in place; return the rows changed.

        So are those of computed ends of orders.
        """
        changed: Mask = np.zeros(len(rows), dtype=bool)
        pinned = {name: mask.copy() for name, mask in held.items()}
        none = np.zeros(len(rows), dtype=bool)
        for rule, may_break in zip(self._rules, exempt, strict=True):
            if isinstance(rule, Duration) and rule.column not in self._computed:
                # Two given ends say how long it is, before what follows from that is looked at.
                said = np.logical_and.reduce([held.get(name, none) for name in rule.given])
                said &= ~may_break
                wrong = self._keeper.broken(rule, rows) & said
                if wrong.any():
                    for cells in turn(self._chains, rows, rule, wrong, rng).values():
                        changed |= cells
                pinned[rule.column] = pinned.get(rule.column, none) | said
        for rule, may_break in zip(self._rules, exempt, strict=True):
            # Of a drawn duration, the end is what is computed.
            is_turned = isinstance(rule, Duration) and rule.column not in self._computed
            result = rule.end if isinstance(rule, Duration) and is_turned else rule.column
            known = pinned.get(result)
            if known is None or not known.any():
                continue
            wrong = self._keeper.broken(rule, rows) & known & ~may_break
            if not wrong.any():
                continue
            rows.held.update(pinned)
            # What has been found stays for the rules that it follows from, or that share it.
            for name, cells in turn(self._chains, rows, rule, wrong, rng).items():
                changed |= cells
                pinned[name] = pinned.get(name, none) | cells
        for order in self._orders:
            # What is computed cannot be moved, but what it follows from can.
            if {order.column, order.upper} & self._computed:
                fixed = pinned.get(order.column, none) & pinned.get(order.upper, none)
                wrong = self._keeper.broken(order, rows) & ~fixed
                if wrong.any():
                    rows.held.update(pinned)
                    for cells in turn(self._chains, rows, order, wrong, rng).values():
                        changed |= cells
        rows.held.clear()
        rows.held.update(held)
        return changed

    def _others(self, held: Mapping[str, Mask], n: int) -> Mask:
        """Return ``(N,)`` true for rows without given cells, whose values others may take."""
        given = np.zeros(n, dtype=bool)
        for mask in held.values():
            given |= mask
        return ~given


def _put(
    rows: HeldRows,
    part: pd.DataFrame,
    places: Codes,
    held: Mapping[str, Mask],
) -> HeldRows:
    """Return rows with others in some places."""
    index = np.arange(len(rows))
    index[places] = len(rows) + np.arange(len(places))
    both = pd.concat([pd.DataFrame(rows), pd.DataFrame(part)], ignore_index=True)
    return HeldRows.of(both.iloc[index].reset_index(drop=True), held)
