"""Less obvious places of an export in which the value of a single row, or person, could stand."""

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.identifiers.maker import IdentifierMaker
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config


def fitted(table: pd.DataFrame, **declared: Any) -> TableEncoder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping(declared))
        return TableEncoder.fit(table, spec, TransformersConfig())


def stored(encoder: TableEncoder) -> str:
    parts = encoder.spec.to_mapping(), encoder.to_mapping(), encoder.keeper.to_mapping()
    return json.dumps(parts, ensure_ascii=False)


def test_a_value_for_rows_that_must_have_one_is_that_of_no_person() -> None:
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 10)
    ward = rng.choice(["A", "B", "C"], 600)
    pressure = np.round(rng.normal(50, 5, 600), 3)
    # One person has all values in the middle.
    ward[patient == 7], pressure[patient == 7] = "B", 50.001
    table = pd.DataFrame(
        {
            "patient": [f"P{i:04}" for i in patient],
            "ward": ward,
            "pressure": np.where(ward == "A", np.nan, pressure),
        }
    )
    encoder = fitted(table, entity="patient")
    assert [rule.kind for rule in encoder.spec.rules] == ["missing"]
    filler = encoder.keeper.to_mapping()["fillers"]["pressure"]
    assert 45 < filler < 55 and "50.001" not in stored(encoder)


def test_a_short_run_of_numbers_is_not_kept_by_the_value_of_one_row() -> None:
    few = [1007, 1071, 1173, 1292, 1502, 1704]
    x = np.concatenate([np.arange(0, 900), few, np.arange(2000, 3000)])
    band = np.where(x < 900, "low", np.where(x < 2000, "middle", "high"))
    table = pd.DataFrame({"x": x, "band": band, "y": np.arange(len(x)) % 7})
    encoder = fitted(table, continuous=["x"], rules={"add": ["band is determined by x"]})
    lookup = encoder.keeper.to_mapping()["lookups"]["band"]
    assert lookup["closed"] == "runs"
    (middle,) = [key for (key,) in lookup["keys"] if 900 <= key < 2000]
    assert 1171 < middle < 1500 and middle not in few and middle % 1 == 0


def test_a_category_beside_which_few_rows_have_a_number_above_zero_is_not_kept() -> None:
    rng = np.random.default_rng(0)
    group = rng.choice(["p", "q", "r", "s", "t", "u"], 3000)
    pay = np.where(np.isin(group, ["p", "q"]), rng.integers(1, 900, 3000), 0)
    pay[np.flatnonzero(group == "r")[:2]] = 55
    declared = {"rules": {"add": ["pay > 0 only where group is p, q, r"]}}
    encoder = fitted(pd.DataFrame({"group": group, "pay": pay}), **declared)
    rules = [rule for rule in encoder.spec.rules if rule.kind == "only where"]
    assert [set(rule.values) for rule in rules] == [{"p", "q"}]


@pytest.mark.parametrize("dtype", ["int64", "int8"])
def test_a_counter_does_not_begin_after_the_number_of_the_last_row(dtype: str) -> None:
    table = pd.DataFrame({"id": np.arange(1, 124, dtype=dtype), "x": np.arange(123) % 7})
    source = fitted(table, identifier=["id"]).spec["id"].made_of
    assert source is not None
    assert source.counter == (130 if dtype == "int64" else 127)


@pytest.mark.parametrize("keys", [["VIP-KING/1", "VIP-KING/2"], [41_177, 90_210]])
def test_a_pattern_that_few_rows_have_is_not_kept(keys: list[Any]) -> None:
    column = pd.Series([*keys, *[None] * 98], dtype="Int64" if type(keys[0]) is int else object)
    encoder = fitted(pd.DataFrame({"id": column, "x": np.arange(100) % 7}), identifier=["id"])
    source = encoder.spec["id"].made_of
    assert source is not None and "KING" not in stored(encoder)
    assert source.patterns[0].pattern in ("[0-9A-Za-z]{8}", "[1-9][0-9]{7}")
    made = IdentifierMaker(source, "id", 0).values(encoder.spec["id"].dtype, 0, 1000)
    assert made.nunique() > 5


def test_a_remark_of_one_row_among_dates_or_numbers_is_not_kept() -> None:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 600), "D")
    table = pd.DataFrame({"day": days.strftime("%d.%m.%Y"), "x": rng.normal(5, 1, 600).round(2)})
    table["x"] = table["x"].astype(str)
    table.loc[11, "day"], table.loc[12, "day"] = "died of x", "31.02.1999"
    table.loc[13, "x"] = "refused, see Dr X"
    table.loc[20:30, "x"] = "unknown"
    table.loc[31, "x"] = "n/a"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(table)
    assert set(spec["x"].missing_values or ()) == {"refused, see Dr X", "unknown", "n/a"}
    vae = TabularVAE.build(spec, small_config())
    vae.prepare(table)
    kept = vae.encoder.spec
    assert kept["day"].missing_values is None and kept["day"].missing
    # All are recognised again in a table that is read by the spec.
    assert kept["x"].missing_values is None and kept["x"].missing


