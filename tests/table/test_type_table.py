"""All types of columns, in CSV and Parquet, declared and inferred: what goes in comes out."""

import datetime
import re
import warnings
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
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import TableWriter, read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.where_option import parse_where

ROWS = 300
# Name, Arrow type, value of a number from 0 to 99 as Arrow stores it, declaration.
TYPES: dict[str, tuple[pa.DataType, Any, dict[str, Any]]] = {
    "int8": (pa.int8(), int, {"kind": "continuous"}),
    "unsigned": (pa.uint64(), lambda n: 2**63 + 3 * n, {"kind": "continuous"}),
    "largest": (pa.int64(), lambda n: 2**63 - 1 - n, {"kind": "continuous"}),
    "smallest": (pa.int64(), lambda n: n - 2**63 + 1, {"kind": "continuous"}),
    "double": (pa.float64(), lambda n: n / 4, {"kind": "continuous"}),
    "cents": (pa.decimal128(12, 2), lambda n: Decimal(n) / 100, {"kind": "continuous"}),
    "short": (pa.decimal32(7, 2), lambda n: Decimal(n) / 100, {"kind": "continuous"}),
    "long": (
        pa.decimal128(38, 2),
        lambda n: Decimal(12345678901234567800 + n).scaleb(-2),
        {"kind": "continuous"},
    ),
    "longest": (pa.decimal256(60, 0), lambda n: Decimal(10**45 + n), {"kind": "continuous"}),
    "tier": (pa.decimal128(8, 2), lambda n: Decimal(450 + n % 3) / 100, {"kind": "categorical"}),
    "code": (pa.string(), lambda n: f"{n % 7:05}", {"kind": "categorical", "dtype": "str"}),
    "long code": (
        pa.large_string(),
        lambda n: str(90000000000000000007 + n % 7),
        {"kind": "categorical", "dtype": "str"},
    ),
    "spelled": (pa.string(), lambda n: "TRUE" if n > 50 else "FALSE", {"kind": "categorical"}),
    "word": (pa.string(), lambda n: ("NA", "None", "EU")[n % 3], {"kind": "categorical"}),
    "truth": (pa.bool_(), lambda n: n > 50, {"kind": "categorical"}),
    "level": (
        pa.dictionary(pa.int32(), pa.string()),
        lambda n: "abc"[n % 3],
        {"kind": "categorical"},
    ),
    "clock": (pa.time64("us"), lambda n: 600_000_000 * n, {"kind": "datetime"}),
    "short clock": (pa.time32("ms"), lambda n: 600_000 * n, {"kind": "datetime"}),
    "spent": (pa.duration("ms"), lambda n: 1500 * n, {"kind": "datetime"}),
    "day": (pa.date32(), lambda n: 18_000 + n, {"kind": "datetime"}),
    "moment": (pa.timestamp("us"), lambda n: 900_000_000 * n, {"kind": "datetime"}),
}  # fmt: skip


def column(kind: pa.DataType, cells: list[Any]) -> pa.Array:
    if pa.types.is_temporal(kind):
        bits = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array(cells, bits).cast(kind)
    return pa.array(cells, kind)


def real_table(seed: int, gaps: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, (kind, value, _) in TYPES.items():
        cells = [value(int(n)) for n in rng.integers(0, 100, ROWS)]
        gone = rng.random(ROWS) < gaps
        arrays[name] = column(kind, [None if g else c for c, g in zip(cells, gone, strict=True)])
    return pa.table(arrays)


def there_and_back(file: Path, out: Path, declared: SpecDeclaration) -> TableSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(str(file), declared)
        spec = TableSpec.infer(table, declared=declared)
        encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
        rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
        with TableWriter(str(out), encoder.example(), spec.arrow_types) as writer:
            writer.write(rows)
        alike = SpecDeclaration.from_mapping(spec.to_mapping())
        made = read_table(str(out), alike)
    plan = ComparisonPlan.from_mapping({"scores": ["column_shapes"]})
    comparison = plan.prepare(table, spec).compute(made)
    assert comparison.warnings == ()
    assert comparison.scores["column_shapes"] > 0.95
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    return spec


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("is_declared", [False, True])
@settings(max_examples=2, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.2]))
def test_types_values_and_gaps_come_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, is_declared: bool, seed: int, gaps: float
) -> None:
    real = real_table(seed, gaps)
    directory = tmp_path_factory.mktemp("types")
    file, out = directory / f"real{suffix}", directory / f"out{suffix}"
    columns: dict[str, Any] = {name: dict(entry[2]) for name, entry in TYPES.items()}
    if suffix == ".csv":
        real = real.drop_columns(["spent"])
        del columns["spent"]
        for name in DECIMALS:
            columns[name]["dtype"] = "decimal"
        texts = {name: [text_of(v) for v in real[name].to_pylist()] for name in real.column_names}
        pd.DataFrame(texts).to_csv(file, index=False)
    else:
        pq.write_table(real, file)
    mapping = {"rules": {"find": False}, **({"columns": columns} if is_declared else {})}
    there_and_back(file, out, SpecDeclaration.from_mapping(mapping))
    if suffix == ".parquet":
        made = pq.read_table(out)
        assert made.schema.equals(real.schema)
        for name in real.column_names:
            assert made[name].null_count == real[name].null_count
            own, ours = ({*table[name].to_pylist()} - {None} for table in (real, made))
            assert min(own) <= min(ours) <= max(ours) <= max(own), name
        return
    cells, written = (pd.read_csv(f, dtype=str, keep_default_na=False) for f in (file, out))
    assert list(cells) == list(written)
    for name in map(str, cells):
        assert (cells[name] == "").sum() == (written[name] == "").sum(), name
        exact = is_declared and name in DECIMALS
        shapes = [{shape_of(text, exact=exact) for text in side[name]} for side in (cells, written)]
        assert shapes[1] <= shapes[0], name
        if name in ("code", "long code", "spelled", "word", "truth", "level"):
            assert {*written[name]} <= {*cells[name]}


