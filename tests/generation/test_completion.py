import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TabularVAE
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec
from tests.support.tables import small_config


def test_probable_rows_have_a_higher_log_probability(
    synthesizer: TabularVAESynthesizer, mixed: pd.DataFrame
) -> None:
    found = synthesizer.log_prob(mixed.head(50))
    assert found.name == "log_prob" and found.index.equals(mixed.index[:50])
    assert np.isfinite(found).all() and (found < 0).all()
    assert 1 <= found.attrs["effective_sample_size"] <= found.attrs["draws"] == 256
    pd.testing.assert_series_equal(found, synthesizer.log_prob(mixed.head(50)))
    # Rows whose columns are shuffled one by one are less probable than those of the model.
    own = synthesizer.generate(200, seed=1)
    odd = own.assign(smoker=~own["smoker"], children=own["children"].to_numpy()[::-1])
    assert synthesizer.log_prob(own).mean() > synthesizer.log_prob(odd).mean()


def test_given_columns_stay_and_others_are_drawn_as_conditions_draw_them(
    synthesizer: TabularVAESynthesizer,
) -> None:
    given = pd.DataFrame({"smoker": [True] * 1000, "note": range(1000)})
    filled = synthesizer.complete(given, draws=64)
    assert filled["smoker"].all() and list(filled["note"]) == list(range(1000))
    assert set(synthesizer.spec.names) <= set(filled.columns)
    reference = synthesizer.generate(1000, where={"smoker": True})
    assert abs(filled["age"].mean() - reference["age"].mean()) < 4
    for name in reference:
        assert filled[name].dtype == reference[name].dtype, name
    assert filled.attrs["draws"] == 64 and filled.attrs["least_effective_sample_size"] >= 1


def test_a_column_whose_name_is_nearly_that_of_a_drawn_one_is_named(
    synthesizer: TabularVAESynthesizer,
) -> None:
    given = pd.DataFrame({"smoker": [True], "wieght": [70.0], "AGE": [30], "note": [1]})
    with pytest.warns(UserWarning) as found:
        synthesizer.complete(given, draws=2)
    assert [str(warning.message) for warning in found] == [
        "column 'wieght' is not in the model; did you mean weight?",
        "column 'AGE' is not in the model; did you mean age?",
    ]


def test_missing_cells_are_filled_and_others_stay(
    synthesizer: TabularVAESynthesizer, mixed: pd.DataFrame
) -> None:
    rows = mixed.head(80).copy()
    gaps = rows[["weight", "grade"]].isna()
    assert gaps.to_numpy().any()
    filled = synthesizer.impute(rows, draws=16)
    assert list(filled.columns) == list(rows.columns) and not filled.isna().to_numpy().any()
    for name in ("weight", "grade", "age", "city", "visited"):
        kept = rows[name].notna()
        assert list(filled.loc[kept, name]) == list(rows.loc[kept, name])


