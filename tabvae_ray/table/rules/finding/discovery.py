"""Find the rules of a table."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.curves.smooth import find_smooth
from tabvae_ray.table.rules.finding.dependences import find_dependences, leads_to
from tabvae_ray.table.rules.finding.formulas import find_formulas
from tabvae_ray.table.rules.finding.labels.bins import find_bins
from tabvae_ray.table.rules.finding.labels.comparisons import find_comparisons
from tabvae_ray.table.rules.finding.moments import find_date_texts, find_moment_rules
from tabvae_ray.table.rules.finding.orders import find_orders
from tabvae_ray.table.rules.finding.presence.exclusive import find_exclusive
from tabvae_ray.table.rules.finding.presence.fixed import find_fixed, find_fixed_in_ranges
from tabvae_ray.table.rules.finding.presence.missing import find_missing
from tabvae_ray.table.rules.finding.presence.only_where import find_only_where
from tabvae_ray.table.rules.finding.sums.spans import find_span_sums
from tabvae_ray.table.rules.forms.bins import Bins
from tabvae_ray.table.rules.forms.comparison import Comparison
from tabvae_ray.table.rules.forms.date_text import DateText
from tabvae_ray.table.rules.forms.dates import MomentRule
from tabvae_ray.table.rules.forms.formula import DatePart, Formula, Linear, Product, Ratio
from tabvae_ray.table.rules.forms.several import Rated
from tabvae_ray.table.rules.rule import Rule

__all__ = ["find_rules"]

# Fewer rows explain nothing beyond chance.
_MIN_ROWS = 50
# Formulas that make values which the table has not.
_SCATTERED = Linear | Product | Ratio | Rated


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
    computed: list[Formula | MomentRule | DateText | Bins | Comparison] = []
    computed += find_moment_rules(view, rng)
    computed += find_span_sums(view, rng, {rule.column: rule.given for rule in computed})
    computed += find_formulas(view, rng, {rule.column: rule.given for rule in computed})
    given = {rule.column: rule.given for rule in computed}
    # What is said of dates comes after what is said of their parts.
    texts = [rule for rule in find_date_texts(view, rng) if rule.column not in given]
    bins = find_bins(view, rng, given | {rule.column: rule.given for rule in texts})
    late: dict[str, DateText | Bins] = {rule.column: rule for rule in texts}
    for part in bins:
        if part.part is None:
            computed.append(part)
            given[part.column] = part.given
        else:
            late[part.column] = part
    groups = find_exclusive(view, rng)
    members = {name for rule in groups for name in (rule.column, *rule.given)}
    free: dict[str, tuple[str, ...]] = {name: () for name in (*late, *members)}
    for comparison in find_comparisons(view, rng, free | given):
        computed.append(comparison)
        given[comparison.column] = comparison.given
    scattered = {rule.column for rule in computed if isinstance(rule, _SCATTERED)}
    parts = {rule.column for rule in computed if isinstance(rule, DatePart)}
    # The name of a month is looked up by its number, if that is computed from the same date.
    dependences = [
        rule
        for rule in find_dependences(view, rng, given, scattered, members)
        if rule.column not in late or (rule.on[0] in parts and len(rule.on) == 1)
    ]
    given |= {rule.column: rule.given for rule in dependences}
    for name, said in late.items():
        if name not in given and not leads_to(name, said.given, given):
            given[name] = said.given
            computed.append(said)
    # What is exact to the last digit, and said in fewer words, goes before.
    smooth = find_smooth(view, rng, {name: given.get(name, ()) for name in (*given, *members)})
    computed += smooth
    given |= {rule.column: rule.given for rule in smooth}
    orders = find_orders(view, rng, [*computed, *dependences])
    # A group of which one column at most is drawn keeps its rule by itself.
    groups = [rule for rule in groups if len({rule.column, *rule.given} - set(given)) > 1]
    rules = [*computed, *dependences, *orders]
    related = {
        frozenset((rule.column, name)) for rule in (*computed, *dependences) for name in rule.given
    }
    # Where the larger one is 0, the smaller one is; not the other way round.
    ordered = {(rule.column, rule.upper) for rule in orders}
    sets = [{rule.column, *rule.given} for rule in groups if rule.state != "has a value"]
    for names in sets:
        related |= {frozenset(pair) for pair in combinations(names, 2)}
    grouped = {name for names in sets for name in names}
    fixed = find_fixed(view, given, related, grouped, rng)
    related |= {frozenset((rule.column, rule.other)) for rule in fixed}
    only_where = [
        rule
        for rule in find_only_where(view, given, related)
        if (rule.column, rule.other) not in ordered
    ]
    related |= {frozenset((rule.column, rule.other)) for rule in only_where}
    fixed += find_fixed_in_ranges(view, given, related, grouped, rng)
    return [*rules, *groups, *fixed, *only_where, *find_missing(view)]
