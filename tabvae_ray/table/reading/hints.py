"""Warnings of what text in a CSV file, or in a text column, may be."""

import re
from collections.abc import Callable

import pandas as pd

from tabvae_ray.table.formats.finding import possible_formats
from tabvae_ray.table.formats.numerals.shapes import CURRENCY
from tabvae_ray.table.reading.cells import Cells, Mask
from tabvae_ray.table.reading.odd_dates import moments_among

__all__ = [
    "CODE",
    "MARKED_MIN_DISTINCT",
    "MARKED_MIN_SHARE",
    "USUAL_MARKED_MIN_SHARE",
    "USUAL_MARKERS",
    "Say",
    "listed",
    "say_if_without_format",
    "say_markers",
    "say_what_it_may_be",
]

# Text in a column of numbers or moments is a marker of missing values if it is this rare.
MARKED_MIN_SHARE = 0.9
# Such words stand for a missing value wherever there are numbers or moments, however many do.
USUAL_MARKERS = frozenset(
    "?|??|-|--|---|.|..|...|*|unknown|unk|not known|undefined|unspecified|n.a.|n.a|n/a|na|nan|nil"
    "|null|(null)|none|<none>|missing|blank|(blank)|empty|(empty)|not available|not applicable"
    "|not reported|not recorded|not stated|no answer|no data|no response|refused|declined|pending"
    "|tbd|unbekannt|keine angabe|k.a.|k. a.|inconnu|desconocido|sconosciuto|#ref!|#value!|#div/0!"
    "|#num!|#name?|#null!|#n/a!".split("|")
)
USUAL_MARKED_MIN_SHARE = 0.5
# More different texts beside numbers are text of which some happens to be digits.
_MOST_OTHERS = 20
# Few different ones may have digits, such as <0.1.
_FEW_OTHERS = 5
# Fewer different numbers than this, beside text, are categories.
MARKED_MIN_DISTINCT = 10
CODE = r"^0\d+(\.\d+)?$|^\+\d{7,}$"
# Numbers with separators of thousands, a decimal comma, a percent sign or a currency.
_SPELLED_NUMBER = (
    rf"^\s*[(]?[+-]?\s*({CURRENCY})?\s*[+-]?\d{{1,3}}(,?\d+)*([.,' ]\d{{3}})*([.,]\d+)?\s*"
    rf"(%|{CURRENCY})?[)]?\s*$"
)
# A number with decimals, and the unit after it.
_WITH_UNIT = r"^[+-]?\d[\d,' ]*[.,]\d+\s?([A-Za-z%°µ]{1,6})$"
# A code, or an amount with a currency.
_LETTERS_AND_DIGITS = r"^([A-Za-zčł]+)[+-]?\d+$"

Say = Callable[[str], None]


def say_markers(cells: Cells, fits: Mask, odd: Mask, noun: str, say: Say) -> None:
    """Warn that the odd texts of a column are taken for missing."""
    share = cells.count(fits) / cells.count(fits | odd)
    percent = min(share, 0.999)
    say(
        f"{percent:.1%} of its cells are {noun}, so the {cells.count(odd):,} that read "
        f"{listed(cells.words(odd))} are taken for missing; declare it categorical with dtype str "
        "in the spec to keep them as text"
    )


