"""Find the rules of a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.dependences import find_dependences
from tabvae_ray.table.rules.finding.formulas import find_formulas
from tabvae_ray.table.rules.finding.missing import find_missing
from tabvae_ray.table.rules.finding.moments import find_moment_rules
from tabvae_ray.table.rules.finding.only_where import find_only_where
from tabvae_ray.table.rules.finding.orders import find_orders
from tabvae_ray.table.rules.forms.dates import DateOf
from tabvae_ray.table.rules.forms.formula import Formula, Linear, Product, Ratio
from tabvae_ray.table.rules.rule import Rule

__all__ = ["find_rules"]

# Fewer rows explain nothing beyond chance.
_MIN_ROWS = 50


def find_rules(table: pd.DataFrame, columns: Sequence[Column], *, seed: int = 0) -> list[Rule]:
    """Find rules between the columns of a table.

    Candidates come from a sample; each is then held against all rows, and against shuffled columns
    to rule out chance. Rules without exceptions and with less than 1% of them are found.

    Args:
        table: The real rows ``(N)``.
        columns: Their spec.
        seed: Seed of the samples.
    """
    if len(table) < _MIN_ROWS:
        return []
    rng = np.random.default_rng(seed)
    view = TableView(table, columns)
    computed: list[Formula | DateOf] = find_moment_rules(view, rng)
    computed += find_formulas(view, rng, {rule.column: rule.given for rule in computed})
    given = {rule.column: rule.given for rule in computed}
    scattered = {rule.column for rule in computed if isinstance(rule, Linear | Product | Ratio)}
    dependences = find_dependences(view, rng, given, scattered)
    orders = [
        rule
        for rule in find_orders(view, rng)
        # A part is no larger than its whole: the formula says it already.
        if rule.upper not in given.get(rule.column, ())
        and rule.column not in given.get(rule.upper, ())
    ]
    given |= {rule.column: rule.given for rule in dependences}
    rules = [*computed, *dependences, *orders]
    related = {frozenset((rule.column, name)) for rule in rules for name in rule.given}
    return [*rules, *find_only_where(view, given, related), *find_missing(view)]
