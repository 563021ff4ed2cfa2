"""Tables in few bytes per row: nothing is lost, and little is sent."""

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.table.dataset.packed import PackedArray, PackedTable
from tabvae_ray.table.spec import TableSpec

N = 2_000
RNG = np.random.default_rng(0)
WORDS = np.array(["Private", "Self-emp-not-inc", "Local-gov", "?"])
COLUMNS = {
    "bool": RNG.random(N) < 0.5,
    "few integers": RNG.integers(-3, 90, N),
    "many integers": RNG.permutation(N) * 100,
    "signed integers": RNG.permutation(N) - 1_000,
    "largest integers": RNG.permutation(N).astype(np.uint64) + np.uint64(2**64 - N),
    "zeros": np.array([0.0, -0.0] * (N // 2)),
    "few floats": np.where(RNG.random(N) < 0.1, np.nan, RNG.integers(0, 9, N) / 8),
    "many floats": RNG.standard_normal(N),
    "short floats": RNG.standard_normal(N).astype(np.float32).astype(float),
    "text": pd.Series(RNG.choice(WORDS, N)).where(RNG.random(N) < 0.9),
    "all different": pd.Series([f"id-{i}" for i in range(N)]),
    "objects": pd.Series([1, 1.0, True, None] * (N // 4), dtype=object),
    "category": pd.Series(pd.Categorical(RNG.choice(WORDS, N), categories=[*WORDS, "unused"])),
    "ordered": pd.Series(pd.Categorical(RNG.choice(WORDS, N), categories=WORDS, ordered=True)),
    "nullable": pd.Series([1, None, 3, 4] * (N // 4), dtype="Int64"),
    "moments": pd.Series(pd.date_range("2024-01-01", periods=N, freq="h")),
    "zoned": pd.Series(pd.date_range("2024-01-01", periods=N, freq="D", tz="Europe/Paris")),
    "spans": pd.Series(pd.to_timedelta(RNG.integers(0, 50, N), unit="s")),
    "decimals": pd.Series(
        pd.array(["1.50", None, "2.25", "1.50"] * (N // 4), pd.ArrowDtype(pa.decimal128(5, 2)))
    ),
    "missing": np.full(N, np.nan),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_bit_for_bit(name: str) -> None:
    table = pd.DataFrame({name: COLUMNS[name]})
    table.attrs = {"arrow_types": {name: "int64"}}
    back = pickle.loads(pickle.dumps(PackedTable.of(table))).table()
    pd.testing.assert_frame_equal(back, table, check_exact=True)
    assert back.attrs == table.attrs
    if isinstance(back[name].dtype, np.dtype) and back[name].dtype.kind == "f":
        assert np.array_equal(np.signbit(back[name]), np.signbit(table[name]))


def test_names_that_occur_twice_stay() -> None:
    table = pd.DataFrame([[1, 2], [3, 4]] * 9, columns=["a", "a"])
    pd.testing.assert_frame_equal(PackedTable.of(table).table(), table)


@pytest.mark.parametrize("values", [[], [1.5], [np.nan]])
def test_short_arrays_come_back(values: list[float]) -> None:
    array = np.array(values)
    assert np.array_equal(PackedArray.of(array).array(), array, equal_nan=True)


def census(n: int) -> pd.DataFrame:
    """Return rows with the shape of a census: nine columns of text, and six of integers."""
    rng = np.random.default_rng(1)
    texts = {f"t{i}": pd.Series(rng.choice(WORDS, n)) for i in range(9)}
    numbers = {f"n{i}": rng.integers(0, 100, n) for i in range(5)}
    return pd.DataFrame({**texts, **numbers, "weight": rng.integers(0, 1_500_000, n)})


def test_a_table_and_its_real_side_take_less_than_a_third_of_the_frame() -> None:
    table = census(40_000)
    frame = int(table.memory_usage(deep=True).sum())
    spec = TableSpec.infer(table)
    plan = ComparisonPlan(scores=("mean_js_distance", "correlation_distance", "pair_trends"))
    comparison = plan.prepare(table, spec, held_out=np.arange(4_000)).for_scores()
    packed = len(pickle.dumps(PackedTable.of(table), 5)), len(pickle.dumps(comparison, 5))
    # 2 GB as a DataFrame then take at most 0.6 GB in the object store.
    assert sum(packed) <= 0.3 * frame, (frame, packed)


def test_a_comparison_that_was_sent_scores_the_same() -> None:
    table = census(1_500)
    spec = TableSpec.infer(table)
    plan = ComparisonPlan(scores=("mean_js_distance", "correlation_distance", "dcr_share"))
    prepared = plan.prepare(table, spec, held_out=np.arange(150)).for_scores()
    other = census(3_000).iloc[1_500:].reset_index(drop=True)
    sent = pickle.loads(pickle.dumps(prepared, 5))
    assert sent.compute(other).scores == prepared.compute(other).scores
