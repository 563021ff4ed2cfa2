"""Cells of given rows that the model does not name because few rows of its table have them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TabularVAE
from tabvae_ray.errors import DataError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec
from tests.support.tables import small_config

ROWS = 400
RARE = {">112": "{}", "<0.5": "{}", "$ -": "${}", "- €": "{} €"}


def fitted(table: pd.DataFrame, declared: SpecDeclaration | None = None) -> TabularVAESynthesizer:
    spec = TableSpec.infer(table, declared=declared)
    model = TabularVAE.build(spec, small_config(**{"training.max_n_epochs": 1}))
    model.fit(table)
    return model.synthesizer()


def numbers(written: str = "{}") -> pd.DataFrame:
    rng = np.random.default_rng(4)
    texts = [written.format(f"{x:.1f}") for x in rng.uniform(1, 111, ROWS)]
    return pd.DataFrame({"x": texts, "kind": rng.choice(["a", "b"], ROWS)}, dtype=object)


def days() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    moments = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, ROWS), unit="D")
    texts = moments.strftime("%d/%m/%Y")
    return pd.DataFrame({"x": texts, "kind": rng.choice(["a", "b"], ROWS)}, dtype=object)


def with_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which some cells of ``x`` are missing."""
    return table.assign(x=table["x"].where(np.arange(ROWS) % 20 != 3))


@pytest.mark.parametrize("text", RARE)
@pytest.mark.parametrize("suffix", ["", ".csv", ".parquet"])
def test_a_text_for_numbers_that_the_model_does_not_name_is_read(
    tmp_path: Path, text: str, suffix: str
) -> None:
    table = numbers(RARE[text])
    table.loc[[0, 7], "x"] = text
    rows: pd.DataFrame | Path = table
    if suffix:
        rows = tmp_path / f"t{suffix}"
        table.to_csv(rows, index=False) if suffix == ".csv" else table.to_parquet(rows)
        table = read_table(rows)
    synthesizer = fitted(table)
    assert "[" not in (synthesizer.spec["x"].format or "")

    near = synthesizer.log_prob(rows, draws=8)
    assert np.isfinite(near).all()
    for filled in (synthesizer.complete(rows, draws=2), synthesizer.impute(rows, draws=2)):
        assert filled["x"].tolist() == table["x"].tolist()
    if not suffix:
        # It counts as the nearest number of the model, as a rare number does.
        end = RARE[text].format("500.0" if text == ">112" else "-500.0")
        other = table.assign(x=table["x"].replace({text: end}))
        assert synthesizer.log_prob(other, draws=8).equals(near)


def test_a_limit_is_read_in_the_format_of_its_column_beside_missing_words() -> None:
    rng = np.random.default_rng(4)
    texts = [f"{x:,.2f} €".translate(str.maketrans(",.", ".,")) for x in rng.uniform(1, 9000, ROWS)]
    table = pd.DataFrame({"x": texts, "kind": rng.choice(["a", "b"], ROWS)}, dtype=object)
    table.loc[[0, 7], "x"] = "> 9.500,00 €"
    table.loc[[3, 9], "x"] = "moved"
    with pytest.warns(UserWarning, match="taken for missing"):
        synthesizer = fitted(table)
    assert synthesizer.spec["x"].format == "{:.,2f} €"
    with pytest.warns(UserWarning, match="2 of its cells, such as 'moved', are no number"):
        near = synthesizer.log_prob(table, draws=4)
    other = table["x"].replace({"> 9.500,00 €": "9.999,00 €", "moved": None})
    assert synthesizer.log_prob(table.assign(x=other), draws=4).equals(near)
    with pytest.warns(UserWarning, match="2 of its cells"):
        assert synthesizer.complete(table, draws=4)["x"].equals(table["x"])


@pytest.mark.parametrize("make", [numbers, days])
def test_a_word_that_the_model_does_not_name_is_missing(make) -> None:
    table = make()
    table.loc[[3, 9], "x"] = "moved"
    with pytest.warns(UserWarning, match="the 2 that read 'moved' are taken for missing"):
        synthesizer = fitted(table)
    assert synthesizer.spec["x"].missing_values is None
    noun = "number" if make is numbers else "date-time"
    message = f"'x': 2 of its cells, such as 'moved', are no {noun} that the model knows, and taken"
    gaps = table.assign(x=table["x"].replace({"moved": None}))

    with pytest.warns(UserWarning, match=message) as said:
        near = synthesizer.log_prob(table, draws=4)
    assert [each.filename for each in said] == [__file__]
    assert near.equals(synthesizer.log_prob(gaps, draws=4))
    with pytest.warns(UserWarning, match=message):
        assert synthesizer.complete(table, draws=4)["x"].equals(table["x"])
    with pytest.warns(UserWarning, match=message):
        filled = synthesizer.impute(table, draws=4)["x"]
    assert filled.equals(synthesizer.impute(gaps, draws=4)["x"])
    # Among numbers of Python, a word is one, too.
    if make is numbers:
        mixed = table.assign(x=[x if x == "moved" else float(x) for x in table["x"]])
        with pytest.warns(UserWarning, match=message):
            assert synthesizer.log_prob(mixed, draws=4).equals(near)
    # Nor does a row by itself say what its word means.
    with pytest.warns(UserWarning, match="1 of its cells, such as 'moved', is no"):
        assert synthesizer.complete(table.iloc[[9]], draws=4)["x"].tolist() == ["moved"]


