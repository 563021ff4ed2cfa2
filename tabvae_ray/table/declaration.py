"""Declaration of the columns of a table by the user, as in a ``--spec`` file.

Short form::

    continuous: [Age, Cholesterol]
    categorical: [Sex]
    target: HeartDisease

Long form, which can be combined with the short form::

    columns:
      PatientId: {kind: identifier, pattern: "P-[0-9]{6}"}
      Mail: {kind: identifier, generator: email}
      Row: {kind: identifier, fill: number}
      Admitted: {kind: datetime, format: "%d/%m/%Y %H:%M", timezone: Europe/Berlin}
      Grade: {kind: categorical, categories: [A, B, C, D]}
      Job: {kind: categorical, rare_label: other}
      Share: {kind: continuous, minimum: 0, maximum: 1, missing_values: ["?"]}
    missing_values: [unknown, n.a.]
    drop: [Comment]
    entity: PatientId
    privacy: {known: [Age, Postcode], secret: [Diagnosis]}
    identifier: drop
    rules:
      add: [total = casual + registered, Admitted <= Discharged]
      deny: [season is determined by month]

The result of :meth:`TableSpec.to_mapping` is also a declaration. It declares all columns; other
columns of a table are left out. ``identifier`` is a list of columns, or ``drop`` for all of them.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, model_validator

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.errors import DataError
from tabvae_ray.storage import Location
from tabvae_ray.table.attacked.columns import AttackedColumns
from tabvae_ray.table.formats.declared import format_error
from tabvae_ray.table.formats.truth_words import parse_truth_format
from tabvae_ray.table.identifiers.fake import GeneratorName
from tabvae_ray.table.values.column_keys import KINDS_OF_KEYS, possible_kinds
from tabvae_ray.table.values.spec_document import SpecDocument
from tabvae_ray.table.values.spec_types import (
    Bound,
    Days,
    Kind,
    MissingValues,
    Scalar,
    columns_by_name,
)

__all__ = [
    "ColumnDeclaration",
    "RulesDeclaration",
    "SpecDeclaration",
    "SpecSource",
    "declaration_of",
]


class ColumnDeclaration(ShortRepr):
    """Declared properties of one column; all others are inferred.

    Args:
        kind: Kind of its values; None for that which the other keys are for, or to infer it.
        fill: See :class:`tabvae_ray.table.column.Column`, also for the properties below. None is
            ``generate``, unless all identifiers are left out.
        pattern: Pattern of new identifiers, a subset of regular expressions, or a template.
        generator: Generator of new identifiers.
        format: Format of text or numbers that hold moments, such as ``%d/%m/%Y`` or ``unix_s``, or
            of numbers, such as ``${:,.2f}``, or of truth values, such as ``yes/no``.
        timezone: Datetime only: time zone of moments without one, and of generated moments.
        dtype: Dtype of generated values.
        missing: Whether values may be missing.
        missing_values: Texts that are missing, in place of those of the table; None to infer them.
        categories: All values that may occur.
        ordered: Whether a category dtype is ordered.
        levels: All categories of a category dtype.
        levels_dtype: Dtype of these.
        rare_label: Value that is generated in place of values that too few rows have.
        minimum: Smallest value that may be generated.
        maximum: Largest value that may be generated.
        decimals: Decimal places of generated values.
        digits: Significant digits of generated values.
        unit: Number of which generated values are multiples, computed in float64.
        step: Distance between numbers, or ticks of the dtype between moments, or a multiple of it.
        clock: ``local`` if the step is one of the clock of the time zone.
        weekdays: Whether all moments are on days from Monday to Friday.
        days: Other days on which they are, such as ``Mon Wed`` or ``last of month``.
        unnamed: Whether the column has no name in CSV.
        padding: Spaces around the values in CSV, such as ``{:>8}``.
        arrow_type: Arrow type of generated values in Parquet.
        written_dtype: Dtype of the text, or numbers, that generated moments and numbers become.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Kind | None = None
    fill: Literal["drop", "number", "generate"] | None = None
    pattern: str | None = None
    generator: GeneratorName | None = None
    format: str | None = None
    timezone: str | None = None
    dtype: str | None = None
    missing: bool | None = None
    missing_values: MissingValues = None
    categories: tuple[Scalar, ...] | None = None
    ordered: bool | None = None
    levels: tuple[Scalar, ...] | None = None
    levels_dtype: str | None = None
    rare_label: Scalar | None = None
    minimum: Bound = None
    maximum: Bound = None
    decimals: int | None = None
    digits: int | None = None
    unit: float | None = None
    step: int | float | None = None
    clock: Literal["local"] | None = None
    weekdays: bool | None = None
    days: Days | None = None
    unnamed: bool | None = None
    padding: str | None = None
    arrow_type: str | None = None
    written_dtype: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_kind(cls, mapping: Any) -> Any:
        if not isinstance(mapping, dict):
            return mapping
        written = mapping.get("format")
        if isinstance(written, str) and parse_truth_format(written) is not None:
            implied = {"kind": "categorical", "dtype": "bool"}
            mapping = {**mapping, **{key: mapping.get(key) or implied[key] for key in implied}}
        if mapping.get("kind") is not None:
            return mapping
        possible = possible_kinds(mapping)
        is_clear = len(possible) == 1 and possible < set(get_args(Kind))
        return {**mapping, "kind": possible.pop()} if is_clear else mapping

    @property
    def properties(self) -> dict[str, Any]:
        """Declared properties that replace inferred ones in the spec, by key."""
        others = {"kind", "timezone", "fill", "pattern", "generator"}
        return self.model_dump(exclude_none=True, exclude=others)


