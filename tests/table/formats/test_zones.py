"""Time zones that the offsets of text suggest."""

import pandas as pd
import pytest

from tabvae_ray.table.parsing import parse_iso

DAYS = pd.Series(pd.date_range("2022-01-01", periods=300, freq="D"))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_offsets_of_summer_time_name_the_zone(zone: str) -> None:
    moments = DAYS.dt.tz_localize(zone)
    texts = moments.map(pd.Timestamp.isoformat)
    texts.iloc[7] = None
    read = parse_iso(texts)
    assert read is not None
    assert str(read.dtype).endswith(f", {zone}]")
    assert (read == moments).sum() == 299


def test_an_odd_offset_leaves_the_others_as_they_are() -> None:
    texts = pd.Series([f"2022-01-01T{i % 24:02}:00:00+01:00" for i in range(300)])
    texts.iloc[7] = "2022-01-01T07:00:00+02:00"
    read = parse_iso(texts)
    assert read is not None
    assert read.map(pd.Timestamp.isoformat).tolist()[8:] == texts.tolist()[8:]


def test_other_offsets_are_utc() -> None:
    read = parse_iso(pd.Series(["2022-01-01T00:00:00+05:45", "2022-01-01T00:00:00-11:00"] * 9))
    assert read is not None
    assert str(read.dtype) == "datetime64[us, UTC]"