DECIMALS = ("cents", "short", "long", "longest", "tier")


def text_of(value: object) -> str | None:
    return None if value is None else str(value)


def shape_of(text: str, *, exact: bool) -> str:
    """Return a text with each number in place of its digits; with their number where exact."""
    return re.sub(r"(?<=\.)\d" if exact else r"\d+", "9", re.sub(r"^\d+(?=\.)", "9", text))


@pytest.mark.parametrize(
    ("name", "conditions", "expected"),
    [
        ("unsigned", [f"unsigned={2**63 + 3}:{2**63 + 9}"], {2**63 + 3 * n for n in (1, 2, 3)}),
        ("largest", [f"largest={2**63 - 3}:"], {2**63 - 1 - n for n in range(3)}),
        (
            "long",
            ["long=:123456789012345678.01"],
            {Decimal("123456789012345678.00"), Decimal("123456789012345678.01")},
        ),
        ("cents", ["cents=0.10:0.12"], {Decimal("0.10"), Decimal("0.11"), Decimal("0.12")}),
        ("tier", ["tier=4.5"], {Decimal("4.50")}),
        (
            "short clock",
            ["short clock=08:00:00..08:20:00"],
            {datetime.time(8, m) for m in (0, 10, 20)},
        ),
        (
            "spent",
            ["spent=00:00:03..00:00:06"],
            {datetime.timedelta(seconds=s) for s in (3, 4.5, 6)},
        ),
    ],
)
def test_conditions_are_exact(
    tmp_path: Path, name: str, conditions: list[str], expected: set[object]
) -> None:
    pq.write_table(real_table(0, 0.0).select([name, "double"]), tmp_path / "t.parquet")
    table = read_table(str(tmp_path / "t.parquet"))
    spec = TableSpec.infer(
        table, declared=SpecDeclaration(categorical=("tier",) if name == "tier" else ())
    )
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    asked = RowConditions.of(parse_where(conditions, spec), encoder)
    kept = asked.hold(table)
    with TableWriter(str(tmp_path / "kept.parquet"), table, spec.arrow_types) as writer:
        writer.write(table[kept])
    found = set(pq.read_table(tmp_path / "kept.parquet")[name].to_pylist())
    assert found
    assert found <= expected


def test_decimals_of_python_come_back_as_decimals() -> None:
    cells = [Decimal(n) / 4 for n in range(60)]
    table = pd.DataFrame({"x": pd.Series(cells, dtype=object), "n": range(60)})
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"rules": {"find": False}}))
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    assert all(isinstance(value, Decimal) and 0 <= value <= 15 for value in rows["x"])


def test_times_and_durations_of_python_are_modelled() -> None:
    table = pd.DataFrame(
        {
            "time": [datetime.time(n % 24, 30) for n in range(60)],
            "spent": [datetime.timedelta(minutes=n) for n in range(60)],
        }
    )
    spec = TableSpec.infer(table)
    assert [c.dtype for c in spec.columns] == ["time64[us][pyarrow]", "timedelta64[us]"]
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    assert set(rows["time"]) <= set(table["time"])
    assert rows["spent"].max() <= table["spent"].max()


@pytest.mark.parametrize(
    "text", ["1e999999", "NaN", "9" * 200, "decimal128(99, 2)[pyarrow]", "time64[s][pyarrow]"]
)
def test_strange_bounds_and_dtypes_of_a_spec_are_refused(text: str) -> None:
    column = {"name": "x", "kind": "continuous", "dtype": "decimal128(12, 2)[pyarrow]"}
    strange = {"dtype": text} if "pyarrow" in text else {"minimum": text}
    with pytest.raises(DataError):
        TableSpec.from_mapping({"columns": [{**column, "minimum": 0, "maximum": 1, **strange}]})


@pytest.mark.parametrize("are_levels", [False, True])
def test_decimals_as_levels_or_among_floats_are_decimals(are_levels: bool) -> None:
    cells = [Decimal(n % 20) / 4 if n % 2 or are_levels else n / 4 for n in range(60)]
    values = pd.Series(cells, dtype=object)
    column = TableSpec.infer(
        pd.DataFrame({"x": values.astype("category") if are_levels else values})
    )
    assert column["x"].dtype == "decimal128(38, 2)[pyarrow]"


def test_names_that_are_not_text_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"but one is 0; give it names such as `table.columns = "):
        TableSpec.infer(pd.DataFrame(np.zeros((60, 2))))
