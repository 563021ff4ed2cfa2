"""A refit on a table that is not like the one of the search is refused."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.cli import main
from tabvae_ray.errors import DataError
from tabvae_ray.refit.alike import check_alike
from tabvae_ray.refit.finished_search import FinishedSearchRefit
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec
from tests.refit.conftest import FinishedSearch
from tests.support.tables import make_mixed

Change = Callable[[pd.DataFrame], pd.DataFrame]
ROWS = 120


def written(rows: pd.DataFrame, home: Path, form: str) -> list[str]:
    """Write a table, and return the options that name it."""
    if form == "csv":
        rows.to_csv(home / "other.csv", index=False)
        return ["--data", str(home / "other.csv")]
    (home / "other").mkdir()
    for i, part in enumerate((rows.iloc[:50], rows.iloc[50:])):
        part.to_parquet(home / "other" / f"{i}.parquet", index=False)
    return ["--data", str(home / "other"), *(["--workers", "1"] if form == "streamed" else [])]


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def with_column(name: str, values: Any) -> Change:
    return lambda rows: rows.assign(**{name: values})


DAYS = pd.date_range("2021-01-01", periods=ROWS, freq="D")


@pytest.mark.parametrize("form", ["csv", "parquet", "streamed"])
@pytest.mark.parametrize(
    ("change", "column", "message"),
    [
        (with_column("extra", 1.5), "extra", "is not in the table of the search"),
        (lambda rows: rows.drop(columns="city"), "city", "is in the table of the search, but not"),
        (lambda rows: rows.rename(columns={"age": "Age"}), "Age", "did you mean age"),
        (with_column("city", np.arange(ROWS)), "city", "must be text .* numbers, such as '?0"),
        (with_column("city", DAYS), "city", "must be text .* dates, such as '?2021-01-01"),
        (with_column("city", True), "city", "must be text .* truth values, such as '?True"),
        (with_column("income", "much"), "income", "must be numbers .* text, such as 'much'"),
        (with_column("income", DAYS), "income", "must be numbers .* dates, such as '2021-01-01"),
        (with_column("income", True), "income", "must be numbers .* truth values, such as True"),
        (with_column("age", 30.5), "age", "must be whole numbers .* numbers, such as 30.5"),
        (with_column("children", "two"), "children", "must be whole numbers .* text, such as"),
        (with_column("visited", np.arange(ROWS)), "visited", "must be dates .* numbers, such as"),
        (with_column("visited", "soon"), "visited", "soon"),
        (with_column("smoker", 2), "smoker", "must be truth values .* numbers, such as '?2"),
        (with_column("smoker", "often"), "smoker", "must be truth values .* text, such as 'often'"),
        (with_column("weight", np.nan), "weight", "has no values"),
    ],
)
def test_other_columns_and_kinds_are_refused_before_anything_is_written(
    finished: FinishedSearch,
    tmp_path: Path,
    form: str,
    change: Change,
    column: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = files_of(finished.path)
    options = written(change(make_mixed(ROWS, seed=8)), tmp_path, form)
    out = tmp_path / "models" / "m"
    assert main(["refit", str(finished.path), *options]) == 2
    assert main(["refit", str(finished.path), *options, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert re.search(f"{re.escape(options[1])}: column '{column}': .*{message}", said), said
    assert files_of(finished.path) == before
    assert not out.parent.exists()


@pytest.mark.parametrize("form", ["csv", "parquet", "streamed"])
def test_other_values_of_the_same_kind_are_allowed(
    finished: FinishedSearch, tmp_path: Path, form: str
) -> None:
    rows = make_mixed(ROWS, seed=8)
    rows["age"] *= 1000
    rows["income"] = rows["income"].round().astype("int64")
    rows["children"] = rows["children"].astype("float64") + 20
    rows.loc[:20, "city"] = "Atlantis"
    rows.loc[20:40, "city"] = "12"
    rows["visited"] += pd.Timedelta(days=9000)
    rows = rows[rows.columns[::-1]]
    options = written(rows, tmp_path, form)
    workers = 1 if form == "streamed" else None
    plan = FinishedSearchRefit.prepare(finished.directory, data=options[1], workers=workers).plan
    assert "Atlantis" in plan.spec["city"].categories
    assert 20 in plan.spec["children"].categories
    assert float(plan.spec["age"].maximum or 0) > 10_000


def search_of(rows: pd.DataFrame, home: Path) -> tuple[Any, dict[str, Any]]:
    """Return what is known of a search of a CSV file, and of its model."""
    rows.to_csv(home / "searched.csv", index=False)
    declared = SpecDeclaration(identifier=("name",))
    spec = TableSpec.infer(home / "searched.csv", declared=declared)
    manifest = SimpleNamespace(
        spec=spec.to_mapping(with_sources=False), table={"columns": 2}, left_out=[]
    )
    return manifest, {"spec": spec.to_mapping()}


@pytest.mark.parametrize(
    ("searched", "other", "message"),
    [
        ("P-{:06d}", "{}", "must be text as in the search, but has numbers, such as '1000'"),
        ("P-{:06d}", "Q-{}", None),
        ("{:09d}", "{:08d}", None),
        ("1{:09d}", "A{:09d}", "must be whole numbers as in the search, but has text, such as 'A"),
        ("1{:09d}", "2{:09d}", None),
    ],
)
def test_identifiers_stay_text_or_numbers(
    tmp_path: Path, searched: str, other: str, message: str | None
) -> None:
    names = np.random.default_rng(0).permutation(ROWS) + 1000
    names[0] = 1000
    x = np.arange(ROWS) / 7
    first = pd.DataFrame({"name": [searched.format(n * 7) for n in names], "x": x})
    manifest, model = search_of(first, tmp_path)
    second = pd.DataFrame({"name": [other.format(n) for n in names], "x": x})
    second.to_csv(tmp_path / "other.csv", index=False)
    rows = read_table(tmp_path / "other.csv", SpecDeclaration.from_mapping(manifest.spec))
    if message is None:
        check_alike(rows, manifest, model, "t")
    else:
        with pytest.raises(DataError, match=message):
            check_alike(rows, manifest, model, "t")


MONTHS = [f"{year}-{month:02d}" for year in (2019, 2020, 2021) for month in range(1, 13)]
QUARTERS = [f"{year}-Q{n}" for year in range(2016, 2022) for n in range(1, 5)]
TIMES = [f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in (0, 15, 30, 45)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Categories, because many rows share each; in fewer rows they would be dates.
        (MONTHS[:12] * 30, MONTHS),
        (QUARTERS[:4] * 30, QUARTERS),
        (TIMES[:4] * 30, TIMES),
        (TIMES, TIMES[::-1] * 2),
        ([f"{n % 12 + 1}:15 {half}" for n in range(90) for half in ("AM", "PM")], ["9:30 PM"] * 9),
        ([Decimal(n) / 100 for n in range(200)], [Decimal(n) / 10 for n in range(90)]),
        ([Decimal(n % 70) for n in range(200)], [Decimal(7), Decimal(9)] * 9),
        # A new number is beyond the limit, or has no mark.
        (["<5"] * 20 + [str(n) for n in range(5, 90)] * 3, ["<5", "3"] + ["17", "40"] * 20),
        (["$ -"] * 20 + [f"${n}" for n in range(5, 90)] * 3, [f"${n}" for n in range(40)]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_that_is_written_like_that_of_the_search_is_taken(
    tmp_path: Path, first: list[Any], second: list[Any], suffix: str
) -> None:
    tables = []
    for name, values in (("first", first), ("second", second)):
        rows = pd.DataFrame({"value": values, "x": np.arange(len(values)) / 7})
        file = tmp_path / f"{name}.{suffix}"
        rows.to_csv(file, index=False) if suffix == "csv" else rows.to_parquet(file, index=False)
        tables.append(file)
    spec = TableSpec.infer(tables[0]).to_mapping()
    manifest: Any = SimpleNamespace(spec=spec, table={"columns": 2}, left_out=[])
    declared = SpecDeclaration.from_mapping(spec)
    check_alike(read_table(tables[1], declared), manifest, {"spec": spec}, "t")
    others = pd.DataFrame({"value": pd.date_range("2021-01-01", periods=50), "x": 0.5})
    with pytest.raises(DataError, match=r"column 'value': must be .* as in the search, but has"):
        check_alike(others, manifest, {"spec": spec}, "t")


@pytest.mark.parametrize(("left_out", "is_allowed"), [(["note"], True), (None, True), ([], False)])
def test_columns_that_the_search_left_out_may_be_there(
    finished: FinishedSearch, left_out: list[str] | None, is_allowed: bool
) -> None:
    model: dict[str, Any] = {"spec": {"columns": []}}
    rows = make_mixed(ROWS).assign(note="x")
    finished.manifest.left_out = left_out
    finished.manifest.table["columns"] = 12
    if is_allowed:
        check_alike(rows, finished.manifest, model, "t")
        rows = rows.assign(more=1)
    with pytest.raises(DataError, match="is not in the table of the search"):
        check_alike(rows, finished.manifest, model, "t")


def test_a_search_keeps_the_names_of_columns_that_it_leaves_out(finished: FinishedSearch) -> None:
    manifest = finished.inputs.manifest(resources={})
    assert manifest.left_out == []
    spec = finished.inputs.spec.model_copy(update={"columns": finished.inputs.spec.columns[1:]})
    object.__setattr__(finished.inputs, "spec", spec)
    assert finished.inputs.manifest(resources={}).left_out == ["age"]


def test_what_is_named_is_no_number_in_the_format_of_the_column(tmp_path: Path) -> None:
    prices = [f"{1_000 + n / 4:,.2f} EUR" for n in range(ROWS)]
    rows = pd.DataFrame({"name": [f"P-{n:06d}" for n in range(ROWS)], "x": prices})
    manifest, model = search_of(rows, tmp_path)
    rows.loc[7, "x"] = "about 3 EUR"
    with pytest.raises(DataError, match="has text, such as 'about 3 EUR'"):
        check_alike(rows, manifest, model, "other.csv")