class RulesDeclaration(ShortRepr):
    """Declared rules between columns.

    Args:
        find: Whether to look for rules.
        add: Rules that hold, as sentences such as ``total = casual + registered``, or as mappings
            in the form of :meth:`TableSpec.to_mapping`.
        deny: Sentences of found rules that must not be kept, or names of columns without rules.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    find: bool = True
    add: tuple[str | dict[str, Any], ...] = ()
    deny: tuple[str, ...] = ()


class SpecDeclaration(SpecDocument):
    """Declared kinds of some or all columns; the others are inferred from the table.

    Args:
        continuous: Names of continuous columns.
        categorical: Names of categorical columns.
        datetime: Names of datetime columns.
        identifier: Names of columns that only name rows. In a file, ``drop`` stands for
            ``drop_identifiers: true``.
        drop_identifiers: Whether identifiers are left out of generated rows, unless the long form
            says otherwise.
        columns: Declarations in the long form, by name.
        missing_values: Texts of a CSV file that are missing in every column, beside empty cells.
        drop: Names of columns to leave out.
        others: Treatment of columns that are not declared: ``infer`` or ``drop``.
        target: Column that usefulness is measured on.
        entity: Column that tells persons, or other entities, apart; rows of one count once where
            a value has to be shared by enough rows. It is an identifier unless declared otherwise.
        privacy: Columns that an attacker knows, and columns that must stay secret.
        rules: Rules between columns.
    """

    continuous: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    datetime: tuple[str, ...] = ()
    identifier: tuple[str, ...] = ()
    drop_identifiers: bool = False
    columns: dict[str, ColumnDeclaration] = Field(default_factory=dict)
    missing_values: MissingValues = None
    drop: tuple[str, ...] = ()
    others: Literal["infer", "drop"] = "infer"
    target: str | None = None
    entity: str | None = None
    privacy: AttackedColumns | None = None
    rules: RulesDeclaration = RulesDeclaration()

    @model_validator(mode="before")
    @classmethod
    def _without_identifiers(cls, mapping: Any) -> Any:
        if isinstance(mapping, dict) and mapping.get("identifier") == "drop":
            return {**mapping, "identifier": (), "drop_identifiers": True}
        return mapping

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "spec") -> Self:
        """Validate a declaration, or the result of :meth:`TableSpec.to_mapping`.

        Raises:
            DataError: Naming every key that breaks a rule.
        """
        return super().from_mapping(columns_by_name(mapping, source), source)

    def check(self, source: str) -> None:
        """Check that keys suit the kinds of the columns, and that no column is declared twice.

        Raises:
            DataError: If that is not so.
        """
        errors = [
            f"{source}: columns.{name}.{line}"
            for name, column in self.columns.items()
            for line in _broken_rules(column)
        ]
        if errors:
            raise DataError("\n".join(errors))
        seen: set[str] = set()
        for name in self._declared:
            if name in seen:
                raise DataError(f"{source}: column {name!r}: declared more than once")
            seen.add(name)
        if self.target in self.drop:
            raise DataError(f"{source}: target: {self.target!r} is dropped")
        for name in () if self.privacy is None else self.privacy.names:
            if name in self.drop:
                raise DataError(f"{source}: privacy: {name!r} is dropped")
        if self.entity is not None and self.leaves_out(self.entity):
            raise DataError(
                f"{source}: entity: {self.entity!r} is dropped; to leave it out of generated rows, "
                "declare it with `kind: identifier` and `fill: drop`"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns that are declared, or that another key names."""
        others = [name for name in (self.target, self.entity) if name is not None]
        attacked = () if self.privacy is None else self.privacy.names
        return (*self._declared, *others, *attacked)

    def leaves_out(self, name: str) -> bool:
        """Return True if a column of the table is left out of the spec."""
        return name in self.drop or (self.others == "drop" and name not in self.names)

    def missing_values_of(self, name: str) -> tuple[str, ...] | None:
        """Return the texts that are missing in a column, None if none are declared."""
        column = self.columns.get(name)
        own = None if column is None else column.missing_values
        return self.missing_values if own is None else own

    def kind_of(self, name: str) -> Kind | None:
        """Return the declared kind of a column, None if there is none."""
        if name in self.columns:
            return self.columns[name].kind
        kinds: tuple[Kind, ...] = get_args(Kind)
        for kind in kinds:
            if name in getattr(self, kind):
                return kind
        return "identifier" if name == self.entity else None

    @property
    def _declared(self) -> tuple[str, ...]:
        return (
            *self.continuous,
            *self.categorical,
            *self.datetime,
            *self.identifier,
            *self.columns,
            *self.drop,
        )


