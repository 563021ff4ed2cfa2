"""Tables that nearly fit: what is compared, what is said of it, and what is refused."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.plan import Comparison, ComparisonPlan
from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.scores.jensen_shannon import LARGEST_JS
from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec

PLAN = ComparisonPlan(
    scores=("mean_js_distance", "correlation_distance"),
    score_collections=("js_distance", "column_shapes"),
)
N = 40
DAYS = pd.date_range("2020-01-01", periods=N)
REAL = pd.DataFrame(
    {"x": np.linspace(0.5, 9.75, N), "day": DAYS, "c": ["a", "b"] * (N // 2), "z": 0.25}
)


def _compare(real: pd.DataFrame, synthetic: pd.DataFrame, **kinds: Any) -> Comparison:
    spec = TableSpec.infer(real, declared=SpecDeclaration(**kinds))
    return PLAN.prepare(real, spec).compute(synthetic)


def _warning_of(column: str, comparison: Comparison) -> str:
    (warning,) = [said for said in comparison.warnings if said.startswith(f"{column}:")]
    return warning


@pytest.mark.parametrize(
    ("column", "values", "word"),
    [
        ("x", DAYS, "points in time"),
        ("x", [datetime.date(2020, 1, 1)] * N, "points in time"),
        ("x", pd.to_timedelta(range(N), unit="h"), "lengths of time"),
        ("x", [True, False] * (N // 2), "truth values"),
        ("x", ["many"] * N, "text"),
        ("x", [[1]] * N, "other objects"),
        ("x", pd.Categorical(["few"] * N), "text"),
        ("day", range(N), "numbers"),
        ("day", np.linspace(0, 1, N), "numbers"),
        ("day", pd.to_timedelta(range(N), unit="h"), "lengths of time"),
        ("day", ["soon"] * N, "text"),
    ],
)
def test_a_column_of_another_sort_is_named_and_at_the_largest_distance(
    column: str, values: Any, word: str
) -> None:
    comparison = _compare(REAL, REAL.assign(**{column: pd.Series(values)}))
    assert f"100% of the synthetic table holds {word} where" in _warning_of(column, comparison)
    assert "its distance is the largest" in _warning_of(column, comparison)
    assert comparison.score_collections["js_distance"][column] == LARGEST_JS
    assert comparison.score_collections["column_shapes"][column] == 0
    assert np.isfinite(list(comparison.flat_scores().values())).all()


def test_cells_of_another_sort_are_counted() -> None:
    mixed = pd.Series([*REAL.x[: N - 10], *["?"] * 4, *[DAYS[0]] * 4, True, None], dtype=object)
    said = _warning_of("x", _compare(REAL, REAL.assign(x=mixed)))
    assert "22.5% of the synthetic table holds points in time and text and truth values" in said
    assert "largest" not in said


@pytest.mark.parametrize("as_text", [str, lambda value: f" {value:.6e}"])
def test_numbers_and_moments_as_text_are_numbers_and_moments(as_text: Any) -> None:
    same = REAL.assign(x=REAL.x.map(as_text), day=REAL.day.astype(str))
    comparison = _compare(REAL, same)
    assert comparison.warnings == ()
    assert comparison.scores["mean_js_distance"] == 0


def test_truth_values_declared_to_be_numbers_stay_numbers() -> None:
    real = pd.DataFrame({"x": [True, False] * 20})
    comparison = _compare(real, real, continuous=("x",))
    assert comparison.warnings == ()
    assert comparison.scores["mean_js_distance"] == 0


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        (["0", "1", "none"], ["0.0", "1.0", "none"]),
        (["0", "1", "none"], ["-0", "1e0", "none"]),
        (["yes", "007"], ["yes", "7"]),
        (["true", "false"], [True, False]),
        ([True, False], ["TRUE", "false"]),
        ([True, False], [1, 0]),
        ([True, False], ["1.0", "0.0"]),
        ([0, 1], [False, True]),
        (["0", "1"], ["False", "True"]),
        ([1, 2, 3], ["1.0", "2.0", "3"]),
        ([1.5, 2.0], ["1.50", "2"]),
    ],
)
def test_a_value_written_another_way_is_the_same_value(
    real: list[Any], synthetic: list[Any]
) -> None:
    tables = [pd.DataFrame({"c": values * 5, "x": 0.5}) for values in (real, synthetic)]
    comparison = _compare(*tables, categorical=("c",))
    assert comparison.warnings == ()
    distances = comparison.score_collections["js_distance"]
    if real not in ([0, 1], ["0", "1"]):  # those come in the other order
        assert distances["c"] == 0


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        (["1", "01"], ["1.0", "01"]),
        ([0, 1, 2], [True, True, 2]),
        (["A", "B"], ["a", "B"]),
        (["9007199254740992", "x"], ["9007199254740993", "x"]),
        (["nan", "1_0"], ["NaN ", "10"]),
    ],
)
def test_what_may_be_another_value_is_not_taken_for_the_same(
    real: list[Any], synthetic: list[Any]
) -> None:
    tables = [pd.DataFrame({"c": pd.Series(v * 6, dtype=object)}) for v in (real, synthetic)]
    assert "values that the real table never has" in _warning_of(
        "c", _compare(*tables, categorical=("c",))
    )


@pytest.mark.parametrize("written", ["A", "a ", " a"])
def test_a_category_in_other_case_or_spaces_gets_a_hint(written: str) -> None:
    said = _warning_of("c", _compare(REAL, REAL.assign(c=REAL.c.replace("a", written))))
    assert "50% of the synthetic table has values that the real table never has" in said
    assert f"{written!r} differs from 'a' only in case or spaces" in said


def test_missing_values_are_spoken_of_once_and_as_they_are_counted() -> None:
    def said(column: str, missing: list[bool]) -> str:
        values = REAL[column].mask(pd.Series(missing))
        return _warning_of(column, _compare(REAL, REAL.assign(**{column: values})))

    half = [True, False] * (N // 2)
    leave_out = "JS distances leave them out, the correlation distance counts them as "
    assert said("x", half).endswith(f"but in 0% of the real one; {leave_out}0")
    assert said("c", half).endswith(leave_out + "a category of their own")
    assert said("day", half).endswith(leave_out + "the earliest moment of the real table")
    for column in ("x", "c", "day"):
        assert said(column, [True] * N).endswith("no value is left, its distance is the largest")


def test_names_that_do_not_fit_are_all_in_one_message() -> None:
    odd = REAL.rename(columns={"x": "X ", "z": "w"})
    message = (
        r"the synthetic table lacks the columns \['x', 'z'\]; has \['X ', 'w'\], which the real "
        r"one lacks; 'X ' may be meant for 'x'"
    )
    with pytest.raises(DataError, match=message):
        _compare(REAL, odd)
    (said,) = _compare(REAL, REAL.assign(more=1)).warnings
    assert said == "the synthetic table has columns that the real one lacks: ['more']"


def test_lists_in_a_categorical_column_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="column 'c': must hold plain values, but has an unhash"):
        _compare(REAL, REAL.assign(c=pd.Series([["a"]] * N)))


def test_what_is_odd_about_held_out_rows_is_said() -> None:
    held_out = REAL.assign(c="never seen")
    prepared = PLAN.prepare(REAL, TableSpec.infer(REAL), held_out=held_out)
    (said,) = prepared.compute(REAL).warnings
    assert said.startswith("c: 100% of the held-out table has values that the real table never has")


def test_values_that_only_synthetic_and_held_out_rows_have_are_not_confused() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"c": ["a"] * 300, "n": rng.integers(0, 50, 300)})
    spec = TableSpec.infer(real)

    def with_stranger(name: str) -> pd.DataFrame:
        return real.assign(c=np.where(rng.random(300) < 0.5, name, "a"))

    synthetic = with_stranger("x")
    plan = ComparisonPlan(scores=("dcr_share",))
    shares = {
        name: plan.prepare(real, spec, held_out=with_stranger(name)).compute(synthetic)
        for name in ("x", "y")
    }
    # Held-out rows are near to the synthetic ones only where both have the same stranger.
    assert shares["x"].scores["dcr_share"] < 0.4 < 0.5 < shares["y"].scores["dcr_share"]


def test_integers_that_are_no_floats_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="column 'x': must be floats, but int too large"):
        _compare(REAL, REAL.assign(x=[10**400] * N))


def test_dates_that_span_more_than_64_bits_of_nanoseconds_are_days() -> None:
    texts = ["0001-01-01", "1600-06-01", "2024-03-05", "9999-12-31"]
    real = pd.DataFrame({"day": pd.to_datetime(texts, format="ISO8601")})
    reader = ColumnReader(TableSpec.infer(real), real)
    numbers = reader.real.numbers["day"]
    assert numbers.tolist() == [0.0, 584_174.0, 738_949.0, 3_652_058.0]
    other = pd.DataFrame({"day": pd.to_datetime(["2024-03-05 12:00", None]).astype("M8[ns]")})
    read = reader.read(other).numbers["day"]
    assert read[0] == 738_949.5
    assert np.isnan(read[1])


def test_dates_of_both_tables_are_read_in_the_format_of_the_real_one() -> None:
    texts = [f"{day:02}/0{month}/2024" for day in range(1, 29) for month in range(1, 7)]
    real = pd.DataFrame({"day": texts})
    declared = SpecDeclaration.from_mapping(
        {"columns": {"day": {"kind": "datetime", "format": "%d/%m/%Y"}}}
    )
    reader = ColumnReader(TableSpec.infer(real, declared=declared), real)
    odd = pd.DataFrame({"day": ["05/03/2024", "2024-03-05", "never"]})
    found = reader.read(odd)
    assert found.numbers["day"][:2].tolist() == [64.0, 64.0]
    assert np.isnan(found.numbers["day"][2])
    assert "33.3% of the synthetic table holds text" in found.warnings[0]


def test_numbers_that_are_dates_are_read_in_the_format_of_the_real_table() -> None:
    real = pd.DataFrame({"day": [20240101, 20240305]})
    declared = SpecDeclaration.from_mapping(
        {"columns": {"day": {"kind": "datetime", "format": "%Y%m%d"}}}
    )
    reader = ColumnReader(TableSpec.infer(real, declared=declared), real)
    assert reader.real.numbers["day"].tolist() == [0.0, 64.0]


def test_numbers_are_no_dates_in_a_format_of_text() -> None:
    real = pd.DataFrame({"day": [f"{day:02}.03.2024" for day in range(1, 29)]})
    reader = ColumnReader(TableSpec.infer(real), real)
    found = reader.read(pd.DataFrame({"day": [5, 20240305]}))
    assert np.isnan(found.numbers["day"]).all()
    assert "100% of the synthetic table holds numbers" in found.warnings[0]


@pytest.mark.parametrize("written", ["%d.%m.%Y", "%b %d, %Y", "%d/%m/%Y"])
def test_dates_of_another_program_are_read_in_its_format(written: str) -> None:
    real = REAL.assign(day=pd.date_range("2020-01-13", periods=N))
    synthetic = real.assign(day=real["day"].dt.strftime(written))
    comparison = _compare(real, synthetic)
    assert comparison.warnings == ()
    assert comparison.score_collections["js_distance"]["day"] == 0
