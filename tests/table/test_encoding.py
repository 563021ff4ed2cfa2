import json
from datetime import timedelta, timezone
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError, ExportError
from tabvae_ray.table.coders.category_encoder import CategoryEncoder
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.spec import TableSpec

STRATEGIES = ("uniform", "quantile", "atoms")
ROWS = 200
RANDOM = np.random.default_rng(5)
WHOLE = RANDOM.integers(0, 100, ROWS)
NORMAL = RANDOM.normal(0, 1, ROWS)
TEXT = pd.Series(RANDOM.choice(["a", "b, c", "ü"], ROWS))
MOMENTS = pd.Series(
    pd.Timestamp("2020-01-01") + pd.to_timedelta(RANDOM.integers(0, 10**6, ROWS), unit="s")
)
INDIA = timezone(timedelta(hours=5, minutes=30))


def fitted(
    table: pd.DataFrame, declared: SpecDeclaration | None = None, **options: object
) -> TableEncoder:
    spec = TableSpec.infer(table, declared=declared)
    # What is fitted has to work from a spec that was read back.
    spec = TableSpec.from_mapping(json.loads(json.dumps(spec.to_mapping())))
    # All values, however rare: what is fitted without these is tested in test_published.py.
    config = TransformersConfig.model_validate({"min_rows": 0, **options})
    return TableEncoder.fit(table, spec, config)


def there_and_back(encoder: TableEncoder, table: pd.DataFrame, **options: bool) -> pd.DataFrame:
    return encoder.decode(encoder.encode(table), np.random.default_rng(0), **options)


def columns_of_every_dtype() -> dict[str, pd.Series]:
    columns = {
        "int64": pd.Series(WHOLE),
        "int8": pd.Series(WHOLE, dtype="int8"),
        "uint8": pd.Series(WHOLE, dtype="uint8"),
        "all of int64": pd.Series([-(2**63), 2**63 - 1, *RANDOM.integers(-(2**62), 2**62, 198)]),
        "large uint64": pd.Series(np.uint64(2**63) + WHOLE.astype("uint64") * 3),
        "float64": pd.Series(NORMAL),
        "float64, 2 decimals": pd.Series(np.round(NORMAL, 2)),
        "float32": pd.Series(NORMAL, dtype="float32"),
        "float32, 1 decimal": pd.Series(np.round(NORMAL, 1), dtype="float32"),
        "float16": pd.Series(NORMAL, dtype="float16"),
        "bool": pd.Series(NORMAL > 0),
        "object": TEXT.astype(object),
        "object booleans": pd.Series(NORMAL > 0).astype(object),
        "datetime": MOMENTS,
        "datetime, days": MOMENTS.dt.normalize(),
        "datetime, seconds": MOMENTS.astype("M8[s]"),
        "datetime, nanoseconds": MOMENTS.astype("M8[ns]"),
        "datetime, UTC": MOMENTS.dt.tz_localize("UTC"),
        "datetime, Berlin": MOMENTS.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        "datetime, offset": MOMENTS.dt.tz_localize("UTC").dt.tz_convert(INDIA),
        "timestamp[pyarrow]": MOMENTS.astype("timestamp[us][pyarrow]"),
        "timestamp[pyarrow], UTC": MOMENTS.dt.tz_localize("UTC").astype(
            "timestamp[us, tz=UTC][pyarrow]"
        ),
        "date32[pyarrow]": MOMENTS.dt.date.astype(pd.ArrowDtype(pa.date32())),
        "category of integers": pd.Series(WHOLE % 3).astype("category"),
        "category of int8": pd.Series((WHOLE % 3).astype("int8")).astype("category"),
        "category of booleans": pd.Series(NORMAL > 0).astype("category"),
        "category with unused ones": pd.Series(
            pd.Categorical(TEXT, categories=["z", "ü", "a", "unused", "b, c"])
        ),
        "ordered category": pd.Series(
            pd.Categorical(TEXT, categories=["ü", "none", "a", "b, c"], ordered=True)
        ),
        "category of objects": pd.Series(
            pd.Categorical(TEXT, categories=pd.Index(["a", "b, c", "ü"], dtype=object))
        ),
    }
    for dtype in ("Int64", "Int8", "UInt64", "int64[pyarrow]", "uint8[pyarrow]"):
        columns[dtype] = pd.Series(WHOLE).astype(dtype)
        columns[f"{dtype}, few"] = pd.Series(WHOLE % 3).astype(dtype)
    for dtype in ("Float64", "Float32", "double[pyarrow]", "float[pyarrow]"):
        columns[dtype] = pd.Series(NORMAL).astype(dtype)
        columns[f"{dtype}, 1 decimal"] = pd.Series(np.round(NORMAL, 1)).astype(dtype)
    for dtype in ("boolean", "bool[pyarrow]"):
        columns[dtype] = pd.Series(NORMAL > 0).astype(dtype)
    for dtype in ("str", "string[python]", "string[pyarrow]", "large_string[pyarrow]", "category"):
        columns[dtype] = TEXT.astype(dtype)
    columns["ArrowDtype(string)"] = TEXT.astype(pd.ArrowDtype(pa.string()))
    return columns


