"""Templates of text that other columns of the row say, such as ``{region}-{number}``.

A field ``{name}`` is the text of a column. After a colon may follow, with spaces in between:

- ``lower`` or ``upper``; ``letters`` leaves letters and digits in lower case only
- a number such as ``3`` for the first characters, or ``05`` for zeros before up to so many
- ``.2f`` for a number with so many decimals
- ``%Y%m%d`` and the like for a date-time, as in strftime

A row in which a column of the template is missing has no such text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
import pandas as pd

__all__ = ["Field", "Template", "is_template"]

# Braces around numbers belong to patterns of identifiers.
_FIELD = re.compile(r"\{(?!\d+(?:,\d*)?\})([^{}:]+)(?::([^{}:]+))?\}")
_WORD = re.compile(r"lower|upper|letters|[1-9]\d?|0[1-9]\d?|\.\d{1,2}f|(?:%[YymdHMSbBaAj][-./_]?)+")
_OTHERS = re.compile(r"[^a-z0-9]")


def is_template(pattern: str | None) -> bool:
    """Return True for a template, False for a pattern of identifiers that are made anew."""
    return pattern is not None and _FIELD.search(pattern) is not None


@dataclass(frozen=True)
class Field:
    """The text of a column, perhaps changed.

    Args:
        name: Name of the column.
        words: How it is changed, one after the other.
    """

    name: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{{{self.name}{':' if self.words else ''}{' '.join(self.words)}}}"

    @property
    def is_writable(self) -> bool:
        """Tell whether a template can name the column: not one named ``0``, or with braces."""
        return _FIELD.fullmatch(str(Field(self.name))) is not None

    @property
    def is_cut(self) -> bool:
        """Tell whether it has the first characters only."""
        return any(word.isdigit() and not word.startswith("0") for word in self.words)

    def misfit(self, kind: str) -> str | None:
        """Return why a column of this kind has no such text; None if it has."""
        for word in self.words:
            if word.startswith("%") and kind != "datetime":
                return f"{word} is for date-times, but {self.name!r} is {kind}"
            if word.startswith(".") and kind != "continuous":
                return f"{word} is for numbers, but {self.name!r} is {kind}"
        return None

    def of(self, text: str) -> str:
        """Return a text as the field has it.

        Raises:
            ValueError: If it is no number, or no date-time, and has to be one.
        """
        for word in self.words:
            if word == "lower":
                text = text.lower()
            elif word == "upper":
                text = text.upper()
            elif word == "letters":
                text = _OTHERS.sub("", text.lower())
            elif word.startswith("0"):
                text = text.zfill(int(word))
            elif word.startswith("%"):
                text = datetime.fromisoformat(text).strftime(word)
            elif word.startswith("."):
                text = format(float(text), word)
            else:
                text = text[: int(word)]
        return text


@dataclass(frozen=True)
class Template:
    """Fields and the text between them.

    Args:
        parts: Fields and texts, in their order.
    """

    parts: tuple[Field | str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template.

        Raises:
            ValueError: If it is none, with the reason.
        """
        parts: list[Field | str] = []
        end = 0
        for found in _FIELD.finditer(text):
            parts += [text[end : found.start()]] if found.start() > end else []
            words = tuple((found[2] or "").split())
            for word in words:
                if not _WORD.fullmatch(word):
                    raise ValueError(f"{word!r} is no word of a template")
            parts.append(Field(found[1], words))
            end = found.end()
        parts += [text[end:]] if end < len(text) else []
        if any(isinstance(part, str) and re.search("[{}]", part) for part in parts):
            raise ValueError(f"{text[:80]!r} has braces that are no field")
        if not any(isinstance(part, Field) for part in parts):
            raise ValueError(f"{text[:80]!r} has no field such as {{column}}")
        return cls(tuple(parts))

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields, in their order."""
        return tuple(part for part in self.parts if isinstance(part, Field))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, each once."""
        return tuple(dict.fromkeys(field.name for field in self.fields))

    def texts(self, of: Mapping[str, pd.Series]) -> pd.Series:
        """Return the text of each row, None where a column is missing.

        Args:
            of: Text of the columns, None where it is missing.
        """
        missing = np.logical_or.reduce([of[name].isna().to_numpy() for name in self.names])
        columns: list[Sequence[str]] = []
        for part in self.parts:
            if isinstance(part, Field):
                codes, distinct = pd.factorize(of[part.name])
                changed = [*map(part.of, distinct.tolist()), ""]
                columns.append([changed[code] for code in codes])
            else:
                columns.append([part] * len(missing))
        made: Any = np.array(list(map("".join, zip(*columns, strict=True))), dtype=object)
        made[missing] = None
        return pd.Series(made, index=of[self.names[0]].index, dtype=object)
