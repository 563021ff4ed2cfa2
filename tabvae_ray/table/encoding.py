"""The table as integers: one column of codes per column that is modelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError, ExportError
from tabvae_ray.table.discretizer import Codes, Discretizer, Floats
from tabvae_ray.table.spec import Column, TableSpec, as_datetimes, as_numbers, datetime_ticks

__all__ = ["Encoder", "TableEncoder"]


@dataclass(frozen=True, eq=False)
class Encoder:
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
            and set(np.unique(codes).tolist()) == set(range(int(codes.max()) + 1))
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
    """

    def __init__(self, spec: TableSpec, coders: Sequence[Discretizer | Encoder]) -> None:
        self.spec = spec
        self._modelled = [column for column in spec.columns if column.kind != "identifier"]
        self._coders = list(coders)

    @classmethod
    def fit(cls, table: pd.DataFrame, spec: TableSpec, config: TransformersConfig) -> Self:
        """Fit bins and categories to the training rows.

        Raises:
            DataError: If the table does not fit the spec.
        """
        coders: list[Discretizer | Encoder] = []
        for column in spec.columns:
            if column.kind == "identifier":
                continue
            if column.kind == "categorical":
                positions = _positions(table[column.name], column)
                present = positions[positions >= 0]
                coders.append(Encoder.fit(present, len(column.categories), config.max_categories))
            else:
                numbers = _numbers(table[column.name], column)
                decimals, low, high = _range(column)
                coders.append(
                    Discretizer.fit(
                        numbers[~np.isnan(numbers)],
                        config,
                        decimals=decimals,
                        minimum=low,
                        maximum=high,
                    )
                )
        return cls(spec, coders)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the modelled columns, in the order of the codes."""
        return tuple(column.name for column in self._modelled)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Codes per column, the one for missing values included."""
        return tuple(coder.n_codes + column.missing for column, coder in self._pairs())

    def encode(self, table: pd.DataFrame) -> Codes:
        """Rows ``(N)`` -> codes ``(N, C)``.

        Raises:
            DataError: If a column is absent, or holds a category that the spec has not.
        """
        codes = np.empty((len(table), len(self._modelled)), dtype=np.int32)
        for i, (column, coder) in enumerate(self._pairs()):
            if column.name not in table.columns:
                raise DataError(f"column {column.name!r}: in the spec, but not in the table")
            if isinstance(coder, Encoder):
                positions = _positions(table[column.name], column)
                missing = positions < 0
                part = coder.codes[positions]
            else:
                numbers = _numbers(table[column.name], column)
                missing = np.isnan(numbers)
                part = coder.encode(numbers)
            if missing.any() and not column.missing:
                raise DataError(
                    f"column {column.name!r}: has missing values, but the spec has none"
                )
            codes[:, i] = np.where(missing, coder.n_codes, part)
        return codes

    def decode(
        self, codes: np.ndarray[Any, Any], rng: np.random.Generator, *, compact: bool = False
    ) -> pd.DataFrame:
        """Codes ``(N, C)`` -> rows, with the dtypes of the table.

        Args:
            codes: Integer codes, each below its column's cardinality.
            rng: Source of the draws inside bins and shared codes.
            compact: Leave categorical columns as pandas categoricals, which is cheaper than the
                table's own dtypes; for scoring.
        """
        decoded: dict[str, Any] = {}
        for i, (column, coder) in enumerate(self._pairs()):
            part = codes[:, i]
            missing = part == coder.n_codes
            any_missing = column.missing and bool(missing.any())
            if any_missing:
                part = np.where(missing, 0, part)
            if isinstance(coder, Encoder):
                positions = coder.decode(part, rng)
                if any_missing:
                    positions = np.where(missing, -1, positions)
                decoded[column.name] = _categories(positions, column, compact)
            else:
                numbers = coder.decode(part, rng)
                if any_missing:
                    numbers[missing] = np.nan
                decoded[column.name] = _restore(numbers, column)
        for name in self.spec.identifier:
            if self.spec[name].fill == "number":
                decoded[name] = np.arange(len(codes))
        names = [name for name in self.spec.names if name in decoded]
        return pd.DataFrame({name: decoded[name] for name in names}, copy=False)

    def to_mapping(self) -> dict[str, Any]:
        """What was fitted, as plain values for JSON, by column."""
        return {column.name: coder.to_mapping() for column, coder in self._pairs()}

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], spec: TableSpec) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ExportError: If it does not fit the spec.
        """
        coders: list[Discretizer | Encoder] = []
        for column in spec.columns:
            if column.kind == "identifier":
                continue
            part = mapping.get(column.name) if isinstance(mapping, Mapping) else None
            if not isinstance(part, Mapping):
                raise ExportError(f"encoder: column {column.name!r}: must be an object")
            if column.kind == "categorical":
                coders.append(Encoder.from_mapping(part, len(column.categories)))
            else:
                decimals, low, high = _range(column)
                coders.append(
                    Discretizer.from_mapping(part, decimals=decimals, minimum=low, maximum=high)
                )
        return cls(spec, coders)

    def _pairs(self) -> "zip[tuple[Column, Discretizer | Encoder]]":
        return zip(self._modelled, self._coders, strict=True)


def _range(column: Column) -> tuple[int | None, float, float]:
    """Decimals, minimum and maximum of a column as :func:`_numbers` gives it."""
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        return 0, 0.0, float((int(column.maximum) - int(column.minimum)) // (column.step or 1))
    if _is_integer(column):
        return 0, 0.0, float(int(column.maximum) - int(column.minimum))
    return column.decimals, float(column.minimum), float(column.maximum)


def _numbers(values: pd.Series, column: Column) -> Floats:
    """The column as float64, NaN where missing.

    Integers count from the column's minimum, datetimes in its steps from there: float64 holds those
    exactly where it would not hold the values themselves.
    """
    if column.kind == "datetime":
        moments = as_datetimes(values, "table")
        unit = pd.api.types.pandas_dtype(column.dtype)
        ticks = datetime_ticks(moments.astype(unit))
        assert column.minimum is not None
        steps = (ticks - int(column.minimum)) / (column.step or 1)
        return np.where(moments.isna(), np.nan, steps)
    if _is_integer(column) and pd.api.types.is_integer_dtype(values.dtype):
        assert column.minimum is not None
        absent = values.isna().to_numpy()
        whole = values.fillna(column.minimum) if absent.any() else values
        offsets = whole.to_numpy(np.int64) - np.int64(column.minimum)
        return np.where(absent, np.nan, offsets.astype(np.float64))
    numbers = as_numbers(values, "table")
    return numbers - float(column.minimum or 0) if _is_integer(column) else numbers


def _restore(numbers: Floats, column: Column) -> Any:
    """Numbers as :func:`_numbers` gives them, in the column's dtype."""
    dtype = pd.api.types.pandas_dtype(column.dtype)
    absent = np.isnan(numbers) if column.missing else None
    if column.kind == "datetime":
        assert column.minimum is not None
        ticks = _whole(numbers) * (column.step or 1) + int(column.minimum)
        if isinstance(dtype, pd.DatetimeTZDtype):
            moments = pd.Series(ticks.view(f"M8[{dtype.unit}]")).dt.tz_localize("UTC")
            moments = moments.dt.tz_convert(dtype.tz)
        else:
            moments = pd.Series(ticks.view(np.dtype(column.dtype)))
        return moments if absent is None else moments.mask(absent)
    if _is_integer(column):
        whole = _whole(numbers) + int(column.minimum or 0)
        if absent is None or not absent.any():
            return (
                whole.astype(dtype) if isinstance(dtype, np.dtype) else pd.array(whole, dtype=dtype)
            )
        masked = pd.arrays.IntegerArray(whole, absent)
        return masked if str(dtype) == "Int64" else masked.astype(dtype)
    if isinstance(dtype, np.dtype):
        return numbers.astype(dtype)
    if absent is None or not absent.any():
        return pd.array(numbers, dtype=dtype)
    return pd.Series(numbers).astype(object).mask(absent, pd.NA).astype(dtype).array


