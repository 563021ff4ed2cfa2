"""What a user says of a table's columns in a ``--spec`` file.

Short form::

    continuous: [Age, Cholesterol]
    categorical: [Sex]
    target: HeartDisease

Long form, which the short one may be mixed with::

    columns:
      PatientId: {kind: identifier, fill: number}
      Admitted: {kind: datetime, format: "%d/%m/%Y %H:%M", timezone: Europe/Berlin}
      Grade: {kind: categorical, categories: [A, B, C, D]}
      Share: {kind: continuous, minimum: 0, maximum: 1}
    drop: [Comment]
    rules:
      add: [total = casual + registered, Admitted <= Discharged]
      deny: [season is determined by month]

What :meth:`TableSpec.to_mapping` writes is a declaration, too: of all columns, so that others are
left out.
"""

from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, ValidationError

from tabvae_ray.documents import read_document, validation_messages
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.storage import Location

__all__ = [
    "ColumnDeclaration",
    "Kind",
    "RulesDeclaration",
    "Scalar",
    "SpecDeclaration",
    "read_mapping",
]

Kind = Literal["continuous", "categorical", "datetime", "identifier"]
Scalar = bool | int | float | str

# The kinds that a key goes with.
_KINDS: dict[str, tuple[Kind, ...]] = {
    "fill": ("identifier",),
    "format": ("datetime",),
    "timezone": ("datetime",),
    "step": ("datetime",),
    "categories": ("categorical",),
    "ordered": ("categorical",),
    "levels": ("categorical",),
    "levels_dtype": ("categorical",),
    "decimals": ("continuous",),
    "minimum": ("continuous", "datetime"),
    "maximum": ("continuous", "datetime"),
}


class ColumnDeclaration(BaseModel):
    """What a user says of one column; what is not said is inferred.

    Args:
        kind: What its values are.
        fill: See :class:`tabvae_ray.table.spec.Column`, as for all below but the time zone.
        format: How text is read as moments, such as ``%d/%m/%Y``.
        timezone: Datetime only: the zone of moments that name none, and of what is generated.
        dtype: The dtype of what is generated.
        missing: Whether values may be missing.
        categories: All values that there may be.
        ordered: Whether a category dtype is ordered.
        levels: All categories of a category dtype.
        levels_dtype: Their dtype.
        minimum: The smallest value that may be generated.
        maximum: The largest.
        decimals: Decimal places of what is generated.
        step: Ticks of the dtype that all distances are multiples of.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Kind
    fill: Literal["drop", "number"] = "drop"
    format: str | None = None
    timezone: str | None = None
    dtype: str | None = None
    missing: bool | None = None
    categories: tuple[Scalar, ...] | None = None
    ordered: bool | None = None
    levels: tuple[Scalar, ...] | None = None
    levels_dtype: str | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    decimals: int | None = None
    step: int | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What is said of the column of a spec, by its key."""
        return self.model_dump(exclude_none=True, exclude={"kind", "timezone", "fill"})


