"""The table as integers: one column of codes per column that is modelled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError, ExportError
from tabvae_ray.table.discretizer import Codes, Discretizer, Floats
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.spec import Column, TableSpec
from tabvae_ray.table.values import as_datetimes, as_numbers, datetime_ticks

__all__ = ["Encoder", "TableEncoder", "column_numbers", "column_positions"]


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
                positions = column_positions(table[column.name], column)
                present = positions[positions >= 0]
                coders.append(Encoder.fit(present, len(column.categories), config.max_categories))
            else:
                numbers = column_numbers(table[column.name], column)
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

    def coder(self, name: str) -> Discretizer | Encoder:
        """What turns the values of a modelled column into codes."""
        return self._coders[self.columns.index(name)]

    def with_coders(self, coders: Mapping[str, Discretizer | Encoder]) -> Self:
        """A copy with other coders of the same codes for some columns, by name."""
        pairs = self._pairs()
        return type(self)(self.spec, [coders.get(column.name, own) for column, own in pairs])

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
    """Decimals, minimum and maximum of a column as :func:`column_numbers` gives it."""
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        return 0, 0.0, float((int(column.maximum) - int(column.minimum)) // (column.step or 1))
    if _is_integer(column):
        return 0, 0.0, float(int(column.maximum) - int(column.minimum))
    low, high = float(column.minimum), float(column.maximum)
    if column.decimals is not None:
        low, high = round(low, column.decimals), round(high, column.decimals)
    return column.decimals, low, high


def column_numbers(values: pd.Series, column: Column) -> Floats:
    """The column as float64, NaN where missing.

    Integers count from the column's minimum, datetimes in its steps from there: float64 holds those
    exactly where it would not hold the values themselves.
    """
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        dtype = moment_dtype(column.dtype)
        # Where no time zone is said, the column's own is meant.
        zone = getattr(dtype, "tz", None)
        moments = as_datetimes(values, "table", written=column.format, zone=zone)
        try:
            ticks = datetime_ticks(moments.astype(dtype))
        except (TypeError, ValueError):
            raise DataError(
                f"column {column.name!r}: must be datetimes like {column.dtype}, but is of dtype "
                f"{moments.dtype}"
            ) from None
        steps = (ticks - int(column.minimum)) / (column.step or 1)
        return np.where(moments.isna(), np.nan, steps)
    if _is_integer(column) and pd.api.types.is_integer_dtype(values.dtype):
        absent = values.isna().to_numpy()
        whole = values.fillna(int(column.minimum)) if absent.any() else values
        bits = np.uint64 if pd.api.types.is_unsigned_integer_dtype(values.dtype) else np.int64
        exact = np.clip(whole.to_numpy(bits), *_limits(column, bits))
        # Modulo 2**64, the distance from the minimum is right for all integers of 64 bits.
        offsets = exact.astype(np.uint64) - np.uint64(int(column.minimum) % 2**64)
        return np.where(absent, np.nan, offsets.astype(np.float64))
    numbers = as_numbers(values, "table")
    if _is_integer(column):
        return numbers - float(column.minimum)
    if column.decimals is not None:
        # 0.1 of 32 bits is another number in 64, and fewer decimals may be declared than there are:
        # what is drawn and rounded has to be equal to it.
        numbers = np.round(numbers, column.decimals)
    return numbers


def _limits(column: Column, bits: type[np.int64] | type[np.uint64]) -> tuple[Any, Any]:
    """Smallest and largest value of an integer column, as far as the integers of a type go."""
    assert column.minimum is not None and column.maximum is not None
    info = np.iinfo(bits)
    low, high = int(column.minimum), int(column.maximum)
    return bits(min(max(low, info.min), info.max)), bits(min(max(high, info.min), info.max))


def _restore(numbers: Floats, column: Column) -> Any:
    """Numbers as :func:`column_numbers` gives them, in the column's dtype."""
    dtype = dtype_from_name(column.dtype)
    absent = np.isnan(numbers) if column.missing else None
    if absent is not None and not absent.any():
        absent = None
    if column.kind == "datetime":
        return _moments(numbers, absent, column)
    if _is_integer(column):
        whole = _integers(numbers, column)
        if isinstance(dtype, np.dtype):
            return whole.astype(dtype)
        mask = np.zeros(len(whole), dtype=bool) if absent is None else absent
        masked = pd.arrays.IntegerArray(whole, mask)
        return masked.astype(dtype)
    if isinstance(dtype, np.dtype):
        return numbers.astype(dtype)
    if absent is None:
        return pd.array(numbers, dtype=dtype)
    return pd.Series(numbers).astype(object).mask(absent, pd.NA).astype(dtype).array


def _moments(
    numbers: Floats, absent: np.ndarray[Any, np.dtype[np.bool_]] | None, column: Column
) -> pd.Series:
    assert column.minimum is not None
    dtype = moment_dtype(column.dtype)
    whole = np.rint(np.nan_to_num(numbers)).astype(np.int64)
    ticks = whole * (column.step or 1) + int(column.minimum)
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = pd.Series(ticks.view(f"M8[{dtype.unit}]")).dt.tz_localize("UTC")
        moments = moments.dt.tz_convert(dtype.tz)
    else:
        moments = pd.Series(ticks.view(dtype))
    if absent is not None:
        moments = moments.mask(absent)
    own = dtype_from_name(column.dtype)
    return moments.astype(own) if isinstance(own, pd.ArrowDtype) else moments


def _integers(numbers: Floats, column: Column) -> np.ndarray[Any, Any]:
    """Offsets from the column's minimum -> int64, or uint64 where the dtype is unsigned."""
    assert column.minimum is not None and column.maximum is not None
    span = int(column.maximum) - int(column.minimum)
    # Of a span beyond 2**53, the largest float may lie above the largest offset.
    offsets = np.rint(np.nan_to_num(numbers))
    exact = np.where(offsets >= float(span), 0, offsets).astype(np.uint64)
    exact = np.where(offsets >= float(span), np.uint64(span), exact)
    whole = exact + np.uint64(int(column.minimum) % 2**64)
    unsigned = pd.api.types.is_unsigned_integer_dtype(dtype_from_name(column.dtype))
    return whole if unsigned else whole.view(np.int64)


def column_positions(values: pd.Series, column: Column) -> Codes:
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
    if compact:
        return pd.Categorical.from_codes(
            positions, dtype=pd.CategoricalDtype(values, ordered=column.ordered)
        )
    if column.dtype == "category":
        levels = list(column.levels) or values
        index = pd.Index(levels, dtype=dtype_from_name(column.levels_dtype or "object"))
        place = {value: i for i, value in enumerate(levels)}
        moved = np.append([place[value] for value in values], -1)[positions]
        dtype = pd.CategoricalDtype(index, ordered=column.ordered)
        return pd.Categorical.from_codes(moved, dtype=dtype)
    dtype = dtype_from_name(column.dtype)
    if column.missing:
        base = pd.Series([*values, None], dtype=dtype).array
        taken = base.take(np.where(positions < 0, len(values), positions))
    else:
        taken = pd.Series(values, dtype=dtype).array.take(positions)
    # As a bare array, a DataFrame would take texts of dtype object for those of dtype str.
    return pd.Series(taken, dtype=dtype, copy=False)


def _is_integer(column: Column) -> bool:
    if column.kind != "continuous":
        return False
    return bool(pd.api.types.is_integer_dtype(dtype_from_name(column.dtype)))
