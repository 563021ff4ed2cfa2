"""The rules of a spec: those that were found, less those denied, and those that a user declares."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from tabvae_ray.documents import validation_messages
from tabvae_ray.errors import DataError, ExportError, closest
from tabvae_ray.table.column import Column
from tabvae_ray.table.declaration import RulesDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.finding.curves.fitting import ROWS_AT_END, is_spread
from tabvae_ray.table.rules.finding.curves.smooth import fitted_smooth
from tabvae_ray.table.rules.finding.dependences import leads_to
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.bins import Bins, LabelRule
from tabvae_ray.table.rules.forms.column_rule import numbers_of
from tabvae_ray.table.rules.forms.comparison import Comparison
from tabvae_ray.table.rules.forms.curves.smooth import MAX_ODD, Smooth
from tabvae_ray.table.rules.forms.dates import Age, DateBy, DateOf, MomentRule
from tabvae_ray.table.rules.forms.exclusive import Exclusive
from tabvae_ray.table.rules.forms.fixed import Fixed
from tabvae_ray.table.rules.forms.formula import DatePart, Duration, Linear
from tabvae_ray.table.rules.forms.only_where import OnlyWhere
from tabvae_ray.table.rules.forms.several import Scaled
from tabvae_ray.table.rules.rule import Constraint, Dependence, MissingTogether, Order, Rule
from tabvae_ray.table.rules.sentences import EXAMPLES, parse_rule, shortened
from tabvae_ray.table.rules.steps import in_order

__all__ = ["check_rules", "rules_of"]

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)
_SHOWN = 40


def rules_of(
    table: pd.DataFrame, columns: Sequence[Column], declared: RulesDeclaration, source: str
) -> tuple[Rule, ...]:
    """Return the rules of a table.

    Args:
        table: The real rows.
        columns: Their spec.
        declared: What the user says of rules.
        source: What error messages call the table.

    Raises:
        DataError: If a declared rule cannot be read, does not suit the columns, or is broken by a
            row, which is shown.
    """
    where = f"{source}: rules"
    own = [_parsed(entry, columns, where) for entry in declared.add]
    check_rules(own, columns, where, is_fitted=False)
    own = [_fitted(rule, table, columns, where) for rule in own]
    for rule in own:
        _check_holds(rule, table, columns, where)
    if not declared.find:
        return tuple(own)
    names = {column.name for column in columns}
    found = find_rules(table, columns)
    sentences = [(str(rule), shortened(str(rule))) for rule in found]
    known = {*names, *(each for both in sentences for each in both)}
    for denied in declared.deny:
        if denied not in known:
            raise DataError(
                f"{where}: deny: {denied!r} is neither a column nor a rule that was found: "
                f"{'; '.join(short for _, short in sentences) or 'none was'}"
            )
    said = {_subject(rule) for rule in own}
    kept = [
        rule
        for rule, both in zip(found, sentences, strict=True)
        if set(declared.deny).isdisjoint(both)
        and rule.column not in declared.deny
        and _subject(rule) not in said
    ]
    given = {rule.column: rule.given for rule in own if not isinstance(rule, Constraint)}
    rules = list(own)
    for rule in kept:
        # What was found may go in a circle with what is declared, which goes before it.
        if not isinstance(rule, Constraint):
            if leads_to(rule.column, rule.given, given):
                continue
            given[rule.column] = rule.given
        rules.append(rule)
    check_rules(rules, columns, where)
    return tuple(rules)


def _subject(rule: Rule) -> tuple[str, ...]:
    """Return what only one rule can speak of: a computed column, or columns of a constraint."""
    if isinstance(rule, Constraint):
        return (rule.kind, rule.column, *rule.given)
    return (rule.column,)


def check_rules(
    rules: Sequence[Rule], columns: Sequence[Column], source: str, *, is_fitted: bool = True
) -> None:
    """Check that rules suit the columns of a spec.

    Args:
        rules: The rules.
        columns: The columns.
        source: What error messages call the table.
        is_fitted: Whether the curves of smooth functions must be there.

    Raises:
        DataError: Naming the first rule that does not, and why.
    """
    of = {column.name: column for column in columns}
    computed: list[str] = []
    for rule in rules:
        names = [rule.column, *rule.given]
        strange = [name for name in names if name not in of or of[name].kind == "identifier"]
        if strange:
            if strange[0] in of:
                reason = f"{strange[0]!r} is an identifier, which is not modelled"
            else:
                near = closest(strange[0], of)
                reason = f"there is no column {strange[0]!r} to model{near}"
            raise DataError(f"{source}: {rule}: {reason}")
        if len(set(names)) < len(names):
            raise DataError(f"{source}: {rule}: must name different columns")
        _check_kinds(rule, of, source)
        if is_fitted and isinstance(rule, Smooth) and rule.curve is None:
            raise DataError(f"{source}: {rule}: has no curve")
        if not isinstance(rule, Constraint):
            if rule.column in computed:
                raise DataError(f"{source}: {rule}: {rule.column!r} has another rule already")
            computed.append(rule.column)
    try:
        in_order([rule for rule in rules if not isinstance(rule, Constraint)])
    except ExportError as error:
        raise DataError(f"{source}: {str(error).removeprefix('rules: ')}") from None


def _check_kinds(rule: Rule, of: dict[str, Column], source: str) -> None:
    if isinstance(rule, Dependence | MissingTogether):
        return
    if isinstance(rule, Exclusive) and rule.state == "has a value":
        return
    names = [rule.column, *rule.given]
    if isinstance(rule, OnlyWhere) and rule.values:
        names = [rule.column]
    if isinstance(rule, Scaled):
        names = [rule.column, rule.of]
        _check_labelled(rule.by, rule, of, source)
    if isinstance(rule, Fixed):
        names = [] if rule.values else [rule.other]
        _check_labelled(rule.column, rule, of, source)
    moments: tuple[str, ...] = ()
    if isinstance(rule, Age | DatePart | Duration):
        moments = rule.given
    elif isinstance(rule, LabelRule):
        _check_labelled(rule.column, rule, of, source)
        names = [*rule.given]
        compared = rule.given[:1] if isinstance(rule, Comparison) else ()
        of_moments = all(of[name].kind == "datetime" for name in compared)
        of_numbers = isinstance(rule, Bins) and rule.part is None
        moments = rule.given if of_moments and not of_numbers else ()
    elif isinstance(rule, MomentRule):
        moments = (rule.column, rule.of)
        if isinstance(rule, DateBy):
            names = [*moments]
            _check_labelled(rule.by, rule, of, source)
    elif isinstance(rule, Order) and of[rule.upper].kind == "datetime":
        moments = (rule.column, rule.upper)
    if isinstance(rule, Smooth) and of[rule.column].kind == "categorical":
        raise DataError(f"{source}: {rule}: {rule.column!r} must be continuous, but is categorical")
    for name in names:
        column, wanted = of[name], "datetime" if name in moments else "number"
        if wanted == "datetime" and column.kind == "datetime":
            continue
        if column.is_span and isinstance(rule, Linear):
            continue
        if column.is_span and isinstance(rule, Duration):
            if rule.unit == "seconds" and not rule.whole:
                continue
            right = rule.model_copy(update={"unit": "seconds", "whole": False})
            raise DataError(f"{source}: {rule}: {name!r} is a duration: say {str(right)!r}")
        few = column.kind == "categorical"
        # Truth values are counted.
        not_numbers = str if isinstance(rule, Linear | Exclusive) else str | bool
        whole = few and not any(isinstance(v, not_numbers) for v in column.categories)
        if whole and isinstance(rule, Order):
            # Numbers are exchanged by their places.
            whole = list(column.categories) == sorted(map(float, column.categories))
        if wanted == "number" and (column.kind == "continuous" or whole):
            continue
        raise DataError(f"{source}: {rule}: {name!r} must be a {wanted}, but is {column.kind}")


def _check_labelled(name: str, rule: Rule, of: dict[str, Column], source: str) -> None:
    if of[name].kind != "categorical":
        kind = of[name].kind
        raise DataError(f"{source}: {rule}: {name!r} must be categorical, but is {kind}")


def _parsed(entry: object, columns: Sequence[Column], where: str) -> Rule:
    try:
        if not isinstance(entry, str):
            return _RULE.validate_python(entry)
        categories = {column.name: column.categories for column in columns}
        rule = parse_rule(entry, list(categories), categories)
    except ValidationError as error:
        lines = validation_messages(error)
        raise DataError("\n".join(f"{where}: add: {line}" for line in lines)) from None
    if rule is None:
        raise DataError(
            f"{where}: add: {_brief(entry)!r} is no rule between columns of the table; rules "
            f"are such as {EXAMPLES}"
        )
    return _as_moments(rule, columns)


def _as_moments(rule: Rule, columns: Sequence[Column]) -> Rule:
    """Return a rule such as ``copy = issued`` as one of date-times if these are."""
    kinds = {column.name: column.kind for column in columns}
    if not isinstance(rule, Linear) or kinds[rule.column] != "datetime" or rule.constant:
        return rule
    if list(rule.terms.values()) != [1.0] or rule.of_present:
        return rule
    # Durations may be copies of a number of seconds.
    if kinds[rule.given[0]] != "datetime":
        return rule
    return DateOf(column=rule.column, of=rule.given[0], part="moment")


def _fitted(rule: Rule, table: pd.DataFrame, columns: Sequence[Column], where: str) -> Rule:
    """Return a rule with its curve, if it is a smooth function of which the names are declared."""
    if not isinstance(rule, Smooth):
        return rule
    view = TableView(table, [c for c in columns if c.name in (rule.column, *rule.given)])
    if rule.curve is None:
        for name in rule.of:
            if not is_spread(numbers_of(view, name)):
                raise DataError(
                    f"{where}: {rule}: {name!r} must have different numbers at its two ends, in 1% "
                    f"of its rows each and at least {ROWS_AT_END}, to fit a function to"
                )
        fitted = fitted_smooth(rule, view)
        if fitted is None:
            raise DataError(f"{where}: {rule}: there are too few rows to fit a function to")
    elif rule.has_no_result(view):
        raise DataError(f"{where}: {rule}: has no result in any row")
    else:
        fitted = rule
    broken = float(fitted.broken(view).mean())
    if rule.curve is None and broken <= MAX_ODD < fitted.exceptions:
        raise DataError(
            f"{where}: {rule}: holds only in the rows that it is fitted to: "
            f"{100 * fitted.exceptions:.0f}% of others break it, but {100 * MAX_ODD:g}% may be "
            "exceptions"
        )
    exceptions = min(max(broken, fitted.exceptions), MAX_ODD)
    return fitted.model_copy(update={"exceptions": exceptions})


def _check_holds(rule: Rule, table: pd.DataFrame, columns: Sequence[Column], where: str) -> None:
    names = (rule.column, *rule.given)
    broken = rule.broken(TableView(table, [c for c in columns if c.name in names]))
    # A rule of an earlier spec says itself how many exceptions it has.
    if broken.mean() <= rule.exceptions:
        return
    first = int(np.flatnonzero(broken)[0])
    row = ", ".join(f"{name}={_brief(str(table[name].iloc[first]))}" for name in names)
    others = int(broken.sum()) - 1
    more = f", nor in {others} others" if others else ""
    most = f", but {100 * MAX_ODD:g}% may be exceptions" if isinstance(rule, Smooth) else ""
    raise DataError(f"{where}: {rule}: does not hold in row {first} ({row}){more}{most}")


def _brief(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
