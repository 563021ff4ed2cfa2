"""Parquet in, Parquet out: the types and the digits of the table."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.category_values import positions_in_other_types
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import TableWriter, fingerprint, read_table
from tabvae_ray.table.spec import TableSpec

ROWS = 300
DAY = 86_400


def arrow_columns(seed: int, gaps: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    whole = rng.integers(0, 100, ROWS)
    cents = [Decimal(int(n)) / 100 for n in rng.integers(100, 100_000, ROWS)]
    text = rng.choice(["a", "b, c", "ü"], ROWS).tolist()
    days = (18_000 + whole).tolist()
    values: dict[str, tuple[list[Any], pa.DataType]] = {
        kind: (whole.tolist(), pa.type_for_alias(kind))
        for kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    }
    values |= {
        "large": ((2**60 + whole).tolist(), pa.int64()),
        "large unsigned": ([2**63 + int(n) for n in whole], pa.uint64()),
        "float": (rng.normal(0, 1, ROWS).tolist(), pa.float32()),
        "double": (rng.normal(0, 1, ROWS).tolist(), pa.float64()),
        "truth": ((whole > 50).tolist(), pa.bool_()),
        "decimal": (cents, pa.decimal128(12, 2)),
        "text": (text, pa.string()),
        "large text": (text, pa.large_string()),
        "text view": (text, pa.string_view()),
        "levels": (text, pa.dictionary(pa.int32(), pa.string())),
        "day": (days, pa.date32()),
        "micro": ([day * DAY * 10**6 for day in days], pa.timestamp("us")),
        "zoned": ([day * DAY * 1000 for day in days], pa.timestamp("ms", "Europe/Berlin")),
        "nano": ([day * DAY * 10**9 for day in days], pa.timestamp("ns")),
    }
    arrays = {}
    for name, (cells, kind) in values.items():
        absent = rng.random(ROWS) < gaps
        cells = [None if gone else cell for cell, gone in zip(cells, absent, strict=True)]
        if pa.types.is_date(kind):
            arrays[name] = pa.array(cells, pa.int32()).cast(kind)
        elif pa.types.is_timestamp(kind):
            arrays[name] = pa.array(cells, pa.int64()).cast(kind)
        else:
            arrays[name] = pa.array(cells, kind)
    return pa.table(arrays)


def there_and_back(file: Path, out: Path, declared: dict[str, Any] | None = None) -> TableSpec:
    table = read_table(str(file))
    declaration = SpecDeclaration.from_mapping(declared or {"rules": {"find": False}})
    spec = TableSpec.infer(table, declared=declaration)
    encoder = TableEncoder.fit(table, spec, TransformersConfig())
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    with TableWriter(str(out), encoder.example(), spec.arrow_types) as writer:
        writer.write(rows)
    return spec


@settings(max_examples=4, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.2]), declared=st.booleans())
def test_parquet_comes_back_with_its_schema_gaps_and_range(
    tmp_path_factory: pytest.TempPathFactory, seed: int, gaps: float, declared: bool
) -> None:
    real = arrow_columns(seed, gaps)
    directory = tmp_path_factory.mktemp("parquet")
    pq.write_table(real, directory / "real.parquet")
    out = directory / "out.parquet"
    spec = there_and_back(directory / "real.parquet", out)
    if declared:
        spec = there_and_back(directory / "real.parquet", out, spec.to_mapping())
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    made = pq.read_table(out)
    assert made.schema.equals(real.schema)
    for name in real.column_names:
        assert made[name].null_count == real[name].null_count
        if not pa.types.is_dictionary(real[name].type) and name != "truth":
            own, ours = ({*table[name].to_pylist()} - {None} for table in (real, made))
            assert min(own) <= min(ours) <= max(ours) <= max(own)
    frame = read_table(str(directory / "real.parquet"))
    plan = ComparisonPlan.from_mapping({"scores": ["mean_js_distance"]})
    comparison = plan.prepare(frame, spec).compute(read_table(str(out)))
    assert comparison.warnings == ()


def test_integers_with_missing_values_stay_exact_and_csv_has_no_point(tmp_path: Path) -> None:
    numbers = [2**60 + n if n % 7 else None for n in range(300)]
    pq.write_table(pa.table({"n": pa.array(numbers, pa.int64())}), tmp_path / "t.parquet")
    table = read_table(str(tmp_path / "t.parquet"))
    assert table["n"].dtype == "Int64"
    assert table["n"].dropna().tolist() == [n for n in numbers if n is not None]
    there_and_back(tmp_path / "t.parquet", tmp_path / "out.csv")
    assert "." not in (tmp_path / "out.csv").read_text()


def test_named_index_columns_are_columns_and_unnamed_ones_are_left_out(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="key"))
    table.to_parquet(tmp_path / "named.parquet")
    assert list(read_table(str(tmp_path / "named.parquet"))) == ["x", "key"]
    counted = table.set_axis(pd.RangeIndex(2, name="row"))
    counted.to_parquet(tmp_path / "counted.parquet")
    with pytest.warns(UserWarning, match="its index 'row' only counts the rows, so it is left out"):
        assert list(read_table(str(tmp_path / "counted.parquet"))) == ["x"]
    table.rename_axis(None).to_parquet(tmp_path / "unnamed.parquet")
    with pytest.warns(UserWarning, match="its index has no name, so it is left out"):
        assert list(read_table(str(tmp_path / "unnamed.parquet"))) == ["x"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([[1], [2]], "lists or structs"),
        ([{"a": 1}, {"a": 2}], "lists or structs"),
        ([b"a", b"b"], "binary data"),
    ],
)
def test_nested_and_binary_columns_are_refused_with_advice_unless_dropped(
    tmp_path: Path, cells: list[Any], kind: str
) -> None:
    pq.write_table(pa.table({"odd": cells, "x": [1, 2]}), tmp_path / "t.parquet")
    table = read_table(str(tmp_path / "t.parquet"))
    with pytest.raises(DataError, match=rf"column 'odd': holds {kind}.*`drop: \[odd\]`"):
        TableSpec.infer(table)
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"drop": ["odd"]}))
    assert spec.names == ("x",)
    assert len(fingerprint(table)) == 64


def test_categories_of_decimals_keep_their_digits(tmp_path: Path) -> None:
    tiers = [Decimal("4.50"), Decimal("9.99"), Decimal("19.99")] * 20
    pq.write_table(pa.table({"t": pa.array(tiers, pa.decimal128(8, 2))}), tmp_path / "t.parquet")
    there_and_back(tmp_path / "t.parquet", tmp_path / "out.csv", {"categorical": ["t"]})
    assert set((tmp_path / "out.csv").read_text().split()) == {"t", "4.50", "9.99", "19.99"}


def test_codes_beyond_64_bits_keep_their_digits(tmp_path: Path) -> None:
    codes = [90000000000000000007 + 7 * (n % 5) for n in range(100)]
    spec = TableSpec.infer(pd.DataFrame({"code": pd.Series(codes, dtype=object)}))
    assert set(spec["code"].categories) == set(map(str, codes))
    back = positions_in_other_types(pd.Series(codes, dtype=object), spec["code"].categories)
    assert [int(spec["code"].categories[i]) for i in back] == codes


@pytest.mark.parametrize("value", [Decimal("9.990"), 9.99, "9.99"])
def test_one_number_in_three_types_is_one_category(value: object) -> None:
    for category in (9.99, "9.99"):
        found = positions_in_other_types(pd.Series([value, "else"], dtype=object), [4.5, category])
        assert found.tolist() == [1, -1]


def test_different_integers_beyond_float_are_counted_as_different() -> None:
    table = pd.DataFrame({"n": np.uint64(2**63) + np.arange(60, dtype=np.uint64)})
    assert TableSpec.infer(table)["n"].kind != "categorical"
