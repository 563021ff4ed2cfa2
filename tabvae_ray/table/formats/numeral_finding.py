"""Search for the format in which a column writes its numbers."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite

from tabvae_ray.table.formats.numerals import SEPARATORS, NumberFormat

__all__ = [
    "CURRENCY",
    "ZERO",
    "find_number_format",
    "is_default",
    "may_have_decimals",
    "usual_format",
]

CURRENCY = (
    r"[$€£¥₹₽₩₺₪฿₱₫₦₴]|Rs\.?|Rp\.?|RM|(?:A|C|CA|HK|NZ|R|S|US)\$|kr\.?|zł|Kč|Ft|Fr\.|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP"
    r"|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|SGD|THB|TRY|USD|ZAR"
)
_CELL = re.compile(
    rf"(?P<open>\()?(?P<outer>[+\u2212-](?!\d|[.,]\d))?(?P<before>(?:{CURRENCY})\s?)?(?P<inner>\()?"
    rf"(?P<sign>[+\u2212-])?(?P<body>\d(?:[\d{SEPARATORS}]*\d)?\.?|[.,]\d+)"
    rf"(?:(?P<letter>[eE])(?P<power>[+-]?\d{{1,3}}))?(?(inner)\))"
    rf"(?P<after>\s?(?:[%‰]|{CURRENCY}))?(?P<last>-)?(?P<close>\))?"
)
_AMOUNT = re.compile(rf"{CURRENCY}|[.,]\d\d(?!\d)")
# Zero, as spreadsheets write it among amounts.
ZERO = re.compile(rf"(?:{CURRENCY})\s*[-\u2013]|[-\u2013]\s*(?:{CURRENCY})")
# A number below or above a limit, such as one of detection.
_LIMIT = re.compile(r"(?P<side>[<>\u2264\u2265])\s?[\d.,].*")
# An amount of money paid in or out, and the words of these.
_SIDED = re.compile(r"(?P<body>.*\d)(?P<after>\s?(?P<word>[A-Za-z]{1,6}))")
_SIDES = (("cr", "dr"), ("cr", "db"), ("credit", "debit"), ("c", "d"), ("h", "s"))
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
# Separator of thousands and decimal mark, in the order in which they are tried.
_SEPARATIONS = (
    *(("", "."), (",", "."), (".", ","), (" ", ","), (" ", "."), ("'", "."), ("\u2019", ".")),
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
# A smaller share of the cells may be in another format.
_ODD_SHARE = 0.001
_MOST_PLACES = 30
# Where there is no single format, so many numbers say how many decimals there are.
_USUAL_SHARE = 0.99
_PLAIN = re.compile(r"-?\d+(?:\.(?P<decimals>\d+))?")


def find_number_format(texts: Iterable[str]) -> NumberFormat | None:
    """Return the format in which a column has its numbers, None if there is no single one.

    Args:
        texts: The different texts of the column, without those that are missing.
    """
    cells = [text.strip() for text in texts]
    zeros = [cell for cell in cells if ZERO.fullmatch(cell)]
    limits = [cell for cell in cells if _LIMIT.fullmatch(cell)]
    low = [cell for cell in limits if cell[0] in "<\u2264"]
    if len(zeros) > 1 or len(low) > 1 or len(limits) - len(low) > 1:
        return None
    if zeros or limits:
        made = find_number_format(cell for cell in cells if cell not in {*zeros, *limits})
        if made is None:
            return None
        high = [cell for cell in limits if cell not in low]
        whole = replace(made, zero="".join(zeros), below="".join(low), above="".join(high))
        if whole.has_limits and _holds(whole, cells):
            return whole
        # Beside zeros in digits, a dash is a missing value.
        return None if limits else made
    if (made := _sided(cells)) is not None:
        return made if _holds(made, cells) else None
    unit = _unit(cells)
    if unit is not None:
        plain = [cell.removesuffix(unit) for cell in cells if cell.endswith(unit)]
        made = find_number_format(plain)
        if made is None or made.after or made.outer == "(":
            return None
        made = replace(made, after=unit)
        return made if _holds(made, cells) else None
    found = [cell for cell in map(_CELL.fullmatch, cells) if cell is not None]
    if not found or len(cells) - len(found) > _ODD_SHARE * len(cells):
        return None
    before, after = (_usual(cell[key] or "" for cell in found) for key in ("before", "after"))
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
    # A few large ones may be the only ones with a separator.
    grouped = (any("," in body for body in bodies) and _parts(bodies, ",", ".")) or ()
    for thousands, mark in _SEPARATIONS[len(grouped) == len(bodies) :]:
        parts = _parts(bodies, thousands, mark)
        if parts is None:
            continue
        counts = Counter(len(decimals or "") for _, decimals in parts)
        places = max(counts)
        keeps_mark = mark == "." and any(decimals == "" for _, decimals in parts)
        usual, n_usual = counts.most_common(1)[0]
        trims = len(parts) - n_usual > _ODD_SHARE * len(parts)
        wholes = [whole for whole, _ in parts]
        # Codes without decimals keep their zeros as text.
        are_padded = places and not trims and any(re.match(r"0\d", whole) for whole in wholes)
        widths = {len(body) for body in bodies} if are_padded else set()
        made = NumberFormat(
            width=widths.pop() if len(widths) == 1 and max(map(len, bodies)) < 100 else 0,
            places=min(places if trims else usual, _MOST_PLACES),
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


def _sided(cells: Sequence[str]) -> NumberFormat | None:
    """Return the format of amounts after which a word says whether they are paid in or out.

    Both words occur, or the only one is that of some amounts among others without.
    """
    found = [_SIDED.fullmatch(cell) for cell in cells]
    texts = {cell["after"] for cell in found if cell is not None}
    words = {text.strip().lower(): text for text in texts}
    if len(words) != len(texts) or not words:
        return None
    if len(words) == 1 and None not in found:
        return None
    for plus, minus in _SIDES:
        if not words.keys() <= {plus, minus} or (len(words) == 1 and len(plus) == 1):
            continue
        if len(words) == 2 and None in found:
            return None
        bodies = [cell if of is None else of["body"] for cell, of in zip(cells, found, strict=True)]
        made = find_number_format(bodies)
        if made is None or made.after or made.outer or made.sign:
            return None
        # Seats and flats are numbers with a letter, too.
        if len(plus) == 1 and not made.places:
            return None
        # Among amounts without a word, either word is that of the other side.
        if len(words) == 1:
            return replace(made, minus=next(iter(words.values())), outer="words")
        return replace(made, after=words[plus], minus=words[minus], outer="words")
    return None


def _unit(cells: Sequence[str]) -> str | None:
    """Return the unit that nearly all of some numbers have, with a space before it if it has one.

    None if they have none, or are codes of one length.
    """
    found = [cell[1] for cell in map(_WITH_UNIT.fullmatch, cells) if cell is not None]
    if not found or len(cells) - len(found) > _ODD_SHARE * len(cells):
        return None
    usual = _usual(found)
    if len(cells) - found.count(usual) > _ODD_SHARE * len(cells) or _NO_UNIT.fullmatch(usual):
        return None
    lengths = {len(cell) for cell in cells}
    is_code = len(lengths) == 1 and lengths.pop() - len(usual) >= _CODE_DIGITS
    return None if is_code and all(cell.removesuffix(usual).isdigit() for cell in cells) else usual


def may_have_decimals(made: NumberFormat, texts: Sequence[str]) -> bool:
    """Return True if each comma of a column may be a decimal mark as well as a separator.

    Where a currency stands before numbers, a comma separates thousands.

    Args:
        made: Format in which it separates thousands.
        texts: The texts of the column.
    """
    if made.thousands != "," or made.places or made.before:
        return False
    # Prices of a unit, such as 1,459 €, may have three decimals, but hardly differ in length.
    wholes = {len(re.sub(r"\D", "", text.partition(",")[0])) for text in texts}
    if len(wholes) > 1 and re.fullmatch(CURRENCY, made.after.strip()):
        return False
    return all(text.count(",") == 1 for text in texts)


def is_default(texts: Sequence[str], *, whole: bool) -> bool:
    """Return True if pandas writes the numbers of some texts as these texts.

    Args:
        texts: Plain numbers.
        whole: Whether the column has integers.
    """
    try:
        return all((str(int(text)) if whole else repr(float(text))) == text for text in texts)
    except ValueError:
        return False


def usual_format(texts: Sequence[str]) -> NumberFormat | None:
    """Return the format of most of some plain numbers that have no single one.

    It keeps the decimals of nearly all. None if most are written as pandas writes them, or in
    another form.

    Args:
        texts: The different texts of the column.
    """
    found = [_PLAIN.fullmatch(text) for text in texts]
    parts = [cell["decimals"] or "" for cell in found if cell is not None]
    if not parts or len(parts) < len(texts):
        return None
    places = max(map(len, parts))
    if places > _MOST_PLACES:
        return None
    # A few odd cells may have more decimals.
    usual = sorted(map(len, parts))[int(_USUAL_SHARE * (len(parts) - 1))]
    best, most = None, sum(repr(float(text)) == text for text in texts)
    for made in (
        NumberFormat(places, trims=True),
        NumberFormat(places),
        *((NumberFormat(usual, trims=True), NumberFormat(usual)) if usual < places else ()),
    ):
        count = sum(made.text(float(text)) == text for text in texts)
        if count > most:
            best, most = made, count
    return best


def _usual(texts: Iterable[str]) -> str:
    return Counter(texts).most_common(1)[0][0]


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
    if len(bodies) - len(found) > _ODD_SHARE * len(bodies):
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
        if text != cell and not value and re.search(r"[-\u2212(]", cell):
            # Rounding leaves -0.00, which is written as 0.00 or +0.00.
            cell, text = re.sub(r"[-\u2212()]", "", cell), text.replace("+", "")
        odd += text != cell
    return odd <= _ODD_SHARE * len(cells)
