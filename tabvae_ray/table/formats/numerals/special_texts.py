"""Texts in a column of numbers that stand for zero, or for all numbers beyond a limit."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

__all__ = ["NO_SPECIAL", "Limit", "SpecialTexts", "squeezed"]

_IN_FORMAT = re.compile(
    r"(?P<rest>.*?)(?:\[0=(?P<zero>[^][{}]+)\])?(?:\[(?P<below>[<\u2264][^][{}]+)\])?"
    r"(?:\[(?P<above>[>\u2265][^][{}]+)\])?"
)
_LIMIT = re.compile(r"(?P<side><=?|>=?|\u2264|\u2265)\s*(?P<number>.+)")


@dataclass(frozen=True)
class SpecialTexts:
    """Texts of a column that stand for numbers, as ``[0=$ -][<0.5][>10.0]`` has them in a format.

    Args:
        zero: Text of zero, empty if it is written like other numbers.
        below: Text of all numbers below the one that it has, such as ``<0.5``; may be empty.
        above: The same of all numbers above it.
    """

    zero: str = ""
    below: str = ""
    above: str = ""

    @classmethod
    def split(cls, text: str) -> "tuple[str, SpecialTexts]":
        """Return the text of a format without its special texts, and these."""
        found = _IN_FORMAT.fullmatch(text)
        if found is None:
            return text, cls()
        return found["rest"], cls(found["zero"] or "", found["below"] or "", found["above"] or "")

    def __bool__(self) -> bool:
        return bool(self.zero or self.below or self.above)

    def __str__(self) -> str:
        zero = f"[0={self.zero}]" if self.zero else ""
        return zero + "".join(f"[{text}]" for text in self.limits)

    def only(self, limits: Collection[str], *, zero: bool) -> "SpecialTexts":
        """Return some of these texts.

        Args:
            limits: Texts of limits that are kept.
            zero: Whether the text of zero is kept.
        """
        below, above = (text if text in limits else "" for text in (self.below, self.above))
        return SpecialTexts(self.zero if zero else "", below, above)

    @property
    def limits(self) -> list[str]:
        """Texts of the numbers beyond limits."""
        return [text for text in (self.below, self.above) if text]


NO_SPECIAL = SpecialTexts()


@dataclass(frozen=True)
class Limit:
    """A text such as ``<0.5`` of all numbers beyond a limit.

    Args:
        text: The text.
        number: The limit.
        places: Number of decimals to which numbers are rounded.
        is_low: Whether the numbers are below the limit.
        is_reached: Whether the limit is one of these numbers, as in ``≤0.5``.
    """

    text: str
    number: Decimal
    places: int
    is_low: bool
    is_reached: bool

    @classmethod
    def of(cls, text: str, places: int, read: Callable[[str], str | None]) -> "Limit | None":
        """Return the limit that a text has, None if it has none.

        Args:
            text: The text.
            places: Number of decimals of the column.
            read: Returns a text in the format of the column as a plain number, None if it is none.
        """
        found = _LIMIT.fullmatch(text)
        plain = None if found is None else read(found["number"])
        if found is None or plain is None:
            return None
        number, side = Decimal(plain), found["side"]
        # Whole numbers stay whole; others may have a limit of more decimals.
        finest = max(places, -int(number.as_tuple().exponent)) if places else 0
        return cls(text, number, finest, side[0] in "<\u2264", side not in ("<", ">"))

    @property
    def value(self) -> Decimal:
        """The number nearest to the limit among those for which the text stands."""
        step = Decimal(1).scaleb(-self.places)
        is_inside = self.is_low != self.is_reached
        whole = (self.number / step).to_integral_value(ROUND_CEILING if is_inside else ROUND_FLOOR)
        if not self.is_reached:
            whole += -1 if self.is_low else 1
        return whole * step

    def has(self, number: Any) -> bool:
        """Return True if the text stands for a number."""
        rounded = Decimal(format(number, f".{self.places}f"))
        if rounded == self.number:
            return self.is_reached
        return (rounded < self.number) == self.is_low


def squeezed(text: str) -> str:
    """Return a text without its spaces, by which ``$-`` and ``$ -`` are alike."""
    return "".join(text.split())
