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
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SEPARATORS", "NumberFormat"]

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
# What stands for zero, and for numbers below and above a limit.
_SPECIAL = re.compile(
    r"(?P<rest>.*?)(?:\[0=(?P<zero>[^][{}]+)\])?(?:\[(?P<below>[<\u2264][^][{}]+)\])?"
    r"(?:\[(?P<above>[>\u2265][^][{}]+)\])?"
)
_WORDS = re.compile(r"(?P<rest>.*\})\[(?P<after>[^][{}|\d]*)\|(?P<minus>[^][{}|\d]*)\]")
_MOST_PLACES = 30
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
        zero: Text of zero, empty if it is written like other numbers.
        below: Text of all numbers below the one that it has, such as ``<0.5``; may be empty.
        above: The same of all numbers above it.
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
    zero: str = ""
    below: str = ""
    above: str = ""

    @classmethod
    def parse(cls, text: str) -> "NumberFormat | None":
        """Return the format that a text describes, None if it describes none."""
        special = _SPECIAL.fullmatch(text)
        if special is not None and special["rest"] != text:
            own = cls.parse(special["rest"])
            if own is None:
                return None
            zero, below, above = (special[key] or "" for key in ("zero", "below", "above"))
            made = replace(own, zero=zero, below=below, above=above)
            return made if made.has_limits else None
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
        if places > _MOST_PLACES or (is_plain and found["power"]):
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
        special = "".join(f"[{text}]" for text in (self.below, self.above) if text)
        if self.zero:
            special = f"[0={self.zero}]{special}"
        if outer == "inner":
            return f"{self.before}({number}){self.after}{special}"
        if outer == "words":
            return f"{self.before}{number}[{self.after}|{self.minus}]{special}"
        return f"{start}{self.before}{number}{self.after}{end}{special}"

    @property
    def is_spelled(self) -> bool:
        """Return True if texts in this format are no plain numbers, which every program reads."""
        is_marked = self.thousands or self.mark == "," or self.sign == "\u2212"
        is_special = self.zero or self.below or self.above
        return bool(self.before or self.after or self.outer or is_marked or is_special)

    @property
    def has_limits(self) -> bool:
        """Return True if the texts of numbers beyond limits have these limits in this format."""
        limits = [self.limits[i] for i, text in enumerate((self.below, self.above)) if text]
        return self.letter == "f" and not any(limit is None for limit in limits)

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
        text = format(abs(exact), f".{self.places}{self.letter}")
        if (special := _special_text(self, text, is_negative=exact < 0)) is not None:
            return special
        digits, _, exponent = text.replace("E", "e").partition("e")
        whole, _, decimals = digits.partition(".")
        if self.trims:
            decimals = decimals.rstrip("0") or "0" * self.least
        if self.bare and whole == "0" and decimals:
            whole = ""
        is_zero = not re.search("[1-9]", digits)
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

    @cached_property
    def limits(self) -> tuple[Decimal | None, Decimal | None]:
        """Limits below and above which numbers have a text of their own, None without."""
        plain = replace(self, zero="", below="", above="")
        texts = [plain._plain(text[1:].strip()) for text in (self.below, self.above)]
        low, high = (None if text is None else Decimal(text) for text in texts)
        return low, high

    def _plain(self, text: str) -> str | None:
        if self.zero or self.below or self.above:
            special = _plain_of_special(self, text.strip())
            if special is not None:
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


def _special_text(made: NumberFormat, digits: str, *, is_negative: bool) -> str | None:
    """Return the text that stands for a rounded number, None if that is written in digits."""
    if not (made.zero or made.below or made.above) or made.letter != "f":
        return None
    number, (low, high) = Decimal(digits), made.limits
    number = -number if is_negative else number
    if low is not None and (number < low or (number == low and made.below[0] != "<")):
        return made.below
    if high is not None and (number > high or (number == high and made.above[0] != ">")):
        return made.above
    return made.zero if made.zero and number == 0 else None


def _plain_of_special(made: NumberFormat, text: str) -> str | None:
    """Return the number that a text stands for: of those beyond a limit, the next one."""
    if made.zero and text == made.zero.strip():
        return "0"
    for own, limit, sign in zip((made.below, made.above), made.limits, (-1, 1), strict=True):
        if limit is not None and text == own.strip():
            step = Decimal(1).scaleb(-made.places) if own[0] in "<>" else 0
            return str(limit + sign * step)
    return None


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