def say_what_it_may_be(cells: Cells, rest: Mask, numbers: Mask, say: Say) -> None:
    """Warn of text that looks like numbers."""
    spelled = cells.match(_SPELLED_NUMBER) & rest & ~numbers & ~cells.match(CODE)
    odd = rest & ~numbers & ~spelled
    total, n_odd = cells.count(rest), cells.count(odd)
    is_many = int((numbers | spelled).sum()) > MARKED_MIN_DISTINCT
    if spelled.any() and is_many and n_odd <= (1 - MARKED_MIN_SHARE) * total:
        example = cells.words(spelled)[0]
        code = re.fullmatch(_LETTERS_AND_DIGITS, example)
        if code is not None and (cells.match(_LETTERS_AND_DIGITS) | ~spelled).all():
            say(
                f"its cells, such as {example[:40]!r}, may be codes or amounts, so it is read as "
                f"text; declare {{kind: continuous, format: '{code[1]}{{:.0f}}'}} in the spec if "
                "they are amounts"
            )
            return
        say(
            f"it looks like numbers with {_spelling(example)}, such as {example[:40]!r}, but not "
            "all of them are in one format, so it is read as text; declare {kind: continuous, "
            "format: '{:,.2f}'} in the spec, or write plain numbers such as 1234.5"
        )
    elif examples := _of_several_units(cells, rest):
        say(
            f"its cells are numbers with several units, such as {listed(examples)}, so it is read "
            "as text; write all in one unit, or the unit in a column of its own"
        )
    elif int(numbers.sum()) > MARKED_MIN_DISTINCT and (
        cells.count(numbers) >= MARKED_MIN_SHARE * total
        or (
            cells.count(numbers) >= USUAL_MARKED_MIN_SHARE * total
            and int(odd.sum()) <= _MOST_OTHERS
            and (int(odd.sum()) <= _FEW_OTHERS or not bool((cells.match(r"\d") & odd).any()))
        )
    ):
        say(
            f"{min(cells.count(numbers) / total, 0.999):.1%} of its cells are numbers, but "
            f"{n_odd:,} are not, such as {listed(cells.words(odd))}, so it is read as text; "
            "name them under missing_values in the spec, or clean them"
        )
    else:
        moments, noun = moments_among(cells, rest)
        others = rest & ~moments
        is_most = cells.count(moments) >= USUAL_MARKED_MIN_SHARE * total
        if int(moments.sum()) > MARKED_MIN_DISTINCT and is_most and 0 < others.sum() <= _FEW_OTHERS:
            say(
                f"{min(cells.count(moments) / total, 0.999):.1%} of its cells are {noun}, but "
                f"{cells.count(others):,} are not, such as {listed(cells.words(others))}, so it is "
                "read as text; name them under missing_values in the spec, or clean them"
            )


def _of_several_units(cells: Cells, rest: Mask) -> list[str]:
    """Return an example of each unit if nearly all of many texts are numbers with one of a few."""
    chosen = cells.match(_WITH_UNIT) & rest
    if int(chosen.sum()) <= MARKED_MIN_DISTINCT:
        return []
    if cells.count(chosen) < MARKED_MIN_SHARE * cells.count(rest):
        return []
    by_unit: dict[str, str] = {}
    for word in cells.words(chosen):
        found = re.match(_WITH_UNIT, word)
        if found is not None:
            by_unit.setdefault(found[1], word)
    return list(by_unit.values()) if 1 < len(by_unit) <= _FEW_OTHERS else []


def _spelling(number: str) -> str:
    """Return what a number has that plain numbers have not."""
    if "%" in number:
        return "percent signs"
    if re.search(r"[$€£¥A-Z]", number):
        return "a currency"
    return "thousands separators" if re.search(r"[,.' ]\d{3}(?!\d)", number) else "decimal commas"


def say_if_without_format(dates: pd.Series, noun: str, say: Say) -> None:
    """Warn of text that looks like dates, but is in no format or in several."""
    if dates.nunique() >= MARKED_MIN_DISTINCT and not possible_formats(dates, is_date=True):
        example = str(dates.dropna().iloc[0])
        say(
            f"it looks like {noun}, such as {example:.40}, but not all of them are in one format, "
            "or some have a time zone and some have none, so it is read as text"
        )


def listed(words: list[str]) -> str:
    """Return the first of some texts, each in quotes and cut where it is long."""
    shown = [repr(word if len(word) <= 20 else f"{word[:20]}...") for word in words[:3]]
    return ", ".join(shown) + ("..." if len(words) > 3 else "")
