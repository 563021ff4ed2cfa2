import json
import warnings
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dateutil.tz
import numpy as np
import pandas as pd
import pytest
import yaml

from tabvae_ray.errors import DataError, StorageError
from tabvae_ray.table.column import Column
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec, check_table

ASSETS = Path(__file__).parents[2] / "assets"


def infer(values: Any, kind: str | None = None, **options: Any) -> Column:
    columns = {} if kind is None else {"x": {"kind": kind, **options}}
    declared = SpecDeclaration.from_mapping({"columns": columns})
    return TableSpec.infer(
        pd.DataFrame({"x": values, "other": 1.5}), declared=declared, source="rows.csv"
    )["x"]


# --- inferred -----------------------------------------------------------------------------------


def test_the_mixed_table_is_what_it_looks_like(mixed_spec: TableSpec) -> None:
    assert mixed_spec.continuous == ("age", "income", "weight", "measure")
    assert mixed_spec.datetime == ("visited",)
    assert mixed_spec.identifier == ()
    assert mixed_spec.categorical == (
        "children", "city", "grade", "smoker", "constant", "seven",
    )  # fmt: skip
    decimals = {name: mixed_spec[name].decimals for name in mixed_spec.continuous}
    assert decimals == {"age": 0, "income": 2, "weight": 1, "measure": None}
    assert [c.name for c in mixed_spec.columns if c.missing] == ["weight", "grade"]
    assert mixed_spec["smoker"].categories == (False, True)
    assert mixed_spec["seven"].categories == (7,)
    assert mixed_spec["city"].categories == tuple(sorted(mixed_spec["city"].categories))
    ticks_of_a_day = (
        24
        * 60
        * 60
        * 10
        ** {"s": 0, "ms": 3, "us": 6, "ns": 9}[
            mixed_spec["visited"].dtype.removeprefix("datetime64[").removesuffix("]")
        ]
    )
    assert mixed_spec["visited"].step == ticks_of_a_day


def test_heart_has_the_kinds_that_its_source_names() -> None:
    spec = TableSpec.infer(pd.read_csv(ASSETS / "heart.csv"))
    assert set(spec.continuous) == {"Age", "RestingBP", "Cholesterol", "MaxHR", "Oldpeak"}
    assert len(spec.categorical) == 7


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "categorical"),
        (list(range(10)), "categorical"),
        (list(range(11)), "continuous"),
        ([1.0, 2.0, None], "categorical"),
        ([1.5, 2.0, None], "continuous"),
        ([True, False, None], "categorical"),
        (["a", "b"], "categorical"),
        ([date(2020, 1, 1), date(2020, 1, 3)], "datetime"),
        (["2020-01-01", None, "2020-01-03T10:00"], "datetime"),
        (pd.Series(["2020-01-01", "2020-01-03"], dtype="string[pyarrow]"), "datetime"),
        (pd.Series(["2020-01-01", "2020-01-03"], dtype="large_string[pyarrow]"), "datetime"),
        (["2020-01-01", "2020-13-01"], "categorical"),
        (pd.to_datetime(["2020-01-01", "2020-01-03"]).astype("category"), "datetime"),
        (pd.Series([date(2020, 1, 1), None]).astype("category"), "datetime"),
        (pd.Series(["2020-01-01", "2020-01-03"]).astype("category"), "categorical"),
        ([Decimal("1.50"), Decimal("2.25"), None], "continuous"),
        (pd.Series([1, 2.5, None], dtype=object), "continuous"),
        (pd.Series([*range(11)], dtype=object), "continuous"),
        ([10**30, *range(11)], "continuous"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*its categories are dates")
def test_a_column_without_a_declaration_is_judged_by_its_values(values: list, kind: str) -> None:
    assert infer(values).kind == kind


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([1.0, 250.0, 3.0], 0),
        ([0.1, 0.25], 2),
        ([1e-7, 2e-7], 7),
        ([1 / 3, 0.5], None),
        ([1e300, 1.25], 2),
        ([5e-324, 1.0], None),
        (np.array([0.1, 0.2, 123.4], dtype=np.float32), 1),
        (np.array([0.5, 0.25], dtype=np.float16), 2),
    ],
)
def test_decimals_are_the_fewest_that_hold_every_value(values: list, decimals: int | None) -> None:
    assert infer(values, "continuous").decimals == decimals


