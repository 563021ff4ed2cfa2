"""Tell a rule from what chance or few rows explain."""

import numpy as np

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.forms.date_text import DateText
from tabvae_ray.table.rules.forms.dates import DateOf, MomentRule
from tabvae_ray.table.rules.forms.formula import Formula, Quotient, Remainder
from tabvae_ray.table.rules.forms.functions import Function
from tabvae_ray.table.rules.rule import Order

__all__ = ["MAX_EXCEPTIONS", "RARER", "is_rule", "unlikely"]

# A rule that more rows break is none.
MAX_EXCEPTIONS = 0.01
# Logarithm of the probability below which chance is ruled out, over all rules that are tried.
_CHANCE = -30.0
# So much rarer than among shuffled rows must exceptions be.
RARER = 0.05
_SHUFFLED_ROWS = 20_000
# The same for distinct values, of which there are far fewer than rows.
_CHANCE_OF_VALUES = -12.0


def is_rule(
    rule: Formula | MomentRule | DateText | Order, table: TableView, rng: np.random.Generator
) -> float | None:
    """Return the share of rows that break a rule, or None if it is none.

    The rows that a rule speaks of are those in which its columns have a value, and a formula has a
    result. Shuffling the column among them shows how often chance would keep the rule.
    """
    known = ~table[rule.column].missing
    for name in rule.given:
        known &= ~table[name].missing
    expected = None if isinstance(rule, Order | DateText) else rule.expected(table)
    if expected is not None:
        known &= ~np.isnan(expected)
    rows = np.flatnonzero(known)
    if len(rows) == 0:
        return None
    broken = rule.broken(table)[rows].mean()
    if broken >= MAX_EXCEPTIONS:
        return None
    some = rng.permutation(rows)[:_SHUFFLED_ROWS]
    shuffled = table.shuffled(rule.column, some, rng, beside=rule.given)
    by_chance = 1 - float(rule.broken(shuffled).mean())
    if isinstance(rule, Quotient | Remainder | Function):
        # Of many divisors and functions that are tried, one fits a few values.
        n_values = len(np.unique(table[rule.of].codes[rows]))
        if n_values * np.log(max(by_chance, 1e-300)) > _CHANCE_OF_VALUES:
            return None
    if isinstance(rule, MomentRule) and rule.is_chosen_of_many:
        # Likewise of many steps in time. Years are few, but their beginning shows in many dates.
        assert expected is not None
        shifts = isinstance(rule, DateOf) and rule.months != 0
        values = table[rule.of].codes if shifts else expected
        n_values = len(np.unique(values[rows]))
        if n_values * np.log(max(by_chance, 1e-300)) > _CHANCE_OF_VALUES:
            return None
    return float(broken) if unlikely(by_chance, len(rows), float(broken)) else None


def unlikely(by_chance: float, n: int, exceptions: float) -> bool:
    """Return whether chance can be ruled out.

    Args:
        by_chance: Share of comparisons that agree by chance.
        n: Number of comparisons.
        exceptions: Share of them that do not agree.
    """
    if exceptions > RARER * (1 - by_chance):
        return False
    return bool(n * np.log(max(by_chance, 1e-300)) < _CHANCE)
