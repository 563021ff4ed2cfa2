"""Numbers in CSV files that are written in another way than Python does."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.table.spec import TableSpec

NUMBERS = np.random.default_rng(0).lognormal(8, 2, 300).round(2)


def write_csv(path: Path, **columns: list[str]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def there_and_back(file: str, declared: SpecDeclaration | None = None) -> pd.DataFrame:
    """Return the cells of a file after encoding, decoding and writing."""
    table = read_table(file, declared)
    spec = TableSpec.infer(table, declared=declared)
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    out = f"{file}.out.csv"
    write_table(as_written(rows, spec, as_text=True), out)
    alike = SpecDeclaration.from_mapping(spec.to_mapping())
    pd.testing.assert_frame_equal(read_table(out, alike), rows, check_dtype=False, rtol=0.01)
    return pd.read_csv(out, dtype=str, keep_default_na=False)


@pytest.mark.parametrize(
    ("spelling", "pattern"),
    [
        ("{:.2f}", r"\d+\.\d\d"),
        ("{:.2e}", r"\d\.\d\de[+-]\d\d"),
        ("{:+.0f}", r"\+\d+"),
        ("${:,.2f}", r"\$\d{1,3}(,\d{3})*\.\d\d"),
        ("{:,.0f}", r"\d{1,3}(,\d{3})*"),
        ("{:.1f}%", r"\d+\.\d%"),
        ("(${:,.2f})", r"\(\$\d{1,3}(,\d{3})*\.\d\d\)"),
        ("£{:,.2f}-", r"£\d{1,3}(,\d{3})*\.\d\d-"),
    ],
)
def test_numbers_come_out_as_they_were_written(tmp_path: Path, spelling: str, pattern: str) -> None:
    texts = [spelling.format(number) for number in NUMBERS]
    texts[5:10] = [""] * 5
    file = write_csv(tmp_path / "real.csv", x=texts, y=list("ab" * 150))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec = TableSpec.infer(file)
        made = there_and_back(file)["x"]

    assert spec["x"].kind == "continuous"
    assert (made == "").sum() == 5
    assert made[made != ""].str.fullmatch(pattern).all()


def test_short_scientific_notation_and_few_numbers_keep_their_form(tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "real.csv",
        dose=[f"{i % 9 + 1}e{i % 5}" for i in range(300)],
        level=[f"1e{i % 4}" for i in range(300)],
        change=["+1", "-1", "0"] * 100,
    )

    made = there_and_back(file)

    assert made["dose"].str.fullmatch(r"\d+e\d").all()
    assert {*made["level"]} == {"1e0", "1e1", "1e2", "1e3"}
    assert {*made["change"]} == {"+1", "-1", "0"}


def test_german_numbers_are_read_as_declared(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "real.csv", x=[f"{i}.{i % 900 + 100}" for i in range(1, 301)])
    declared = SpecDeclaration.from_mapping(
        {"columns": {"x": {"kind": "continuous", "format": "{:.,0f}"}}}
    )

    assert read_table(file)["x"].max() < 1000
    assert read_table(file, declared)["x"].min() == 1101
    assert there_and_back(file, declared)["x"].str.fullmatch(r"\d{1,3}(\.\d{3})+").all()


def test_a_comma_with_two_meanings_is_said(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "real.csv", x=[f"{i},{i % 900 + 100}" for i in range(1, 301)])

    with pytest.warns(UserWarning, match="is taken for a separator of thousands"):
        assert read_table(file)["x"].min() == 1101


@pytest.mark.parametrize(
    ("units", "several"),
    [
        (" KB, MB", True),
        (" hours, min", True),
        ("K,M,B", True),
        (" kg", False),
        (" A, B, C, D, E, F", False),
    ],
)
def test_numbers_of_several_units_are_said(tmp_path: Path, units: str, several: bool) -> None:
    ends = units.split(",")
    texts = [f"{number:.1f}{ends[i % len(ends)]}" for i, number in enumerate(NUMBERS)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_table(write_csv(tmp_path / "real.csv", x=texts))
    said = [str(warning.message) for warning in caught]
    assert (
        any("column 'x': its cells are numbers with several units, such" in s for s in said)
        is several
    )


@pytest.mark.parametrize("end", [" €", "€", " EUR/kg"])
def test_a_comma_in_prices_of_a_unit_is_said(tmp_path: Path, end: str) -> None:
    file = write_csv(tmp_path / "real.csv", x=[f"1,{i}{end}" for i in range(400, 600)])

    with pytest.warns(UserWarning, match="is taken for a separator of thousands"):
        assert read_table(file)["x"].min() == 1400


@pytest.mark.parametrize(
    ("written", "first"),
    [("£{:,}", 1), ("£{:,}", 100), ("$ {:,}", 100), ("{:,} €", 1), ("{:,}EUR", 1)],
)
def test_a_comma_in_amounts_of_money_has_one_meaning(
    tmp_path: Path, written: str, first: int
) -> None:
    amounts = [1000 * i + i % 9 * 100 for i in range(first, 400)]
    file = write_csv(tmp_path / "real.csv", x=[written.format(amount) for amount in amounts])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_table(file)["x"].tolist() == amounts


def test_markers_among_spelled_numbers_are_missing(tmp_path: Path) -> None:
    texts = [f"${number:,.2f}" for number in NUMBERS]
    texts[3] = texts[9] = "n.v."
    file = write_csv(tmp_path / "real.csv", x=texts)

    with pytest.warns(UserWarning, match="the 2 that read 'n.v.' are taken for missing"):
        found = read_table(file)["x"]
    declared = SpecDeclaration.from_mapping({"missing_values": ["n.v."]})

    assert found.isna().sum() == read_table(file, declared)["x"].isna().sum() == 2
    assert found.dtype == np.float64


def test_numbers_of_several_forms_are_said(tmp_path: Path) -> None:
    texts = [f"{number:.2f}" for number in NUMBERS]
    texts[4] = "1.50e+03"
    file = write_csv(tmp_path / "real.csv", x=texts)

    with pytest.warns(UserWarning, match=r"written like '1.50e\+03' and others are not"):
        read_table(file)


def test_numbers_as_pandas_writes_them_have_no_format(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).lognormal(0, 9, 300)
    frame = pd.DataFrame(
        {"float": numbers, "int": [i % 99 for i in range(300)], "tenth": numbers.round(1)}
    )
    frame.to_csv(tmp_path / "real.csv", index=False)

    spec = TableSpec.infer(str(tmp_path / "real.csv"))

    assert all(column.format is None for column in spec.columns)


def test_codes_with_a_word_and_amounts_of_few_values_stay_text(tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "real.csv",
        shelf=[f"SKU {i % 40}" for i in range(300)],
        fee=[f"${i % 3}.00" for i in range(300)],
    )

    table = read_table(file)

    assert {str(dtype) for dtype in table.dtypes} == {"str"}


def test_digits_after_letters_are_codes_unless_declared_amounts(tmp_path: Path) -> None:
    texts = [f"Rp{i * 37 % 9000}" for i in range(300)]
    file = write_csv(tmp_path / "real.csv", code=texts)

    with pytest.warns(UserWarning, match=r"may be codes or amounts.* format: 'Rp\{:.0f\}'"):
        assert read_table(file)["code"].tolist() == texts

    mapping = {"columns": {"code": {"kind": "continuous", "format": "Rp{:.0f}"}}}
    declared = SpecDeclaration.from_mapping(mapping)
    assert read_table(file, declared)["code"].tolist() == [int(text[2:]) for text in texts]


@pytest.mark.parametrize(
    ("spelling", "dash"), [("${:,.2f}", "$ -"), ("{:,.0f} €", "- €"), ("${:,.2f}", "$-")]
)
def test_a_dash_of_a_spreadsheet_is_zero_and_comes_back(
    tmp_path: Path, spelling: str, dash: str
) -> None:
    rng = np.random.default_rng(5)
    amounts = [dash if rng.random() < 0.4 else spelling.format(x) for x in rng.uniform(1, 9e4, 500)]
    file = write_csv(tmp_path / "t.csv", paid=amounts)

    assert (read_table(file)["paid"] == 0).sum() == amounts.count(dash)
    assert there_and_back(file)["paid"].eq(dash).mean() > 0.2


def test_what_is_below_a_limit_of_detection_is_a_number_and_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    found = [f"{x:.2f}" if x >= 0.5 else "<0.50" for x in rng.lognormal(0, 1, 800)]
    file = write_csv(tmp_path / "t.csv", lead=found)

    table = read_table(file)
    assert table["lead"].dtype == np.float64
    assert table["lead"].min() == 0.49
    rows = there_and_back(file)["lead"]
    assert 0.1 < rows.eq("<0.50").mean() < 0.5
    assert rows[rows.ne("<0.50")].astype(float).min() >= 0.5


def test_a_dash_beside_frequent_zeros_in_digits_is_missing(tmp_path: Path) -> None:
    amounts = [f"${x:,.2f}" for x in np.random.default_rng(9).uniform(1, 9_000, 2_400)]
    file = write_csv(tmp_path / "t.csv", paid=[*amounts, *["$ -"] * 300, *["$0.00"] * 300])
    with pytest.warns(UserWarning, match="the 300 that read '[$] -' are taken for missing"):
        paid = read_table(file)["paid"]
    assert (int(paid.isna().sum()), int((paid == 0).sum())) == (300, 300)


@pytest.mark.parametrize(
    "numbers", [range(300), [0.5, 0.25, 0.125, *(i + 0.75 for i in range(297))]]
)
def test_plain_numbers_beside_a_dash_need_no_format(tmp_path: Path, numbers: list[float]) -> None:
    file = write_csv(tmp_path / "t.csv", n=[*map(str, numbers), *["$ -"] * 9])
    with pytest.warns(UserWarning, match="so the 9 that read '[$] -' are taken for missing"):
        assert not read_table(file).attrs["number_formats"]


def test_a_number_beyond_a_limit_is_seen_in_a_long_file(tmp_path: Path) -> None:
    levels = [f"{number / 100:.2f}" for number in range(50, 12_050)]
    file = write_csv(tmp_path / "t.csv", level=[*["<0.5"] * 90, *levels, "0.12"])
    with pytest.warns(UserWarning, match="but 90 are not, such as '<0.5'"):
        assert read_table(file)["level"].dtype == "str"


def test_missing_values_that_are_declared_are_not_beyond_a_limit(tmp_path: Path) -> None:
    levels = [f"{number / 100:.2f}" for number in range(50, 950)]
    file = write_csv(tmp_path / "t.csv", level=[*["<0.5"] * 90, *levels, "-9.00"])
    declared = SpecDeclaration.from_mapping({"missing_values": ["-9.00"]})
    level = read_table(file, declared)["level"]
    assert (level.min(), int(level.isna().sum())) == (0.49, 1)


def test_a_comma_with_two_meanings_is_said_beside_a_dash(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "t.csv", x=[f"1,{i} €" for i in range(400, 600)] + ["- €"] * 9)
    with pytest.warns(UserWarning, match="comma in numbers such as '1,400 €' is taken for a sep"):
        assert read_table(file)["x"].min() == 0


def test_amounts_paid_in_and_out_are_signed_and_keep_their_words(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    amounts = rng.normal(0, 300, 800).round(2)
    texts = [f"{abs(x):,.2f} {'DR' if x < 0 else 'CR'}" for x in amounts]
    file = write_csv(tmp_path / "t.csv", amount=texts)

    assert read_table(file)["amount"].to_numpy() == pytest.approx(amounts)
    assert set(there_and_back(file)["amount"].str[-3:]) == {" CR", " DR"}


def test_text_in_memory_keeps_dashes_limits_and_sides() -> None:
    rng = np.random.default_rng(8)
    paid, level, amount = rng.uniform(1, 900, 400), rng.lognormal(0, 1, 400), rng.normal(0, 9, 400)
    table = pd.DataFrame(
        {
            "paid": np.where(rng.random(400) < 0.3, "$ -", [f"${x:,.2f}" for x in paid]),
            "level": ["<0.5" if x < 0.5 else f"{x:.1f}" for x in level],
            "amount": [f"{abs(x):.2f}{'Dr' if x < 0 else 'Cr'}" for x in amount],
        }
    )
    spec = TableSpec.infer(table)
    assert [column.kind for column in spec.columns] == ["continuous"] * 3
    assert [column.format for column in spec.columns] == [
        *("${:.2f}[0=$ -]", "{:.1f}[<0.5]", "{:.2f}[Cr|Dr]")
    ]