def test_other_text_in_place_of_numbers_is_refused() -> None:
    table = numbers()
    synthesizer = fitted(table.assign(x=table["x"].where(np.arange(ROWS) % 9 > 0, None)))
    with pytest.raises(DataError, match="must be numbers to be continuous, but has 'a0'"):
        synthesizer.log_prob(table.assign(x=[f"a{i % 6}" for i in range(ROWS)]), draws=2)
    # Without missing values in its table, a column has no word for them.
    with pytest.raises(DataError, match="must be numbers to be continuous, but has 'moved'"):
        fitted(table).complete(table.assign(x=table["x"].where(table.index > 0, "moved")), draws=2)


def test_a_declared_word_for_zero_is_kept() -> None:
    table = numbers()
    table.loc[[0, 7], "x"] = "nil"
    written = {"x": {"kind": "continuous", "format": "{:.1f}[0=nil]"}}
    synthesizer = fitted(table, SpecDeclaration.from_mapping({"columns": written}))
    assert synthesizer.complete(table, draws=2)["x"].equals(table["x"])


def test_a_category_dtype_is_read_as_the_text_that_it_has() -> None:
    rng = np.random.default_rng(2)
    table = numbers("${}").assign(day=days()["x"])
    table["x"] = table["x"].where(np.arange(ROWS) >= 6, "$ -")
    categories = table.astype({"x": "category", "day": "category"})
    of_text = fitted(table)
    with_gaps = categories.mask(rng.random(categories.shape) < 0.3)

    plain = of_text.log_prob(table, draws=4)
    assert of_text.log_prob(categories, draws=4).equals(plain)
    assert of_text.complete(categories, draws=4)["x"].astype(object).equals(table["x"])
    filled = of_text.impute(with_gaps, draws=4)
    assert filled["x"].str.fullmatch(r"\$( -|\d+\.\d)").all()

    # Declared numbers and dates are read from categories, and generated as such.
    declared = SpecDeclaration.from_mapping({"continuous": ["x"], "datetime": ["day"]})
    of_categories = fitted(categories, declared)
    assert of_categories.spec["x"].format == of_text.spec["x"].format == "${:.1f}[0=$ -]"
    assert of_categories.spec["day"].format == "%d/%m/%Y"
    assert of_categories.log_prob(categories, draws=4).equals(plain)
    made = of_categories.generate(50)
    assert made["x"].dtype == "category" and made["day"].dtype == "category"
    assert made["x"].astype(object).equals(of_text.generate(50)["x"])
    filled = of_categories.impute(with_gaps, draws=4)
    assert filled["x"].dtype == "category"
    kept = with_gaps["x"].notna()
    assert filled["x"][kept].astype(object).equals(table["x"][kept])


@pytest.mark.parametrize("given", ["01.02.2020", "31/02/2020", "2020-02-01 at noon"])
def test_values_in_another_format_are_refused(given: str) -> None:
    synthesizer = fitted(with_gaps(days()))
    for rows in ([given], [given] * 200):
        with pytest.raises(DataError, match="column 'x': must be datetimes"):
            synthesizer.impute(pd.DataFrame({"x": rows, "kind": "a"}), draws=2)
    with pytest.raises(DataError, match="column 'x': must be numbers"):
        fitted(with_gaps(numbers())).impute(pd.DataFrame({"x": ["45 years"], "kind": "a"}))


@pytest.mark.parametrize("make", [numbers, days])
def test_blank_text_is_missing(make: Callable[[], pd.DataFrame]) -> None:
    table = with_gaps(make())
    rows = table.tail(3).assign(x=["", "  ", table["x"].iloc[-1]])
    filled = fitted(table).impute(rows, draws=2)
    assert filled["x"].str.strip().ne("").all()
    assert filled["x"].iloc[2] == table["x"].iloc[-1]


def test_a_word_in_a_file_leaves_the_numbers_beside_it_as_they_are(tmp_path: Path) -> None:
    table = with_gaps(numbers())
    table.loc[10:30, "x"] = "<0.5"
    rows = table.iloc[[10, 50, 60]].assign(x=["<0.5", "unknown", table["x"].iloc[60]])
    for name, part in (("all.csv", table), ("some.csv", rows), ("plain.csv", rows.iloc[[0, 2]])):
        part.to_csv(tmp_path / name, index=False)
    synthesizer = fitted(read_table(tmp_path / "all.csv"))
    plain = synthesizer.complete(tmp_path / "plain.csv", draws=2)
    with pytest.warns(UserWarning, match="column 'x': 1 of its cells, such as 'unknown'"):
        filled = synthesizer.complete(tmp_path / "some.csv", draws=2)
    assert filled["x"].iloc[[0, 2]].tolist() == plain["x"].tolist()


def test_a_word_in_a_file_of_plain_numbers_leaves_them_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    table = with_gaps(
        pd.DataFrame({"x": rng.normal(size=ROWS), "kind": rng.choice(["a", "b"], ROWS)})
    )
    rows = table.iloc[[10, 50, 60]].assign(x=["0.5", "oops", ""])
    for name, part in (("all.csv", table), ("some.csv", rows)):
        part.to_csv(tmp_path / name, index=False)
    synthesizer = fitted(read_table(tmp_path / "all.csv"))
    for method in (synthesizer.complete, synthesizer.impute):
        with pytest.warns(UserWarning, match="column 'x': 1 of its cells, such as 'oops'"):
            filled = method(tmp_path / "some.csv", draws=2)["x"]
        assert filled.dtype == np.float64 and filled.iloc[0] == 0.5
