"""Date-times as text of a category, such as a month or the name of a weekday."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import Codes, Label, TableView
from tabvae_ray.table.rules.forms.bins import LabelRule

__all__ = ["DATE_TEXTS", "DateText"]

# As those of strftime; %q is the quarter.
DATE_TEXTS = (
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%m-%Y",
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
    "%Y-Q%q",
    "%YQ%q",
    "%Y Q%q",
    "Q%q %Y",
    "Q%q-%Y",
    "Q%q",
    "%G-W%V",
    "W%V",
    "%H:00",
    "%p",
)


class DateText(LabelRule):
    """``column`` is a date-time in a text format.

    Args:
        of: The date-time.
        format: As for strftime, and ``%q`` for the quarter.
    """

    kind: Literal["date text"] = "date text"
    of: str
    format: str

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    def coded(self, table: TableView) -> tuple[Codes, Sequence[Label | None]]:
        """Return ``(N,)`` places of the expected texts, -1 where the moment is missing."""
        moments = table[self.of].moments
        assert moments is not None
        wall = wall_clock(moments)
        hourly = "%H" in self.format or "%p" in self.format
        # Few different days or hours are written, not every row.
        codes, distinct = pd.factorize(wall.dt.floor("h") if hourly else wall.dt.normalize())
        return codes.astype(np.int64), texts_of(pd.Series(distinct), self.format)

    def __str__(self) -> str:
        return f"{self.column} = {self.of} as {self.format}"


def texts_of(moments: pd.Series, written: str) -> list[str]:
    """Return moments as text in a format."""
    if "%q" not in written:
        return [str(text) for text in moments.dt.strftime(written)]
    before, after = written.split("%q")
    starts, ends = (moments.dt.strftime(part) for part in (before, after))
    return [f"{a}{q}{b}" for a, q, b in zip(starts, moments.dt.quarter, ends, strict=True)]
