"""Solve sums for other columns of theirs."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.forms.formula import Formula, Linear

__all__ = ["plainer_inputs", "solved_for"]

# Nats by which the entropy of a column must be larger, so that it is computed in place of another.
_MARGIN = 0.2


def solved_for(rule: Linear, name: str) -> Linear | None:
    """Solve a sum for one of its parts; None where that would divide, and so round."""
    if rule.of_present or any(abs(factor) != 1 for factor in rule.terms.values()):
        return None
    sign = rule.terms[name]
    others = {other: -sign * f for other, f in rule.terms.items() if other != name}
    # What is added is named before what is taken away.
    terms = dict(sorted({rule.column: sign, **others}.items(), key=lambda term: term[1] < 0))
    constant = -sign * rule.constant if rule.constant else 0.0
    return Linear(column=name, terms=terms, constant=constant)


def plainer_inputs(
    formulas: Sequence[Formula],
    table: TableView,
    results: Collection[str],
    known: Mapping[str, tuple[str, ...]],
    rng: np.random.Generator,
) -> list[Formula]:
    """Let exact sums compute the columns that are hardest to draw.

    Of a price, a discount and what is paid, the discount is 0 in most rows. If it were computed as
    the difference of two drawn prices, it would hardly ever be 0.

    Args:
        formulas: Formulas without circles, one for each column at most.
        table: The real rows.
        results: Columns that may be computed.
        known: Other computed columns, and what from.
        rng: Source of the samples.
    """
    found = list(formulas)
    entropy = {name: _entropy(table, name) for name in table.columns}
    turned = True
    while turned:
        turned = False
        for i, rule in enumerate(found):
            if not isinstance(rule, Linear) or rule.exceptions:
                continue
            others = [*found[:i], *found[i + 1 :]]
            given = {**known, **{other.column: other.given for other in others}}
            for way in _ways(rule, entropy):
                if way.column not in results or way.column in given:
                    continue
                if leads_to(way.column, way.given, given) or _may_fall_below_zero(way, table):
                    continue
                if is_rule(way, table, rng) == 0:
                    # Each turn computes a column of more entropy, so this ends.
                    found[i], turned = way, True
                    break
    return found


def _ways(rule: Linear, entropy: Mapping[str, float]) -> Iterator[Linear]:
    """Yield a sum solved for parts of more entropy than its column, the largest first."""
    for name in sorted(rule.terms, key=lambda name: -entropy[name]):
        if entropy[name] > entropy[rule.column] + _MARGIN:
            way = solved_for(rule, name)
            if way is not None:
                yield way


def _may_fall_below_zero(rule: Linear, table: TableView) -> bool:
    """Return True if inputs in their ranges may give a column below 0 which never is."""
    own = table[rule.column].numbers
    assert own is not None
    if np.nanmin(own) < 0:
        return False
    least = rule.constant
    for name, factor in rule.terms.items():
        values = table[name].numbers
        assert values is not None
        least += factor * float(np.nanmin(values) if factor > 0 else np.nanmax(values))
    return least < -table[rule.column].tolerance


def _entropy(table: TableView, name: str) -> float:
    """Compute the entropy of a column's values in nats."""
    shares = np.bincount(table[name].codes) / table.n_rows
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