def takes_missing(values: pd.Series) -> bool:
    return values.dtype.kind not in "iub" or not isinstance(values.dtype, np.dtype)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (name, missing)
        for name, values in columns_of_every_dtype().items()
        for missing in (False, True)
        if takes_missing(values) or not missing
    ],
)
def test_encoded_and_decoded_columns_keep_dtype_code_range_and_missingness(
    name: str, missing: bool
) -> None:
    values = columns_of_every_dtype()[name]
    if missing:
        values = values.mask(NORMAL > 1)
    table = pd.DataFrame({"x": values, "other": TEXT})
    encoder = fitted(table)
    codes = encoder.encode(table)
    back = encoder.decode(codes, np.random.default_rng(0))
    assert back["x"].dtype == table["x"].dtype
    np.testing.assert_array_equal(back["x"].isna(), table["x"].isna())
    np.testing.assert_array_equal(encoder.encode(back), codes)
    if encoder.spec["x"].kind == "categorical":
        assert (back["x"].dropna() == table["x"].dropna()).all()
        # A block of rows may have no missing value, or nothing else.
        for block in (codes[codes[:, 0] == 0], codes[codes[:, 0] == codes[:, 0].max()]):
            assert encoder.decode(block, np.random.default_rng(0))["x"].dtype == table["x"].dtype
    else:
        assert back["x"].dropna().min() >= table["x"].dropna().min()
        assert back["x"].dropna().max() <= table["x"].dropna().max()


def test_the_mixed_table_comes_back_with_its_names_dtypes_and_categories(
    mixed: pd.DataFrame,
) -> None:
    encoder = fitted(mixed)
    back = there_and_back(encoder, mixed)
    assert list(back.columns) == list(mixed.columns)
    assert back.dtypes.to_dict() == mixed.dtypes.to_dict()
    for name in ("children", "city", "grade", "smoker", "constant", "seven"):
        pd.testing.assert_series_equal(back[name], mixed[name])
    for name in ("income", "weight"):
        assert (np.round(back[name], 2) == back[name])[back[name].notna()].all()


def test_no_rows_and_one_row_come_back(mixed: pd.DataFrame) -> None:
    encoder = fitted(mixed)
    for rows in (0, 1):
        back = there_and_back(encoder, mixed.head(rows))
        assert len(back) == rows
        assert back.dtypes.to_dict() == mixed.dtypes.to_dict()


def test_json_keeps_an_encoder_to_the_bit(mixed: pd.DataFrame) -> None:
    encoder = fitted(mixed, max_categories=3)
    mapping = json.loads(json.dumps(encoder.to_mapping(), allow_nan=False))
    loaded = TableEncoder.from_mapping(mapping, encoder.spec)
    assert loaded.cardinalities == encoder.cardinalities
    np.testing.assert_array_equal(loaded.encode(mixed), encoder.encode(mixed))
    pd.testing.assert_frame_equal(there_and_back(loaded, mixed), there_and_back(encoder, mixed))


def test_compact_rows_have_the_same_values_as_categoricals(mixed: pd.DataFrame) -> None:
    encoder = fitted(mixed)
    plain, compact = there_and_back(encoder, mixed), there_and_back(encoder, mixed, compact=True)
    assert all(isinstance(compact[n].dtype, pd.CategoricalDtype) for n in encoder.spec.categorical)
    for name in mixed.columns:
        assert (plain[name].isna() == compact[name].isna()).all()
        assert (plain[name].dropna() == compact[name].dropna()).all()


def test_missing_values_are_the_last_code_and_come_back_at_their_rate(mixed: pd.DataFrame) -> None:
    encoder = fitted(mixed)
    codes = encoder.encode(mixed)
    for name in ("weight", "grade"):
        column = encoder.columns.index(name)
        last = encoder.cardinalities[column] - 1
        np.testing.assert_array_equal(codes[:, column] == last, mixed[name].isna())


