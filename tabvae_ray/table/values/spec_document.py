"""Read what files say of the columns of a table: a spec, or what a user declares of it."""

from typing import Any, Self

from pydantic import ConfigDict

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.documents import broken_text, read_document, validated
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.storage import Location

__all__ = ["SpecDocument"]


class SpecDocument(ShortRepr):
    """Content of a YAML or JSON file about the columns of a table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def load(cls, location: Location | str) -> Self:
        """Read a YAML or JSON file; see :meth:`from_mapping` for its content.

        Raises:
            DataError: If it is neither, or breaks a rule.
            StorageError: If it cannot be read.
        """
        source = Location(location)
        try:
            document = read_document(source)
        except ConfigError as error:
            raise DataError(str(error)) from None
        return cls.from_mapping(document, str(source))

    @classmethod
    def from_mapping(cls, mapping: object, source: str = "spec") -> Self:
        """Validate the content of a file.

        Raises:
            DataError: Naming every key that breaks a rule.
        """
        if broken := broken_text(mapping):
            raise DataError(f"{source}: {broken}")
        document = validated(cls, mapping, source, DataError)
        document.check(source)
        return document

    def check(self, source: str) -> None:
        """Check the rules that concern more than one key.

        Raises:
            DataError: If one is broken.
        """

    def to_mapping(self) -> dict[str, Any]:
        """Return the document as values for JSON, without what is a default."""
        return self.model_dump(mode="json", exclude_defaults=True)
