"""Candidates of fiscal years and quarters: parts of dates that count some months later."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import ColumnView, Floats, TableView
from tabvae_ray.table.rules.finding.dates.pairs import AGREEING, is_known_enough, is_span
from tabvae_ray.table.rules.forms.date_text import SHIFTED_TEXTS, DateText
from tabvae_ray.table.rules.forms.formula import DatePart
from tabvae_ray.table.rules.forms.parts import Part

__all__ = ["fiscal_parts", "fiscal_texts"]

# Months that a part of the year begins again after; years do not.
_PARTS: dict[Part, int] = {"year": 0, "quarter": 3, "month": 1, "half-year": 6}
# In fewer months one of many beginnings of a year fits by chance.
_MIN_MONTHS = 10
_PATTERNS = {"%Y": r"\d{4}", "%y": r"\d\d", "%n": r"\d\d", "%N": r"\d{4}", "%q": "[1-4]"}


def fiscal_parts(
    moments: Sequence[ColumnView], numbers: Sequence[ColumnView], some: TableView
) -> Iterator[DatePart]:
    """Yield numbers that are years, quarters or months of a year that begins in another month.

    Args:
        moments: The columns of moments.
        numbers: The columns of numbers.
        some: Rows that candidates are looked for in.
    """
    for moment in moments:
        months = _months_of(some[moment.name])
        if months is None:
            continue
        for number in numbers:
            own = some[number.name].numbers
            assert own is not None
            known = ~(np.isnan(own) | np.isnan(months))
            if not is_known_enough(known):
                continue
            for part, length in _PARTS.items():
                for later in range(1, 12):
                    counted = months[known] + later
                    made = counted // 12 if not length else counted % 12 // length + 1
                    apart = own[known] - made
                    # A year may be named by its beginning or by its end.
                    offset = round(float(np.median(apart))) if not length else 0
                    if (apart == offset).mean() < AGREEING:
                        continue
                    back = offset == -1
                    yield DatePart(
                        column=number.name,
                        of=moment.name,
                        part=part,
                        offset=0 if back else offset,
                        months=later - 12 if back else later,
                    )


def fiscal_texts(
    moments: Sequence[ColumnView], labelled: Sequence[ColumnView], some: TableView
) -> Iterator[DateText]:
    """Yield categories that are fiscal years and quarters as text.

    Args:
        moments: The columns of moments.
        labelled: The columns of categories that are text.
        some: Rows that candidates are looked for in.
    """
    for view in labelled:
        for written in SHIFTED_TEXTS:
            pattern = re.sub("%.", lambda found: _PATTERNS[found[0]], written)
            fit = [re.fullmatch(pattern, str(each)) is not None for each in view.column.categories]
            if np.mean(fit) < AGREEING:
                continue
            for moment in moments:
                if _months_of(some[moment.name]) is None:
                    continue
                for later in (*range(1, 12), *range(-11, 0)):
                    rule = DateText(column=view.name, of=moment.name, format=written, months=later)
                    if rule.broken(some).mean() <= 1 - AGREEING:
                        yield rule


def _months_of(view: ColumnView) -> Floats | None:
    """Return ``(N,)`` months since the year 0, NaN where missing; None if they are too few."""
    assert view.moments is not None and view.seconds is not None
    if is_span(view.seconds):
        return None
    wall = wall_clock(view.moments)
    months: Floats = (12 * wall.dt.year + wall.dt.month - 1).to_numpy(np.float64, na_value=np.nan)
    return months if len(np.unique(months[~np.isnan(months)])) >= _MIN_MONTHS else None