class RulesDeclaration(BaseModel):
    """What a user says of rules between columns.

    Args:
        find: Whether to look for rules.
        add: Rules that hold, as sentences such as ``total = casual + registered``, or as mappings
            as a spec has them.
        deny: Sentences of rules that are found and should not be kept, or names of columns that
            should have none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    find: bool = True
    add: tuple[str | dict[str, Any], ...] = ()
    deny: tuple[str, ...] = ()


class SpecDeclaration(BaseModel):
    """Kinds of some or all columns; the rest are inferred from the table.

    Args:
        continuous: Names of continuous columns.
        categorical: Names of categorical columns.
        datetime: Names of datetime columns.
        identifier: Names of columns that only name rows.
        columns: The long form, by name.
        drop: Names of columns to leave out.
        others: What happens to columns without a name here: ``infer`` or ``drop``.
        target: The column that usefulness is measured on.
        rules: Rules between columns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    continuous: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    datetime: tuple[str, ...] = ()
    identifier: tuple[str, ...] = ()
    columns: dict[str, ColumnDeclaration] = {}
    drop: tuple[str, ...] = ()
    others: Literal["infer", "drop"] = "infer"
    target: str | None = None
    rules: RulesDeclaration = RulesDeclaration()

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a YAML or JSON file.

        Raises:
            DataError: If it is neither, or breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        return cls.from_mapping(read_mapping(source), str(source))

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "spec") -> Self:
        """Validate a mapping, or take what :meth:`TableSpec.to_mapping` gave.

        Raises:
            DataError: Naming every key that breaks a rule.
        """
        try:
            declaration = cls.model_validate(_by_name(mapping, source))
        except ValidationError as error:
            lines = (f"{source}: {line}" for line in validation_messages(error))
            raise DataError("\n".join(lines)) from None
        errors = [
            f"{source}: columns.{name}.{line}"
            for name, column in declaration.columns.items()
            for line in _broken_rules(column)
        ]
        if errors:
            raise DataError("\n".join(errors))
        seen: set[str] = set()
        for name in [
            *declaration.continuous,
            *declaration.categorical,
            *declaration.datetime,
            *declaration.identifier,
            *declaration.columns,
            *declaration.drop,
        ]:
            if name in seen:
                raise DataError(f"{source}: column {name!r}: declared more than once")
            seen.add(name)
        if declaration.target in declaration.drop:
            raise DataError(f"{source}: target: {declaration.target!r} is dropped")
        return declaration

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is named, the target included."""
        target = () if self.target is None else (self.target,)
        return (
            *self.continuous,
            *self.categorical,
            *self.datetime,
            *self.identifier,
            *self.columns,
            *self.drop,
            *target,
        )

    @property
    def identifiers(self) -> dict[str, Literal["drop", "number"]]:
        """How identifier columns are filled, by name."""
        return {name: said.fill for name, said in self.columns.items()}

    def leaves_out(self, name: str) -> bool:
        """Whether a column of the table is not to be in the spec."""
        return name in self.drop or (self.others == "drop" and name not in self.names)

    def kind_of(self, name: str) -> Kind | None:
        """The declared kind of a column, or None."""
        if name in self.columns:
            return self.columns[name].kind
        kinds: tuple[Kind, ...] = ("continuous", "categorical", "datetime", "identifier")
        for kind in kinds:
            if name in getattr(self, kind):
                return kind
        return None


def read_mapping(source: Location) -> object:
    """Read a YAML or JSON file.

    Raises:
        DataError: If it is neither, or has a key twice.
        StorageError: If it cannot be read.
    """
    try:
        return read_document(source)
    except ConfigError as error:
        raise DataError(str(error)) from None


def _by_name(mapping: object, source: str) -> object:
    """The long form of a table's spec, whose columns are a list and all that there are."""
    if not isinstance(mapping, dict) or not isinstance(mapping.get("columns"), list):
        return mapping
    columns: dict[str, Any] = {}
    for i, column in enumerate(mapping["columns"]):
        if not isinstance(column, dict) or not isinstance(column.get("name"), str):
            raise DataError(f"{source}: columns.{i}: must be a mapping with a name")
        if column["name"] in columns:
            raise DataError(f"{source}: column {column['name']!r}: declared more than once")
        # What such a spec leaves out is as it is by default.
        defaults: dict[str, Any] = {"missing": False}
        if column.get("kind") == "categorical":
            defaults |= {"ordered": False, "levels": ()}
        said = {key: value for key, value in column.items() if key != "name"}
        columns[column["name"]] = {**defaults, **said}
    rules = {"find": False, "add": mapping.get("rules", ())}
    return {"others": "drop", **mapping, "columns": columns, "rules": rules}


def _broken_rules(column: ColumnDeclaration) -> list[str]:
    broken = [
        f"{key}: is not for {column.kind} columns"
        for key, kinds in _KINDS.items()
        if getattr(column, key) not in (None, "drop") and column.kind not in kinds
    ]
    if column.timezone is not None:
        try:
            ZoneInfo(column.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            broken.append(f"timezone: must be one such as Europe/Berlin, but got {column.timezone}")
    return broken