@pytest.mark.parametrize(
    ("rows", "options", "error", "message"),
    [
        ({"unknown": [1]}, {}, DataError, r"have no column of the model, but \['unknown'\]"),
        ({"age": [20]}, {"draws": 0}, ConfigError, "draws must be a whole number >= 1, but got 0"),
        ({"age": [20]}, {"draws": True}, ConfigError, "draws must be a whole number >= 1"),
        ({"age": [20]}, {"draws": 2.5}, ConfigError, "draws must be a whole number >= 1"),
        ({"age": [20]}, {"seed": 2**70}, ConfigError, "the seed must be <= "),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    synthesizer: TabularVAESynthesizer,
    rows: dict,
    options: dict,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        synthesizer.complete(pd.DataFrame(rows), **options)
    with pytest.raises(DataError, match="in the model, but not in the rows"):
        synthesizer.log_prob(pd.DataFrame({"age": [20]}))


def test_rows_of_a_file_as_pandas_reads_them_are_filled_in_its_formats(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 400), unit="D")
    minute = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 1440, 400), unit="min")
    table = pd.DataFrame(
        {
            "day": day.strftime("%d/%m/%Y"),
            "clock": minute.strftime("%I:%M %p"),
            "paid": [f"${x:,.2f}" for x in rng.uniform(1, 9000, 400)],
            "kind": rng.choice(["a", "b"], 400),
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    read = read_table(tmp_path / "t.csv")
    model = TabularVAE.build(TableSpec.infer(read), small_config())
    model.fit(read)
    given = pd.read_csv(tmp_path / "t.csv").head(60)
    gaps = given.mask(rng.random(given.shape) < 0.3)
    filled = model.synthesizer().impute(gaps)

    assert filled.where(gaps.notna()).equals(gaps)
    assert filled["day"].str.fullmatch(r"\d\d/\d\d/2024").all()
    assert (
        pd.to_datetime(filled["day"], format="%d/%m/%Y").between("2024-01-01", "2024-10-31").all()
    )
    assert filled["clock"].str.fullmatch(r"\d\d:\d\d [AP]M").all()
    assert filled["paid"].str.fullmatch(r"\$(\d,)?\d{1,3}\.\d\d").all()


def test_whole_numbers_of_numpy_are_taken(synthesizer: TabularVAESynthesizer) -> None:
    given = pd.DataFrame({"age": [20, 30]})
    made = synthesizer.complete(given, draws=np.int64(3), seed=np.int32(4))
    pd.testing.assert_frame_equal(made, synthesizer.complete(given, draws=3, seed=4))


@pytest.mark.parametrize("method", ["log_prob", "complete", "impute"])
def test_results_have_the_index_of_the_rows(
    method: str, synthesizer: TabularVAESynthesizer, mixed: pd.DataFrame
) -> None:
    levels = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["side", None])
    rows = mixed.head(4)
    found = getattr(synthesizer, method)(rows.set_axis(levels), draws=4)
    pd.testing.assert_index_equal(found.index, levels)
    if method != "log_prob":
        assert list(found.columns) == list(rows.columns)
    # A level may be a column of the model.
    found = getattr(synthesizer, method)(rows.set_index("age"), draws=4)
    assert found.index.name == "age" and found.index.tolist() == rows["age"].tolist()


def test_a_gap_of_an_index_is_drawn(
    synthesizer: TabularVAESynthesizer, mixed: pd.DataFrame
) -> None:
    rows = mixed.head(4).assign(age=[np.nan, 30.0, 40.0, np.nan], place=list("abcd"))
    found = synthesizer.impute(rows.set_index("age"), draws=4)
    expected = synthesizer.impute(rows, draws=4)
    assert found.index.tolist() == expected["age"].tolist() and found.index.name == "age"
    found = synthesizer.impute(rows.set_index(["place", "age"]), draws=4)
    assert found.index.tolist() == list(zip("abcd", expected["age"], strict=True))


@pytest.mark.parametrize("method", ["log_prob", "complete", "impute"])
def test_a_column_that_occurs_twice_is_refused(
    method: str, synthesizer: TabularVAESynthesizer, mixed: pd.DataFrame
) -> None:
    for name in ("age", "place"):
        rows = mixed.head(3).assign(place="a")
        rows = pd.concat([rows, rows[[name]]], axis=1)
        with pytest.raises(DataError, match=f"column '{name}': occurs more than once"):
            getattr(synthesizer, method)(rows, draws=4)


def test_given_columns_keep_the_types_of_pandas() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=60).round(2),
            "month": pd.Series(pd.period_range("2000-01", periods=60, freq="M")),
            "flag": pd.arrays.SparseArray(rng.integers(0, 2, 60)),
            "range": pd.cut(rng.normal(size=60), 3),
            "key": [uuid.UUID(int=i) for i in range(60)],
        }
    )
    declared = {"rules": {"find": False}, "drop": ["key"]}
    vae = TabularVAE.build(TableSpec.infer(table, declared=declared), small_config())
    vae.fit(table)
    rows = table.head(3).assign(x=[np.nan, 0.5, 1.0])
    filled = vae.synthesizer().impute(rows, draws=4)
    assert filled["x"].notna().all()
    pd.testing.assert_frame_equal(filled.drop(columns="x"), rows.drop(columns="x"))
    drawn = vae.synthesizer().complete(rows[["x", "key"]].iloc[1:], draws=4)
    assert drawn["key"].tolist() == rows["key"].tolist()[1:]
    assert drawn["month"].dtype == table["month"].dtype
