import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.spec import TableSpec


def test_every_kind_of_column_keeps_its_condition(synthesizer: TabularVAESynthesizer) -> None:
    day = pd.Timestamp("2020-03-01"), pd.Timestamp("2021-06-30")
    rows = synthesizer.generate(40, where={"visited": day, "city": ["a, b", "東京"]})
    assert rows["visited"].between(*day).all() and set(rows["city"]) <= {"a, b", "東京"}
    rows = synthesizer.generate(40, where={"weight": None, "children": (2, None)})
    assert rows["weight"].isna().all() and (rows["children"] >= 2).all()
    rows = synthesizer.generate(40, where={"grade": ["A", None], "income": (0.0, 500.0)})
    assert set(rows["grade"].dropna()) <= {"A"} and rows["income"].between(0, 500).all()
    assert rows.attrs["draws"] >= 40


@pytest.mark.parametrize("options", [{"sample": False}, {"temperature": 2.0}, {"use_mean": True}])
def test_conditions_go_with_the_other_options(
    synthesizer: TabularVAESynthesizer, options: dict[str, object]
) -> None:
    common = synthesizer.generate(1, **options)["smoker"].iloc[0]
    rows = synthesizer.generate(10, where={"smoker": bool(common)}, **options)
    assert (rows["smoker"] == common).all()
    assert len(synthesizer.generate(0, where={"smoker": True}, **options)) == 0


def test_a_condition_that_is_too_rare_ends_with_how_far_it_came(
    synthesizer: TabularVAESynthesizer,
) -> None:
    with pytest.raises(DataError, match=r"too rare: \d of 10 rows after 5 draws"):
        synthesizer.generate(10, where={"smoker": True}, max_draws=5)


def test_a_narrow_range_takes_no_more_draws_than_a_wide_one(
    synthesizer: TabularVAESynthesizer,
) -> None:
    for where in ({"measure": (0.1234, 0.12340001)}, {"visited": "2020-03-01"}, {"age": 61}):
        rows = synthesizer.generate(50, where=where)
        assert rows.attrs["draws"] < 5000
    assert (rows["age"] == 61).all()


def test_a_day_without_a_time_is_all_of_it(synthesizer: TabularVAESynthesizer) -> None:
    spec, day = synthesizer.spec["visited"], pd.Timestamp("2020-03-01")
    hours = spec.model_copy(update={"step": (spec.step or 0) // 24})
    encoder = TableEncoder.from_mapping(
        {"x": {"atoms": [], "grid": [[0.0, 21_000.0]], "tails": [[0.0, 1.0], [0.0, 1.0]]}},
        TableSpec(columns=(hours.model_copy(update={"name": "x"}),)),
    )
    values = pd.Series([day, day + pd.Timedelta(hours=23), day + pd.Timedelta(hours=24)])

    def held(wanted: object) -> list[bool]:
        return RowConditions.of({"x": wanted}, encoder).hold(pd.DataFrame({"x": values})).tolist()

    assert held("2020-03-01") == held(day.date()) == [True, True, False]
    assert held(("2020-03-02", None)) == [False, False, True]
    assert held((None, "2020-03-01")) == [True, True, False]
    assert held(day) == held("2020-03-01 00:00") == [True, False, False]
    assert held((day, day + pd.Timedelta(hours=23, minutes=30))) == [True, True, False]


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ({"age": None}, "'age' has no missing values"),
        ({"city": "Oslo"}, "'city' is never 'Oslo'"),
        ({"city": "rare"}, "'city' is never 'rare': no row .* or fewer than 5 have"),
        ({"city": ("a", "b")}, "ask for a list of values"),
        ({"age": [20, 30]}, "ask for a value or a tuple"),
        ({"age": (500, None)}, "no row can be at least 500"),
        ({"age": (1, 2, 3)}, "a tuple of two ends"),
        ({"age": np.inf}, "must be finite"),
        ({"age": "> 30"}, "'> 30' cannot be compared with it: it is no number$"),
        ({"age": 40.5}, "no row can be 40.5: the column has no integer there"),
        ({"age": (40.2, 40.8)}, "the column has no integer there"),
        ({"weight": (70.01, 70.09)}, "the column has no value with 1 decimal there"),
        (
            {"measure": 0.5},
            "an exact value has probability zero .*; ask for a range such as 0.495 to 0.505",
        ),
        ({"visited": "2020-03-01 12:00"}, "the column has no moment there"),
        ({"visited": pd.Timestamp("2020-03-01", tz="UTC")}, "has no time zone"),
        (
            {"visited": ("1990-01-01", "1991-01-01")},
            "goes from 2020-01-08T.*; fewer than 5 rows",
        ),
    ],
)
def test_what_no_row_can_be_is_refused(
    synthesizer: TabularVAESynthesizer, where: dict[str, object], match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        synthesizer.generate(5, where=where)
