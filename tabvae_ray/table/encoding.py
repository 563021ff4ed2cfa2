"""The table as integers: one column of codes per column that is modelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError, ExportError
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import (
    categories_at,
    column_numbers,
    column_positions,
    column_range,
    restored,
)
from tabvae_ray.table.discretizer import Codes, Discretizer, Floats
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.spec import TableSpec

__all__ = ["CategoryEncoder", "TableEncoder"]


@dataclass(frozen=True, eq=False)
class CategoryEncoder:
    """Categories and codes of one categorical column.

    Up to a limit every category has a code of its own. Above it, the most frequent ones take half
    of the codes, and the others share the rest: runs of categories that are neighbours in the
    spec's order and have about the same mass together. A shared code stands for one of its
    categories, drawn by their frequency, so that every category of the table can come back and no
    "other" ever does.

    Args:
        codes: ``(K,)`` the code of each category of the spec.
        weights: ``(K,)`` the frequency of each category within its code.
    """

    codes: Codes
    weights: Floats

    @classmethod
    def fit(cls, positions: Codes, n_categories: int, max_codes: int) -> Self:
        """Fit to the present values.

        Args:
            positions: ``(N,)`` each value's position among the spec's categories.
            n_categories: Number of categories in the spec.
            max_codes: The limit.
        """
        if n_categories <= max_codes:
            return cls(np.arange(n_categories, dtype=np.int32), np.ones(n_categories))
        # One more each: a category that only held-out rows have must not be impossible.
        counts = np.bincount(positions, minlength=n_categories) + 1.0
        n_own = max_codes // 2
        own = np.argsort(-counts, kind="stable")[:n_own]
        codes = np.full(n_categories, -1, dtype=np.int32)
        codes[np.sort(own)] = np.arange(n_own)
        shared = np.flatnonzero(codes < 0)
        mass = np.cumsum(counts[shared])
        run = (mass - counts[shared] / 2) / mass[-1] * (max_codes - n_own)
        # Runs that stayed empty would be codes that never occur.
        _, codes[shared] = np.unique(run.astype(np.int32), return_inverse=True)
        codes[shared] += n_own
        return cls(codes, counts / np.bincount(codes, weights=counts)[codes])

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return int(self.codes.max()) + 1

    def decode(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Codes ``(N,)`` -> positions of categories ``(N,)``, drawn where a code is shared."""
        if self.n_codes == len(self.codes):
            return codes
        order = np.argsort(self.codes, kind="stable")
        # Mass up to and including each category, plus 1 for each code before its own.
        ends = np.cumsum(self.weights[order])
        drawn = np.searchsorted(ends, codes + rng.random(len(codes)) * (1 - 1e-9), side="right")
        return order[np.minimum(drawn, len(order) - 1)].astype(np.int32)

    def only(self, positions: Sequence[int]) -> tuple[Self, Floats]:
        """The same codes with only some of their categories.

        Returns:
            An encoder whose codes stand for the given categories alone, and the share ``(K,)`` of
            every code that these had. Codes with a share of zero are as they were.
        """
        wanted = np.zeros(len(self.codes))
        wanted[list(positions)] = 1
        shares = np.bincount(self.codes, weights=self.weights * wanted).astype(np.float64)
        held = shares[self.codes]
        weights = np.where(held > 0, self.weights * wanted / np.where(held > 0, held, 1), 0)
        return type(self)(self.codes, np.where(held > 0, weights, self.weights)), shares

    def to_mapping(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        if self.n_codes == len(self.codes):
            return {}
        return {"codes": self.codes.tolist(), "weights": self.weights.tolist()}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], n_categories: int) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ExportError: If it does not fit the number of categories.
        """
        if not mapping:
            return cls(np.arange(n_categories, dtype=np.int32), np.ones(n_categories))
        try:
            codes = np.array(mapping["codes"], dtype=np.int32)
            weights = np.array(mapping["weights"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ExportError(f"encoder: shared codes need codes and weights: {error}") from None
        sound = (
            codes.shape == weights.shape == (n_categories,)
            and np.array_equal(np.unique(codes), np.arange(len(np.unique(codes))))
            and bool((weights > 0).all())
            and np.allclose(np.bincount(codes, weights=weights), 1)
        )
        if not sound:
            raise ExportError("encoder: shared codes must be 0, 1, ... with weights that add to 1")
        return cls(codes, weights)


class TableEncoder:
    """DataFrame to integer codes and back.

    A column with missing values has one more code, its last, for them. Identifiers have no codes.

    Args:
        spec: What the columns are.
        coders: One per modelled column, in their order.
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

    @classmethod
    def fit(cls, table: pd.DataFrame, spec: TableSpec, config: TransformersConfig) -> Self:
        """Fit bins and categories to the training rows.

        Raises:
            DataError: If the table does not fit the spec.
        """
        coders: list[Discretizer | CategoryEncoder] = []
        for column in spec.columns:
            if column.kind == "identifier":
                continue
            if column.kind == "categorical":
                positions = column_positions(table[column.name], column)
                present = positions[positions >= 0]
                coders.append(
                    CategoryEncoder.fit(present, len(column.categories), config.max_categories)
                )
            else:
                numbers = column_numbers(table[column.name], column)
                decimals, low, high = column_range(column)
                coders.append(
                    Discretizer.fit(
                        numbers[~np.isnan(numbers)],
                        config,
                        decimals=decimals,
                        minimum=low,
                        maximum=high,
                    )
                )
        return cls(spec, coders, RuleKeeper.fit(spec.rules, spec.columns, table))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the modelled columns, in the order of the codes."""
        return tuple(column.name for column in self._modelled)

    @property
    def code_orders(self) -> dict[int, list[int]]:
        """By position of each column of numbers or moments, its codes in ascending order of values.

        The code of missing values has no place in it.
        """
        return {
            i: coder.order for i, coder in enumerate(self._coders) if isinstance(coder, Discretizer)
        }

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Codes per column, the one for missing values included."""
        return tuple(coder.n_codes + column.missing for column, coder in self._pairs())

    def coder(self, name: str) -> Discretizer | CategoryEncoder:
        """What turns the values of a modelled column into codes."""
        return self._coders[self.columns.index(name)]

    def with_coders(self, coders: Mapping[str, Discretizer | CategoryEncoder]) -> Self:
        """A copy with other coders of the same codes for some columns, by name."""
        pairs = self._pairs()
        changed = [coders.get(column.name, own) for column, own in pairs]
        return type(self)(self.spec, changed, self.keeper)

    def encode(self, table: pd.DataFrame) -> Codes:
        """Rows ``(N)`` -> codes ``(N, C)``.

        Raises:
            DataError: If a column is absent, or holds a category that the spec has not.
        """
        codes = np.empty((len(table), len(self._modelled)), dtype=np.int32)
        for i, (column, coder) in enumerate(self._pairs()):
            if column.name not in table.columns:
                raise DataError(f"column {column.name!r}: in the spec, but not in the table")
            if isinstance(coder, CategoryEncoder):
                positions = column_positions(table[column.name], column)
                missing = positions < 0
                part = coder.codes[positions]
            else:
                numbers = column_numbers(table[column.name], column)
                missing = np.isnan(numbers)
                part = coder.encode(numbers)
            if missing.any() and not column.missing:
                raise DataError(
                    f"column {column.name!r}: has missing values, but the spec has none"
                )
            codes[:, i] = np.where(missing, coder.n_codes, part)
        return codes

    def decode(
        self,
        codes: np.ndarray[Any, Any],
        rng: np.random.Generator,
        *,
        compact: bool = False,
        first_row: int = 0,
    ) -> pd.DataFrame:
        """Codes ``(N, C)`` -> rows, with the dtypes of the table.

        Args:
            codes: Integer codes, each below its column's cardinality.
            rng: Source of the draws inside bins and shared codes.
            compact: Leave categorical columns as pandas categoricals, which is cheaper than the
                table's own dtypes; for scoring.
            first_row: What identifiers that are filled with numbers begin with.
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
        kept = self.keeper.apply(pd.DataFrame(decoded, copy=False), rng, compact=compact)
        decoded = {name: kept[name] for name in kept}
        for name in self.spec.identifier:
            if self.spec[name].fill == "number":
                decoded[name] = np.arange(first_row, first_row + len(codes))
        names = [name for name in self.spec.names if name in decoded]
        return pd.DataFrame({name: decoded[name] for name in names}, copy=False)

    def example(self) -> pd.DataFrame:
        """One row with a value in every column: the types of all rows."""
        codes = np.zeros((1, len(self._modelled)), dtype=np.int32)
        return self.decode(codes, np.random.default_rng(0))

    def to_mapping(self) -> dict[str, Any]:
        """What was fitted, as plain values for JSON, by column."""
        return {column.name: coder.to_mapping() for column, coder in self._pairs()}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], spec: TableSpec, kept: object = None) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Args:
            mapping: What the coders of the columns gave.
            spec: What the columns are.
            kept: What :meth:`RuleKeeper.to_mapping` gave, if the spec has rules.

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
            if column.kind == "categorical":
                coders.append(CategoryEncoder.from_mapping(part, len(column.categories)))
            else:
                decimals, low, high = column_range(column)
                coders.append(
                    Discretizer.from_mapping(part, decimals=decimals, minimum=low, maximum=high)
                )
        return cls(spec, coders, RuleKeeper.from_mapping(kept, spec.rules, spec.columns))

    def _pairs(self) -> "zip[tuple[Column, Discretizer | CategoryEncoder]]":
        return zip(self._modelled, self._coders, strict=True)
