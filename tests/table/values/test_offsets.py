"""Days, business days and months later, as pandas counts them."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tabvae_ray.table.values.offsets import (
    Offset,
    business_days_between,
    offsets_of,
    on_calendar,
    period_end,
)

DAYS = pd.date_range("1967-12-25", "1972-03-05", freq="31h")


@pytest.mark.parametrize("count", [-13, -2, -1, 0, 1, 2, 5, 12])
@pytest.mark.parametrize(
    ("unit", "in_pandas"),
    [
        ("days", lambda n: pd.DateOffset(days=n)),
        ("weeks", lambda n: pd.DateOffset(weeks=n)),
        ("months", lambda n: pd.DateOffset(months=n)),
        ("years", lambda n: pd.DateOffset(years=n)),
        ("business days", pd.offsets.BDay),
    ],
)
def test_they_are_those_of_pandas(unit, in_pandas, count) -> None:
    expected = pd.DatetimeIndex([day + in_pandas(count) for day in DAYS])
    found = on_calendar(DAYS.to_numpy(), count, unit)
    assert (pd.DatetimeIndex(found) == expected).all()


def test_ends_of_periods_are_those_of_pandas() -> None:
    for period, code in (("week", "W"), ("month", "M"), ("quarter", "Q"), ("year", "Y")):
        whole = DAYS.to_period(code)
        expected = {
            "start": whole.start_time,
            "end": whole.end_time.normalize(),
            "last second": whole.end_time.floor("s"),
        }
        for which, moments in expected.items():
            found = period_end(DAYS.to_numpy(), which, period)
            assert (pd.DatetimeIndex(found) == moments).all(), (which, period)


def test_missing_moments_stay_missing() -> None:
    some = np.array(["NaT", "2024-03-02"], dtype="M8[us]")
    for unit in ("days", "business days", "months", "years"):
        assert np.isnat(on_calendar(some, 3, unit)).tolist() == [True, False]
    days = some.astype("M8[D]")
    assert np.isnan(business_days_between(days, days + 9)).tolist() == [True, False]


def test_texts_of_steps_are_read() -> None:
    steps = [Offset(count=1, unit="months"), Offset(count=-2, unit="business days")]
    assert [str(step) for step in steps] == ["+ 1 month", "- 2 business days"]
    assert offsets_of(" + 1 month - 2 business days") == steps


def test_steps_of_thousands_of_years_are_refused() -> None:
    with pytest.raises(ValidationError, match="shorter than 2000 years"):
        Offset(count=10**30, unit="years")