def _whole(numbers: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.rint(np.nan_to_num(numbers)).astype(np.int64)


def _positions(values: pd.Series, column: Column) -> Codes:
    """Position of each value among the column's categories, -1 where missing.

    Raises:
        DataError: If a value is none of them.
    """
    index = pd.Index(list(column.categories), dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        lookup = np.append(index.get_indexer(values.cat.categories.astype(object)), -1)
        positions = lookup[values.cat.codes.to_numpy()]
    else:
        # Few distinct values stand in many rows: look up each once.
        numbers, distinct = pd.factorize(values)
        known = index.get_indexer(pd.Index(distinct).astype(object))
        positions = np.append(known, -1)[numbers]
    strange = np.flatnonzero((positions < 0) & values.notna().to_numpy())
    if len(strange):
        raise DataError(
            f"column {column.name!r}: {values.iloc[strange[0]]!r} is none of its "
            f"{len(column.categories)} categories"
        )
    return positions.astype(np.int32)


def _categories(positions: Codes, column: Column, compact: bool) -> Any:
    """Values of the column's dtype at the given positions, missing at -1."""
    values = list(column.categories)
    if compact or column.dtype == "category":
        kind = pd.CategoricalDtype(values, ordered=column.ordered)
        return pd.Categorical.from_codes(positions, dtype=kind)
    if not column.missing:
        return pd.Series(values, dtype=column.dtype).array.take(positions)
    base = pd.Series([*values, None], dtype=column.dtype)
    return base.array.take(np.where(positions < 0, len(values), positions))


def _is_integer(column: Column) -> bool:
    dtype = pd.api.types.pandas_dtype(column.dtype)
    return column.kind == "continuous" and pd.api.types.is_integer_dtype(dtype)