def test_the_order_of_columns_and_unknown_ones_do_not_matter(mixed: pd.DataFrame) -> None:
    encoder = fitted(mixed)
    turned = mixed[mixed.columns[::-1]].assign(new=1)
    np.testing.assert_array_equal(encoder.encode(turned), encoder.encode(mixed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="age"), "column 'age': in the spec, but not in the table"),
        (
            lambda t: t.assign(city="Atlantis"),
            "column 'city': 'Atlantis' is none of its 6 categories",
        ),
        (
            lambda t: t.assign(city=t["city"].mask(t["age"] > 50)),
            "column 'city': has missing values, but the spec has none",
        ),
        (
            lambda t: t.assign(income=t["income"].mask(t["age"] > 50)),
            "column 'income': has missing values, but the spec has none",
        ),
        (
            lambda t: t.assign(age="old"),
            "column 'age': must be numbers to be continuous, but has 'old'",
        ),
        (
            lambda t: t.assign(income=t["income"].replace(0, np.inf)),
            "column 'income': must be finite, but row",
        ),
        (
            lambda t: t.assign(visited=t["visited"].dt.tz_localize("UTC")),
            "column 'visited': must be datetimes like datetime64",
        ),
        (lambda t: t.assign(visited=5), "column 'visited': must be datetimes, but is of dtype"),
    ],
)
def test_a_table_that_does_not_fit_the_spec_is_refused(
    mixed: pd.DataFrame, change: Any, message: str
) -> None:
    encoder = fitted(mixed)
    with pytest.raises(DataError, match=message):
        encoder.encode(change(mixed))


def test_numbers_of_another_dtype_and_datetimes_as_text_are_understood(
    mixed: pd.DataFrame,
) -> None:
    encoder = fitted(mixed)
    other = mixed.assign(
        age=mixed["age"].astype("float64"),
        children=mixed["children"].astype("Int8"),
        income=mixed["income"].astype(str),
        visited=mixed["visited"].astype(str),
        city=mixed["city"].astype("category"),
    )
    np.testing.assert_array_equal(encoder.encode(other), encoder.encode(mixed))


