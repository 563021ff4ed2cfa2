"""Reading of dates that a user asks for."""

import pandas as pd
import pytest

from tabvae_ray.table.formats.typed_dates import typed_moment


@pytest.mark.parametrize(
    ("text", "written", "moment", "after"),
    [
        ("05/03/2024", "%d/%m/%Y", "2024-03-05", "2024-03-06"),
        ("05/03/2024", "%m/%d/%Y", "2024-05-03", "2024-05-04"),
        ("5/3/2024", "%-m/%-d/%Y", "2024-05-03", "2024-05-04"),
        ("05.03.2024", "%d.%m.%Y %H:%M", "2024-03-05", "2024-03-06"),
        ("05.03.2024 10:30", "%d.%m.%Y %H:%M", "2024-03-05 10:30", None),
        ("2024-03-05", "%d.%m.%Y", "2024-03-05", "2024-03-06"),
        ("20240305", "%Y%m%d", "2024-03-05", "2024-03-06"),
        ("2024", "%Y%m%d", "2024-01-01", "2025-01-01"),
        ("2024-12", None, "2024-12-01", "2025-01-01"),
        ("31/12/2024", None, "2024-12-31", "2025-01-01"),
        ("2024-03-05T10:00:00Z", None, "2024-03-05T10:00:00Z", None),
        ("2024-03-05T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ", "2024-03-05T10:00:00Z", None),
        ("2024-03-05", "%Y-%m-%dT%H:%M:%SZ", "2024-03-05", "2024-03-06"),
        ("1709632800", "unix_s", "2024-03-05 10:00", None),
        ("2024", "unix_s", "2024-01-01", "2025-01-01"),
        ("5 March 2024", None, "2024-03-05", None),
    ],
)
def test_dates_are_read_as_the_column_writes_them_or_in_iso(
    text: str, written: str | None, moment: str, after: str | None
) -> None:
    wanted = pd.Timestamp(moment), None if after is None else pd.Timestamp(after)
    assert typed_moment(text, written) == wanted


@pytest.mark.parametrize(
    ("text", "written", "message"),
    [
        ("05/03/2024", None, "it may mean 2024-03-05 or 2024-05-03; write it in ISO 8601"),
        ("05/03/24", None, "write it in ISO 8601"),
        ("05/03/2024", "%Y-%m-%d", "it may mean 2024-03-05 or 2024-05-03"),
        ("12/31/2024", "%d/%m/%Y", "write it as the column does, in the format %d/%m/%Y"),
        ("05.03.2024", "unix_s", "counts from 1970"),
        ("soon", None, "soon"),
    ],
)
def test_what_is_ambiguous_is_refused(text: str, written: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typed_moment(text, written)
