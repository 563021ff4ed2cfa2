"""Spec of a table: the kind and the properties of each column.

Kinds are ``continuous`` for numbers, ``categorical``, ``datetime`` for points in time, and
``identifier`` for columns that only name rows: they are not modelled, but generated anew. A spec
is inferred from a table; the user can declare what is inferred wrongly.
"""

from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field

from tabvae_ray.command_line.lines import counted
from tabvae_ray.errors import DataError, closest, warn
from tabvae_ray.storage import Location
from tabvae_ray.table.attacked.columns import AttackedColumns
from tabvae_ray.table.column import Column, as_stored, check_column
from tabvae_ray.table.composed.columns import check_templates, say_identifiers, with_templates
from tabvae_ray.table.declaration import SpecDeclaration, SpecSource, declaration_of
from tabvae_ray.table.dtypes import check_labels, moment_dtype
from tabvae_ray.table.formats.finding import find_formats
from tabvae_ray.table.inference import infer_column
from tabvae_ray.table.io import read_table
from tabvae_ray.table.parsing import as_datetimes, as_numbers
from tabvae_ray.table.reading.frames import (
    Frame,
    Source,
    is_location,
)
from tabvae_ray.table.reading.markers import as_declared, read_markers, recognised_markers
from tabvae_ray.table.rules.declared import check_rules, rules_of
from tabvae_ray.table.rules.rule import Rule
from tabvae_ray.table.values.spec_document import SpecDocument
from tabvae_ray.table.values.spec_types import Kind

__all__ = ["TableSpec", "check_table", "checked_spec"]

# Text that is declared to be of these is not read as dates.
_NO_DATES = ("str", "string", "category", "decimal")