def test_text_whose_values_all_differ_is_an_identifier_and_that_is_said() -> None:
    keys = [f"key {i}" for i in range(50)]
    with pytest.warns(UserWarning, match="column 'x': all 50 values differ, so it is taken for an"):
        assert infer(keys).kind == "identifier"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert infer(keys[:19]).kind == "categorical"
        assert infer([*keys[:49], keys[0]]).kind == "categorical"
        assert infer([*keys, *keys]).kind == "categorical"
        assert infer(keys, "categorical").kind == "categorical"
        assert infer(keys, "identifier", fill="number").fill == "number"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"Street {i % 150}" for i in range(200)], "identifier"),
        ([f"Street {i % 100}" for i in range(200)], "categorical"),
        ([f"Street {max(i, 4)}" for i in range(200)], "identifier"),
        ([f"Street {i % 150 if i < 190 else 0}" for i in range(200)], "categorical"),
        ([f"A{i % 60}" for i in range(99)], "categorical"),
        ([f"x{i % 150}" for i in range(200)], "categorical"),
    ],
)
def test_text_of_which_no_value_is_common_is_an_identifier(values: list[str], kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert infer(values).kind == kind


EMAILS = pd.Series([f"person.{i}@example.org" for i in range(400)])


@pytest.mark.parametrize("dtype", ["str", "object", "category", "string[pyarrow]"])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (EMAILS, "all 400"),
        (EMAILS.mask(EMAILS.index == 7), "all 399"),
        (EMAILS.where(EMAILS.index != 7, EMAILS[8]), "399 of 400"),
        (EMAILS.where(EMAILS.index > 14, EMAILS[0]), "386 of 400"),
    ],
)
def test_a_gap_or_a_duplicate_makes_no_categories_of_names(
    dtype: str, values: pd.Series, said: str
) -> None:
    with pytest.warns(UserWarning, match=f"column 'x': {said} values differ, so it is taken"):
        assert infer(values.astype(dtype)).kind == "identifier"


@pytest.mark.parametrize(
    "values",
    [
        EMAILS.where(EMAILS.index > 30, EMAILS[0]),
        pd.Series([f"{i:03d}" for i in range(400)]).where(EMAILS.index > 0, "001"),
        EMAILS[:99].where(EMAILS.index[:99] > 0, EMAILS[1]),
        pd.Series(["Oslo", "Bergen"] * 200).astype("category"),
        pd.Series(range(400)).astype("category"),
    ],
)
def test_categories_are_not_taken_for_names(values: pd.Series) -> None:
    assert infer(values).kind == "categorical"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame(), "rows.csv: has no columns"),
        (pd.DataFrame({"x": []}), "rows.csv: has no rows"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "column 'x': occurs more than once"),
        (pd.DataFrame({0: [1, 2]}), "column names must be text, but one is 0"),
        (pd.DataFrame({("a", "b"): [1]}), "column names must be text, but one is"),
        (pd.DataFrame({"x": [None, None]}), "column 'x': has no values, all 2 are missing"),
        (pd.DataFrame({"x": [1.5, np.inf]}), "column 'x': must be finite, but row 1 is inf"),
        (
            pd.DataFrame({"x": pd.Series([1.5, -np.inf], dtype="Float64")}),
            "column 'x': must be finite, but row 1 is -inf",
        ),
        (
            pd.DataFrame({"x": [-1.7e308, 1.7e308, 0.5]}),
            "must span less than 1.8e308, but is -1.7e",
        ),
        (pd.DataFrame({"x": [1j, 2j]}), "values of dtype complex128 are not supported"),
        (pd.DataFrame({"x": [[1], [2]]}), "holds lists or structs"),
        (pd.DataFrame({"x": [{}, {}]}), "holds lists or structs"),
        (pd.DataFrame({"x": ["a", [1]]}), "must be text, but has an unhashable type"),
        (pd.DataFrame({"x": [b"a", b"b"]}), "holds binary data"),
        (pd.DataFrame({"x": ["a", 1]}), "must be all text, .* but are int, str"),
        (
            pd.DataFrame({"x": pd.period_range("2020", periods=2, freq="15min")}),
            "values of type Period are not supported",
        ),
        (
            pd.DataFrame({"x": pd.cut(pd.to_timedelta([1, 2], "D"), 2)}),
            r"but are Interval; convert them, such as by \.astype\(str\), or name the column under",
        ),
        (
            pd.DataFrame({"x": pd.arrays.SparseArray([0j, 0j, 1j, 2j])}),
            r"dtype Sparse\[complex128.* are not supported; .*, such as by \.sparse\.to_dense",
        ),
        (
            pd.DataFrame(
                {"x": pd.to_datetime(["2020-01-01"]).tz_localize(dateutil.tz.gettz("Asia/Tokyo"))}
            ),
            r"are not supported; convert them, such as by \.dt\.tz_convert",
        ),
    ],
)
def test_a_table_that_cannot_be_modelled_is_refused_in_one_line(
    table: pd.DataFrame, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        TableSpec.infer(table, source="rows.csv")
    assert str(caught.value).startswith("rows.csv: ")
    assert "\n" not in str(caught.value)


def test_a_table_of_identifiers_alone_is_refused() -> None:
    table = pd.DataFrame({"x": ["a", "b"]})
    declared = SpecDeclaration(identifier=("x",))
    with pytest.raises(DataError, match="has no columns to model, only identifiers"):
        TableSpec.infer(table, declared=declared)


# --- declared -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["a", "b"], "continuous", "must be numbers to be continuous, but has 'a'"),
        (["1", "inf"], "continuous", "must be finite, but row 1 is inf"),
        ([1j, 2j], "continuous", "values of dtype complex128 are not supported"),
        (pd.to_datetime(["2020-01-01"]), "continuous", "must be numbers to be continuous"),
        (["2020-01-01", "soon"], "datetime", "must be datetimes: .*soon"),
        ([1, 2], "datetime", "must be datetimes, but is of dtype int64"),
        ([1.5, np.inf], "categorical", "must be finite, but has an infinity"),
        ([[1], [2]], "categorical", "must be text or numbers, but has an unhashable type"),
    ],
)
def test_a_column_that_cannot_be_what_it_is_declared_to_be_is_refused(
    values: list, kind: str, message: str
) -> None:
    with pytest.raises(DataError, match=f"rows.csv: column 'x': {message}"):
        infer(values, kind)


