"""Find columns that are computed from numbers: sums, products, units, quotients, remainders."""

from collections.abc import Mapping, Sequence

import numpy as np

from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.candidates import Candidates
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.evidence import is_rule
from tabvae_ray.table.rules.finding.strength import is_partial_copy, is_plain, of_present, tells_all
from tabvae_ray.table.rules.finding.sums.turning import plainer_inputs
from tabvae_ray.table.rules.forms.formula import Formula, Linear
from tabvae_ray.table.rules.forms.several import Scaled

__all__ = ["find_formulas"]

# A column of fewer values agrees with too much by chance.
_MIN_VALUES = 3


def find_formulas(
    table: TableView, rng: np.random.Generator, known: Mapping[str, tuple[str, ...]]
) -> list[Formula]:
    """Find columns of numbers that others determine by a formula.

    Args:
        table: The real rows.
        rng: Source of the samples.
        known: Columns that are computed otherwise, and what from.

    Returns:
        One formula for each column at most, without circles.
    """
    usable = {
        name: view.n_codes
        for name, view in table.columns.items()
        if view.is_exact and not view.missing.all()
    }
    names = [
        name
        for name, n_codes in usable.items()
        if n_codes >= _MIN_VALUES and not table[name].is_flag
    ]
    # One of two values may be a part of a total.
    added = [name for name, n_codes in usable.items() if n_codes >= 2]
    if len(names) < 2 and len(added) < 3:
        return []
    given = dict(known)
    search = Candidates(table, names, added, rng, given)
    formulas: list[Formula] = []
    inexact: list[Formula] = []
    related: set[frozenset[str]] = set()

    def fits(candidate: Formula) -> bool:
        return candidate.column not in given and not leads_to(
            candidate.column, candidate.given, given
        )

    def in_the_way(candidate: Formula) -> list[Formula]:
        return [
            rule
            for rule in formulas
            if rule.column == candidate.column
            or (rule.column in candidate.given and leads_to(candidate.column, rule.given, given))
        ]

    def given_without(old: Sequence[Formula]) -> dict[str, tuple[str, ...]]:
        return {name: of for name, of in given.items() if name not in {r.column for r in old}}

    def makes_room(candidate: Formula) -> bool:
        """Solve sums that are in the way of a product or rate for other columns of theirs.

        These compute its column, or from that one of those that it is computed from.
        """
        if isinstance(candidate, Scaled) or candidate.column in known:
            return False
        if isinstance(candidate, Linear):
            # A rate of a sum, which tells the sum no more than roughly.
            if not search.is_late or len(candidate.terms) > 1 or candidate.column in given:
                return False
        old = in_the_way(candidate)
        others = given_without(old)
        others[candidate.column] = candidate.given
        ways: list[Linear] = []
        for rule in old:
            if not isinstance(rule, Linear) or rule.exceptions:
                return False
            for way in search.turned(rule):
                taken = way.column in others or way.column in candidate.given
                if not taken and not leads_to(way.column, way.given, others):
                    others[way.column] = way.given
                    ways.append(way)
                    break
        if len(ways) < len(old) or leads_to(candidate.column, candidate.given, others):
            return False
        if any(is_rule(way, table, rng) != 0 for way in ways):
            return False
        for rule in old:
            del given[rule.column]
            formulas.remove(rule)
        for way in ways:
            accept(way)
        return True

    def replaces(candidate: Formula) -> bool:
        """Remove sums in the way of a sum that tells all values, if they do not.

        What they lack must itself be computed, so that no column is left without a rule.
        """
        if not isinstance(candidate, Linear) or not is_plain(candidate):
            return False
        old = in_the_way(candidate)
        others = given_without(old)
        if leads_to(candidate.column, candidate.given, others) or candidate.column in others:
            return False
        for rule in old:
            if not isinstance(rule, Linear) or not is_plain(rule) or tells_all(rule, table):
                return False
            if any(table[name].missing.any() and name not in others for name in rule.given):
                return False
        if not tells_all(candidate, table):
            return False
        for rule in old:
            del given[rule.column]
            formulas.remove(rule)
        return True

    def accept(rule: Formula) -> None:
        given[rule.column] = rule.given
        formulas.append(rule)
        if isinstance(rule, Linear) and rule.exceptions == 0:
            search.relations.add(rule)

    for candidates in search.all():
        # A sum says the same as two differences, and a product the same as two ratios.
        columns = frozenset((candidates[0].column, *candidates[0].given))
        if columns in related:
            continue
        turns = {rule.column for rule in formulas if isinstance(rule, Linear)}
        fitting = [
            rule
            for rule in candidates
            if fits(rule) or not turns.isdisjoint((rule.column, *rule.given))
        ]
        # A copy goes to where values lack. What is more than a copy might round or become negative.
        ranked = sorted(search.ranked(fitting), key=lambda rule: is_partial_copy(rule, table))
        for candidate in ranked:
            exceptions = is_rule(candidate, table, rng)
            if exceptions is not None and search.is_needed(candidate, exceptions):
                if not fits(candidate) and (
                    exceptions or not (replaces(candidate) or makes_room(candidate))
                ):
                    continue
                related.add(columns)
                if exceptions == 0:
                    accept(of_present(candidate, table))
                else:
                    inexact.append(candidate.model_copy(update={"exceptions": exceptions}))
                break
    # What has exceptions explains what exact rules leave.
    for rule in inexact:
        if fits(rule):
            accept(rule)
    return plainer_inputs(formulas, table, search.results, known, rng)
