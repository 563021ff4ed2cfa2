"""Numbers that are a smooth function of one or two others."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.finding.curves.smooth import find_smooth
from tabvae_ray.table.rules.finding.discovery import find_rules
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 1_500
Floats = np.ndarray[Any, np.dtype[np.float64]]
Make = Callable[[pd.DataFrame], "pd.Series | Floats"]
Known = tuple[pd.DataFrame, tuple[Column, ...], Smooth]


def base() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "celsius": rng.normal(14, 8, N).round(1),
            "humid": rng.uniform(20, 100, N).round(0),
            "wind": rng.uniform(5, 80, N).round(1),
            "pounds": rng.normal(165, 28, N).clip(90).round(0),
            "inches": rng.normal(67, 4, N).round(0),
            "east": rng.normal(0, 30, N).round(1),
            "north": rng.normal(0, 30, N).round(1),
            "years": rng.integers(1, 31, N),
            "rate": rng.choice(np.arange(1, 9, 0.25), N),
            "noise": rng.lognormal(0, 1, N),
        }
    )


def dew_point(table: pd.DataFrame) -> pd.Series:
    part = np.log(table.humid / 100) + 17.625 * table.celsius / (243.04 + table.celsius)
    return 243.04 * part / (17.625 - part)


def chill(table: pd.DataFrame) -> pd.Series:
    wind = table.wind**0.16
    return 13.12 + 0.6215 * table.celsius - 11.37 * wind + 0.3965 * table.celsius * wind


def shuffled(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return table.apply(lambda column: rng.permutation(column))


def said(rules: list[Any]) -> list[str]:
    return [str(rule) for rule in rules if isinstance(rule, Smooth)]


@pytest.fixture(scope="module")
def weather() -> Known:
    """A table of a dew point, with some temperatures that were read at another time."""
    table = base()[["celsius", "humid", "noise"]]
    table["dew"] = dew_point(table).round(2)
    other = np.random.default_rng(1).random(N) < 0.07
    table["celsius"] = (table["celsius"] + np.where(other, 0.7 + table["noise"], 0)).round(1)
    columns = TableSpec.infer(table).columns
    (rule,) = [rule for rule in find_rules(table, columns) if isinstance(rule, Smooth)]
    return table, columns, rule


@pytest.mark.parametrize(
    ("make", "of"),
    [
        (lambda t: dew_point(t).round(1), "celsius and humid"),
        (lambda t: dew_point(t), "celsius and humid"),
        (lambda t: chill(t).round(2), "celsius and wind"),
        (lambda t: (703.07 * t.pounds / t.inches**2).round(2), "pounds and inches"),
        (lambda t: 0.0072 * t.pounds**0.425 * t.inches**0.725, "pounds and inches"),
        (lambda t: np.hypot(t.east, t.north).round(2), "east and north"),
        (lambda t: ((1 + t.rate / 100) ** t.years).round(4), "years and rate"),
        (lambda t: (1 / (1 + np.exp(0.1 * t.east - 0.04 * t.north))).round(3), "east and north"),
        (lambda t: (100 / (1 + np.exp(-0.05 * t.east))).round(2), "east"),
        (lambda t: np.exp(t.celsius / 9).round(3), "celsius"),
        (lambda t: (t.celsius**3).round(1), "celsius"),
        (lambda t: (80 / t.wind).round(3), "wind"),
    ],
)
def test_functions_of_many_kinds_are_found_and_kept_for_values_that_the_table_has_not(
    make: Make, of: str
) -> None:
    table = base()
    without = table.assign(made=np.random.default_rng(1).permutation(make(table)))
    assert said(find_rules(without, TableSpec.infer(without).columns)) == []
    table["made"] = make(table)
    spec = TableSpec.infer(table)
    # What else follows from that, the other way round, would go in a circle.
    assert said(list(spec.rules)) == [f"made is a smooth function of {of}"]
    (rule,) = [rule for rule in spec.rules if isinstance(rule, Smooth)]
    assert rule.exceptions < 0.001 and rule.curve is not None
    rows = shuffled(table, 1)
    kept = RuleKeeper.fit([rule], spec.columns, table).apply(rows, np.random.default_rng(2))
    expected = np.asarray(make(kept), dtype=float)
    inside = (expected >= table["made"].min()) & (expected <= table["made"].max())
    assert inside.mean() > 0.9
    away = np.abs(kept["made"] - expected)[inside]
    assert np.quantile(away, 0.99) <= 2.01 * rule.curve.within
    # The last place, or a ten-thousandth of the spread, which is rounded to one digit.
    place = 10.0 ** -(spec["made"].decimals or 15)
    assert rule.curve.within <= max(1.001 * place, 1.5e-4 * table["made"].std())
    again = TableSpec.from_mapping(json.loads(json.dumps(spec.to_mapping())))
    assert again == spec


def test_many_exceptions_are_counted_and_kept_at_their_rate(weather: Known) -> None:
    table, columns, rule = weather
    assert str(rule) == "dew is a smooth function of celsius and humid"
    assert 0.05 < rule.exceptions < 0.09
    rows = shuffled(pd.concat([table] * 4, ignore_index=True), 3)
    kept = RuleKeeper.fit([rule], columns, table).apply(rows, np.random.default_rng(4))
    counts = count_rules([rule], columns, table, kept)
    assert 0.05 < (counts.broken[str(rule)] or 0) / len(kept) < 0.1
    assert counts.kept is not None and counts.kept > 0.98
    assert (count_rules([rule], columns, table, rows).kept or 0) < 0.1


def test_the_rows_that_are_exceptions_are_those_that_were_drawn_as_such() -> None:
    table, rng = base()[["celsius", "wind"]], np.random.default_rng(5)
    table = pd.concat([table] * 3, ignore_index=True)
    table["indoors"] = rng.random(len(table)) < 0.06
    table["felt"] = (chill(table) + 7 * table["indoors"]).round(2)
    columns = TableSpec.infer(table).columns
    (rule,) = [rule for rule in find_rules(table, columns) if isinstance(rule, Smooth)]
    assert rule.curve is not None and np.allclose(rule.curve.odd, 7, atol=0.1)
    drawn = table.assign(felt=(table["felt"] + rng.normal(0, 1, len(table))).round(2))
    keeper = RuleKeeper.fit([rule], columns, table)
    kept = keeper.apply(drawn, np.random.default_rng(0))
    odd = rule.broken(TableView(kept, columns))
    assert 0.8 < odd[table["indoors"]].mean() and odd[~table["indoors"]].mean() < 0.02
    assert 0.04 < odd.mean() < 0.08
    # Of a few rows nobody can say it, but the rate is the same.
    parts = [drawn.iloc[i : i + 3].reset_index(drop=True) for i in range(0, len(drawn), 3)]
    rng = np.random.default_rng(0)
    few = pd.concat([keeper.apply(part, rng) for part in parts], ignore_index=True)
    assert 0.04 < rule.broken(TableView(few, columns)).mean() < 0.08


def test_rows_beyond_the_ranges_keep_what_was_drawn(weather: Known) -> None:
    table, columns, rule = weather
    rows = table.head(6).copy()
    exact = rule.model_copy(update={"exceptions": 0.0})
    drawn = float(table["dew"].median())
    rows["dew"] = drawn
    rows.loc[0, "celsius"] = table["celsius"].max() + 1
    # The result is far below any dew point of the table.
    rows.loc[1, ["celsius", "humid"]] = [table["celsius"].min(), table["humid"].min()]
    rows.loc[2, "celsius"] = np.nan
    rows.loc[3, "dew"] = np.nan
    kept = RuleKeeper([exact], columns, {}, {}).apply(rows, np.random.default_rng(0))
    # A row that breaks an exact rule is replaced by another one.
    assert kept.loc[0, "dew"] == drawn and kept.loc[2, "dew"] == drawn
    assert (float(kept["dew"].iloc[1]), kept["celsius"].iloc[1]) != (drawn, rows["celsius"].iloc[1])
    assert np.isnan(kept.loc[3, "dew"])
    expected = dew_point(kept.loc[[4, 5]]).round(2)
    assert (kept.loc[[4, 5], "dew"] - expected).abs().max() <= 0.011
    inexact = RuleKeeper([rule], columns, {}, {}).apply(rows, np.random.default_rng(0))
    assert inexact.loc[1, "dew"] == drawn
    broken = exact.broken(TableView(inexact, columns))
    assert not broken[[0, 2, 3]].any() and broken[1]


@pytest.mark.parametrize("seed", range(4))
def test_noise_and_what_is_merely_correlated_is_no_function(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(N, 2))
    table = pd.DataFrame(
        (hidden @ rng.normal(size=(2, 6)) + 0.03 * rng.normal(size=(N, 6))).round(2),
        columns=list("abcdef"),
    )
    table["step"] = np.cumsum(rng.exponential(size=N)).round(1)
    table["walk"] = np.cumsum(rng.normal(size=N)).round(2)
    # Mostly 0, which any constant tells.
    table["rare"] = np.where(rng.random(N) < 0.93, 0, rng.lognormal(3, 1, N)).round(2)
    # Noise of a last place, and of ten of a function of one input.
    table["near"] = (dew_point(base()) + rng.normal(0, 0.1, N)).round(1)
    table["celsius"], table["humid"] = base()["celsius"], base()["humid"]
    table["level"] = (table["celsius"] ** 2 + rng.normal(0, 1, N)).round(1)
    view = TableView(table, TableSpec.infer(table).columns)
    assert find_smooth(view, np.random.default_rng(0), {}) == []


def test_more_than_a_tenth_of_exceptions_makes_no_rule() -> None:
    table = base()
    table["dew"] = dew_point(table).round(2)
    odd = np.random.default_rng(0).random(N) < 0.14
    table.loc[odd, "dew"] = np.random.default_rng(1).permutation(table["dew"])[odd]
    assert said(find_rules(table, TableSpec.infer(table).columns)) == []


def test_what_is_computed_already_is_not_computed_again() -> None:
    table = base()[["celsius", "humid", "east", "noise"]]
    table["kelvin"] = (table["celsius"] + 273.15).round(2)
    table["dew"] = dew_point(table).round(2)
    rules = find_rules(table, TableSpec.infer(table).columns)
    columns = [rule.column for rule in rules if not str(rule).endswith("kelvin")]
    assert sorted(columns) == ["dew", "kelvin"]


def test_tables_of_many_columns_are_not_compared_in_pairs() -> None:
    table = base()[["celsius", "humid"]]
    table["dew"] = dew_point(table).round(2)
    rng = np.random.default_rng(0)
    more = pd.DataFrame(rng.normal(size=(N, 100)).round(2)).add_prefix("n")
    wide = pd.concat([table, more], axis=1)
    view = TableView(wide, TableSpec.infer(wide).columns)
    assert find_smooth(view, np.random.default_rng(0), {}) == []


def test_missing_values_hide_nothing() -> None:
    table = base()
    table["dew"] = dew_point(table).round(2)
    rng = np.random.default_rng(0)
    for name in ("celsius", "humid", "dew"):
        table.loc[rng.random(N) < 0.12, name] = np.nan
    assert said(find_rules(table, TableSpec.infer(table).columns)) == [
        "dew is a smooth function of celsius and humid"
    ]


def spec_of(table: pd.DataFrame, **rules: Any) -> TableSpec:
    return TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"rules": rules}))


def test_names_alone_may_be_declared_and_rules_be_denied(weather: Known) -> None:
    table, _, rule = weather
    sentence = str(rule)
    assert parse_rule(sentence, list(table)) == Smooth(column="dew", of=("celsius", "humid"))
    # Humidity is too coarse to be looked for, but is told to its last place.
    for entry in (
        sentence,
        {"kind": "smooth", "column": "dew", "of": ["celsius", "humid"]},
        "humid is a smooth function of dew and celsius",
    ):
        (own,) = spec_of(table, find=False, add=[entry]).rules
        assert isinstance(own, Smooth) and own.curve is not None
        assert 0.02 < own.exceptions < 0.09
    assert said(list(spec_of(table, deny=[sentence]).rules)) != [sentence]
    # A spec that was written is read again, of fewer rows, too.
    mapping = json.loads(json.dumps(TableSpec.infer(table).to_mapping()))
    again = TableSpec.infer(table.head(1_000), declared=SpecDeclaration.from_mapping(mapping))
    (curve,) = [part.curve for part in again.rules if isinstance(part, Smooth)]
    assert curve == rule.curve


def test_a_curve_may_be_written_out() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"width": rng.uniform(5, 40, N), "height": rng.uniform(1, 9, N)}).round(1)
    table["area"] = (table["width"] * table["height"]).round(2)
    table.loc[:29, "area"] += 1.5
    inputs = [{"center": 20, "scale": 10, "degree": 1}, {"center": 5, "scale": 2, "degree": 1}]
    curve = {"inputs": inputs, "coefficients": [100, 40, 50, 20], "within": 0.01}
    entry = {"kind": "smooth", "column": "area", "of": ["width", "height"], "curve": curve}
    (rule,) = spec_of(table, find=False, add=[entry]).rules
    assert rule.exceptions == pytest.approx(30 / N)
    curve["coefficients"] = [100, 40, 50, 21]
    with pytest.raises(DataError, match="area is a smooth function of width and height: does not"):
        spec_of(table, find=False, add=[entry])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "dew is a smooth function of noise",
            r"function of noise: does not hold in row \d+ \(dew=.*, noise=.*\), nor in \d+ others, "
            r"but 10% may be exceptions",
        ),
        ("kind is a smooth function of dew", "'kind' must be continuous, but is categorical"),
        ("dew is a smooth function of name", "'name' must be a number, but is categorical"),
        ("dew is a smooth function of dew", "must name different columns"),
    ],
)
def test_declared_functions_that_cannot_be_are_refused(
    weather: Known, entry: str, message: str
) -> None:
    table = weather[0].assign(kind=[1, 2, 3] * (N // 3), name=["a", "b"] * (N // 2))
    with pytest.raises(DataError, match=message):
        spec_of(table, add=[entry])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"curve": None}, "dew is a smooth function of celsius and humid: has no curve"),
        (
            {"of": ["celsius"]},
            r"smooth: must have as many inputs in its curve as columns in of, but",
        ),
        ({"of": ["celsius", "gone"]}, "there is no column 'gone'"),
        ({"of": ["celsius", "humid", "noise"]}, "rules"),
        (
            {"coefficients": [1.0, 2.0]},
            r"curve: must have 16 coefficients for degree 3 and 3, but has 2, but",
        ),
        ({"coefficients": [float("nan")] * 16}, "rules"),
        ({"within": 0}, "rules"),
        ({"odd": [1.0, 2.0]}, "curve: must have 9 numbers in ascending order in odd, or none, but"),
        (
            {"odd": [9.0] * 8 + [1.0]},
            "curve: must have 9 numbers in ascending order in odd, or none, but",
        ),
        ({"of_curve": "cosine"}, "rules"),
        ({"degree": 90}, "rules"),
        ({"scale": 0}, "rules"),
    ],
)
def test_a_spec_with_an_impossible_curve_is_refused(
    weather: Known, change: dict[str, Any], message: str
) -> None:
    mapping = json.loads(json.dumps(TableSpec.infer(weather[0]).to_mapping()))
    (rule,) = [rule for rule in mapping["rules"] if rule["kind"] == "smooth"]
    for key, value in change.items():
        if key in ("curve", "of"):
            rule[key] = value
        elif key in ("coefficients", "within", "odd"):
            rule["curve"][key] = value
        elif key == "of_curve":
            rule["curve"]["of"] = value
        else:
            rule["curve"]["inputs"][0][key] = value
    with pytest.raises(DataError, match=message):
        TableSpec.from_mapping(mapping)
