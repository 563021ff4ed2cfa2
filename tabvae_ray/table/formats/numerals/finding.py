"""Search for the format in which a column writes its numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from math import isfinite

from tabvae_ray.table.formats.numerals.number_format import MOST_PLACES, SEPARATORS, NumberFormat
from tabvae_ray.table.formats.numerals.shapes import (
    CURRENCY,
    ODD_SHARE,
    is_dash,
    is_limit,
    is_special,
    is_zero_in,
    sides_of,
    unit_of,
    usual,
)
from tabvae_ray.table.formats.numerals.special_texts import SpecialTexts, squeezed

__all__ = ["exact_among", "find_number_format"]

_CELL = re.compile(
    rf"(?P<open>\()?(?P<outer>[+\u2212-](?!\d|[.,]\d))?(?P<before>(?:{CURRENCY})\s?)?(?P<inner>\()?"
    rf"(?P<sign>[+\u2212-])?(?P<body>\d(?:[\d{SEPARATORS}]*\d)?\.?|[.,]\d+)"
    rf"(?:(?P<letter>[eE])(?P<power>[+-]?\d{{1,3}}))?(?(inner)\))"
    rf"(?P<after>\s?(?:[%‰]|{CURRENCY}))?(?P<last>-)?(?P<close>\))?"
)
_AMOUNT = re.compile(rf"{CURRENCY}|[.,]\d\d(?!\d)")
# Decimals of amounts of money.
_CENTS = 2
# So many amounts have the word of one side if that is the only one.
_MIN_SIDED = 10
# Separator of thousands and decimal mark, in the order in which they are tried.
_PLAIN = ("", ".")
_GROUPED = (
    *((",", "."), (".", ","), (" ", ","), (" ", "."), ("'", "."), ("\u2019", ".")),
    *(
        ("\u00a0", ","),
        ("\u202f", ","),
        ("\u00a0", "."),
        ("\u202f", "."),
        ("'", ","),
        ("\u2019", ","),
    ),
    *(("", ","), (",,", ".")),
)


def find_number_format(texts: Iterable[str]) -> NumberFormat | None:
    """Return the format in which a column has its numbers, None if there is no single one.

    Args:
        texts: The different texts of the column, without those that are missing.
    """
    cells = [text.strip() for text in texts]
    if any(map(is_special, cells)):
        return _with_special_texts(cells)
    if (made := _with_sides(cells)) is not None:
        return made
    if (unit := unit_of(cells)) is not None:
        return _with_unit(cells, unit)
    found = [cell for cell in map(_CELL.fullmatch, cells) if cell is not None]
    if not found or len(cells) - len(found) > ODD_SHARE * len(cells):
        return None
    before, after = (usual(cell[key] or "" for cell in found) for key in ("before", "after"))
    # Parentheses and signs at the end are for negative numbers. Where all have them, they are only
    # if these are amounts, such as the money out of an account.
    if all(cell["open"] or cell["inner"] or cell["last"] for cell in found):
        if not all(_AMOUNT.search(cell[0]) for cell in found):
            return None
    letters = {cell["letter"] for cell in found if cell["letter"]}
    kinds = {"open": "(", "inner": "inner", "last": "last", "outer": "-"}
    outer = next((kinds[key] for key in kinds if any(cell[key] for cell in found)), "")
    signs = [(cell["outer"] or cell["sign"] or "") for cell in found]
    bodies = [cell["body"] for cell in found]
    grouped = _parts(bodies, ",", ".")
    # A few large ones may be the only ones with a separator.
    are_grouped = grouped is not None and len(grouped) == len(bodies)
    for thousands, mark in _GROUPED if are_grouped else (_PLAIN, *_GROUPED):
        parts = _parts(bodies, thousands, mark)
        if parts is None:
            continue
        counts = Counter(len(decimals or "") for _, decimals in parts)
        places = max(counts)
        keeps_mark = mark == "." and any(decimals == "" for _, decimals in parts)
        most, n_most = counts.most_common(1)[0]
        trims = len(parts) - n_most > ODD_SHARE * len(parts)
        wholes = [whole for whole, _ in parts]
        # Codes without decimals keep their zeros as text.
        are_padded = places and not trims and any(re.match(r"0\d", whole) for whole in wholes)
        widths = {len(body) for body in bodies} if are_padded else set()
        made = NumberFormat(
            width=widths.pop() if len(widths) == 1 and max(map(len, bodies)) < 100 else 0,
            places=min(places if trims else most, MOST_PLACES),
            trims=trims,
            least=trims and min(counts) >= 1,
            mark=mark,
            keeps_mark=keeps_mark,
            thousands=thousands,
            before=before,
            after=after,
            sign=_plus(signs, bodies),
            outer=outer,
            bare=any(whole == "" for whole, _ in parts),
            letter=letters.pop() if len(letters) == 1 else "f",
            power=_power([cell["power"] for cell in found if cell["power"]]),
        )
        return made if _holds(made, cells) and not _are_codes(made, cells) else None
    return None


def exact_among(made: NumberFormat, texts: Iterable[str]) -> NumberFormat:
    """Return a format with those of its special texts alone that hold exactly in a column.

    The text of zero does if there is no other zero, and that of a limit if no number is beyond it
    and its own number is not the only one of its sign.

    Args:
        made: The format.
        texts: The different texts of the column.
    """
    if not made.special:
        return made
    plain = made.plain([text for text in texts if made.special_number(text) is None])
    numbers = [Decimal(text) for text in plain if text is not None]
    if not numbers:
        return made
    has_zero = 0 in numbers
    if made.special.zero:
        numbers.append(Decimal(0))
    least, most = min(numbers), max(numbers)
    kept = {
        limit.text
        for limit in made.limits
        if not (limit.has(least) or limit.has(most))
        if limit.value >= 0 or least < 0
        if limit.value <= 0 or most > 0
    }
    return replace(made, special=made.special.only(kept, zero=not has_zero))


def _with_special_texts(cells: Sequence[str]) -> NumberFormat | None:
    """Return the format of numbers among which texts stand for zero, or are beyond limits.

    Where this is not exact, a dash is no number, and limits are texts like any other.
    """
    made = find_number_format(cell for cell in cells if not is_special(cell))
    if made is None:
        return None
    limits = [cell for cell in cells if is_limit(cell)]
    is_low = [cell[0] in "<\u2264" for cell in limits]
    dash = _single(cell for cell in cells if is_dash(cell))
    zero = made.special.zero or (dash if is_zero_in(made, dash) else "")
    below = _single(cell for cell, low in zip(limits, is_low, strict=True) if low)
    above = _single(cell for cell, low in zip(limits, is_low, strict=True) if not low)
    whole = made.with_special(SpecialTexts(zero, below, above))
    if whole is not None:
        whole = exact_among(whole, cells)
        if all(whole.special_number(cell) is not None for cell in limits):
            return whole
    if len(limits) > ODD_SHARE * len(cells):
        return None
    return exact_among(replace(made, special=SpecialTexts(zero)), cells)


def _with_sides(cells: Sequence[str]) -> NumberFormat | None:
    """Return the format of amounts after which a word says whether they are paid in or out.

    Both words occur, and zeros alone have none, or many amounts of two decimals have that of debit
    among others without a word.
    """
    if (sides := sides_of(cells)) is None:
        return None
    made = find_number_format(sides.amounts)
    if made is None or made.after or made.outer or made.sign or made.special:
        return None
    bare = sum(not _is_zero(cell) for cell in sides.bare)
    if sides.plus is not None and bare:
        return None
    if sides.plus is None:
        are_cents = made.places == _CENTS and not made.trims
        if not (bare and are_cents and len(cells) - len(sides.bare) >= _MIN_SIDED):
            return None
    made = replace(made, after=sides.plus or "", minus=sides.minus, outer="words")
    zeros = {cell for cell in cells if _is_zero(cell)}
    if len(zeros) == 1 and made.text(0) not in zeros:
        made = replace(made, special=SpecialTexts(zeros.pop()))
    return made if _holds(made, cells) else None


def _with_unit(cells: Sequence[str], unit: str) -> NumberFormat | None:
    """Return the format of numbers before a unit that nearly all cells have."""
    made = find_number_format(cell.removesuffix(unit) for cell in cells if cell.endswith(unit))
    if made is None or made.after or made.outer == "(":
        return None
    made = replace(made, after=unit)
    return made if _holds(made, cells) else None


def _single(texts: Iterable[str]) -> str:
    """Return the only one of some texts, but for spaces; empty for others."""
    found = list(texts)
    return found[0] if len({*map(squeezed, found)}) == 1 else ""


def _is_zero(cell: str) -> bool:
    return re.fullmatch("[^1-9]*0[^1-9]*", cell) is not None


def _parts(bodies: Sequence[str], thousands: str, mark: str) -> list[tuple[str, str | None]] | None:
    """Split digits at the decimal mark; None if nearly all of them are not separated so."""
    group = re.escape(thousands[:1])
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})*" if thousands else r"\d*"
    if len(thousands) > 1:
        whole = rf"\d{{1,2}}(?:{group}\d{{2}})*{group}\d{{3}}|\d{{1,3}}"
    if thousands and not any(thousands[0] in body for body in bodies):
        return None
    pattern = re.compile(rf"({whole}|)(?:{re.escape(mark)}(\d*))?")
    found = [cell for cell in map(pattern.fullmatch, bodies) if cell is not None]
    # Groups of digits that begin with a zero are a telephone number or a code.
    if thousands:
        found = [cell for cell in found if not (thousands[0] in cell[1] and cell[1][0] == "0")]
    if len(bodies) - len(found) > ODD_SHARE * len(bodies):
        return None
    return [(cell[1], cell[2]) for cell in found]


def _plus(signs: Sequence[str], bodies: Sequence[str]) -> str:
    """Return the sign of positive numbers, as a format has it."""
    if "+" not in signs:
        return "\u2212" if "\u2212" in signs and "-" not in signs else ""
    zeros = {sign for sign, body in zip(signs, bodies, strict=True) if not re.search("[1-9]", body)}
    return "±" if "" in zeros else "+"


def _power(powers: Sequence[str]) -> str:
    """Return the shortest exponent of scientific notation, empty without any."""
    if not powers:
        return ""
    digits = min(len(power.lstrip("+-")) for power in powers)
    has_plus = any(power.startswith("+") for power in powers)
    return f"{'+' * has_plus}{'0' * digits}"


def _are_codes(made: NumberFormat, cells: Sequence[str]) -> bool:
    """Return True for groups of digits of one length, such as ``732 829 320``, and ``RM10030``."""
    if made.before[-1:].isalpha() and not (made.places or made.thousands):
        return True
    is_bare = not (made.before or made.after or made.places or made.letter != "f")
    grouped = made.thousands[:1] not in ("", ",")
    return is_bare and grouped and len({len(cell) for cell in cells}) == 1


def _holds(made: NumberFormat, cells: Sequence[str]) -> bool:
    """Return True if a format writes nearly all numbers as the cells have them."""
    odd = 0
    for cell, plain in zip(cells, made.plain(cells), strict=True):
        if plain is None:
            odd += 1
            continue
        value = float(plain)
        if not isfinite(value):
            odd += 1
            continue
        as_integer = made.letter == "f" and plain.lstrip("+-").isdigit()
        text = made.text(int(plain) if as_integer else value)
        if not value and made.outer == "words":
            # Zero may have either word.
            continue
        if text != cell and not value and re.search(r"[-\u2212(]", cell):
            # Rounding leaves -0.00, which is written as 0.00 or +0.00.
            cell, text = re.sub(r"[-\u2212()]", "", cell), text.replace("+", "")
        odd += text != cell
    return odd <= ODD_SHARE * len(cells)
