"""Summary of the table as a search understands it, shown once before the search starts."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from rich.table import Table
from rich.text import Text

from tabvae_ray.command_line.lines import in_one_line, listed_name
from tabvae_ray.errors import DataError
from tabvae_ray.search.inputs import SPACE_FILE, SearchInputs
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_range, restored
from tabvae_ray.table.composed.columns import template_of
from tabvae_ray.table.grids.sentences import grid_sentence
from tabvae_ray.table.identifiers.maker import maker_of
from tabvae_ray.table.rules.rule import Rule
from tabvae_ray.table.rules.sentences import shortened

__all__ = ["choice_lines", "rule_line", "table_summary"]

# Columns and rules beyond these are only counted.
_MAX_COLUMNS, _MAX_RULES = 60, 30
_MAX_CATEGORIES, _MAX_TEXT = 4, 60
_WORDS = {"continuous": "number", "categorical": "categories", "datetime": "date-time"}


def table_summary(inputs: SearchInputs) -> Iterator[str | Table]:
    """Yield the columns as a table, what is left out and why, and the rules, for printing.

    Args:
        inputs: The search.
    """
    spec, table = inputs.spec, inputs.table
    modelled = [column for column in spec.columns if column.kind != "identifier"]
    shown = Table(title=f"the table: {inputs.sample.text}", title_justify="left")
    for heading in ("column", "taken for", "values"):
        shown.add_column(heading, overflow="fold")
    shown.add_column("missing", justify="right")
    for column in modelled[:_MAX_COLUMNS]:
        n_missing = int(table[column.name].isna().sum())
        missing = f"{100 * n_missing / len(table):.1f}%" if n_missing else ""
        # Text, because names and values may look like markup of rich.
        kind = "time or duration" if column.is_span else _WORDS[column.kind]
        cells = column.name, kind, _values(column), missing
        shown.add_row(*(Text(in_one_line(cell)) for cell in cells))
    yield shown
    if len(modelled) > _MAX_COLUMNS:
        yield f"and {len(modelled) - _MAX_COLUMNS} more columns"
    identifiers = [spec[name] for name in spec.identifier]
    names = {column.name: listed_name(column.name) for column in identifiers}
    numbered = [names[column.name] for column in identifiers if column.fill == "number"]
    dropped = [names[column.name] for column in identifiers if column.fill == "drop"]
    generated = [
        f"{names[column.name]} ({_made(column)})" for column in identifiers if column.made_of
    ]
    composed = [
        f"{names[column.name]} as {shortened(in_one_line(str(template)))}"
        for column in identifiers
        if (template := template_of(column)) is not None
    ]
    absent = [listed_name(str(name)) for name in table.columns if name not in spec.names]
    for listed, why in (
        (dropped, "left out as identifiers"),
        (generated, "new identifiers, all different and none of the table's"),
        (composed, "put together from other columns"),
        (numbered, "filled with 0, 1, 2, ... as identifiers"),
        (absent, "left out by the spec"),
    ):
        if listed:
            yield f"{why}: {', '.join(listed)}"
    if spec.rules:
        yield f"rules that every generated row keeps ({len(spec.rules)}):"
        yield from (f"  {rule_line(rule)}" for rule in spec.rules[:_MAX_RULES])
        if len(spec.rules) > _MAX_RULES:
            yield f"  and {len(spec.rules) - _MAX_RULES} more"
    yield "to change any of this, declare it by --spec\n"


def choice_lines(inputs: SearchInputs, *, is_kept: bool = True) -> Iterator[str]:
    """Yield what was chosen for the table and why: objectives, and with ``auto`` the space.

    Args:
        inputs: The search.
        is_kept: Whether the space is written to the directory of the search.
    """
    if inputs.about_target:
        yield inputs.about_target
    if inputs.chosen is None:
        return
    yield "the space 'auto' for this table:"
    yield from (f"  {reason}" for reason in inputs.chosen.reasons)
    if is_kept:
        yield f"  the whole space, to edit and search again: {inputs.directory / SPACE_FILE}"
    yield ""


def rule_line(rule: Rule) -> str:
    """Return the sentence of a rule, with its exceptions."""
    sentence = shortened(str(rule))
    if not rule.exceptions:
        return sentence
    return f"{sentence} (but for {100 * rule.exceptions:.2g}% of rows)"


def _made(column: Column) -> str:
    """Return an example of the identifiers that are made, or the number they are counted from."""
    source = column.made_of
    assert source is not None
    if source.counter is not None:
        return f"counted from {source.counter}"
    try:
        example = in_one_line(str(maker_of(source, column.name, 0).texts(0, 1)[0]))
    except DataError:
        # Which is said when rows are generated.
        example = source.patterns[0].pattern
    return f"such as {example if len(example) <= _MAX_TEXT else f'{example[:_MAX_TEXT]}...'}"


def _values(column: Column) -> str:
    if column.kind == "categorical":
        most = _MAX_CATEGORIES + (len(column.categories) == _MAX_CATEGORIES + 1)
        texts = ", ".join(str(value) for value in column.categories[:most])
        cut = texts if len(texts) <= _MAX_TEXT else f"{texts[:_MAX_TEXT]}..."
        more = ", ..." if cut == texts and len(column.categories) > most else ""
        return f"{len(column.categories)}: {cut}{more}"
    if column.kind == "datetime":
        first, last = pd.Series(restored(np.array([0.0, column_range(column)[2]]), column))
        return ", ".join(filter(None, (f"{first} to {last}", grid_sentence(column))))
    extent = f"{column.minimum:,} to {column.maximum:,}"
    return ", ".join(filter(None, (extent, grid_sentence(column))))
