"""Shape of a table: what the size of a model, its training time and its memory depend on."""

from dataclasses import dataclass
from typing import Self

import pandas as pd

from tabvae_ray.config import TransformersConfig
from tabvae_ray.table.spec import TableSpec

__all__ = ["ColumnShape", "TableShape"]

# Distinct values are counted in the first rows of a large table.
_MAX_COUNTED_ROWS = 100_000


@dataclass(frozen=True)
class ColumnShape:
    """Shape of one modelled column.

    Args:
        is_category: True if its values are categories, False for numbers and moments.
        n_values: Number of distinct values.
        missing: True if values are missing.
    """

    is_category: bool
    n_values: int
    missing: bool = False

    def n_codes(self, encoding: TransformersConfig) -> int:
        """Return about how many codes the column takes."""
        if self.is_category:
            return min(self.n_values, encoding.max_categories) + self.missing
        n = encoding.n_bins_cts
        if encoding.strategy == "atoms":
            # A tenth on top for frequent values, which get codes of their own.
            n = self.n_values if self.n_values <= encoding.max_atoms else n + n // 10
        return max(1, min(self.n_values, n)) + self.missing


@dataclass(frozen=True)
class TableShape:
    """Rows and modelled columns of a table.

    Args:
        rows: Number of rows.
        columns: The columns that a model has; identifiers are not among them.
    """

    rows: int
    columns: tuple[ColumnShape, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, spec: TableSpec) -> Self:
        """Return the shape of a table with this spec."""
        first = table.head(_MAX_COUNTED_ROWS)
        return cls(
            len(table),
            tuple(
                ColumnShape(
                    is_category=column.kind == "categorical",
                    n_values=len(column.categories) or int(first[column.name].nunique()),
                    missing=column.missing,
                )
                for column in spec.columns
                if column.kind != "identifier"
            ),
        )

    def n_codes(self, encoding: TransformersConfig) -> int:
        """Return about how many codes all columns take together."""
        return sum(column.n_codes(encoding) for column in self.columns)

    def n_training_rows(self, holdout_fraction: float) -> int:
        """Return how many rows are left for training."""
        return self.rows - int(self.rows * holdout_fraction)

    def __str__(self) -> str:
        n_categories = sum(column.is_category for column in self.columns)
        return (
            f"{self.rows:,} rows, {len(self.columns)} columns "
            f"({n_categories} of categories, {len(self.columns) - n_categories} of numbers)"
        )
