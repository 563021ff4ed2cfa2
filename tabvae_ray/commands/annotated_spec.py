"""A spec as a YAML file to edit: a line per column, with three of its values as a comment."""

import json
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_range, restored
from tabvae_ray.table.composed.columns import template_of
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.grids.sentences import grid_sentence
from tabvae_ray.table.rules.sentences import shortened
from tabvae_ray.table.spec import TableSpec

__all__ = ["annotated_spec"]

_HEAD = """\
# What the columns of {name} are taken for ({size}). Change what is wrong, and give this file
# as --spec. What you leave out of a line is inferred again.
#
# kind: continuous (numbers)  further keys: minimum, maximum, decimals
#       categorical                         categories
#       datetime                            format, timezone, minimum, maximum
#       identifier (names rows)             pattern, generator, fill: drop
# To leave a column out, move its name to drop: [NAME, ...].
"""
_TARGET = """
# The column that usefulness is measured on:
# target: {name}
"""
_N_EXAMPLES, _MAX_EXAMPLE, _MAX_GAP = 3, 30, 60
# Values beyond the first rows are not looked at for examples.
_MAX_ROWS = 10_000


def annotated_spec(
    table: pd.DataFrame, spec: TableSpec, name: str, *, size: str | None = None
) -> str:
    """Return a spec as YAML that ``--spec`` reads, with comments.

    Args:
        table: The real rows.
        spec: The spec of their columns.
        name: Name of the table, for the first comment.
        size: The number of rows in words; that of ``table`` if None.
    """
    size = size or f"{len(table):,} rows"
    parts = [_HEAD.format(name=_plain(name, 200), size=size), "columns:\n"]
    lines = [(f"  {_yaml(c.name)}: {_declaration(c)}", _remark(table, c)) for c in spec.columns]
    gap = min(_MAX_GAP, max(len(line) for line, _ in lines))
    parts += [f"{line:<{gap}}  # {remark}\n" for line, remark in lines]
    left_out = [str(column) for column in table.columns if column not in spec.names]
    if left_out:
        parts.append(f"\ndrop: [{', '.join(map(_yaml, left_out))}]\n")
    if spec.target is not None:
        parts.append(f"\ntarget: {_yaml(spec.target)}\n")
    else:
        # An identifier and a constant are nothing to predict.
        known = [
            c.name
            for c in spec.columns
            if c.kind != "identifier" and (c.kind != "categorical" or len(c.categories) > 1)
        ] or spec.names[-1:]
        parts.append(_TARGET.format(name=_yaml(known[-1])))
    if spec.rules:
        parts.append("\n# Rules that generated rows keep. Copy one to deny, to let it go.\n")
        parts += [f"#   {_plain(shortened(str(rule)), 300)}\n" for rule in spec.rules]
        parts.append("rules:\n  deny: []\n")
    return "".join(parts)


def _declaration(column: Column) -> str:
    """Return the keys of a column that cannot be inferred from its kind."""
    keys: dict[str, Any] = {"kind": column.kind}
    made = NumberFormat.parse(column.format or "")
    if column.format is not None and (column.kind == "datetime" or (made and made.is_spelled)):
        keys["format"] = column.format
    if column.kind == "identifier":
        if column.pattern is not None:
            keys["pattern"] = column.pattern
        elif column.generator is not None:
            keys["generator"] = column.generator
        elif column.fill != "generate":
            keys["fill"] = column.fill
    if column.missing_values is not None:
        keys["missing_values"] = list(column.missing_values)
    inside = ", ".join(
        f"{key}: [{', '.join(map(_yaml, value))}]"
        if isinstance(value, list)
        else f"{key}: {_yaml(value)}"
        for key, value in keys.items()
    )
    return f"{{{inside}}}"


def _remark(table: pd.DataFrame, column: Column) -> str:
    """Return three values of a column, and what else is known of it."""
    values = table[column.name]
    seen = values.head(_MAX_ROWS).dropna().drop_duplicates().head(_N_EXAMPLES)
    if len(seen) == 0:
        seen = values.dropna().head(_N_EXAMPLES)
    examples = ", ".join(_plain(str(value), _MAX_EXAMPLE) for value in seen)
    parts = [f"e.g. {examples}", _extent(column), grid_sentence(column)]
    n_missing = int(values.isna().sum())
    if n_missing:
        parts.append(f"{100 * n_missing / len(values):.2g}% missing")
    return "; ".join(filter(None, parts))


def _extent(column: Column) -> str:
    """Return the range of numbers and moments, or the number of categories."""
    if column.kind == "categorical":
        n = len(column.categories)
        return f"{n} {'category' if n == 1 else 'categories'}"
    if column.kind == "continuous":
        decimals = column.decimals
        places = f", {decimals} {'decimal' if decimals == 1 else 'decimals'}" if decimals else ""
        if column.digits is not None:
            places = f", {column.digits} significant digits"
        if column.unit is not None:
            places += f", products of {column.unit:.15g}"
        return f"{column.minimum} to {column.maximum}{places}"
    if column.kind == "datetime":
        first, last = pd.Series(restored(np.array([0.0, column_range(column)[2]]), column))
        return f"{first} to {last}"
    if template_of(column) is not None:
        return "put together from other columns"
    return "left out of generated rows" if column.fill == "drop" else "generated anew"


def _yaml(text: str) -> str:
    """Return text as YAML reads it again inside of brackets, quoted where it must be."""
    try:
        if (
            text.isprintable()
            and text == text.strip()
            and parse_yaml(f"{{{text}: [{text}]}}") == {text: [text]}
        ):
            return text
    except (ValueError, TypeError):
        pass
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _plain(text: str, size: int) -> str:
    """Return text for a comment: one line, without control characters, cut where it is long."""
    line = "".join(c if c.isprintable() else " " for c in text[: 2 * size])
    line = " ".join(line.split())
    return line if len(line) <= size else f"{line[: size - 3]}..."
