"""What rules of dates and factors that categories say publish, and dates beyond what is held."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.published.spec import published_spec
from tabvae_ray.table.rules.forms.dates import DateBy
from tabvae_ray.table.rules.forms.several import Scaled
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
