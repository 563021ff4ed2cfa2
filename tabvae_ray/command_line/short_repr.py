"""The text of an object in a notebook: what is not a default, and no more than the eye takes in."""

import textwrap
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel

from tabvae_ray.errors import brief

__all__ = ["ShortRepr"]

# Parts of a value that its text has, and characters of a line.
_MAX_PARTS = 10
_WIDTH = 100


class ShortRepr(BaseModel):
    """A model whose ``repr`` leaves out what has its default, and the end of long parts.

    ``model_dump`` has everything.
    """

    def __repr__(self) -> str:
        line = super().__repr__()
        if len(line) <= _WIDTH:
            return line
        lines = [f"{type(self).__name__}("]
        for name, value in self.__repr_args__():
            lines += _wrapped(f"{name}={value!r},")
        return "\n".join([*lines, ")"])

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the names and values that are shown."""
        for name, value in super().__repr_args__():
            field = None if name is None else type(self).model_fields.get(name)
            if field is None or value != field.get_default(call_default_factory=True):
                yield name, _Short(value)

    __str__ = __repr__


def _wrapped(part: str) -> list[str]:
    """Return the lines of a field, which may have lines already."""
    return [
        line
        for whole in part.split("\n")
        for line in textwrap.wrap(
            f"    {whole}",
            _WIDTH,
            subsequent_indent="        ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


class _Short:
    """A value that shows its first parts."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        value = self._value
        if isinstance(value, str):
            return brief(value)
        if not isinstance(value, tuple | list | dict) or len(value) <= _MAX_PARTS:
            return repr(value)
        if isinstance(value, dict):
            items = islice(value.items(), _MAX_PARTS)
            parts = [f"{key!r}: {_Short(part)!r}" for key, part in items]
        else:
            parts = [repr(_Short(part)) for part in value[:_MAX_PARTS]]
        # Those of an empty one.
        left, right = list(repr(type(value)()))
        return f"{left}{', '.join(parts)}, and {len(value) - _MAX_PARTS:,} more{right}"
