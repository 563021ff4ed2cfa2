"""The text of an object in a notebook: what is not a default, and no more than the eye takes in."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel

from tabvae_ray.errors import brief

__all__ = ["ShortRepr"]

# Parts of a value that its text has, characters of a line, and those that precede the parts.
_MAX_PARTS = 10
_WIDTH, _MARGIN = 100, 32


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
    """Return the lines of a field, indented."""
    first, *others = part.split("\n")
    return [f"    {first}", *(f"    {line}" for line in others)]


class _Short:
    """A value that shows its first parts."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        value = self._value
        if isinstance(value, str):
            return brief(value)
        if not isinstance(value, tuple | list | dict) or not value:
            return repr(value)
        if isinstance(value, dict):
            items = islice(value.items(), _MAX_PARTS)
            parts = [f"{key!r}: {_Short(part)!r}" for key, part in items]
        else:
            parts = [repr(_Short(part)) for part in value[:_MAX_PARTS]]
        if len(value) > _MAX_PARTS:
            parts.append(f"and {len(value) - _MAX_PARTS:,} more")
        elif isinstance(value, tuple) and len(value) == 1:
            parts.append("")
        # Those of an empty one.
        left, right = list(repr(type(value)()))
        return f"{left}{_joined(parts)}{right}"


def _joined(parts: Sequence[str]) -> str:
    """Return parts with commas between them, in lines that end between two parts."""
    lines = [""]
    for i, part in enumerate(parts):
        text = f"{part}, " if i < len(parts) - 1 else part
        if lines[-1] and len(lines[-1]) + len(text) > _WIDTH - _MARGIN:
            lines.append("    ")
        lines[-1] += text
    return "\n".join(line.rstrip() for line in lines)
