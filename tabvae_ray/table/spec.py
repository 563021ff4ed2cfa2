"""What each column of a table is: inferred from the table, or declared by the user.

Kinds: ``continuous`` numbers, ``categorical`` values, ``datetime`` points in time, and
``identifier`` columns, whose values name rows and are not modelled.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabvae_ray.documents import validation_messages
from tabvae_ray.errors import DataError
from tabvae_ray.storage import Location
from tabvae_ray.table.column import Column, check_column
from tabvae_ray.table.declaration import Kind, Scalar, SpecDeclaration, read_mapping
from tabvae_ray.table.dtypes import (
    moment_dtype,
)
from tabvae_ray.table.parsing import as_datetimes, as_numbers
from tabvae_ray.table.rules.declared import check_rules, rules_of
from tabvae_ray.table.rules.rule import Rule

__all__ = ["Kind", "Scalar", "TableSpec", "check_table"]


class TableSpec(BaseModel):
    """The columns of a table, in its order, the target if there is one, and rules between them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[Column, ...] = Field(min_length=1)
    target: str | None = None
    rules: tuple[Rule, ...] = ()

    @classmethod
    def infer(
        cls,
        table: pd.DataFrame,
        *,
        declared: SpecDeclaration | None = None,
        source: str = "table",
    ) -> Self:
        """Infer the spec of a table.

        Numbers are continuous, except for booleans and for integers of at most ten values, which
        are categorical like all text, unless all of it is ISO 8601 moments. Text whose values
        differ, all or nearly, is an identifier.

        Args:
            table: The real rows.
            declared: What the user says of some or all columns; goes before what is inferred.
            source: What error messages call the table.

        Raises:
            DataError: If the table is empty, a name occurs twice, or naming every declared column
                that is absent and every column that cannot be what it is declared to be.
        """
        from tabvae_ray.table.inference import infer_column

        declared = declared or SpecDeclaration()
        check_shape(table, source)
        errors = [
            f"{source}: column {name!r}: declared in the spec, but not there"
            for name in dict.fromkeys(declared.names)
            if name not in table.columns
        ]
        columns = []
        for name in table.columns:
            if not declared.leaves_out(name):
                try:
                    columns.append(infer_column(table[name], declared, source))
                except DataError as error:
                    errors.append(str(error))
        if errors:
            raise DataError("\n".join(errors))
        if all(column.kind == "identifier" for column in columns):
            raise DataError(f"{source}: has no columns to model, only identifiers")
        rules = rules_of(table, columns, declared.rules, source)
        spec = cls(columns=tuple(columns), target=declared.target, rules=rules)
        if spec.target in spec.identifier:
            raise DataError(f"{source}: target: {spec.target!r} is an identifier")
        return spec

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a YAML or JSON file that holds what :meth:`to_mapping` gave.

        Raises:
            DataError: If it is neither, or breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        return cls.from_mapping(read_mapping(source), str(source))

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "spec") -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            DataError: Naming every key that breaks a rule.
        """
        try:
            spec = cls.model_validate(mapping)
        except ValidationError as error:
            lines = (f"{source}: {line}" for line in validation_messages(error))
            raise DataError("\n".join(lines)) from None
        if len(set(spec.names)) != len(spec.names):
            raise DataError(f"{source}: columns: must have different names")
        if spec.target is not None and spec.target not in spec.names:
            raise DataError(f"{source}: target: there is no column {spec.target!r}")
        for column in spec.columns:
            check_column(column, source)
        check_rules(spec.rules, spec.columns, f"{source}: rules")
        return spec

    def to_mapping(self) -> dict[str, Any]:
        """The spec as plain values for JSON."""
        mapping = self.model_dump(mode="json", exclude_defaults=True)
        if self.rules:
            # The kind, which tells one sort of rule from another, is a default of each.
            mapping["rules"] = [
                {"kind": rule.kind, **rule.model_dump(mode="json", exclude_defaults=True)}
                for rule in self.rules
            ]
        return mapping

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

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

    def __getitem__(self, name: str) -> Column:
        # Not from a cached dict: pydantic's copies would keep the one of the original.
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def _of_kind(self, kind: Kind) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind == kind)


def check_table(table: pd.DataFrame, spec: TableSpec, source: str = "table") -> None:
    """Check that a table has the columns of a spec, of the right kinds.

    Raises:
        DataError: Naming every column that does not fit, and why.
    """
    check_shape(table, source)
    errors = []
    for column in spec.columns:
        try:
            _check_values(table, column, source)
        except DataError as error:
            errors.append(str(error))
    if errors:
        raise DataError("\n".join(errors))


def check_shape(table: pd.DataFrame, source: str) -> None:
    if len(table.columns) == 0:
        raise DataError(f"{source}: has no columns")
    if not all(isinstance(name, str) for name in table.columns):
        odd = next(name for name in table.columns if not isinstance(name, str))
        raise DataError(f"{source}: column names must be text, but one is {odd!r}")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise DataError(f"{source}: column {twice[0]!r}: occurs more than once")
    if len(table) == 0:
        raise DataError(f"{source}: has no rows")


def _check_values(table: pd.DataFrame, column: Column, source: str) -> None:
    if column.name not in table.columns:
        raise DataError(f"{source}: column {column.name!r}: in the spec, but not in the table")
    values = table[column.name]
    if column.kind == "continuous":
        numbers = as_numbers(values, source)
        if not column.missing and np.isnan(numbers).any():
            raise DataError(
                f"{source}: column {column.name!r}: has missing values, but the spec has none"
            )
    elif column.kind == "datetime":
        zone = getattr(moment_dtype(column.dtype), "tz", None)
        as_datetimes(values, source, written=column.format, zone=zone)
