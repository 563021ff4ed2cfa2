"""What a user says of a table's columns in a ``--spec`` file.

Short form::

    continuous: [Age, Cholesterol]
    categorical: [Sex]
    target: HeartDisease

Long form, which the short one may be mixed with::

    columns:
      PatientId: {kind: identifier, fill: number}
      Admitted: {kind: datetime}
    drop: [Comment]
"""

import json
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from tabvae_ray.config import validation_messages
from tabvae_ray.errors import DataError
from tabvae_ray.storage import Location

__all__ = ["SpecDeclaration"]


class _ColumnDeclaration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["continuous", "categorical", "datetime", "identifier"]
    fill: Literal["drop", "number"] = "drop"


class SpecDeclaration(BaseModel):
    """Kinds of some or all columns; the rest are inferred from the table.

    Args:
        continuous: Names of continuous columns.
        categorical: Names of categorical columns.
        datetime: Names of datetime columns.
        identifier: Names of columns that only name rows.
        columns: The long form, by name.
        drop: Names of columns to leave out.
        target: The column that usefulness is measured on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    continuous: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    datetime: tuple[str, ...] = ()
    identifier: tuple[str, ...] = ()
    columns: dict[str, _ColumnDeclaration] = {}
    drop: tuple[str, ...] = ()
    target: str | None = None

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a YAML or JSON file.

        Raises:
            DataError: If it is neither, or breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        text = source.read_text()
        try:
            mapping = json.loads(text) if source.suffix == ".json" else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{source}: not YAML or JSON: {reason}") from None
        return cls.from_mapping(mapping, str(source))

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "spec") -> Self:
        """Validate a mapping.

        Raises:
            DataError: Naming every key that breaks a rule.
        """
        try:
            declaration = cls.model_validate(mapping)
        except ValidationError as error:
            lines = (f"{source}: {line}" for line in validation_messages(error))
            raise DataError("\n".join(lines)) from None
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

    def kind_of(
        self, name: str
    ) -> Literal["continuous", "categorical", "datetime", "identifier"] | None:
        """The declared kind of a column, or None."""
        if name in self.columns:
            return self.columns[name].kind
        for kind in ("continuous", "categorical", "datetime", "identifier"):
            if name in getattr(self, kind):
                return kind
        return None
