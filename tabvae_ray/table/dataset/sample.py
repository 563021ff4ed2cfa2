"""A uniform sample of the rows of a table, the same for the same seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Sample", "sample_frame", "sample_positions"]

# Keeps the draw apart from others with the seed of a search.
_SAMPLE = 0x5A3B7E


@dataclass(frozen=True)
class Sample:
    """Rows of a table: all of them, or a uniform sample without replacement.

    Args:
        rows: The rows, in the order of the table.
        n_rows: Rows of the whole table.
    """

    rows: pd.DataFrame
    n_rows: int

    @property
    def is_part(self) -> bool:
        """True if the table has more rows."""
        return len(self.rows) < self.n_rows

    @property
    def text(self) -> str:
        """The number of rows in words, such as "a sample of 1,000 of 5,000 rows"."""
        rows = f"{len(self.rows):,}"
        return f"a sample of {rows} of {self.n_rows:,} rows" if self.is_part else f"{rows} rows"


def sample_positions(n_rows: int, size: int, seed: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Draw the positions of ``size`` of ``n_rows`` rows, ascending."""
    rng = np.random.default_rng([seed, n_rows, _SAMPLE])
    return np.sort(rng.choice(n_rows, size, replace=False, shuffle=False)).astype(np.int64)


def sample_frame(table: pd.DataFrame, size: int | None, seed: int) -> Sample:
    """Return a sample of the rows of a table in memory, or all of them if there are no more."""
    if size is None or len(table) <= size:
        return Sample(table, len(table))
    rows = table.iloc[sample_positions(len(table), size, seed)].reset_index(drop=True)
    return Sample(rows, len(table))