def test_text_is_read_as_moments_as_it_is_declared_to_be_written() -> None:
    moments = pd.date_range("2024-10-27", periods=60, freq="h", unit="us")
    table = pd.DataFrame({"x": moments.strftime("%d.%m.%Y %H:%M"), "y": range(60)})
    said = {"kind": "datetime", "format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}
    encoder = fitted(table, SpecDeclaration.from_mapping({"columns": {"x": said}}))
    back = there_and_back(encoder, table)["x"]
    assert str(back.dtype) == f"datetime64[{back.dt.unit}, Europe/Berlin]"
    # All atoms; of the hour that summer time ends with, which comes twice, the first is meant.
    assert back.dt.tz_localize(None).tolist() == moments.tolist()
    assert back[2] - back[1] == pd.Timedelta(hours=1)
    assert back[3] - back[2] == pd.Timedelta(hours=2)


def test_moments_without_a_zone_are_those_of_the_declared_one() -> None:
    table = pd.DataFrame({"x": MOMENTS, "other": TEXT})
    said = {"kind": "datetime", "timezone": "Asia/Tokyo"}
    encoder = fitted(table, SpecDeclaration.from_mapping({"columns": {"x": said}}))
    codes = encoder.encode(table)
    aware = table.assign(x=MOMENTS.dt.tz_localize("Asia/Tokyo").dt.tz_convert("UTC"))
    np.testing.assert_array_equal(encoder.encode(aware), codes)
    text = table.assign(x=aware["x"].dt.tz_convert("Europe/Berlin").astype(str))
    np.testing.assert_array_equal(encoder.encode(text), codes)


def test_fewer_decimals_may_be_declared_than_there_are() -> None:
    table = pd.DataFrame({"x": NORMAL, "other": TEXT})
    said = {"kind": "continuous", "decimals": 2}
    encoder = fitted(table, SpecDeclaration.from_mapping({"columns": {"x": said}}))
    codes = encoder.encode(table)
    back = encoder.decode(codes, np.random.default_rng(0))
    np.testing.assert_array_equal(np.round(back["x"], 2), back["x"])
    np.testing.assert_array_equal(encoder.encode(back), codes)


def test_identifiers_have_no_code_and_are_dropped_or_numbered(mixed: pd.DataFrame) -> None:
    table = mixed.assign(key=[f"row {i}" for i in range(len(mixed))], other=mixed["age"])
    columns = {
        "key": {"kind": "identifier", "fill": "number"},
        "other": {"kind": "identifier", "fill": "drop"},
    }
    encoder = fitted(table, SpecDeclaration.from_mapping({"columns": columns}))
    assert "key" not in encoder.columns and "other" not in encoder.columns
    codes = encoder.encode(table)
    back = encoder.decode(codes[:3], np.random.default_rng(0), first_row=1000)
    assert back["key"].tolist() == [1000, 1001, 1002]
    assert "other" not in back.columns


def test_a_hundred_thousand_categories_share_codes_and_all_come_back() -> None:
    random = np.random.default_rng(0)
    names = np.array([f"shop {i:06d}" for i in range(100_000)])
    # Frequencies fall as those of words do, and every category occurs.
    tail = (100_000 ** random.random(300_000)).astype(int) - 1
    table = pd.DataFrame({"shop": np.concatenate([names, names[tail]])})
    started = process_time()
    encoder = fitted(table)
    assert encoder.cardinalities == (1000,)
    codes = encoder.encode(table)
    back = encoder.decode(codes, random)
    # 1.5 s; other processes do not count.
    assert process_time() - started < 20
    assert set(back["shop"]) <= set(names)
    assert back["shop"].nunique() > 0.6 * 100_000
    real, made = (t["shop"].value_counts(normalize=True) for t in (table, back))
    frequent = real.index[:499]
    assert made[frequent].sum() == pytest.approx(real[frequent].sum())
    np.testing.assert_array_equal(encoder.encode(back), codes)
    shares = np.bincount(codes[:, 0]) / len(codes)
    assert shares[500:].max() < 3 * shares[500:].mean()


def test_codes_are_shared_only_above_the_limit() -> None:
    positions = np.repeat(np.arange(6, dtype=np.int32), [100, 1, 50, 2, 3, 1])
    assert CategoryEncoder.fit(positions, 6, 6).codes.tolist() == [0, 1, 2, 3, 4, 5]
    shared = CategoryEncoder.fit(positions, 6, 4)
    assert shared.codes.tolist() == [0, 2, 1, 2, 3, 3]
    assert shared.n_codes == 4
    drawn = shared.decode(np.full(50_000, 2, dtype=np.int32), np.random.default_rng(0))
    assert np.bincount(drawn)[[1, 3]] / 50_000 == pytest.approx([2 / 5, 3 / 5], abs=0.01)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"codes": [0, 1]}, "must have codes and weights"),
        ({"codes": [0, 0], "weights": [0.5, 0.5]}, "must be 0, 1, ... with weights that add to 1"),
        ({"codes": [0, 2, 2], "weights": [1, 0.5, 0.5]}, "must be 0, 1"),
        ({"codes": [-1, 0, 0], "weights": [1, 0.5, 0.5]}, "must be 0, 1"),
        ({"codes": [0, 0, 0], "weights": [0.5, 0.7, -0.2]}, "must be 0, 1"),
        ({"codes": [0, 0, 10**9], "weights": [0.5, 0.5, 1]}, "must be 0, 1"),
        ({"codes": [0, 0, 2**40], "weights": [0.5, 0.5, 1]}, "must have codes and weights"),
    ],
)
def test_shared_codes_that_no_fit_can_give_are_refused(mapping: dict, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        CategoryEncoder.from_mapping(mapping, 3)


def test_an_encoder_without_a_column_of_its_spec_is_refused(mixed_spec: TableSpec) -> None:
    with pytest.raises(ExportError, match="column 'age': must be an object"):
        TableEncoder.from_mapping({}, mixed_spec)


def tables() -> st.SearchStrategy[pd.DataFrame]:
    """Tables of three columns: numbers, integers or decimals, and text; each with gaps."""
    number = st.none() | st.floats(-1e12, 1e12, width=64) | st.sampled_from([0.0, 1.5, -2.25])
    whole = st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 3)
    text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    row = st.tuples(number, whole, text)
    return (
        st.lists(row, min_size=1, max_size=60)
        .map(
            lambda rows: pd.DataFrame(
                {
                    "number": pd.Series([r[0] for r in rows], dtype="float64"),
                    "whole": pd.Series([r[1] for r in rows], dtype="Int64"),
                    "text": pd.Series([r[2] for r in rows], dtype="str"),
                }
            )
        )
        .filter(lambda table: not table.isna().all().any())
    )


@pytest.mark.filterwarnings("ignore:.*taken for an identifier")
@settings(max_examples=30, deadline=None)
@given(tables(), st.sampled_from(STRATEGIES), st.integers(2, 20), st.integers(2, 20))
def test_any_table_keeps_dtypes_missingness_range_and_codes(
    table: pd.DataFrame, strategy: str, n_bins: int, max_categories: int
) -> None:
    encoder = fitted(table, strategy=strategy, n_bins_cts=n_bins, max_categories=max_categories)
    codes = encoder.encode(table)
    assert (codes >= 0).all() and (codes < np.array(encoder.cardinalities)).all()
    back = encoder.decode(codes, np.random.default_rng(0))
    for name in back.columns:
        assert back[name].dtype == table[name].dtype
        np.testing.assert_array_equal(back[name].isna(), table[name].isna())
        if name != "text":
            assert back[name].min() >= table[name].min()
            assert back[name].max() <= table[name].max()
        else:
            assert set(back[name].dropna()) <= set(table[name].dropna())
