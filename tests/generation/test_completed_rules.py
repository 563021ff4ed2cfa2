"""Rules in rows of which some cells are given."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tabvae_ray import TableSpec, TabularVAE
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.counting import count_rules
from tests.support.rules import table_with_rules
from tests.support.tables import small_config


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    table, _ = table_with_rules(1_000)
    table["weekday"] = table["admitted"].dt.day_name().astype("category")
    table["booked"] = table["admitted"].dt.strftime("%d.%m.%Y %H:%M")
    return table


@pytest.fixture(scope="module")
def synthesizer(real: pd.DataFrame) -> TabularVAESynthesizer:
    """One epoch: the network itself keeps hardly any rule."""
    _, sentences = table_with_rules(10)
    rules = {"add": [*sentences, "weekday = admitted as %A"], "find": False}
    spec = TableSpec.infer(real, declared=SpecDeclaration.from_mapping({"rules": rules}))
    # A pair of places has few rows, but its distance is to be known.
    options = {"training.max_n_epochs": 1, "transformers.min_rows": 0}
    vae = TabularVAE.build(spec, small_config(**options))
    vae.fit(real)
    return vae.synthesizer()


def broken(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame, rows: pd.DataFrame
) -> dict[str, int | None]:
    spec = synthesizer.spec
    found = count_rules(spec.rules, spec.columns, real, rows).broken
    return {name: count for name, count in found.items() if count != 0}


@pytest.mark.parametrize(
    "names",
    [
        ["casual", "registered", "price", "month"],
        ["total", "casual", "fahrenheit"],
        ["origin", "destination", "admitted", "discharged"],
        ["season", "admitted", "days", "lowest"],
        ["year", "weekday", "highest", "first_test"],
        ["discharged", "distance", "total"],
    ],
)
def test_rows_keep_all_rules_beside_given_columns(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame, names: list[str]
) -> None:
    given = real[names].head(150)
    filled = synthesizer.complete(given, draws=8, seed=3)
    assert broken(synthesizer, real, filled) == {}
    pd.testing.assert_frame_equal(filled[names], given)
    assert filled[list(real)].dtypes.equals(real.dtypes)
    pd.testing.assert_frame_equal(filled, synthesizer.complete(given, draws=8, seed=3))


def test_each_row_is_filled_by_its_own_cells(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame
) -> None:
    rng, rows = np.random.default_rng(0), real.head(200)
    holes = pd.DataFrame(rng.random(rows.shape) < 0.3, columns=rows.columns)
    whole = {name: "Int64" for name in rows if rows[name].dtype == np.int64}
    gaps = rows.astype(whole).mask(holes)
    filled = synthesizer.impute(gaps, draws=8)
    found = broken(synthesizer, real, filled)
    # Cells that contradict each other, such as a time of arrival; of 200 rows and 25 rules.
    assert sum(count or 0 for count in found.values()) <= 10, found
    for name in rows:
        given = ~holes[name] & rows[name].notna()
        assert list(filled[name][given]) == list(rows[name][given]), name
    # Only what a rule says to be missing is.
    assert not filled.drop(columns=["first_test", "second_test"]).isna().to_numpy().any()
    assert list(filled["first_test"].isna()) == list(filled["origin"].isin(["A", "B"]))


def test_one_row_and_rows_in_any_form_are_filled_alike(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame, tmp_path: Path
) -> None:
    given = real[["total", "casual", "admitted", "booked"]].head(20)
    given.to_csv(tmp_path / "rows.csv", index=False)
    expected = synthesizer.complete(given, draws=4)
    assert (expected["registered"] == expected["total"] - expected["casual"]).all()
    for rows in (pl.from_pandas(given), pa.Table.from_pandas(given), tmp_path / "rows.csv"):
        filled = synthesizer.complete(rows, draws=4)
        for name in ("registered", "year", "weekday", "days", "discharged"):
            assert list(filled[name]) == list(expected[name])
    for i in range(3):
        one = synthesizer.complete(given.iloc[[i]], draws=4, seed=i)
        assert list(one.index) == [i] and broken(synthesizer, real, one) == {}
    assert len(synthesizer.complete(given.head(0))) == 0


def test_estimates_do_not_depend_on_rules(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame
) -> None:
    given = real[["total", "casual"]].head(20)
    filled = synthesizer.complete(given, draws=16)
    spec = synthesizer.spec
    keeper = synthesizer.encoder.keeper
    plain = TabularVAESynthesizer(
        type(synthesizer.encoder)(
            spec.model_copy(update={"rules": ()}),
            [synthesizer.encoder.coder(name) for name in synthesizer.encoder.columns],
            type(keeper)((), spec.columns, {}, {}),
        ),
        synthesizer.decoder,
        synthesizer.prior,
        synthesizer.config,
    )
    assert filled.attrs == plain.complete(given, draws=16).attrs
