import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.finding import find_formats
from tabvae_ray.table.formats.spelling import spelled
from tabvae_ray.table.io import TableWriter, read_table, write_table
from tabvae_ray.table.spec import TableSpec

ROWS = 60


def written(tmp_path: Path, cells: list[str], name: str = "v") -> str:
    file = tmp_path / f"{name}.csv"
    lines = [f'{i},"{cell}"' if cell else f"{i}," for i, cell in enumerate(cells)]
    file.write_text("\n".join(["n,v", *lines]) + "\n")
    return str(file)


def declared(**column: object) -> SpecDeclaration:
    return SpecDeclaration.from_mapping({"columns": {"v": column}})


def numbered(marker: str) -> list[str]:
    return [marker if i % 20 == 3 else str(i / 4) for i in range(ROWS)]


@pytest.mark.parametrize(
    "cells",
    [
        ["00501", "02139", "94105"],
        ["+4930123456", "+4930654321", "+4930999999"],
        ["90000000000000000007", "90000000000000000014"],
        ["01", "2", "10"],
        ["038.9", "250.01", "715.36"],
        ["TRUE", "FALSE"],
        ["true", "false"],
    ],
)
def test_codes_and_spellings_stay_text_and_are_read_so_with_the_spec(
    tmp_path: Path, cells: list[str]
) -> None:
    cells = cells * 20
    file = written(tmp_path, cells)
    table = read_table(file)
    assert table["v"].tolist() == cells
    spec = TableSpec.infer(table)
    assert spec["v"].dtype == "str"
    alike = SpecDeclaration.from_mapping(spec.to_mapping())
    pd.testing.assert_frame_equal(read_table(file, alike), table)


def test_amounts_with_zeros_before_them_are_numbers_and_keep_these(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, [f"{i / 3:06.2f}" for i in range(ROWS)]))
    assert TableSpec.infer(table)["v"].format == "{:06.2f}"


@pytest.mark.parametrize(
    ("dtype", "cells", "expected"),
    [
        ("str", ["12", "47"], ["12", "47"]),
        ("int", ["007", "010"], [7, 10]),
        ("float", ["1", "2"], [1.0, 2.0]),
        ("decimal", ["4.50", "9.99"], ["4.50", "9.99"]),
        ("bool", ["yes", "no"], [True, False]),
        ("category", ["007", "010"], ["007", "010"]),
    ],
)
def test_a_declared_dtype_is_obeyed(
    tmp_path: Path, dtype: str, cells: list[str], expected: list[object]
) -> None:
    spec = declared(kind="categorical", dtype=dtype)
    table = read_table(written(tmp_path, cells * 20), spec)
    column = TableSpec.infer(table, declared=spec)["v"]
    assert sorted(column.categories, key=str) == sorted(expected, key=str)


def test_integers_and_booleans_with_gaps_get_nullable_dtypes(tmp_path: Path) -> None:
    for dtype, cells, name in (("int", ["1", ""], "Int64"), ("bool", ["true", ""], "boolean")):
        spec = declared(kind="categorical", dtype=dtype)
        table = read_table(written(tmp_path, cells * 20), spec)
        assert TableSpec.infer(table, declared=spec)["v"].dtype == name


def test_null_words_are_values_in_a_column_of_text(tmp_path: Path) -> None:
    cells = ["NA", "EU", "None", "AP", ""] * 12
    file = written(tmp_path, cells)
    with pytest.warns(UserWarning, match="column 'v': 24 cells read 'NA', 'None', which is taken"):
        table = read_table(file)
    assert table["v"].fillna("").tolist() == cells
    # What was written is read as the same categories again.
    alike = SpecDeclaration.from_mapping(TableSpec.infer(table).to_mapping())
    write_table(table, str(tmp_path / "again.csv"))
    pd.testing.assert_frame_equal(read_table(str(tmp_path / "again.csv"), alike), table)


def test_null_words_are_missing_where_declared_categories_lack_them(tmp_path: Path) -> None:
    file = written(tmp_path, ["NA", "EU", "AP"] * 20)
    without = read_table(file, declared(kind="categorical", categories=["EU", "AP"]))
    assert without["v"].isna().sum() == 20
    with_it = declared(kind="categorical", categories=["NA", "EU", "AP"], missing=False)
    table = read_table(file, with_it)
    assert table["v"].notna().all()
    assert TableSpec.infer(table, declared=with_it)["v"].categories == ("NA", "EU", "AP")


@pytest.mark.parametrize("word", ["NA", "None", "null"])
def test_null_words_among_numbers_codes_and_truth_values_are_missing(
    tmp_path: Path, word: str
) -> None:
    for cells in (["1.5", "2"], ["00501", "94105"], ["TRUE", "FALSE"]):
        table = read_table(written(tmp_path, [*cells, word] * 20))
        assert table["v"].isna().sum() == 20


def test_missing_values_of_the_column_and_the_table_are_missing(tmp_path: Path) -> None:
    file = written(tmp_path, ["?", "unknown", "red", "NA", "-9"] * 12)
    own = declared(kind="categorical", missing_values=["?", -9])
    assert set(read_table(file, own)["v"].dropna()) == {"unknown", "red", "NA"}
    spec = SpecDeclaration.from_mapping({"missing_values": ["?", "unknown", "NA", -9]})
    table = read_table(file, spec)
    assert set(table["v"].dropna()) == {"red"}
    column = TableSpec.infer(table, declared=spec)["v"]
    assert column.missing_values == ("?", "unknown", "NA", "-9")
    numbers = read_table(
        written(tmp_path, ["999", "1", "2"] * 20),
        declared(kind="continuous", missing_values=["999"]),
    )
    assert numbers["v"].dropna().max() == 2


