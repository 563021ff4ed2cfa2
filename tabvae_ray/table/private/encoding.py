"""The private encoding of a table: encoder, codes, and noisy counts of the codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabvae_ray.config import TransformersConfig
from tabvae_ray.table.coders.category_encoder import CategoryEncoder
from tabvae_ray.table.coders.discretizer import Codes, Discretizer
from tabvae_ray.table.coders.quantiles import Floats
from tabvae_ray.table.encoding import TableEncoder, column_codes
from tabvae_ray.table.private.columns import PrivateColumn, private_column
from tabvae_ray.table.private.noise import NoisyCounts
from tabvae_ray.table.private.plan import PlannedColumn
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec

__all__ = ["PrivateEncoding"]


@dataclass(frozen=True)
class PrivateEncoding:
    """An encoder that has declared properties and noisy counts only.

    Args:
        encoder: The encoder.
        codes: ``(N, C)`` codes of the rows, which are as private as these.
        counts: Noisy number of rows of each code, ``(K_c,)`` for every column.
    """

    encoder: TableEncoder
    codes: Codes
    counts: list[Floats]

    @classmethod
    def fit(
        cls,
        table: pd.DataFrame,
        spec: TableSpec,
        planned: Sequence[PlannedColumn],
        counts: NoisyCounts,
        rows: int,
        config: TransformersConfig,
    ) -> "PrivateEncoding":
        """Fit the encoder, and encode the rows.

        Args:
            table: The rows.
            spec: Their spec.
            planned: Its columns, with what is declared of each.
            counts: The noisy counts, which suffice for the looks of all columns.
            rows: The noisy number of rows.
            config: Number of bins and of categories.
        """
        columns = [
            private_column(part, table[part.column.name], counts, config) for part in planned
        ]
        made = tuple(part.column for part in columns)
        spec = spec.model_copy(update={"columns": made, "rules": (), "min_rows": 0})
        modelled = [(part, part.coder) for part in columns if part.coder is not None]
        encoder = TableEncoder(spec, [coder for _, coder in modelled], RuleKeeper((), made, {}, {}))
        codes = [_codes(part, coder, table) for part, coder in modelled]
        noisy = [_completed(part, coder, rows) for part, coder in modelled]
        return cls(encoder, np.stack(codes, axis=1).astype(np.int32), noisy)


def _codes(part: PrivateColumn, coder: Discretizer | CategoryEncoder, table: pd.DataFrame) -> Codes:
    # What overflows is beyond the range, whose end it becomes.
    with np.errstate(over="ignore"):
        codes = column_codes(table[part.column.name], part.column, coder)
    if not part.column.missing:
        # Too few missing values to tell them from noise become the most frequent code.
        codes = np.where(codes == coder.n_codes, np.int32(part.counts.argmax()), codes)
    return codes


def _completed(part: PrivateColumn, coder: Discretizer | CategoryEncoder, rows: int) -> Floats:
    """Return the counts of a column, with the rows that have no released category."""
    counts = part.counts.copy()
    if isinstance(coder, CategoryEncoder) and coder.in_place_of_rare is not None:
        counts[coder.n_codes - 1] = max(rows - counts.sum(), 0.0)
    return counts
