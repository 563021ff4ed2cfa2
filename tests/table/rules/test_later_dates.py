"""Date-times that are some time after others."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.forms.dates import DateAfter, DateBy, DateOf
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.spec import TableSpec

N = 900
RNG = np.random.default_rng(7)


def days(start: str = "2021-01-01", n: int = 900) -> pd.Series:
    return pd.Series(pd.Timestamp(start) + pd.to_timedelta(RNG.integers(0, n, N), unit="D"))


def times() -> pd.Series:
    # By day, when no clocks are set.
    return days() + pd.to_timedelta(RNG.integers(5 * 60, 23 * 60, N), unit="min")


def business(moments: pd.Series) -> pd.Series:
    return moments.where(moments.dt.day_of_week < 5, moments + pd.Timedelta("2D"))


def after(moments: pd.Series, counts: np.ndarray, offset: type) -> list[pd.Timestamp]:
    return [day + offset(int(n)) for day, n in zip(moments, counts, strict=True)]


def clocks(minutes: np.ndarray) -> list[str]:
    return [f"{m // 60 % 24:02}:{m % 60:02}" for m in minutes]


def tables() -> list[tuple[dict[str, object], list[str]]]:
    """Return columns and the sentences of all rules between them."""
    few = RNG.choice([14, 30, 60], N)
    many = RNG.integers(1, 6, N)
    plan = RNG.choice(["monthly", "yearly"], N)
    terms = np.where(plan == "yearly", 12, 1)
    a, at = days(), times()
    month = a.dt.to_period("M").dt.start_time
    day, bday, months = pd.Timedelta("1D"), pd.offsets.BDay, pd.DateOffset
    berlin, weekdays = times().dt.tz_localize("Europe/Berlin"), business(days())
    minutes, old = RNG.integers(0, 1440, N), days("1890-03-01", 9_000)
    return [
        ({"a": a, "b": a + 30 * day}, ["b = a + 30 days"]),
        ({"a": at, "b": at + pd.Timedelta("90min")}, ["b = a + 90 minutes"]),
        ({"a": a + 30 * day, "b": a}, ["a = b + 30 days"]),
        ({"a": a, "b": a, "c": days()}, ["b = a"]),
        ({"a": a, "b": a.dt.strftime("%d.%m.%Y")}, ["b = a"]),
        ({"a": a, "b": a + months(months=1)}, ["b = a + 1 month"]),
        ({"a": a, "b": a + months(years=1) - day}, ["b = a + 1 year - 1 day"]),
        ({"a": a - months(months=1), "b": a}, ["a = b - 1 month"]),
        ({"a": weekdays, "b": weekdays + bday(2)}, ["b = a + 2 business days"]),
        ({"a": a, "b": a + bday(2)}, ["b = a + 2 business days"]),
        ({"a": a, "b": a + bday(0)}, ["b = a + 0 business days"]),
        ({"a": a, "b": a + 30 * day + bday(0)}, ["b = a + 30 days + 0 business days"]),
        (
            {"a": a, "b": month, "c": month + months(months=1) - day},
            ["b = start of the month of a", "c = end of the month of a"],
        ),
        ({"a": a, "b": month + months(months=1)}, ["b = start of the month of a + 1 month"]),
        (
            {"a": a, "b": month + months(months=1) - bday(1)},
            ["b = start of the month of a + 1 month - 1 business day"],
        ),
        ({"a": at, "b": at.dt.normalize() + 14 * day}, ["b = date of a + 14 days"]),
        (
            {"a": at, "b": at.dt.normalize() + day - pd.Timedelta("1s")},
            ["b = last second of the day of a"],
        ),
        ({"a": berlin, "b": berlin + months(days=30)}, ["b = a + 30 days"]),
        ({"a": berlin, "b": berlin + 30 * day}, ["b = a + 720 hours"]),
        (
            {"a": (old := days("1890-03-01", 9_000)), "b": old + months(years=18)},
            ["b = a + 18 years"],
        ),
        (
            {"a": a, "b": a + 10 * day, "c": a + 40 * day},
            ["b = a + 10 days", "c = a + 40 days"],
        ),
        ({"a": clocks(minutes), "b": clocks(minutes + 90)}, ["b = a + 90 minutes"]),
        (
            {"a": a, "n": few, "b": after(a, few // 10, lambda n: months(months=n))},
            ["b = a + (1 where n is 14, 3 where 30, 6 where 60) months"],
        ),
        (
            {"a": a, "n": many, "b": after(a, many, lambda n: months(months=n))},
            ["b = a + n months"],
        ),
        (
            {"a": a, "n": many, "b": after(a, many, lambda n: months(years=n, days=-1))},
            ["b = a + n years - 1 day"],
        ),
        ({"a": weekdays, "n": many, "b": after(weekdays, many, bday)}, ["b = a + n business days"]),
        (
            {"a": a, "n": few, "b": a + pd.to_timedelta(few - 1, unit="D")},
            ["b = a + n days - 1 day"],
        ),
        (
            {"a": a, "k": [f"net {n}" for n in few], "b": a + pd.to_timedelta(few, unit="D")},
            ["b = a + (14 where k is net 14, 30 where net 30, 60 where net 60) days"],
        ),
        (
            {"a": a, "k": plan, "b": after(a, terms, lambda n: months(months=n, days=-1))},
            ["b = a + (1 where k is monthly, 12 where yearly) months - 1 day"],
        ),
        (
            {
                "a": a,
                "k": pd.Series(many).map(dict(enumerate("xabcde"))),
                "b": after(a, many, lambda n: months(months=n)),
            },
            ["b = a + (1 where k is a, 2 where b, 3 where c, 4 where d, 5 where e) months"],
        ),
    ]


@pytest.mark.filterwarnings("ignore:.*look like")
@pytest.mark.parametrize(("columns", "sentences"), tables())
def test_they_are_found_declared_and_kept(columns, sentences) -> None:
    table = pd.DataFrame(columns)
    spec = TableSpec.infer(table)
    said = [rule for rule in spec.rules if isinstance(rule, DateOf | DateAfter | DateBy)]
    assert [str(rule) for rule in said] == sentences
    # No order is said beside them, as it follows.
    assert list(spec.rules) == said
    declared = SpecDeclaration.model_validate({"rules": {"add": sentences, "find": False}})
    assert TableSpec.infer(table, declared=declared).rules == spec.rules
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = pd.DataFrame({name: RNG.permutation(table[name]) for name in table})
    kept = keeper.apply(mixed.astype(table.dtypes), np.random.default_rng(1))
    view = TableView(kept, spec.columns)
    assert [str(rule) for rule in spec.rules if rule.broken(view).any()] == []
    # What is drawn stays.
    drawn = [name for name in table if name not in {rule.column for rule in said}]
    assert (kept[drawn].astype(str) == mixed[drawn].astype(str)).all(axis=None)
    assert count_rules(spec.rules, spec.columns, table, kept).kept == 1.0
    broken = count_rules(spec.rules, spec.columns, table, mixed).kept
    assert broken is not None and broken < 0.5


def test_unrelated_dates_are_not_some_days_apart() -> None:
    base = days()
    table = pd.DataFrame(
        {
            "a": base,
            "b": days(),
            "near": base + pd.to_timedelta(RNG.integers(0, 4, N), unit="D"),
            "few": days(n=4),
            "fewer": days("2021-03-01", 2),
            "month": days().dt.to_period("M").dt.start_time,
            "kind": RNG.choice(list("xyz"), N),
            "n": RNG.integers(1, 5, N),
        }
    )
    rules = TableSpec.infer(table).rules
    assert not [str(rule) for rule in rules if isinstance(rule, DateOf | DateAfter | DateBy)]


def test_few_dates_do_not_tell_steps_of_business_days() -> None:
    # Three dates, each with another one: any of many rules would fit.
    first = pd.to_datetime(["2024-01-01", "2024-01-09", "2024-01-25"])
    last = pd.to_datetime(["2024-01-03", "2024-01-11", "2024-01-29"])
    which = RNG.integers(0, 3, N)
    rules = TableSpec.infer(pd.DataFrame({"a": first[which], "b": last[which]})).rules
    assert not any(isinstance(rule, DateOf) for rule in rules)


def test_exceptions_are_kept_at_their_rate() -> None:
    rng = np.random.default_rng(3)
    a = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 20_000), "D"))
    due = a + pd.Timedelta("14D")
    due[:160] += pd.Timedelta("9D")
    table = pd.DataFrame({"a": a, "due": due})
    spec = TableSpec.infer(table)
    # The order holds in the exceptions, too.
    assert [str(rule) for rule in spec.rules] == ["due = a + 14 days", "a < due"]
    rule = spec.rules[0]
    assert rule.exceptions == 0.008
    mixed = pd.DataFrame({name: rng.permutation(table[name]) for name in table})
    view = TableView(RuleKeeper.fit([rule], spec.columns, table).apply(mixed, rng), spec.columns)
    assert 0.005 < rule.broken(view).mean() < 0.011
    view = TableView(
        RuleKeeper.fit(spec.rules, spec.columns, table).apply(mixed, rng), spec.columns
    )
    assert 0.001 < rule.broken(view).mean() < 0.011
    assert not spec.rules[1].broken(view).any()


def test_durations_with_exceptions_move_the_end_too() -> None:
    rng = np.random.default_rng(3)
    a = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 9_000), "D"))
    terms = rng.choice([14, 30, 60], 9_000)
    due = a + pd.to_timedelta(terms, unit="D")
    due[:45] += pd.Timedelta("1D")
    table = pd.DataFrame({"a": a, "terms": terms, "due": due})
    spec = TableSpec.infer(table)
    rule = next(rule for rule in spec.rules if rule.kind == "duration")
    assert rule.exceptions == 0.005
    mixed = pd.DataFrame({name: rng.permutation(table[name]) for name in table})
    kept = RuleKeeper.fit([rule], spec.columns, table).apply(mixed, rng)
    assert set(kept["terms"]) == {14, 30, 60}
    assert 0.002 < rule.broken(TableView(kept, spec.columns)).mean() < 0.009


def test_no_column_is_computed_from_itself_by_way_of_others() -> None:
    day = days()
    at = day + pd.Timedelta("8h")
    spec = TableSpec.infer(pd.DataFrame({"day": day, "at": at}))
    assert [str(rule) for rule in spec.rules] == ["day = date of at"]


def test_a_date_with_a_single_time_is_no_copy_of_its_date() -> None:
    at = days()
    odd = at.where(np.arange(N) != 5, at + pd.Timedelta("7h"))
    spec = TableSpec.infer(pd.DataFrame({"day": at, "at": odd}))
    assert [str(rule) for rule in spec.rules] == ["day = date of at"]


def test_what_is_exact_goes_before_what_has_exceptions() -> None:
    a = days()
    b = a + pd.Timedelta("5D")
    odd = a.where(np.arange(N) > 4, a - pd.Timedelta("40D"))
    rules = TableSpec.infer(pd.DataFrame({"odd": odd, "a": a, "b": b})).rules
    assert "b = a + 5 days" in [str(rule) for rule in rules]


def test_missing_dates_stay_and_are_none_of_the_rule() -> None:
    a = days()
    table = pd.DataFrame({"a": a.mask(RNG.random(N) < 0.1), "b": a + pd.Timedelta("30D")})
    table["b"] = table["b"].mask(RNG.random(N) < 0.4)
    spec = TableSpec.infer(table)
    assert [str(rule) for rule in spec.rules] == ["b = a + 30 days"]
    mixed = pd.DataFrame({name: RNG.permutation(table[name]) for name in table})
    kept = RuleKeeper.fit(spec.rules, spec.columns, table).apply(mixed, RNG)
    assert kept.isna().sum().equals(table.isna().sum())
    both = kept.dropna()
    assert (both["b"] - both["a"] == pd.Timedelta("30D")).all()


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("b = a + 31 days", r"b = a \+ 31 days: does not hold in row 0"),
        ("b = a + n months", r"b = a \+ n months: does not hold in row 0"),
        ("b = a + 99999999 years", "shorter than 2000 years"),
        ("b = n + 3 days", "'n' must be a datetime, but is"),
        ("b = a + k days", "'k' must be a number, but is categorical"),
        ("b = a + (1 where n is 3) days", "is no rule between columns"),
    ],
)
def test_rules_that_do_not_hold_are_refused(sentence: str, message: str) -> None:
    a = days()
    table = pd.DataFrame({"a": a, "b": a + pd.Timedelta("30D"), "n": RNG.integers(1, 999, N)})
    table["k"] = RNG.choice(list("xyz"), N)
    declared = SpecDeclaration.model_validate({"rules": {"add": [sentence]}})
    with pytest.raises(DataError, match=message):
        TableSpec.infer(table, declared=declared)


def test_a_denied_rule_is_left_out() -> None:
    a = days()
    table = pd.DataFrame({"a": a, "b": a + pd.Timedelta("30D")})
    declared = SpecDeclaration.model_validate({"rules": {"deny": ["b = a + 30 days"]}})
    assert TableSpec.infer(table, declared=declared).rules == ()


def test_a_rule_declared_the_other_way_round_goes_before_only_that_one() -> None:
    a, c = days(), days()
    day = pd.Timedelta("1D")
    table = pd.DataFrame({"a": a, "b": a + 30 * day, "c": c, "d": c + 7 * day})
    declared = SpecDeclaration.model_validate({"rules": {"add": ["a = b - 30 days"]}})
    rules = TableSpec.infer(table, declared=declared).rules
    assert [str(rule) for rule in rules] == ["a = b - 30 days", "d = c + 7 days"]


def test_nanoseconds_are_some_time_apart() -> None:
    ticks = RNG.integers(0, 9 * 10**16, N)
    a = pd.Series((np.datetime64("2020-01-01", "ns").astype(np.int64) + ticks).astype("M8[ns]"))
    spec = TableSpec.infer(pd.DataFrame({"a": a, "b": a + pd.Timedelta("1h")}))
    assert [str(rule) for rule in spec.rules] == ["b = a + 1 hour"]


@pytest.mark.parametrize("n_days", [1, 2, 3, 4, 30])
def test_days_that_lasted_24_hours_each_are_hours_where_clocks_are_set(n_days: int) -> None:
    rng = np.random.default_rng(5)
    # By day, when no clocks are set.
    minutes = rng.integers(0, 365, 2_000) * 1440 + rng.integers(300, 1380, 2_000)
    local = pd.Series(pd.Timestamp("2021-01-01") + pd.to_timedelta(minutes, unit="min"))
    a = local.dt.tz_localize("Europe/Berlin")
    quick = rng.random(2_000) < 0.5
    spent = pd.Series(np.where(quick, n_days, n_days + 1))
    hours = f"{24 * n_days} where k is quick, {24 * n_days + 24} where slow"
    unit = "day" if n_days == 1 else "days"
    for later, said in [
        (a + pd.Timedelta(days=n_days), f"{24 * n_days} hours"),
        (a + pd.DateOffset(days=n_days), f"{n_days} {unit}"),
        (a + pd.to_timedelta(spent, unit="D"), f"({hours}) hours"),
    ]:
        table = pd.DataFrame({"a": a, "k": np.where(quick, "quick", "slow"), "b": later})
        (rule,) = TableSpec.infer(table).rules
        assert (str(rule), rule.exceptions) == (f"b = a + {said}", 0)


def test_columns_named_like_days_are_added() -> None:
    names = ["total", "current", "30 days", "60 days"]
    rule = parse_rule("total = current + 30 days + 60 days", names)
    assert rule is not None and rule.kind == "linear"
    assert set(rule.given) == set(names[1:])


@pytest.mark.parametrize("unit", ["business days", "weekdays"])
def test_days_of_monday_to_friday_are_counted_and_kept(unit: str) -> None:
    a = days()
    b = a + pd.to_timedelta(RNG.integers(0, 40, N), unit="D")
    ends = b + pd.Timedelta(f"{int(unit == 'weekdays')}D")
    counted = np.busday_count(a.to_numpy().astype("M8[D]"), ends.to_numpy().astype("M8[D]"))
    table = pd.DataFrame({"a": a, "b": b, "n": counted})
    spec = TableSpec.infer(table)
    rule = next(rule for rule in spec.rules if rule.column == "n")
    assert str(rule) == f"n = {unit} from a to b"
    assert parse_rule(str(rule), spec.names) == rule
    keeper = RuleKeeper.fit(spec.rules, spec.columns, table)
    mixed = pd.DataFrame({name: RNG.permutation(table[name]) for name in table})
    kept = keeper.apply(mixed, RNG)
    view = TableView(kept, spec.columns)
    assert not any(rule.broken(view).any() for rule in spec.rules)
    # Ends may still be on weekends, before and after which as many days are counted.
    assert (kept["b"].dt.day_of_week > 4).mean() > 0.08
    pd.testing.assert_frame_equal(keeper.apply(table, RNG), table)