def _broken_rules(column: ColumnDeclaration) -> list[str]:
    if column.kind is None:
        keys = [key for key in KINDS_OF_KEYS if getattr(column, key) is not None]
        found = " or ".join(sorted(possible_kinds(column.model_dump())))
        named = f", such as {found} for {', '.join(keys)}" if found else ""
        return [f"kind: is required{named}"] if keys else []
    broken = [
        f"{key}: is not for {column.kind} columns"
        for key, kinds in KINDS_OF_KEYS.items()
        if getattr(column, key) not in (None, "drop") and column.kind not in kinds
    ]
    if column.pattern is not None or column.generator is not None:
        if column.pattern is not None and column.generator is not None:
            broken.append("generator: must not be given together with a pattern")
        if column.fill not in (None, "generate"):
            broken.append(f"fill: must be generate with a pattern or generator, not {column.fill}")
    if column.format is not None and (error := format_error(column.format, column.kind)):
        broken.append(error)
    if column.timezone is not None:
        try:
            ZoneInfo(column.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            broken.append(f"timezone: must be one such as Europe/Berlin, but got {column.timezone}")
    return broken


SpecSource = str | PurePath | Location | Mapping[str, Any] | SpecDocument


def declaration_of(given: SpecSource) -> SpecDeclaration:
    """Return the declaration of columns that is given as a file, a mapping or a spec.

    Raises:
        DataError: If it breaks a rule.
        StorageError: If it cannot be read.
    """
    if isinstance(given, SpecDeclaration):
        return given
    if isinstance(given, SpecDocument):
        return SpecDeclaration.from_mapping(given.to_mapping())
    if isinstance(given, Mapping):
        return SpecDeclaration.from_mapping(dict(given))
    if not isinstance(given, str | PurePath | Location):
        raise DataError(
            f"spec: must be a path, a mapping or a TableSpec, but got {type(given).__name__}"
        )
    return SpecDeclaration.load(Location(given))
