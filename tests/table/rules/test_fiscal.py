"""Fiscal years and quarters, and weeks of several conventions."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 1_200
RNG = np.random.default_rng(11)
SOLD = pd.Series(pd.Timestamp("2019-02-01") + pd.to_timedelta(RNG.integers(0, 1_500, N), unit="D"))


def moved(moments: pd.Series, months: int) -> pd.Series:
    return moments + pd.DateOffset(months=months)


def quarters(moments: pd.Series, written: str) -> list[str]:
    return [written.format(y=m.year, q=m.quarter, s=m.year % 100) for m in moments]


MADE = {
    "fy = year of (sold + 9 months)": lambda m: moved(m, 9).dt.year,
    "fy = year of (sold - 3 months)": lambda m: moved(m, -3).dt.year,
    "fy = quarter of (sold + 1 month)": lambda m: moved(m, 1).dt.quarter,
    "fy = month of (sold + 6 months)": lambda m: moved(m, 6).dt.month,
    "fy = (sold + 6 months) as FY%Y-Q%q": lambda m: quarters(moved(m, 6), "FY{y}-Q{q}"),
    "fy = (sold - 3 months) as FY%y": lambda m: quarters(moved(m, -3), "FY{s}"),
    "fy = (sold - 3 months) as %Y/%n": lambda m: [
        f"{d.year}/{(d.year + 1) % 100:02}" for d in moved(m, -3)
    ],
    "fy = sold as FY%Y": lambda m: quarters(m, "FY{y}"),
    "fy = week from Sunday of sold": lambda m: m.dt.strftime("%U").astype(int),
    "fy = week from Monday of sold": lambda m: m.dt.strftime("%W").astype(int),
    "fy = week of sold": lambda m: m.dt.isocalendar().week.astype(int),
    "fy = ISO year of sold": lambda m: m.dt.isocalendar().year.astype(int),
    "fy = week of seven days of sold": lambda m: (m.dt.day_of_year - 1) // 7 + 1,
    "fy = week of the month of sold": lambda m: (m.dt.day - 1) // 7 + 1,
}


@pytest.mark.filterwarnings("ignore:.*look like")
@pytest.mark.parametrize(("sentence", "make"), MADE.items())
def test_they_are_found_declared_and_kept(sentence, make) -> None:
    table = pd.DataFrame({"sold": SOLD, "fy": make(SOLD), "noise": RNG.normal(size=N)})
    spec = TableSpec.infer(table)
    categories = {column.name: column.categories for column in spec.columns}
    assert [str(rule) for rule in spec.rules] == [sentence]
    assert parse_rule(sentence, spec.names, categories) == spec.rules[0]
    mixed = pd.DataFrame({name: RNG.permutation(table[name]) for name in table})
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(mixed.astype(table.dtypes), RNG)
    assert list(kept["fy"]) == list(make(kept["sold"]))
    assert not spec.rules[0].broken(TableView(kept, spec.columns)).any()


def test_days_on_which_fiscal_years_and_quarters_begin_and_end_are_found_and_kept() -> None:
    year = (SOLD - pd.DateOffset(months=9)).dt.year.to_numpy()
    table = pd.DataFrame(
        {
            "sold": SOLD,
            "begins": pd.to_datetime([f"{y}-10-01" for y in year]),
            "ends": pd.to_datetime([f"{y + 1}-09-30" for y in year]),
            "quarter": moved(moved(SOLD, -1).dt.to_period("Q").dt.start_time, 1),
        }
    )
    spec = TableSpec.infer(table)
    rules = [rule for rule in spec.rules if rule.kind == "date"]
    assert [str(rule) for rule in rules] == [
        "begins = start of the year of (sold - 9 months) + 9 months",
        "quarter = start of the quarter of (sold - 1 month) + 1 month",
        "ends = start of the year of (sold - 9 months) + 21 months - 1 day",
    ]
    assert [parse_rule(str(rule), spec.names) for rule in rules] == rules
    mixed = pd.DataFrame({name: RNG.permutation(table[name]) for name in table})
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(mixed.astype(table.dtypes), RNG)
    view = TableView(kept, spec.columns)
    assert not any(rule.broken(view).any() for rule in spec.rules)


def test_numbers_that_merely_rise_are_no_fiscal_years() -> None:
    noise = SOLD.dt.year + (RNG.random(N) < 0.2)
    table = pd.DataFrame({"sold": SOLD, "year": noise, "quarter": RNG.integers(1, 5, N)})
    assert not [rule for rule in TableSpec.infer(table).rules if rule.kind == "date part"]


def test_few_months_do_not_tell_where_a_year_begins() -> None:
    sold = pd.Timestamp("2021-01-01") + pd.to_timedelta(RNG.integers(0, 150, N), unit="D")
    table = pd.DataFrame({"sold": sold, "batch": 1 + (sold.month > 2)})
    rules = TableSpec.infer(table).rules
    assert not any(getattr(rule, "months", 0) for rule in rules)


def test_a_declared_fiscal_year_that_does_not_hold_is_refused() -> None:
    table = pd.DataFrame({"sold": SOLD, "fy": moved(SOLD, 9).dt.year})
    declared = SpecDeclaration.model_validate(
        {"rules": {"add": ["fy = year of (sold + 6 months)"]}}
    )
    with pytest.raises(DataError, match=r"year of \(sold \+ 6 months\): does not hold in row"):
        TableSpec.infer(table, declared=declared)