def test_all_columns_that_cannot_be_what_they_are_declared_to_be_are_named() -> None:
    table = pd.DataFrame({"x": ["a", "b"], "y": [1, 2], "z": [1.5, 2.5]})
    declared = SpecDeclaration(continuous=("x",), datetime=("y",), categorical=("w",))
    with pytest.raises(DataError) as caught:
        TableSpec.infer(table, declared=declared)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 and all(
        f"column '{name}'" in line for name, line in zip("wxy", lines, strict=True)
    )
    with pytest.raises(DataError) as caught:
        check_table(table.assign(z="a").drop(columns="y"), TableSpec.infer(table))
    assert len(str(caught.value).splitlines()) == 2


def test_what_a_spec_wrote_declares_the_same_spec(mixed: pd.DataFrame, tmp_path: Path) -> None:
    mixed["key"] = [f"k{i}" for i in range(len(mixed))]
    mixed["zone"] = mixed["visited"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    mixed["level"] = pd.Categorical(mixed["city"], ordered=True)
    columns = {"key": {"kind": "identifier", "fill": "number"}}
    declared = SpecDeclaration.from_mapping({"columns": columns, "drop": ["seven"]})
    spec = TableSpec.infer(mixed, declared=declared)
    (tmp_path / "spec.json").write_text(json.dumps(spec.to_mapping()))
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec.to_mapping(), allow_unicode=True))
    for name in ("spec.json", "spec.yaml"):
        assert TableSpec.load(str(tmp_path / name)) == spec
        declared = SpecDeclaration.load(str(tmp_path / name))
        assert TableSpec.infer(mixed, declared=declared) == spec
        # A part of the rows has not all the values, and is the same table.
        assert TableSpec.infer(mixed.tail(100), declared=declared) == spec