@pytest.mark.parametrize(("first", "is_advised"), [("01001", False), ("10001", True)])
def test_digits_with_leading_zeros_are_not_advised_to_be_continuous(
    first: str, is_advised: bool
) -> None:
    codes = [first, *(str(10_002 + i) for i in range(299))]
    table = pd.DataFrame({"zip": pd.Series(codes, dtype="str"), "x": np.arange(300) % 7})
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"categorical": ["zip"]}))
    with pytest.warns(UserWarning, match="column 'zip'") as said:
        TableEncoder.fit(table, spec, TransformersConfig())
    assert any("declare it continuous" in str(one.message) for one in said) == is_advised


def of_patients(n: int = 900) -> pd.DataFrame:
    """Make a table of three rows for each patient, and of eight rows for the last one."""
    patient = np.append(np.arange(n - 8) // 3, np.full(8, n))
    return pd.DataFrame({"patient": [f"P{i:04}" for i in patient], "x": np.arange(n) % 7})


@pytest.mark.parametrize("usual", ["K-{:06}", "{:08x}", "5{:05}"])
def test_a_pattern_of_one_persons_identifiers_is_not_kept(usual: str) -> None:
    table, rng = of_patients(), np.random.default_rng(0)
    values = [usual.format(i) for i in rng.choice(10**5, 900, replace=False)]
    values[-8:] = [f"SMITH-KING/{i}" for i in range(8)]
    table["key"] = values
    table["number"] = 40_000_000 + rng.permutation(10**6)[:900]
    table.loc[table.index[-8:], "number"] = 987_654_321_000 + np.arange(8)
    encoder = fitted(table, entity="patient", identifier=["key", "number"])
    assert "KING" not in stored(encoder) and "987" not in str(encoder.spec["number"].made_of)
    made = encoder.with_identifiers(pd.DataFrame(index=range(2000)), 0, 0)
    assert not set(made["key"]) & set(values) and made["key"].is_unique
    assert len({len(key) for key in made["key"]}) == 1
    assert not set(made["number"]) & set(table["number"])


def test_a_column_that_one_person_has_shows_no_start_of_its_identifiers() -> None:
    table = of_patients()
    table["key"] = [None] * 892 + [f"KING-{i:04}" for i in range(8)]
    assert "KING" not in stored(fitted(table, entity="patient", identifier=["key"]))


def test_a_character_of_one_identifier_is_not_in_a_pattern() -> None:
    rng = np.random.default_rng(0)
    keys = [f"{rng.choice(['A', 'B'])}-{i:06}" for i in rng.permutation(10**6)[:1500]]
    table = pd.DataFrame({"key": [*keys, "X-123456"], "x": np.arange(1501) % 7})
    source = fitted(table, identifier=["key"]).spec["key"].made_of
    assert source is not None and source.patterns[0].pattern == "[AB]-[0-9]{6}"


def test_a_range_of_numbers_that_one_person_is_in_is_not_kept() -> None:
    table, rng = of_patients(), np.random.default_rng(0)
    table["income"] = np.round(rng.lognormal(10, 0.4, 900), 2)
    table.loc[table.index[-8:], "income"] = 765_432.12 + np.arange(8)
    table["band"] = np.where(table["income"].between(15_000, 700_000), "usual", "unusual")
    encoder = fitted(table, entity="patient")
    assert not [rule for rule in encoder.spec.rules if rule.kind == "bins"]
    # Two ranges of enough persons are kept.
    table["band"] = np.where(table["income"] < 15_000, "unusual", "usual")
    rules = [str(rule) for rule in fitted(table, entity="patient").spec.rules]
    assert rules == ["band is unusual where income < 15000, else usual"]


@pytest.mark.parametrize(
    ("mark", "n_rows", "written"),
    [
        (">112", 1, "{:.0f}"),
        (">112", 5, "{:.0f}[>112]"),
        ("<12", 1, "{:.0f}"),
        ("<12", 5, "{:.0f}[<12]"),
        ("$ -", 1, "${:.0f}"),
        ("$ -", 5, "${:.0f}[0=$ -]"),
    ],
)
def test_a_text_for_numbers_that_few_rows_have_is_not_kept(
    mark: str, n_rows: int, written: str
) -> None:
    rng = np.random.default_rng(0)
    sign = "$" if mark.startswith("$") else ""
    texts = [f"{sign}{age}" for age in rng.integers(18, 90, 600)]
    texts[:n_rows] = [mark] * n_rows
    table = pd.DataFrame({"age": texts, "x": np.arange(600) % 7})
    spec = TableSpec.infer(table)
    assert mark in (spec["age"].format or "")
    table = as_declared(table, spec.columns)
    encoder = TableEncoder.fit(table, spec, TransformersConfig())
    assert encoder.spec["age"].format == written
    assert (mark in stored(encoder)) is (n_rows == 5)
    rows = encoder.decode(encoder.encode(table), rng)
    made = as_written(rows, encoder.spec, as_text=True)["age"].astype(str)
    assert (made == mark).any() is np.bool_(n_rows == 5)
    assert made[made != mark].str.removeprefix(sign).astype(int).between(18, 89).all()


def test_rows_of_one_person_below_a_limit_are_few() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(60), 10)
    level = np.where(person == 7, "<0.3", [f"{x:.1f}" for x in rng.uniform(1, 9, 600)])
    table = pd.DataFrame({"person": [f"P{i:04}" for i in person], "level": level})
    assert fitted(table, entity="person").spec["level"].format == "{:.1f}"
    assert fitted(table).spec["level"].format == "{:.1f}[<0.3]"