class TableSpec(SpecDocument):
    """Columns of a table, in its order, and rules between them.

    Args:
        columns: The columns.
        target: Name of the column that usefulness is measured on.
        entity: Name of the column that tells persons, or other entities, apart.
        min_rows: Least number of rows, or of entities, that share each of its values; 0 if the
            spec has all values of the table.
        privacy: Columns that an attacker knows, and columns that must stay secret.
        rules: Rules between columns.
    """

    columns: tuple[Column, ...] = Field(min_length=1)
    target: str | None = None
    entity: str | None = None
    min_rows: int = Field(0, ge=0)
    privacy: AttackedColumns | None = None
    rules: tuple[Rule, ...] = ()

    @classmethod
    def infer(
        cls,
        table: Source | Frame,
        *,
        declared: SpecSource | None = None,
        source: str | None = None,
    ) -> Self:
        """Infer the spec of a table.

        Numbers are continuous, except that booleans and integers with at most ten values are
        categorical. Text is a datetime if all of it is ISO 8601, an identifier if all or nearly all
        values differ, and categorical otherwise. Integers that all differ may be an identifier,
        see :mod:`tabvae_ray.table.identifiers.recognition`. Rules between columns are looked for,
        unless the declaration says otherwise.

        Args:
            table: The real rows: a path or URI, a DataFrame of pandas or polars, or an Arrow table.
            declared: What is known of some or all columns, which overrides what is inferred: a spec
                file, its content as a mapping, or another spec.
            source: Name of the table in error messages; by default its path, or ``table``.

        Raises:
            StorageError: If a file cannot be read.
            DataError: If the table is empty, or a name occurs twice. Otherwise naming every
                declared column that is absent, and every column that contradicts its declaration.
                Otherwise naming a declared rule that a row breaks, and the row.
        """
        declared = SpecDeclaration() if declared is None else declaration_of(declared)
        if source is None:
            source = str(Location(table)) if is_location(table) else "table"
        table = read_table(table, declared, what=source)
        _check_shape(table, source)
        given = table
        table = read_markers(given, declared, lambda text: warn(f"{source}: {text}"))
        markers = recognised_markers(table, given)
        errors = [
            f"{source}: column {name!r}: declared in the spec, but not in the table"
            f"{closest(name, table.columns)}"
            for name in dict.fromkeys(declared.names)
            if name not in table.columns
        ]
        names = [name for name in table.columns if not declared.leaves_out(name)]
        empty = [name for name in names if table[name].isna().all()]
        formats = _formats_of_dates(table[names], declared, source)
        columns, anew = [], dict[str, str]()
        for name in names:
            if name not in empty:
                try:
                    say, found = partial(anew.setdefault, name), formats.get(name)
                    columns.append(infer_column(table[name], declared, source, say, found))
                except DataError as error:
                    errors.append(str(error))
        if errors:
            raise DataError("\n".join(errors))
        reason = f"has no values, all {len(table):,} are missing"
        if not columns:
            named = f"column {empty[0]!r}: {reason}" if empty else "has no columns to model"
            raise DataError(f"{source}: {named}")
        for name in empty:
            warn(f"{source}: column {name!r}: {reason}, so it is left out")
        if all(column.kind == "identifier" for column in columns):
            say_identifiers(columns, anew)
            raise DataError(f"{source}: has no columns to model, only identifiers")
        sentences = [str(rule) for rule in (*declared.rules.add, *declared.rules.deny)]
        fixed = [
            name
            for name in names
            if name in declared.names or any(name in sentence for sentence in sentences)
        ]
        columns = with_templates(columns, as_declared(table, columns), fixed, source)
        say_identifiers(columns, anew)
        check_templates(columns, source)
        rules = rules_of(as_declared(table, columns), columns, declared.rules, source)
        columns = [
            column.model_copy(update={"missing_values": markers[column.name]})
            if column.name in markers
            else column
            for column in (as_stored(column, table, given) for column in columns)
        ]
        spec = cls(
            columns=tuple(columns),
            target=declared.target,
            entity=declared.entity,
            privacy=declared.privacy,
            rules=rules,
        )
        if spec.entity is not None and spec.entity not in spec.names:
            raise DataError(f"{source}: entity: {spec.entity!r} has no values")
        if spec.target is not None and spec.target not in spec.names:
            raise DataError(f"{source}: target: {spec.target!r} has no values")
        if spec.target in spec.identifier:
            raise DataError(f"{source}: target: {spec.target!r} is an identifier")
        spec.check_attacked(source)
        return spec

    def check(self, source: str) -> None:
        """Check the names, the target, and the rules of each column.

        Raises:
            DataError: If one of them is wrong.
        """
        if len(set(self.names)) != len(self.names):
            raise DataError(f"{source}: columns: must have different names")
        if self.target is not None and self.target not in self.names:
            near = closest(self.target, self.names)
            raise DataError(f"{source}: target: there is no column {self.target!r}{near}")
        if self.entity is not None and self.entity not in self.names:
            near = closest(self.entity, self.names)
            raise DataError(f"{source}: entity: there is no column {self.entity!r}{near}")
        self.check_attacked(source)
        for column in self.columns:
            check_column(column, source)
        check_templates(self.columns, source)
        check_rules(self.rules, self.columns, f"{source}: rules")

    def check_attacked(self, source: str) -> None:
        """Check that the columns under ``privacy`` are there and modelled.

        Raises:
            DataError: If one is not.
        """
        if self.privacy is None:
            return
        broken = [*self.privacy.broken_rules(self.names, self.identifier)]
        if broken:
            raise DataError("\n".join(f"{source}: {line}" for line in broken))

    def to_mapping(self, *, with_sources: bool = True) -> dict[str, Any]:
        """Return the spec as values for JSON, which :meth:`from_mapping` reads.

        Args:
            with_sources: Whether to include the sources of identifiers, which are large and can be
                learnt from the table again.
        """
        left_out = None if with_sources else {"columns": {"__all__": {"made_of"}}}
        mapping = self.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
        if self.rules:
            # The kind, by which one rule is told from another, is a default of each.
            mapping["rules"] = [
                {"kind": rule.kind, **rule.model_dump(mode="json", exclude_defaults=True)}
                for rule in self.rules
            ]
        return mapping

    def read(self, rows: Source | Frame, what: str = "table") -> pd.DataFrame:
        """Return rows of these columns, read as this spec says.

        Args:
            rows: A path or URI, a DataFrame of pandas or polars, or an Arrow table.
            what: The name of rows in memory in error messages.

        Raises:
            DataError: If they are no table.
            StorageError: If a file cannot be read.
        """
        return read_table(rows, self.as_declaration(), what=what)

    def as_declaration(self) -> SpecDeclaration:
        """Return a declaration of all columns, also of ranges that leave out rare values."""
        return SpecDeclaration.from_mapping({**self.to_mapping(), "min_rows": 0})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def arrow_types(self) -> dict[str, str]:
        """Names of the Arrow types of the columns that came from Parquet, by column."""
        return {c.name: c.arrow_type for c in self.columns if c.arrow_type is not None}

    @property
    def continuous(self) -> tuple[str, ...]:
        """Names of the continuous columns."""
        return self._of_kind("continuous")

    @property
    def categorical(self) -> tuple[str, ...]:
        """Names of the categorical columns."""
        return self._of_kind("categorical")

    @property
    def datetime(self) -> tuple[str, ...]:
        """Names of the datetime columns."""
        return self._of_kind("datetime")

    @property
    def identifier(self) -> tuple[str, ...]:
        """Names of the identifier columns."""
        return self._of_kind("identifier")

    def __repr__(self) -> str:
        kinds = ("continuous", "categorical", "datetime", "identifier")
        parts = [f"{len(names)} {kind}" for kind in kinds if (names := getattr(self, kind))]
        target = "" if self.target is None else f", target {self.target!r}"
        rules = f", {counted(len(self.rules), 'rule')}" if self.rules else ""
        return f"TableSpec({len(self.columns)} columns: {', '.join(parts)}{target}{rules})"

    __str__ = __repr__

    def __getitem__(self, name: str) -> Column:
        # No cached dictionary, because copies by pydantic would keep that of the original.
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def _of_kind(self, kind: Kind) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind == kind)