def test_what_is_said_of_a_column_is_what_it_is() -> None:
    share = infer([0.25, 0.5], "continuous", minimum=0, maximum=1, decimals=1, dtype="float32")
    assert (share.minimum, share.maximum, share.decimals, share.dtype) == (0, 1, 1, "float32")
    whole = infer([3.0, 12.0], "continuous", dtype="Int16", missing=True)
    assert (whole.dtype, whole.minimum, whole.decimals, whole.missing) == ("Int16", 3, 0, True)
    grade = infer(["A", "C"], "categorical", categories=["A", "B", "C"], dtype="category")
    assert grade.categories == ("A", "B", "C") and grade.dtype == "category"
    day = infer(["31/12/2024", "1/2/2024"], "datetime", format="%d/%m/%Y")
    assert day.format == "%d/%m/%Y" and day.dtype.startswith("datetime64[")
    zone = infer(["2024-07-01 12:00", None], "datetime", timezone="Europe/Berlin")
    assert zone.dtype.endswith(", Europe/Berlin]")
    noon = pd.Timestamp(zone.minimum, unit=zone.dtype[11:].partition(",")[0], tz="UTC")
    assert noon == pd.Timestamp("2024-07-01 10:00", tz="UTC")
    early = infer(["2024-01-03"], "datetime", dtype="datetime64[s]", minimum=1_704_067_200)
    assert early.step == 2 * 24 * 60 * 60


EUR = {"dtype": "float64", "format": "{:.2f} EUR"}


@pytest.mark.parametrize(
    ("values", "kind", "said", "message"),
    [
        ([0.5, 2.0], "continuous", {"maximum": 1}, "goes from 0.5 to 2.0, but is declared to go"),
        ([0.5, 300], "continuous", {"dtype": "int8"}, "are not of dtype int8"),
        ([1, 300], "continuous", {"maximum": 1e30}, "are not values of dtype int64"),
        ([0.5, 2.0], "continuous", {"dtype": "V20000000"}, "'V20000000' is not a supported dtype"),
        ([0.5, None], "continuous", {"missing": False}, "is declared to have none"),
        (
            ["A", "D"],
            "categorical",
            {"categories": ["A", "B"]},
            "'D' is none of the 2 declared categories",
        ),
        (["A", "D"], "categorical", {"dtype": "int64"}, "its values are not of dtype int64"),
        (["1", "x"], "continuous", {"dtype": "float64"}, "not of dtype float64: 'x' is no number"),
        # Only one of them is no number in the format that is declared.
        (["1.50 EUR", "9 USD"], "continuous", EUR, "'9 USD' is no number"),
        (["1/2/2024"], "datetime", {}, "must be datetimes: .*1/2/2024"),
        (["1/2/2024"], "datetime", {"format": "%Y"}, "'1/2/2024' is none in the format %Y"),
        (["2024", "soon"], "datetime", {"format": "%Y"}, "datetimes: 'soon' is none in the format"),
        (["2024-01-01", "2024-01-02"], "datetime", {"step": 10**15}, "between steps of"),
        (["2024-01-01"], "categorical", {"step": 1}, "columns.x.step: is not for categorical"),
        (["2024-01-01"], "datetime", {"timezone": "Mars"}, "timezone: must be one such as Eur"),
        (["2024-01-01"], "datetime", {"timezone": "../x"}, "timezone: must be one such as Eur"),
    ],
)
def test_what_is_said_of_a_column_and_is_not_so_is_refused(
    values: list, kind: str, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        infer(values, kind, **said)


def test_what_is_declared_goes_before_what_is_inferred(mixed: pd.DataFrame) -> None:
    mixed["number"] = mixed["weight"].astype("str")
    mixed["moment"] = mixed["visited"].astype("str")
    declared = SpecDeclaration.from_mapping(
        {
            "continuous": ["children", "number", "smoker"],
            "categorical": ["weight"],
            "columns": {"moment": {"kind": "datetime"}},
            "drop": ["constant"],
            "target": "smoker",
        }
    )
    spec = TableSpec.infer(mixed, declared=declared)
    assert {"children", "number", "smoker"} <= set(spec.continuous)
    assert spec["number"].dtype == "float64" and spec["number"].decimals == 1
    assert spec["weight"].kind == "categorical" and spec["moment"].kind == "datetime"
    assert spec.target == "smoker"
    assert "constant" not in spec.names
    check_table(mixed, spec)


@pytest.mark.parametrize("section", ["continuous", "categorical", "drop"])
def test_a_declared_column_that_is_absent_is_refused(section: str, mixed: pd.DataFrame) -> None:
    with pytest.raises(
        DataError, match="t: column 'agee': declared in the spec, but not in the table"
    ):
        TableSpec.infer(
            mixed, declared=SpecDeclaration.from_mapping({section: ["agee"]}), source="t"
        )


def test_an_absent_target_or_an_identifier_as_target_is_refused(mixed: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="target: 'city' is an identifier"):
        TableSpec.infer(mixed, declared=SpecDeclaration(identifier=("city",), target="city"))
    with pytest.raises(DataError, match="column 'ill': declared in the spec, but not in the table"):
        TableSpec.infer(mixed, declared=SpecDeclaration(target="ill"))


YAML = """
continuous: [age]
categorical: [city]
columns:
  key: {kind: identifier, fill: number}
drop: [constant]
target: city
"""


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(YAML)
    declared = SpecDeclaration.load(str(tmp_path / "spec.yaml"))
    assert declared.continuous == ("age",)
    assert declared.kind_of("key") == "identifier" and declared.kind_of("other") is None
    assert declared.columns["key"].fill == "number"
    text = json.dumps(declared.model_dump(mode="json"))
    (tmp_path / "spec.json").write_text(text)
    assert SpecDeclaration.load(str(tmp_path / "spec.json")) == declared


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.yaml", "", r"s\.yaml: \(top level\): must be a mapping, but got None"),
        ("s.yaml", "- a", r"\(top level\): must be a mapping, but got \['a'\]"),
        ("s.yaml", "a: [", "cannot be read as YAML: "),
        ("s.json", "{'a': 1}", "cannot be read as JSON: "),
        ("s.yaml", "continous: [a]", "continous: no such key"),
        ("s.yaml", "continuous: a", "continuous: must be a list, but got 'a'"),
        ("s.yaml", "continuous: [1]", r"continuous\.0: must be a valid string, but got 1"),
        ("s.yaml", "columns: {a: continuous}", r"columns\.a: must be a mapping, but got 'contin"),
        ("s.yaml", "columns: {a: {kind: number}}", r"columns\.a\.kind: must be 'continuous', "),
        ("s.yaml", "continuous: [a]\ncategorical: [a]", "column 'a': declared more than once"),
        ("s.yaml", "drop: [a]\ntarget: a", "target: 'a' is dropped"),
        ("s.json", "[" * 100_000, "cannot be read as JSON: "),
        ("s.yaml", "columns: [{kind: datetime}]", "columns.0: must be a mapping with a name"),
        (
            "s.yaml",
            "columns: [{name: a, kind: datetime}, {name: a, kind: datetime}]",
            "column 'a': declared more than once",
        ),
    ],
)
def test_a_spec_file_that_breaks_a_rule_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        SpecDeclaration.load(str(tmp_path / name))


