"""Date-times as text of a category, such as a month or the name of a weekday."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import Codes, Label, TableView
from tabvae_ray.table.rules.forms.bins import LabelRule
from tabvae_ray.table.rules.forms.dates import moved
from tabvae_ray.table.rules.forms.parts import later
from tabvae_ray.table.values.offsets import Offset

__all__ = ["DATE_TEXTS", "SHIFTED_TEXTS", "DateText"]

# Years and quarters, which are also looked for some months later or earlier.
_YEARS = (
    *("FY%Y", "FY%y", "FY %Y", "FY %y", "%Y/%n", "%Y-%n", "FY%Y/%n", "FY%Y-%n"),
    *("%Y/%N", "%Y-%N", "FY%Y/%N", "FY%Y-%N"),
    *("FY%Y-Q%q", "FY%Y Q%q", "FY%YQ%q", "FY%y-Q%q", "FY%y Q%q", "FY%yQ%q"),
    *("Q%q FY%Y", "Q%q FY%y", "Q%q-FY%Y", "Q%q-FY%y"),
)
_QUARTERS = ("%Y-Q%q", "%YQ%q", "%Y Q%q", "Q%q %Y", "Q%q-%Y", "Q%q")
SHIFTED_TEXTS = (*_YEARS, *_QUARTERS)
# As those of strftime; %q is the quarter, %N the next year, and %n are its last two digits.
DATE_TEXTS = (
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%m-%Y",
    "%m/%y",
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%B %Y",
    "%b %Y",
    "%b-%y",
    "%b-%Y",
    "%B",
    "%b",
    "%A",
    "%a",
    *_QUARTERS,
    *_YEARS,
    "%G-W%V",
    "W%V",
    "%H:00",
    "%H%M",
    "%p",
)
# Parts of formats that strftime does not know.
_OWN = re.compile("(%q|%n|%N)")


class DateText(LabelRule):
    """``column`` is a date-time in a text format.

    Args:
        of: The date-time.
        format: As for strftime, and ``%q`` for the quarter, ``%n`` for the next year.
        months: How many months later the date-time counts, as in a fiscal year.
    """

    kind: Literal["date text"] = "date text"
    of: str
    format: str
    months: int = Field(0, ge=-11, le=11)

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    def coded(self, table: TableView) -> tuple[Codes, Sequence[Label | None]]:
        """Return ``(N,)`` places of the expected texts, -1 where the moment is missing."""
        moments = table[self.of].moments
        assert moments is not None
        if self.months:
            moments = moved(moments, [Offset(count=self.months, unit="months")])
        wall = wall_clock(moments)
        hourly = "%H" in self.format or "%p" in self.format
        # Few different days or hours are written, not every row.
        unit = "min" if "%M" in self.format else "h" if hourly else "D"
        codes, distinct = pd.factorize(wall.dt.floor(unit))
        return codes.astype(np.int64), texts_of(pd.Series(distinct), self.format)

    def __str__(self) -> str:
        return f"{self.column} = {later(self.of, self.months)} as {self.format}"


def texts_of(moments: pd.Series, written: str) -> list[str]:
    """Return moments as text in a format."""
    if not _OWN.search(written):
        return [str(text) for text in moments.dt.strftime(written)]
    found = [""] * len(moments)
    for part in _OWN.split(written):
        more = moments.dt.strftime(part)
        if part == "%q":
            more = moments.dt.quarter.astype(str)
        elif part in ("%n", "%N"):
            more = (moments.dt.year + 1).astype(str).str[-2 if part == "%n" else 0 :]
        found = [before + after for before, after in zip(found, more, strict=True)]
    return found
