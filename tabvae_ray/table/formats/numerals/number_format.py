"""Reading and writing of numbers in a format, such as ``$1,234.50``.

A format has the number between braces, as in ``${:,.2f}``. It consists of these parts, in this
order; those in brackets may be left out:

- ``[+]`` writes a plus before positive numbers and zero, ``[±]`` before positive numbers only.
  A minus sign, U+2212, is the minus in place of a hyphen.
- ``[#]`` leaves out a zero before the decimal mark, as in ``.5``.
- The separator of thousands: ``[,]``, ``[.]``, ``[']`` (or U+2019), or a space. ``[,,]`` separates
  hundreds of thousands and more by twos, as in ``12,34,567``.
- ``[05]`` writes zeros before, up to so many characters, as in ``06.48``.
- The decimal mark, ``.`` or ``,``, which must be given. A point given twice is written without
  decimals, too, as in ``5.``.
- The number of decimals. ``-2`` is at most 2, without zeros at the end, and ``1-2`` one or two.
- ``f``, or ``e`` or ``E`` for scientific notation. ``e0`` writes ``1e3`` and ``e+00``, or plain
  ``e``, writes ``1e+03``.

A ``-`` or ``+`` before other text puts the sign there, as in ``-${:,.2f}`` for ``-$5.00``.
A ``-`` at the end puts the sign there, as in ``5.00-``. Parentheses around a format, as in
``(${:,.2f})`` or ``$({:,.2f})``, are for negative numbers only. Words in brackets stand after
positive and negative numbers, as in ``{:,.2f}[ CR| DR]``; one of them may be empty.

At the end, brackets name texts that stand for numbers: ``[0=$ -]`` for zero, ``[<0.5]`` for all
numbers below 0.5, such as what is below a limit of detection, and ``[>10.0]`` for all above 10.
They are read without regard to spaces.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tabvae_ray.table.formats.numerals.special_texts import (
    NO_SPECIAL,
    Limit,
    SpecialTexts,
    squeezed,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_PLACES", "SEPARATORS", "NumberFormat"]

# Apostrophes, space, no-break space and its narrow form separate thousands, beside comma and point.
SEPARATORS = ",.'\u2019 \u00a0\u202f"

_TEMPLATE = re.compile(
    rf"(?P<outer>[-+(]?)(?P<before>[^{{}}]*)\{{:(?P<sign>[+±\u2212]?)(?P<bare>#?)"
    rf"(?P<thousands>,,|\.(?=,)|[{SEPARATORS.replace('.', '')}]|)"
    r"(?P<width>0[1-9]\d?)?(?P<mark>[.,])"
    r"(?P<keeps>(?<=\.)\.|)"
    r"(?:(?P<least>1?)(?P<trims>-))?(?P<places>\d{1,2})"
    r"(?P<letter>[feE])(?P<power>\+?0{1,3})?\}(?P<after>[^{}]*)"
)
_WORDS = re.compile(r"(?P<rest>.*\})\[(?P<after>[^][{}|\d]*)\|(?P<minus>[^][{}|\d]*)\]")
MOST_PLACES = 30
# What is written before and after a format, by where the sign is.
_AROUND = {"(": ("(", ")"), "last": ("", "-")}


@dataclass(frozen=True)
class NumberFormat:
    """Format of the numbers of a column.

    Args:
        places: Number of decimals, those of the mantissa in scientific notation.
        trims: Whether zeros at the end of the decimals are left out.
        least: With ``trims``, whether at least one decimal is written.
        mark: Decimal mark.
        keeps_mark: Whether the mark, a point, is written without decimals, too.
        width: Least number of characters without a sign, which zeros fill up.
        thousands: Separator of thousands, empty for none; twice for groups of two before the last.
        before: Text before the digits.
        after: Text after the digits.
        sign: ``+`` for a plus before positive numbers and zero, ``±`` for one before positive
            numbers, U+2212 for a minus that is no hyphen.
        outer: ``-`` if the sign is before ``before``, ``last`` if it is at the end, ``(`` if
            parentheses stand for a minus, ``inner`` if they are after ``before``.
        bare: Whether a zero before the decimal mark is left out.
        letter: ``f``, or the letter of scientific notation.
        power: Shortest exponent, such as ``+00`` or ``0``; empty unless in scientific notation.
        minus: Text after negative numbers in place of ``after``; with ``outer`` of ``words`` only.
        special: Texts that stand for zero and for numbers beyond limits.
    """

    places: int
    trims: bool = False
    least: bool = False
    mark: str = "."
    keeps_mark: bool = False
    width: int = 0
    thousands: str = ""
    before: str = ""
    after: str = ""
    sign: str = ""
    outer: str = ""
    bare: bool = False
    letter: str = "f"
    power: str = ""
    minus: str = ""
    special: SpecialTexts = NO_SPECIAL

    @classmethod
    def parse(cls, text: str) -> "NumberFormat | None":
        """Return the format that a text describes, None if it describes none."""
        rest, special = SpecialTexts.split(text)
        if special:
            own = cls.parse(rest)
            return None if own is None else own.with_special(special)
        if (words := _WORDS.fullmatch(text)) is not None:
            own = cls.parse(words["rest"])
            if own is None or own.after or own.outer or words["after"] == words["minus"]:
                return None
            return replace(own, after=words["after"], minus=words["minus"], outer="words")
        found = _TEMPLATE.fullmatch(text)
        if found is None or found["thousands"][:1] == found["mark"]:
            return None
        places, letter, outer = int(found["places"]), found["letter"], found["outer"]
        before, after, sign = found["before"], found["after"], found["sign"]
        is_plain = letter == "f"
        if places > MOST_PLACES or (is_plain and found["power"]):
            return None
        if outer == "(":
            if not after.endswith(")"):
                return None
            after = after[:-1]
        elif not outer and before.endswith("(") and after.startswith(")"):
            outer, before, after = "inner", before[:-1], after[1:]
        elif not outer and after.endswith("-"):
            outer, after = "last", after[:-1]
        if outer == "+":
            outer, sign = "-", "+"
        if re.search(r"\d$", before) or re.match(r"\d", after):
            return None
        return cls(
            places=places,
            trims=bool(found["trims"]),
            least=bool(found["least"]),
            mark=found["mark"],
            keeps_mark=bool(found["keeps"]),
            width=int(found["width"] or 0),
            thousands=found["thousands"] or "",
            before=before,
            after=after,
            sign=sign,
            outer=outer if before or outer in ("(", "last") else "",
            bare=bool(found["bare"]),
            letter=letter,
            power="" if is_plain else found["power"] or "+00",
        )

    def __str__(self) -> str:
        power = "" if self.power == "+00" else self.power
        outer, sign = self.outer, self.sign
        if outer == "-" and sign == "+":
            outer, sign = "+", ""
        width = f"0{self.width}" if self.width else ""
        mark = f"{width}{self.mark * (1 + self.keeps_mark)}"
        number = (
            f"{sign}{'#' * self.bare}{self.thousands}{mark}{'1' * self.least}{'-' * self.trims}"
        )
        number = f"{{:{number}{self.places}{self.letter}{power}}}"
        start, end = _AROUND.get(outer, (outer, ""))
        if outer == "inner":
            return f"{self.before}({number}){self.after}{self.special}"
        if outer == "words":
            return f"{self.before}{number}[{self.after}|{self.minus}]{self.special}"
        return f"{start}{self.before}{number}{self.after}{end}{self.special}"

    @property
    def is_spelled(self) -> bool:
        """Return True if texts in this format are no plain numbers, which every program reads."""
        is_marked = self.thousands or self.mark == "," or self.sign == "\u2212"
        return bool(self.before or self.after or self.outer or is_marked or self.special)

    @cached_property
    def limits(self) -> list[Limit]:
        """Limits beyond which all numbers have one text."""
        read = replace(self, special=NO_SPECIAL)._plain
        found = (Limit.of(text, self.places, read) for text in self.special.limits)
        return [limit for limit in found if limit is not None]

    def with_special(self, special: SpecialTexts) -> "NumberFormat | None":
        """Return the format with special texts, None if one of these has no number."""
        made = replace(self, special=special)
        can_be_read = len(made.limits) == len(special.limits)
        return made if not special or (can_be_read and self.letter == "f") else None

    def spelled(self, numbers: "pd.Series") -> "pd.Series":
        """Write numbers as text; missing ones stay missing."""
        # A spec is checked without pandas, which is slow to import.
        import pandas as pd

        codes, distinct = pd.factorize(numbers)
        texts = [*(self.text(value) for value in distinct.tolist()), None]
        return pd.Series([texts[code] for code in codes], index=numbers.index, dtype=object)

    def text(self, number: Any) -> str:
        """Write one number."""
        # A float would lose digits of large integers.
        is_exact = isinstance(number, int) and self.letter == "f"
        exact = Decimal(number) if is_exact else number
        for limit in self.limits:
            if limit.has(exact):
                return limit.text
        text = format(abs(exact), f".{self.places}{self.letter}")
        digits, _, exponent = text.replace("E", "e").partition("e")
        whole, _, decimals = digits.partition(".")
        if self.trims:
            decimals = decimals.rstrip("0") or "0" * self.least
        if self.bare and whole == "0" and decimals:
            whole = ""
        is_zero = not re.search("[1-9]", digits)
        if is_zero and self.special.zero:
            return self.special.zero
        whole = _grouped(whole, self.thousands) if self.thousands else whole
        body = f"{whole}{self.mark}{decimals}" if decimals or self.keeps_mark else whole
        body = body.zfill(self.width)
        if self.power:
            body += f"{self.letter}{_exponent(int(exponent), self.power)}"
        is_negative = exact < 0 and not is_zero
        if is_negative and self.outer == "(":
            return f"({self.before}{body}{self.after})"
        if is_negative and self.outer == "inner":
            return f"{self.before}({body}){self.after}"
        sign = ("\u2212" if self.sign == "\u2212" else "-") if is_negative else ""
        if not sign and (self.sign == "+" or (self.sign == "±" and not is_zero)):
            sign = "+"
        if self.outer == "words":
            return f"{self.before}{body}{self.minus if is_negative else self.after}"
        if self.outer == "last":
            return f"{self.before}{body}{self.after}{sign}"
        if self.outer == "-":
            return f"{sign}{self.before}{body}{self.after}"
        return f"{self.before}{sign}{body}{self.after}"

    def plain(self, texts: Sequence[str]) -> list[str | None]:
        """Return texts as plain numbers such as ``-1234.50``, None for one in another format.

        Plain numbers are read, too, unless the format has another meaning for their point.
        """
        return [self._plain(text) for text in texts]

    def special_number(self, text: str) -> str | None:
        """Return the number for which a special text stands, None for other texts."""
        return self._special_numbers.get(squeezed(text)) if self.special else None

    @cached_property
    def _special_numbers(self) -> dict[str, str]:
        zero = {squeezed(self.special.zero): "0"} if self.special.zero else {}
        return zero | {squeezed(limit.text): str(limit.value) for limit in self.limits}

    def _plain(self, text: str) -> str | None:
        if (special := self.special_number(text)) is not None:
            return special
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        parts = found.groupdict()
        is_open = parts.get("open") is not None
        if is_open != (parts.get("close") is not None):
            return None
        signs = {parts["outer"], parts["sign"], parts.get("last")}
        is_negative = is_open or not signs.isdisjoint("-\u2212")
        if self.outer == "words":
            is_negative ^= (parts.get("word") or "") == self.minus.strip()
        number = parts["whole"]
        if self.thousands:
            number = number.replace(self.thousands[0], "")
        decimals = f".{parts['decimals']}" if parts["decimals"] else ""
        return f"{'-' * is_negative}{number or '0'}{decimals}{parts['power'] or ''}"

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Pattern of the texts in this format."""
        before, after = re.escape(self.before.strip()), re.escape(self.after.strip())
        group = re.escape(self.thousands[:1])
        groups = rf"(?:{group}\d{{3}})+"
        if len(self.thousands) > 1:
            groups = rf"(?:{group}\d{{2}})*{group}\d{{3}}"
        whole = rf"\d{{1,3}}{groups}|\d*" if group else r"\d*"
        signs = {outer: ("", "") for outer in ("(", "inner")}
        signs[self.outer] = r"(?P<open>\()?", r"(?P<close>\))?"
        (first, end), (opened, closed) = signs["("], signs["inner"]
        last = "(?P<last>[+\u2212-]?)" if self.outer == "last" else ""
        if self.outer == "words":
            after = rf"(?P<word>{after}|{re.escape(self.minus.strip())})"
        return re.compile(
            rf"\s*{first}(?P<outer>[+\u2212-]?)\s*(?:{before})?\s*{opened}\s*(?P<sign>[+\u2212-]?)\s*"
            rf"(?P<whole>{whole})(?:{re.escape(self.mark)}(?P<decimals>\d*))?"
            rf"(?<=[\d{re.escape(self.mark)}])(?P<power>[eE][+-]?\d{{1,3}})?"
            rf"{closed}\s*(?:{after})?{last}{end}\s*"
        )


def _grouped(whole: str, thousands: str) -> str:
    """Return the digits of a whole number with separators of thousands."""
    if len(thousands) == 1:
        return f"{int(whole):,}".replace(",", thousands) if whole else whole
    before, rest = whole[:-3], whole[-3:]
    pairs = [before[max(0, end - 2) : end] for end in range(len(before), 0, -2)]
    return thousands[0].join([*reversed(pairs), rest])


def _exponent(power: int, written: str) -> str:
    shortest = written.removeprefix("+")
    sign = "-" if power < 0 else "+" if written.startswith("+") else ""
    return f"{sign}{abs(power):0{len(shortest)}}"