def test_a_spec_file_that_is_not_there_or_no_text_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no such file"):
        SpecDeclaration.load(str(tmp_path / "spec.yaml"))
    (tmp_path / "spec.yaml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(StorageError, match="is not UTF-8 text"):
        SpecDeclaration.load(str(tmp_path / "spec.yaml"))


def test_all_that_is_wrong_with_a_spec_file_is_said_together(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("continous: [a]\ntarget: 3\ndrop: b\n")
    with pytest.raises(DataError) as caught:
        SpecDeclaration.load(str(tmp_path / "s.yaml"))
    assert len(str(caught.value).splitlines()) == 3


# --- kept ---------------------------------------------------------------------------------------


def test_json_keeps_a_spec(mixed_spec: TableSpec) -> None:
    text = json.dumps(mixed_spec.to_mapping(), allow_nan=False)
    assert TableSpec.from_mapping(json.loads(text)) == mixed_spec


def spec_mapping(**column: Any) -> dict[str, Any]:
    base = {"name": "x", "kind": "continuous", "dtype": "float64", "minimum": 0, "maximum": 1}
    return {"columns": [{**base, **column}]}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ([], r"spec: \(top level\): must be a mapping"),
        ({"columns": []}, "columns: "),
        (spec_mapping(kind="number"), r"columns\.0\.kind: must be"),
        (spec_mapping(dtype="os.system"), "'os.system' is not a supported dtype"),
        (spec_mapping(dtype="no such"), "'no such' is not a supported dtype"),
        (spec_mapping(dtype="x" * 300), "at most 200 characters"),
        (spec_mapping(dtype="V2000000000"), "'V2000000000' is not a supported dtype"),
        (spec_mapping(dtype="S2000000000"), "is not a supported dtype"),
        (spec_mapping(dtype="1000000i8"), "is not a supported dtype"),
        (spec_mapping(dtype="datetime64[us, Mars]"), "is not a supported dtype"),
        (
            spec_mapping(dtype="float32", maximum=1e300),
            "0 to 1e.300 are not values of dtype float32",
        ),
        (spec_mapping(dtype="int8", maximum=128), "0 to 128 are not values of dtype int8"),
        (spec_mapping(dtype="int8", maximum=1.5), "0 to 1.5 are not values of dtype int8"),
        (spec_mapping(maximum=10**400), "are not values of dtype float64"),
        (spec_mapping(minimum=-1.7e308, maximum=1.7e308), "must span less than 1.8e308"),
        (spec_mapping(maximum=1e300, decimals=15), "15 decimals are too many for 1e.300"),
        (
            spec_mapping(kind="datetime", dtype="datetime64[us]", step=10**30),
            "must have a step below",
        ),
        (
            spec_mapping(kind="datetime", dtype="datetime64[us]", step=1, maximum=10**30),
            "are not values of dtype datetime64",
        ),
        (spec_mapping(minimum=2), "must have minimum <= maximum, but got 2 and 1"),
        (spec_mapping(minimum=None), "must have minimum <= maximum"),
        (spec_mapping(minimum="0.5"), "must be numbers, as text is for decimals only"),
        (spec_mapping(minimum=float("nan")), r"columns\.0\.minimum"),
        (spec_mapping(decimals=99), r"columns\.0\.decimals"),
        (spec_mapping(kind="datetime", dtype="datetime64[us]"), "a datetime must have a step"),
        (spec_mapping(kind="datetime", step=1), "'float64' is not a dtype of a datetime column"),
        (spec_mapping(dtype="datetime64[us]"), "'datetime64.us.' is not a dtype of a continuous"),
        (spec_mapping(kind="categorical", dtype="str"), "different values of one type, at least 1"),
        (
            spec_mapping(kind="categorical", dtype="str", categories=["a", "a"]),
            "different values of one type",
        ),
        (
            spec_mapping(kind="categorical", dtype="str", categories=["a", 1]),
            "different values of one type",
        ),
        (
            spec_mapping(kind="categorical", dtype="int64", categories=["a"]),
            "categories must be of dtype int64",
        ),
        (
            spec_mapping(kind="categorical", dtype="category", categories=["a"], levels=["b"]),
            "levels must be different values, the categories among them",
        ),
        ({"columns": spec_mapping()["columns"] * 2}, "columns: must have different names"),
        ({**spec_mapping(), "target": "y"}, "target: there is no column 'y'"),
    ],
)
def test_a_kept_spec_that_breaks_a_rule_is_refused(mapping: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        TableSpec.from_mapping(mapping)


# --- checked ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="age"), "column 'age': in the spec, but not in the table"),
        (lambda t: t.head(0), "has no rows"),
        (lambda t: t.assign(age="old"), "column 'age': must be numbers to be continuous"),
        (lambda t: t.assign(income=np.nan), "column 'income': has missing values, but the spec"),
        (lambda t: t.assign(visited="soon"), "column 'visited': must be datetimes"),
        (lambda t: pd.concat([t, t[["age"]]], axis=1), "column 'age': occurs more than once"),
    ],
)
def test_a_table_that_does_not_fit_a_spec_is_refused(
    mixed: pd.DataFrame, mixed_spec: TableSpec, change: Any, message: str
) -> None:
    check_table(mixed, mixed_spec)
    with pytest.raises(DataError, match=message):
        check_table(change(mixed), mixed_spec)


def test_a_declared_end_is_an_end_also_where_numbers_have_a_step() -> None:
    values = [50 + 100 * i for i in range(60)]
    column = infer(values, "continuous", minimum=0)
    assert (column.minimum, column.maximum, column.step) == (0, 5950, 50)
    assert infer(values, "continuous", step=50).step == 50
    with pytest.raises(DataError, match="goes from 50 to 5950, but is declared to go from 100"):
        infer(values, "continuous", minimum=100)
    with pytest.raises(DataError, match="a step needs decimals"):
        infer(values, "continuous", step=0.25)
