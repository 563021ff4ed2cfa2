"""Columns of a spec that privacy is measured on, beyond membership."""

from collections.abc import Collection, Iterator
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from tabvae_ray.command_line.short_repr import ShortRepr

__all__ = ["AttackedColumns"]


class AttackedColumns(ShortRepr):
    """Columns that an attacker may know of a person, and columns that must stay secret.

    Args:
        known: Names of the columns that an attacker may know, such as age and postcode.
        secret: Names of the columns that must stay secret, such as income.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    known: tuple[str, ...] = Field(min_length=1)
    secret: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise ValueError(
                    f"{name!r} is named twice: a column is either known or secret, and named once"
                )
            seen.add(name)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All names, known ones first."""
        return *self.known, *self.secret

    def broken_rules(self, names: Collection[str], identifiers: Collection[str]) -> Iterator[str]:
        """Yield a line for each column that cannot be attacked.

        Args:
            names: Names of all columns of the spec.
            identifiers: Names of the columns that are not modelled.
        """
        for name in self.names:
            if name not in names:
                yield f"privacy: there is no column {name!r} with values"
            elif name in identifiers:
                yield (
                    f"privacy: {name!r} is an identifier, which is made anew: generated rows tell "
                    "nothing about it"
                )