def checked_spec(spec: object) -> TableSpec:
    """Return a spec.

    Raises:
        DataError: If it is something else, such as the table itself.
    """
    if isinstance(spec, TableSpec):
        return spec
    kind = type(spec).__name__
    raise DataError(
        f"spec: must be a TableSpec, as TableSpec.infer(table) makes it, but got {kind}"
    )


def check_table(table: pd.DataFrame, spec: TableSpec, source: str = "table") -> None:
    """Check that a table has the columns of a spec, of the right kinds.

    Raises:
        DataError: Naming every column that does not fit, with the reason.
    """
    _check_shape(table, source)
    errors = []
    for column in spec.columns:
        try:
            _check_values(table, column, source)
        except DataError as error:
            errors.append(str(error))
    if errors:
        raise DataError("\n".join(errors))


def _formats_of_dates(
    table: pd.DataFrame, declared: SpecDeclaration, source: str
) -> dict[str, str]:
    """Find the formats of columns of text that are dates, where the user declares none."""
    columns, dates = {}, []
    for name in table.columns:
        column, kind = declared.columns.get(name), declared.kind_of(name)
        if kind == "datetime" and (column is None or column.format is None):
            dates.append(name)
        elif kind is not None or (column is not None and column.dtype in _NO_DATES):
            continue
        columns[name] = table[name]
    given = [column.format for column in declared.columns.values() if column.format is not None]
    return find_formats(columns, source, dates=dates, declared=given)


def _check_shape(table: pd.DataFrame, source: str) -> None:
    if len(table.columns) == 0:
        raise DataError(f"{source}: has no columns")
    check_labels(table.columns, source)
    if len(table) == 0:
        raise DataError(f"{source}: has no rows")


def _check_values(table: pd.DataFrame, column: Column, source: str) -> None:
    if column.name not in table.columns:
        near = closest(column.name, map(str, table.columns))
        raise DataError(
            f"{source}: column {column.name!r}: in the spec, but not in the table{near}"
        )
    values = table[column.name]
    if column.kind == "continuous":
        numbers = as_numbers(values, source, written=column.format)
        if not column.missing and np.isnan(numbers).any():
            raise DataError(
                f"{source}: column {column.name!r}: has missing values, but the spec has none"
            )
    elif column.kind == "datetime":
        zone = getattr(moment_dtype(column.dtype), "tz", None)
        as_datetimes(values, source, written=column.format, zone=zone)
