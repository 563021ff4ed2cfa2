"""What rules of dates and factors that categories say publish, and dates beyond what is held."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.forms.dates import DateBy, DateOf
from tabvae_ray.table.rules.forms.formula import Duration
from tabvae_ray.table.rules.forms.several import Scaled
from tabvae_ray.table.rules.keeping import RuleKeeper
from tabvae_ray.table.rules.sentences import parse_rule
from tabvae_ray.table.rules.settling.moments import keep_end
from tabvae_ray.table.spec import TableSpec

N = 900
RNG = np.random.default_rng(7)


def days() -> pd.Series:
    return pd.Series(pd.Timestamp("2021-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), "D"))


def test_what_few_rows_say_is_not_published() -> None:
    a, kind = days(), RNG.choice(["quick", "slow"], N)
    kind[:6] = "never"
    spent = pd.Series(kind).map({"quick": 1, "slow": 5, "never": 77})
    table = pd.DataFrame({"a": a, "kind": kind, "b": a + pd.to_timedelta(spent, unit="D")})
    spec = TableSpec.infer(table)
    (rule,) = spec.rules
    assert str(rule) == "b = a + (77 where kind is never, 1 where quick, 5 where slow) days"
    (left,) = published_spec(spec, table, Crowd.of(table, None, 7)).rules
    assert str(left) == "b = a + (1 where kind is quick, 5 where slow) days"


LABELS = ("quick", "rare", "slow")


@pytest.mark.parametrize("gone", ["of", "made", "other", "entity"])
@pytest.mark.parametrize(
    "rule",
    [
        DateBy(column="made", of="of", by="k", labels=LABELS, counts=(1, 77, 5), unit="days"),
        Scaled(column="made", of="of", by="k", labels=LABELS, factors=(1.0, 77.0, 5.0)),
    ],
)
def test_what_a_label_says_is_published_of_rows_that_tell_it(
    rule: DateBy | Scaled, gone: str
) -> None:
    kind = pd.Series(["quick"] * 400 + ["slow"] * 440 + ["rare"] * 60)
    said = kind.map({"quick": 1, "rare": 77, "slow": 5})
    table = pd.DataFrame({"who": np.arange(N), "k": kind})
    if isinstance(rule, DateBy):
        table["of"] = days()
        table["made"] = table["of"] + pd.to_timedelta(said, unit="D")
    else:
        table["of"] = RNG.normal(50, 9, N).round(2)
        table["made"] = (table["of"] * said).round(2)
    # Nine of the rare ones tell the number, or all are of nine entities.
    if gone == "entity":
        table.loc[840:, "who"] = 840 + np.arange(60) % 9
    elif gone == "other":
        table.loc[849:, "made"] = table["made"].iloc[0]
    else:
        table.loc[849:, gone] = None
    spec = TableSpec(columns=TableSpec.infer(table.drop(columns="who")).columns, rules=(rule,))
    entity = "who" if gone == "entity" else None
    (kept,) = published_spec(spec, table, Crowd.of(table, entity, 9)).rules
    assert kept == rule
    (kept,) = published_spec(spec, table, Crowd.of(table, entity, 10)).rules
    assert isinstance(kept, DateBy | Scaled)
    assert kept.labels == ("quick", "slow")
    assert (kept.counts if isinstance(kept, DateBy) else kept.factors) == (1, 5)


def contract(rule: dict[str, object]) -> dict[str, object]:
    """Return a date rule of a table of contracts."""
    return {"kind": "date", "column": "due", "of": "made", "part": "moment"} | rule


def contracts(zone: str | None, unit: str) -> pd.DataFrame:
    made = days().astype(f"M8[{unit}]").dt.tz_localize(zone)
    terms = RNG.choice(["short", "long"], N)
    spent = np.where(terms == "short", 14, 30)
    due = (made + pd.to_timedelta(spent, unit="D")).dt.as_unit(unit)
    return pd.DataFrame({"made": made, "due": due, "terms": terms, "n": spent})


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_what_a_column_cannot_hold_stays_as_drawn(zone: str | None, unit: str) -> None:
    table = contracts(zone, unit)
    spec = TableSpec.infer(table)
    for years, part in product((200, 300, 1999, -1999), ("moment", "last second of the year")):
        steps = [{"count": years, "unit": "years"}]
        rule = DateOf.model_validate(contract({"part": part, "offsets": steps}))
        kept = RuleKeeper([rule], spec.columns, {}, {}).apply(table, RNG)
        if years == 200 or (unit == "s" and years > 0):
            assert (kept["due"].dt.year - table["made"].dt.year - years).isin([0, 1]).all()
        elif unit == "ns":
            pd.testing.assert_series_equal(kept["due"], table["due"])


@pytest.mark.parametrize("unit", ["days", "calendar days", "business days", "weekdays", "hours"])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_ends_that_a_column_cannot_hold_stay_as_drawn(unit: str, zone: str | None) -> None:
    table = contracts(zone, "ns").assign(n=3e6 if unit == "hours" else 2e5)
    columns = TableSpec.infer(table.assign(n=RNG.normal(0, 9, N))).columns
    rule = Duration.model_validate({"column": "n", "start": "made", "end": "due", "unit": unit})
    view = TableView(table, columns)
    kept = table.copy()
    keep_end(rule, view, kept, {c.name: c for c in columns}["due"], RNG)
    pd.testing.assert_series_equal(kept["due"], table["due"])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (contract({"offsets": [{"count": 1, "unit": "days"}] * 4}), "offsets: must have at most 3"),
        (
            contract({"offsets": [{"count": 1_500, "unit": "years"}] * 2}),
            "date: must have offsets shorter than 2000 years in all",
        ),
        (
            contract({"offsets": [{"count": 10**400, "unit": "days"}]}),
            "offsets.0: must be shorter than 2000 years",
        ),
        (
            contract({"part": "time", "offsets": [{"count": 1, "unit": "days"}]}),
            "date: must have no offsets for a time of day",
        ),
        *(
            (
                {"kind": "date by", "column": "due", "of": "made", "by": "terms", "unit": "days"}
                | {"labels": ["short", "long"], "counts": counts},
                f"date by: must have {message}",
            )
            for counts, message in [
                ([14, 10**400], "counts shorter than 2000 years"),
                ([14], "as many counts as labels"),
            ]
        ),
        (
            {"kind": "date after", "column": "due", "of": "made", "number": "n", "unit": "days"}
            | {"months": 3},
            "date after.months: no such key",
        ),
    ],
)
def test_exports_of_what_no_sentence_says_are_refused(
    rule: dict[str, object], message: str
) -> None:
    mapping = TableSpec.infer(contracts(None, "ns")).to_mapping()
    with pytest.raises(DataError, match=rf"rules\.0\.[a-z .]*{message}"):
        TableSpec.from_mapping({**mapping, "rules": [rule]})


@pytest.mark.parametrize(
    "sentence",
    [
        "due = made + 9 days",
        "due = made - 1 month + 9 days",
        "due = made + (9 where terms is short, 3 where long) days",
        "due = made + (14 where terms is short, 30 where long) days + 9 days",
        "n = year of made + 9",
        "n = year of (made + 9 months)",
    ],
)
def test_sentences_with_long_numbers_are_no_rules(sentence: str) -> None:
    table = contracts(None, "ns")
    categories = {"terms": ["short", "long"]}
    assert parse_rule(sentence, list(table), categories) is not None
    assert parse_rule(sentence.replace("9", "9" * 5_000), list(table), categories) is None


@pytest.mark.parametrize("counts", [(2, 5), (0, 1), (-1, 3), (-4, -2)])
@pytest.mark.parametrize("labels", [("quick", "slow"), (False, True)])
def test_business_days_that_a_category_says_may_start_on_weekends(
    labels: tuple[str | bool, str | bool], counts: tuple[int, int]
) -> None:
    start, is_second = days(), RNG.random(N) < 0.5
    steps = [pd.offsets.BDay(count) for count in counts]
    end = [day + steps[int(second)] for day, second in zip(start, is_second, strict=True)]
    kind = [labels[int(second)] for second in is_second]
    (rule,) = [
        rule
        for rule in TableSpec.infer(pd.DataFrame({"a": start, "k": kind, "b": end})).rules
        if isinstance(rule, DateBy)
    ]
    said = f"({counts[0]} where k is {labels[0]}, {counts[1]} where {labels[1]}) business days"
    assert (str(rule), rule.exceptions) == (f"b = a + {said}", 0)
