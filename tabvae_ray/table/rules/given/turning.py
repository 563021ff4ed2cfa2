"""Change drawn inputs of a rule so that its result is the given one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import Mask
from tabvae_ray.table.rules.forms.column_rule import ComputingRule
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tabvae_ray.table.rules.forms.dates import DateOf
from tabvae_ray.table.rules.forms.formula import Duration, Linear, Product, Ratio
from tabvae_ray.table.rules.forms.several import Rated, Scaled
from tabvae_ray.table.rules.given.borrowing import borrow, look_back
from tabvae_ray.table.rules.given.chains import Chains
from tabvae_ray.table.rules.given.moments import keep_date, keep_duration
from tabvae_ray.table.rules.given.narrowing import narrow, narrow_beside_others
from tabvae_ray.table.rules.lookup import keys_of
from tabvae_ray.table.rules.rule import Dependence, Order, Rule
from tabvae_ray.table.rules.values import HeldRows

__all__ = ["turn"]

# Results of these are found by narrowing an interval; those of others are taken from other rows
# first, because many inputs give the same.
_ONE_TO_ONE = (Linear, Product, Ratio, Rated, Scaled, Smooth)


def turn(
    chains: Chains, rows: HeldRows, rule: Rule, wrong: Mask, rng: np.random.Generator
) -> dict[str, Mask]:
    """Change drawn inputs in place, in those rows in which the rule can hold.

    Args:
        chains: What the inputs follow from.
        rows: Rows with held cells.
        rule: The rule.
        wrong: ``(N,)`` the rows that break it.
        rng: Source of the draws.

    Returns:
        By column, ``(N,)`` true for the cells changed.
    """
    places = np.flatnonzero(wrong)
    part = rows.picked(places)
    names: Sequence[str] = rule.given
    if isinstance(rule, Dependence):
        look_back(chains, part, rule, rng)
    elif isinstance(rule, ComputingRule) and not isinstance(rule, Duration):
        names = chains.roots(rule)
        if not isinstance(rule, _ONE_TO_ONE):
            borrow(chains, rows, part, rule, names, ~wrong, rng)
        for name in names:
            narrow(chains, part, rule, name)
        if isinstance(rule, _ONE_TO_ONE):
            borrow(chains, rows, part, rule, names, ~wrong, rng)
            narrow_beside_others(chains, rows, part, rule, names, rng)
    elif isinstance(rule, Order):
        names = chains.roots(rule)
        borrow(chains, rows, part, rule, names, ~wrong, rng)
    else:
        if isinstance(rule, Duration):
            names = (*rule.given, rule.column)
            keep_duration(chains, part, rule)
        elif isinstance(rule, DateOf):
            keep_date(chains, part, rule)
        borrow(chains, rows, part, rule, rule.given, ~wrong, rng)
    mended = np.flatnonzero(~chains.broken(part, rule))
    index = np.arange(len(rows))
    index[places[mended]] = len(rows) + mended
    changed: dict[str, Mask] = {}
    for name in names:
        old = keys_of(rows[name], chains.columns[name])
        both = pd.concat([rows[name], part[name]], ignore_index=True)
        rows[name] = both.iloc[index].reset_index(drop=True)
        changed[name] = old != keys_of(rows[name], chains.columns[name])
    return changed
