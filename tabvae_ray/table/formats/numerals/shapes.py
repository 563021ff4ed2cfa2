"""Tell what cells of a column of numbers look like: special texts, words of amounts, units."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.special_texts import NO_SPECIAL, SpecialTexts

__all__ = [
    "CURRENCY",
    "DASHES",
    "ODD_SHARE",
    "Sides",
    "is_dash",
    "is_limit",
    "is_numeral",
    "is_special",
    "is_zero_in",
    "may_have_decimals",
    "sides_of",
    "unit_of",
    "unnamed_special",
    "usual",
    "with_dash",
]

CURRENCY = (
    r"[$€£¥₹₽₩₺₪฿₱₫₦₴]|Rs\.?|Rp\.?|RM|(?:A|C|CA|HK|NZ|R|S|US)\$|kr\.?|zł|Kč|Ft|Fr\.|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP"
    r"|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|SGD|THB|TRY|USD|ZAR"
)
# A smaller share of the cells may be in another format.
ODD_SHARE = 0.001
# Zero, as spreadsheets write it among amounts: a dash with the currency of these.
DASHES = "-\u2013"
_DASH = re.compile(rf"(?:{CURRENCY})\s*[{DASHES}]|[{DASHES}]\s*(?:{CURRENCY})")
# A number below or above a limit, such as one of detection.
_LIMIT = re.compile(rf"(?:[<>]=?|[\u2264\u2265])\s?(?:(?:{CURRENCY})\s?)?[\d.,].*")
# An amount of money paid in or out, and the words of these.
_SIDED = re.compile(r"(?P<amount>.*\d)(?P<after>\s?[A-Za-z]{2,6})")
_SIDES = (("cr", "dr"), ("cr", "db"), ("credit", "debit"))
# A number and a unit: words after a space, or a word of two letters or one of the usual letters.
_WITH_UNIT = re.compile(
    r"[+-]?[\d.,][\d.,' \u00a0\u202f]*?("
    r"\s[A-Za-z\u00b5\u03bc°Ω][^\d\s]{0,9}(?:\s[^\d\s]{1,9})?[²³23]?"
    r"|[a-z\u00b5\u03bc°][^\d\s]{1,9}[²³23]?|[A-Z][a-z]{1,3}|[dghklmsx°])"
)
# Currencies have a rule of their own; the others belong to times and dates.
_NO_UNIT = re.compile(
    rf"\s?(?:{CURRENCY}|[AaPp][Mm]|[Dd]ays?|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*)"
)
# So many digits of one length are a code rather than an amount.
_CODE_DIGITS = 6


class Sides(NamedTuple):
    """Words after amounts that are paid in or out.

    Args:
        plus: Text after positive amounts, None if there is none.
        minus: Text after negative amounts.
        amounts: The cells without these words.
        bare: Cells that have neither.
    """

    plus: str | None
    minus: str
    amounts: list[str]
    bare: list[str]


def is_numeral(text: str) -> bool:
    """Return True for a text that may stand for a number."""
    return re.search(r"\d", text) is not None or is_dash(text.strip())


def is_dash(text: str) -> bool:
    """Return True for the zero of a spreadsheet, such as ``$ -``."""
    return _DASH.fullmatch(text) is not None


def is_limit(text: str) -> bool:
    """Return True for numbers beyond a limit, such as ``<0.5``."""
    return _LIMIT.fullmatch(text) is not None


def is_special(text: str) -> bool:
    """Return True for a text that may stand for zero, or for numbers beyond a limit."""
    return is_dash(text) or is_limit(text)


def is_zero_in(made: NumberFormat, dash: str) -> bool:
    """Return True if a dash has the currency of a format, so that it is zero there."""
    currency = (made.before or made.after).strip()
    return made.letter == "f" and dash.strip(f"{DASHES} \u00a0\u202f") == currency


def unnamed_special(made: NumberFormat, text: str) -> str | None:
    """Return the number of a text such as ``>112`` or ``$ -`` that a format does not name.

    None if it is something else.
    """
    special = NO_SPECIAL
    if is_limit(text):
        is_low = text[0] in "<\u2264"
        special = SpecialTexts(below=text) if is_low else SpecialTexts(above=text)
    elif is_dash(text) and is_zero_in(made, text):
        special = SpecialTexts(zero=text)
    whole = made.with_special(special)
    return None if whole is None else whole.special_number(text)


def with_dash(made: NumberFormat) -> NumberFormat:
    """Return a format of amounts that reads a dash with their currency as zero."""
    dash = f"{made.before.strip()}-{made.after.strip()}"
    if made.special.zero or not is_dash(dash):
        return made
    return made.with_special(replace(made.special, zero=dash)) or made


def sides_of(cells: Sequence[str]) -> Sides | None:
    """Return the words that say whether amounts are paid in or out; None without that of debit.

    A word alone may be a unit, such as ``Cr`` for ten million rupees, and ``dB`` is always one.
    """
    found = [_SIDED.fullmatch(cell) for cell in cells]
    texts = {cell["after"] for cell in found if cell is not None}
    words = {text.strip().lower(): text for text in texts}
    if len(words) != len(texts) or any(text.strip() == "dB" for text in texts):
        return None
    for plus, minus in _SIDES:
        if minus in words and words.keys() <= {plus, minus}:
            pairs = list(zip(cells, found, strict=True))
            amounts = [cell if of is None else of["amount"] for cell, of in pairs]
            bare = [cell for cell, of in pairs if of is None]
            return Sides(words.get(plus), words[minus], amounts, bare)
    return None


def unit_of(cells: Sequence[str]) -> str | None:
    """Return the unit that nearly all of some numbers have, with a space before it if it has one.

    None if they have none, or are codes of one length.
    """
    found = [cell[1] for cell in map(_WITH_UNIT.fullmatch, cells) if cell is not None]
    if not found or len(cells) - len(found) > ODD_SHARE * len(cells):
        return None
    unit = usual(found)
    if len(cells) - found.count(unit) > ODD_SHARE * len(cells) or _NO_UNIT.fullmatch(unit):
        return None
    lengths = {len(cell) for cell in cells}
    is_code = len(lengths) == 1 and lengths.pop() - len(unit) >= _CODE_DIGITS
    return None if is_code and all(cell.removesuffix(unit).isdigit() for cell in cells) else unit


def may_have_decimals(made: NumberFormat, texts: Sequence[str]) -> bool:
    """Return True if each comma of a column may be a decimal mark as well as a separator.

    Where a currency stands before numbers, a comma separates thousands.

    Args:
        made: Format in which it separates thousands.
        texts: The texts of the column.
    """
    if made.thousands != "," or made.places or made.before:
        return False
    texts = [text for text in texts if not is_special(text)]
    # Prices of a unit, such as 1,459 €, may have three decimals, but hardly differ in length.
    wholes = {len(re.sub(r"\D", "", text.partition(",")[0])) for text in texts}
    if len(wholes) > 1 and re.fullmatch(CURRENCY, made.after.strip()):
        return False
    return all(text.count(",") == 1 for text in texts)


def usual(texts: Iterable[str]) -> str:
    """Return the most frequent text."""
    return Counter(texts).most_common(1)[0][0]
