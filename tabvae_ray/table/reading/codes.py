"""Columns of a CSV file whose numbers are names, such as the codes 038.9 and 00501."""

import re
from decimal import Decimal

import pandas as pd

from tabvae_ray.table.formats.numerals.finding import find_number_format
from tabvae_ray.table.formats.numerals.plain_numbers import is_default
from tabvae_ray.table.reading.cells import Cells, Mask
from tabvae_ray.table.reading.csv_file import CsvFile
from tabvae_ray.table.reading.hints import CODE, Say

__all__ = ["are_codes", "are_long", "are_long_decimals", "are_versions", "may_be_names"]

# Numbers of more different texts are amounts.
_MOST_VERSIONS = 20
# So often, on average, each of them must stand in the column.
_MEAN_COUNT = 5
# Texts in a smaller share of the cells are slips, which are no evidence.
_MIN_SHARE = 0.01
# Counters after the point are no further from the nearest other one.
_LARGEST_GAP = 2
# A smaller share of numbers with leading zeros is an accident in a column of numbers.
_LEADING_ZEROS_MIN_SHARE = 0.005
# So many cells of a column of decimals are looked at for leading zeros.
_LOOKED_AT = 10_000
# A code may have a point.
_DIGITS = r"^\+?\d+(\.\d+)?$"


def may_be_names(file: CsvFile, plain: pd.Series) -> bool:
    """Return True for decimals of which few differ, or of which one begins as 038.9 does.

    Args:
        file: The file.
        plain: The column as pandas reads it.
    """
    if not pd.api.types.is_float_dtype(plain.dtype):
        return False
    if plain.nunique() <= _MOST_VERSIONS:
        return True
    return any(re.match(r"0\d", text) for text in file.texts(str(plain.name), _LOOKED_AT))


def are_codes(cells: Cells, gone: Mask | None = None) -> bool:
    """Return True if the column has digits whose leading zeros, or whose length, tell something.

    Args:
        cells: The cells.
        gone: Those that are missing, beside blank ones; null words if None.
    """
    codes = cells.match(CODE)
    if not codes.any():
        return False
    rest = ~(cells.are_null_words if gone is None else gone) & ~cells.are_blank
    if not cells.match(_DIGITS)[rest].all():
        return False
    words, total = cells.words(rest), cells.count(rest)
    is_usual = cells.count(codes) >= _LEADING_ZEROS_MIN_SHARE * total
    if cells.match(r"\.")[rest].any():
        # Amounts may have zeros before them, too, but repeat rarely.
        return is_usual and total >= _MEAN_COUNT * len(words)
    return is_usual or len({len(text) for text in words}) == 1


def are_long(cells: Cells, fits: Mask) -> bool:
    """Return True if the column has only integers, and some need more than 64 bits."""
    if not cells.match(r"^[+-]?\d+$")[fits].all():
        return False
    values = [Decimal(text) for text in cells.words(cells.match(r"^[+-]?\d{19,}$") & fits)]
    negative = bool((cells.match("^-") & fits).any())
    limit = 2**63 if negative else 2**64
    return any(not -(2**63) <= value < limit for value in values)


def are_long_decimals(cells: Cells) -> bool:
    """Return True if the column has decimals of one length with more digits than float64 has."""
    rest = ~cells.are_null_words & ~cells.are_blank
    if not (cells.match(r"^[+-]?[\d.]{19,77}$") & rest).any():
        return False
    return len({len(text.partition(".")[2]) for text in cells.words(rest)}) == 1


def are_versions(cells: Cells, say: Say) -> bool:
    """Return True if the digits after the point count past nine, as in 1.9 and 1.10; say so.

    Numbers as text would lose the zero of 1.10. Amounts that are written in two ways, such as 0.5
    and 0.50, stay numbers.

    Args:
        cells: The cells.
        say: Called with a warning.
    """
    rest = ~cells.are_null_words & ~cells.are_blank
    if not rest.any() or not (cells.match(r"^\d+(\.\d+)?$") | ~rest).all():
        return False
    total = cells.count(rest)
    texts = cells.words(rest & (cells.counts >= _MIN_SHARE * total))
    if len(texts) > _MOST_VERSIONS or total < _MEAN_COUNT * len(texts):
        return False
    if is_default(texts, whole=False) or find_number_format(texts) is not None:
        return False
    if (pair := _counted_past_nine(texts)) is None:
        return False
    say(
        f"its numbers have no single form, such as {pair[0]} and {pair[1]}, so they are read as "
        "text; declare kind continuous in the spec if they are amounts"
    )
    return True


def _counted_past_nine(texts: list[str]) -> tuple[str, str] | None:
    """Return two texts such as 1.9 and 1.10, the second with a counter that ends in a zero.

    None if there are no such texts, or if the digits after the point are no counters.
    """
    minors: dict[str, list[str]] = {}
    for text in texts:
        major, point, minor = text.partition(".")
        if point:
            minors.setdefault(major, []).append(minor)
    pair = None
    for major, found in minors.items():
        if any(minor != "0" and minor.startswith("0") for minor in found):
            return None
        counters = sorted(map(int, found))
        # Amounts with several decimals are spread over 10 to 99.
        if any(
            counter > 9 and not any(0 < abs(counter - other) <= _LARGEST_GAP for other in counters)
            for counter in counters
        ):
            return None
        ends = [counter for counter in counters if counter > 9 and counter % 10 == 0]
        if ends and counters[0] <= 9:
            before = max(counter for counter in counters if counter < ends[0])
            pair = f"{major}.{before}", f"{major}.{ends[0]}"
    return pair