@pytest.mark.parametrize("marker", ["?", "unknown", "n.a.", "  ", "-"])
def test_rare_markers_among_numbers_are_missing_and_named(tmp_path: Path, marker: str) -> None:
    with pytest.warns(UserWarning, match=r"'v': 95.0% of its cells are numbers, so the 3 that"):
        table = read_table(written(tmp_path, numbered(marker)))
    assert table["v"].dtype == np.float64
    assert table["v"].isna().sum() == 3


def test_rare_markers_among_dates_are_missing_and_named(tmp_path: Path) -> None:
    days = [str(day.date()) for day in pd.date_range("2024-01-01", periods=ROWS)]
    days[5] = "unknown"
    with pytest.warns(UserWarning, match="are dates, so the 1 that read 'unknown'"):
        table = read_table(written(tmp_path, days))
    assert pd.api.types.is_datetime64_any_dtype(table["v"].dtype)


def test_text_that_tells_something_is_no_marker(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="thousands separators, such as '1,234'"):
        table = read_table(written(tmp_path, numbered("1,234")))
    assert table["v"].notna().all()
    with pytest.warns(UserWarning, match="3 are not, such as '<5', so it is read as text"):
        assert read_table(written(tmp_path, numbered("<5")))["v"].notna().all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sizes = read_table(written(tmp_path, ["38", "40", "42", "L"] * 15))
    assert sizes["v"].notna().all()


def test_categories_match_in_the_notation_of_the_file(tmp_path: Path) -> None:
    spec = declared(kind="categorical", dtype="str", categories=[9.9, 12, "other"])
    table = read_table(written(tmp_path, ["9.90", "12", "other"] * 20), spec)
    column = TableSpec.infer(table, declared=spec)["v"]
    assert column.categories == ("9.90", "12", "other")


def test_short_rows_are_counted_and_long_ones_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1,2\n3\n4\n5,6\n")
    with pytest.warns(UserWarning, match="2 of 4 rows have fewer fields than the header"):
        table = read_table(str(file))
    assert table["b"].isna().tolist() == [False, True, True, False]
    file.write_text("a,b\n1,2\n3,4,5\n")
    with pytest.raises(DataError, match="Expected 2 fields in line 3, saw 3"):
        read_table(str(file))


@pytest.mark.parametrize("spec", [None, {"continuous": ["v"]}])
def test_a_column_without_values_is_left_out(tmp_path: Path, spec: object) -> None:
    given = SpecDeclaration.from_mapping(spec or {})
    table = read_table(written(tmp_path, [""] * 20), given)
    with pytest.warns(UserWarning, match="column 'v': has no values, all 20 are missing, so it"):
        assert TableSpec.infer(table, declared=given).names == ("n",)


def test_missing_values_are_written_as_the_user_says(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    with TableWriter(str(file), na_rep="NULL") as writer:
        writer.write(pd.DataFrame({"a": [1.5, None], "b": ["x", None]}))
    assert file.read_text() == "a,b\n1.5,x\nNULL,NULL\n"


def test_numbers_that_are_days_become_days(tmp_path: Path) -> None:
    days = pd.Series(pd.date_range("2023-01-29", periods=120)).dt.strftime("%Y%m%d")
    days.where(days.index % 10 > 0).rename("birth").to_csv(tmp_path / "real.csv", index=False)
    (column,) = TableSpec.infer(read_table(tmp_path / "real.csv")).columns
    assert (column.kind, column.format, column.missing) == ("datetime", "%Y%m%d", True)
    hint = r"column 'birth': its numbers look like dates, such as 20230129; .* format: '%Y%m%d'"
    with pytest.warns(UserWarning, match=hint):
        TableSpec.infer(days.astype("int64").to_frame("birth"))


@pytest.mark.parametrize("text", ["2024-01-05T08:15:00Z", "2024-01-05 08:15:00", "2024-01-05"])
def test_the_format_of_iso_dates_is_kept(tmp_path: Path, text: str) -> None:
    pd.DataFrame({"day": [text, None, text]}).to_csv(tmp_path / "real.csv", index=False)
    (column,) = TableSpec.infer(read_table(tmp_path / "real.csv")).columns
    assert spelled(pd.Series([pd.Timestamp(text)]), column.format or "")[0] == text


@pytest.mark.parametrize("text", ["5 Mar 2024", "2024/03/05", "MAR 5, 2024"])
def test_a_marker_among_dates_is_missing(tmp_path: Path, text: str) -> None:
    moments = pd.Series(pd.date_range("2023-01-01", periods=100))
    written = find_formats({"day": pd.Series([text])}, "")["day"]
    days = spelled(moments, written)
    days[7] = "unknown"
    days.rename("day").to_csv(tmp_path / "real.csv", index=False)
    with pytest.warns(UserWarning, match="'unknown' are taken for missing"):
        table = read_table(tmp_path / "real.csv")
    (column,) = TableSpec.infer(table).columns
    assert (column.kind, column.missing) == ("datetime", True)


def test_numbers_that_name_rows_beside_a_remark_are_read_alike_by_their_spec(
    tmp_path: Path,
) -> None:
    cells = [*map(str, range(1, 301)), "TOTAL"]
    pd.DataFrame({"id": cells, "n": [i % 7 for i in range(301)]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    with warnings.catch_warnings():
        # It is said that TOTAL is taken for missing, and the column for an identifier.
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(str(tmp_path / "t.csv"))
        known = SpecDeclaration.from_mapping(spec.to_mapping())
        assert TableSpec.infer(str(tmp_path / "t.csv"), declared=known) == spec
    assert spec["id"].kind == "identifier"
