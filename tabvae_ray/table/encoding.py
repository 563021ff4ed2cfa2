"""A table as integer codes: one column of codes for each modelled column."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.command_line.lines import counted
from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError, ExportError
from tabvae_ray.table.coders.category_encoder import CategoryEncoder
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.coders.discretizer import Codes, Discretizer
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import (
    categories_at,
    column_numbers,
    column_positions,
    column_range,
    origin_shift,
    restored,
)
from tabvae_ray.table.composed.columns import compose
from tabvae_ray.table.identifiers.maker import maker_of
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec

__all__ = ["TableEncoder", "column_codes"]


class TableEncoder:
    """Encoder of a table as integer codes, and decoder of codes to rows.

    The last code of a column with missing values stands for them. Identifier columns have no codes.

    Args:
        spec: Spec of the table.
        coders: Encoder of each modelled column, in the order of the spec.
        keeper: Makes decoded rows keep the rules of the spec.
    """

    def __init__(
        self,
        spec: TableSpec,
        coders: Sequence[Discretizer | CategoryEncoder],
        keeper: RuleKeeper,
    ) -> None:
        self.spec, self.keeper = spec, keeper
        self._modelled = [column for column in spec.columns if column.kind != "identifier"]
        self._coders = list(coders)

    def __repr__(self) -> str:
        n, codes = len(self.columns), sum(self.cardinalities)
        return f"{type(self).__name__}({counted(n, 'column')}, {counted(codes, 'code')})"

    @classmethod
    def fit(cls, table: pd.DataFrame, spec: TableSpec, config: TransformersConfig) -> Self:
        """Fit bins and categories to the training rows.

        The spec of the encoder has only values that ``config.min_rows`` training rows share.

        Raises:
            DataError: If the table does not fit the spec, or has too few rows.
        """
        crowd = Crowd.of(table, spec.entity, config.min_rows)
        own = {column.name: column for column in spec.columns}
        spec = published_spec(spec, table, crowd)
        coders: list[Discretizer | CategoryEncoder] = []
        for column in spec.columns:
            if column.kind == "identifier":
                continue
            if column.kind == "categorical":
                has_rare = not set(own[column.name].categories) <= set(column.categories)
                positions = _category_positions(table[column.name], column, has_rare)
                present = positions[positions >= 0]
                coders.append(
                    CategoryEncoder.fit(
                        present,
                        len(column.categories),
                        config.max_categories,
                        has_rare=has_rare and column.rare_label is None,
                    )
                )
            else:
                # Values beyond the published range are counted as what they are.
                numbers = column_numbers(table[column.name], own[column.name])
                numbers = numbers - origin_shift(own[column.name], column)
                decimals, low, high = column_range(column)
                present = ~np.isnan(numbers)
                coders.append(
                    Discretizer.fit(
                        numbers[present],
                        config,
                        decimals=decimals,
                        minimum=low,
                        maximum=high,
                        crowd=crowd.part(present),
                    )
                )
        keeper = RuleKeeper.fit(spec.rules, spec.columns, table, crowd)
        return cls(spec.model_copy(update={"rules": keeper.rules}), coders, keeper)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the modelled columns, in the order of the codes."""
        return tuple(column.name for column in self._modelled)

    @property
    def code_orders(self) -> dict[int, list[int]]:
        """Codes in ascending order of their values, by position of each numeric or datetime column.

        The code of missing values is left out.
        """
        return {
            i: coder.order for i, coder in enumerate(self._coders) if isinstance(coder, Discretizer)
        }

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes per column, including the code of missing values."""
        return tuple(coder.n_codes + column.missing for column, coder in self._pairs())

    def coder(self, name: str) -> Discretizer | CategoryEncoder:
        """Return the encoder of a modelled column."""
        return self._coders[self.columns.index(name)]

    def with_coders(self, coders: Mapping[str, Discretizer | CategoryEncoder]) -> Self:
        """Return a copy in which some columns, by name, have other encoders for the same codes."""
        pairs = self._pairs()
        changed = [coders.get(column.name, own) for column, own in pairs]
        return type(self)(self.spec, changed, self.keeper)

    def encode(self, table: pd.DataFrame) -> Codes:
        """Encode ``N`` rows as codes ``(N, C)``.

        Raises:
            DataError: If a column is absent, or holds a category that is not in the spec.
        """
        codes = np.empty((len(table), len(self._modelled)), dtype=np.int32)
        for i, (column, coder) in enumerate(self._pairs()):
            if column.name not in table.columns:
                raise DataError(f"column {column.name!r}: in the spec, but not in the table")
            codes[:, i] = column_codes(table[column.name], column, coder)
            if not column.missing and (codes[:, i] == coder.n_codes).any():
                raise DataError(
                    f"column {column.name!r}: has missing values, but the spec has none"
                )
        return codes

    def decode(
        self,
        codes: np.ndarray[Any, Any],
        rng: np.random.Generator,
        *,
        compact: bool = False,
        first_row: int | None = 0,
        seed: int = 0,
        raw: bool = False,
    ) -> pd.DataFrame:
        """Decode codes ``(N, C)`` to rows with the dtypes of the table.

        Args:
            codes: Integer codes, each below the cardinality of its column.
            rng: Random generator for draws inside bins and shared codes.
            compact: Return categorical columns as pandas categoricals. This is cheaper than their
                own dtypes, and sufficient for scoring.
            first_row: Number of the first row among all rows, which identifiers depend on; None
                leaves identifier columns out.
            seed: Seed of identifiers.
            raw: Return rows as they are drawn, which may break rules.
        """
        decoded: dict[str, Any] = {}
        for i, (column, coder) in enumerate(self._pairs()):
            part = codes[:, i]
            missing = part == coder.n_codes
            any_missing = column.missing and bool(missing.any())
            if any_missing:
                part = np.where(missing, 0, part)
            if isinstance(coder, CategoryEncoder):
                positions = coder.decode(part, rng)
                if any_missing:
                    positions = np.where(missing, -1, positions)
                decoded[column.name] = categories_at(positions, column, compact)
            else:
                numbers = coder.decode(part, rng)
                if any_missing:
                    numbers[missing] = np.nan
                decoded[column.name] = restored(numbers, column)
        kept = pd.DataFrame(decoded, copy=False)
        if not raw:
            kept = self.keeper.apply(kept, rng, compact=compact)
        if first_row is not None:
            return self.with_identifiers(kept, first_row, seed)
        names = [name for name in self.spec.names if name in kept]
        return pd.DataFrame({name: kept[name] for name in names}, copy=False)

    def with_identifiers(
        self, rows: pd.DataFrame, first_row: int, seed: int, *, complete: bool = False
    ) -> pd.DataFrame:
        """Return rows with all columns, in the order of the spec, that have new identifiers.

        With ``complete``, no identifier is missing.

        Raises:
            DataError: If a pattern has too few texts.
        """
        n = len(rows)
        found: dict[str, Any] = {str(name): rows[name] for name in rows}
        for name in self.spec.identifier:
            column = self.spec[name]
            if column.fill == "number":
                found[name] = np.arange(first_row, first_row + n)
            elif column.made_of is not None:
                maker = maker_of(column.made_of, name, seed)
                found[name] = maker.values(column.dtype, first_row, n, complete=complete)
        compose(found, self.spec.columns)
        names = [name for name in self.spec.names if name in found]
        return pd.DataFrame({name: found[name] for name in names}, copy=False)

    def check_identifiers(self, n_rows: int, seed: int) -> None:
        """Check that there are new identifiers for a number of rows.

        Raises:
            DataError: If a pattern has too few texts.
        """
        for name in self.spec.identifier:
            source = self.spec[name].made_of
            if source is not None:
                maker_of(source, name, seed).check(n_rows)

    def example(self) -> pd.DataFrame:
        """Decode one row with a value in every column, which shows the types of all rows."""
        codes = np.zeros((1, len(self._modelled)), dtype=np.int32)
        rows = self.decode(codes, np.random.default_rng(0), first_row=None)
        return self.with_identifiers(rows, 0, 0, complete=True)

    def to_mapping(self) -> dict[str, Any]:
        """Return the fitted encoders by column, as values for JSON."""
        return {column.name: coder.to_mapping() for column, coder in self._pairs()}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], spec: TableSpec, kept: object = None) -> Self:
        """Read the result of :meth:`to_mapping`.

        Args:
            mapping: Coders by column.
            spec: Spec of the table.
            kept: Result of :meth:`RuleKeeper.to_mapping`; needed if the spec has rules.

        Raises:
            ExportError: If it does not fit the spec.
        """
        coders: list[Discretizer | CategoryEncoder] = []
        for column in spec.columns:
            if column.kind == "identifier":
                continue
            part = mapping.get(column.name) if isinstance(mapping, Mapping) else None
            if not isinstance(part, Mapping):
                raise ExportError(f"encoder: column {column.name!r}: must be an object")
            try:
                coders.append(_coder(part, column))
            except ExportError as error:
                raise ExportError(f"encoder: column {column.name!r}: {error}") from None
        return cls(spec, coders, RuleKeeper.from_mapping(kept, spec.rules, spec.columns))

    def _pairs(self) -> "zip[tuple[Column, Discretizer | CategoryEncoder]]":
        return zip(self._modelled, self._coders, strict=True)


def _coder(mapping: Mapping[str, Any], column: Column) -> Discretizer | CategoryEncoder:
    """Read the encoder of a column."""
    if column.kind == "categorical":
        return CategoryEncoder.from_mapping(mapping, len(column.categories))
    decimals, low, high = column_range(column)
    return Discretizer.from_mapping(mapping, decimals=decimals, minimum=low, maximum=high)


def column_codes(values: pd.Series, column: Column, coder: Discretizer | CategoryEncoder) -> Codes:
    """Encode the values ``(N,)`` of a column; the code after the last one is that of missing ones.

    Raises:
        DataError: If a value is none of the column.
    """
    if isinstance(coder, CategoryEncoder):
        positions = _category_positions(values, column, coder.in_place_of_rare is not None)
        missing, codes = positions == -1, coder.encode(positions)
    else:
        numbers = column_numbers(values, column)
        missing, codes = np.isnan(numbers), coder.encode(numbers)
    return np.where(missing, np.int32(coder.n_codes), codes)


def _category_positions(values: pd.Series, column: Column, has_rare: bool) -> Codes:
    """Find positions of categories, with those of rare values that are not among them.

    A rare value has the position of the declared label, or -2 if there is no label.
    """
    label = column.rare_label
    is_labelled = label is not None and label in column.categories
    positions = column_positions(values, column, strangers=has_rare or is_labelled)
    if label is not None and is_labelled:
        positions[positions == -2] = column.categories.index(label)
    return positions
