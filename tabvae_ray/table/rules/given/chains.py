"""Follow results back to the drawn columns that they come from, and compute what is between."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_range
from tabvae_ray.table.rules.column_views import Mask, TableView
from tabvae_ray.table.rules.forms.column_rule import ComputingRule
from tabvae_ray.table.rules.forms.formula import Duration
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.rule import Dependence, Order, Rule
from tabvae_ray.table.rules.steps import EndOf, steps_of
from tabvae_ray.table.rules.values import HeldRows

__all__ = ["Chains", "ends_of", "is_number"]


def is_number(rule: Rule) -> bool:
    """Return whether a rule computes a number; durations are those of their own two moments."""
    return isinstance(rule, ComputingRule) and not isinstance(rule, Duration)


def _inputs(rule: Rule) -> list[str]:
    """Return the columns whose inputs are looked for; both ends of an order follow from others."""
    return [*rule.given, rule.column] if isinstance(rule, Order) else list(rule.given)


class Chains:
    """Computes what lies between drawn columns and the result of a rule.

    Args:
        keeper: Makes generated rows keep the rules.
        columns: The columns of the spec.
    """

    def __init__(self, keeper: RuleKeeper, columns: Sequence[Column]) -> None:
        self.keeper, self._spec = keeper, tuple(columns)
        self.columns = {column.name: column for column in columns}
        self._steps = {step.column: step for step in steps_of(keeper.rules)}
        self._chains: dict[tuple[str, ...], RuleKeeper | None] = {}

    def is_computed(self, name: str) -> bool:
        """Return whether a rule computes a column."""
        return name in self._steps

    def broken(self, part: HeldRows, rule: Rule) -> Mask:
        """Return ``(N,)`` true where a row breaks a rule."""
        return self.keeper.broken(rule, part)

    def view(self, part: HeldRows, rule: Rule) -> TableView:
        """Return the columns of a rule."""
        return TableView(part, [self.columns[name] for name in (rule.column, *rule.given)])

    def roots(self, rule: Rule) -> list[str]:
        """Return the drawn columns that a result follows from, those of most values first."""
        found: dict[str, None] = {}
        waiting, seen = _inputs(rule), set[str]()
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            step = self._steps.get(name)
            if step is None:
                found[name] = None
            else:
                waiting += step.given
        return sorted(found, key=lambda name: -_n_values(self.columns[name]))

    def forward(self, part: HeldRows, rule: Rule) -> None:
        """Compute inputs of a number, or ends of an order, in place; others are not computed."""
        chain = self._chain(rule) if is_number(rule) or isinstance(rule, Order) else None
        if chain is not None:
            # What computes the inputs draws nothing.
            chain.compute(part, np.random.default_rng(0), compact=False)

    def _chain(self, rule: Rule) -> RuleKeeper | None:
        """Return what computes the inputs of a rule, without exceptions; None if nothing does."""
        key = (rule.kind, rule.column, *rule.given)
        if key not in self._chains:
            inputs, waiting = [], _inputs(rule)
            while waiting:
                step = self._steps.get(waiting.pop())
                if step is not None and step not in inputs:
                    inputs.append(step)
                    waiting += step.given
            rules = [step.duration if isinstance(step, EndOf) else step for step in inputs]
            plain = [
                one if isinstance(one, Duration) else one.model_copy(update={"exceptions": 0.0})
                for one in rules
            ]
            lookups = {
                one.column: replace(self.keeper.lookups[one.column], odd=None)
                for one in plain
                if isinstance(one, Dependence)
            }
            made = RuleKeeper(plain, self._spec, lookups, {}) if plain else None
            self._chains[key] = made
        return self._chains[key]


def ends_of(column: Column) -> tuple[int | None, float, float]:
    """Return decimals and ends of the numbers or positions of a column."""
    if column.kind == "categorical":
        return 0, 0.0, float(len(column.categories) - 1)
    return column_range(column)


def _n_values(column: Column) -> float:
    """Return how many values a column can have."""
    decimals, low, high = ends_of(column)
    return (high - low) * (1e15 if decimals is None else 10.0**decimals)
