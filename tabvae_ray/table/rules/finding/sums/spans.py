"""Find sums of durations, such as a call that is talk and waiting."""

from collections.abc import Mapping

import numpy as np

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.finding.strength import needs_all, of_present
from tabvae_ray.table.rules.finding.sums.totals import Relations, find_totals
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.formula import Formula, Linear

__all__ = ["find_span_sums"]

# A column of fewer values agrees with too much by chance.
_MIN_VALUES = 3
_SAMPLE = 256


def find_span_sums(
    table: TableView, rng: np.random.Generator, known: Mapping[str, tuple[str, ...]]
) -> list[Formula]:
    """Find durations and times of day that are the sum or the difference of others in all rows.

    Whether text such as ``08:30:00`` is a time of day, none of which are added up, or a duration,
    is not known. So no other formulas are looked for, and none with exceptions.

    Args:
        table: The real rows.
        rng: Source of the samples.
        known: Columns that are computed otherwise, and what from.

    Returns:
        One rule for each column at most, without circles.
    """
    names = [
        name
        for name, view in table.columns.items()
        if view.is_span
        and view.n_codes >= _MIN_VALUES
        and not view.missing.all()
        # Copies of another one, and what is always as much later, say no more than that.
        and not (name in known and all(table[of].is_span for of in known[name]))
    ]
    if len(names) < 3:
        return []
    rows = rng.permutation(table.n_rows)
    some, given = table.take(rows[:_SAMPLE]), dict(known)
    found: list[Formula] = []
    relations = Relations(names)
    totals = find_totals(
        names,
        np.stack([numbers_of(table, name) for name in names], axis=1)[rows],
        np.array([table[name].tolerance for name in names]),
        np.array([name not in known for name in names]),
        relations,
    )
    for ways in totals:
        for rule in ways:
            if rule.column in given or leads_to(rule.column, rule.given, given):
                continue
            if _adds_up(rule) and is_rule(rule, table, rng) == 0 and needs_all(rule, some, rng):
                given[rule.column] = rule.given
                relations.add(rule)
                found.append(of_present(rule, table))
                break
    return found


def _adds_up(rule: Linear) -> bool:
    """Return whether one column is the sum of all others, which may be any of them."""
    factors = sorted(rule.terms.values())
    whole = all(factor == 1 for factor in factors)
    rest = factors[-1] == 1 and all(factor == -1 for factor in factors[:-1])
    return rule.constant == 0 and (whole or rest)
