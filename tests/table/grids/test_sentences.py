import numpy as np
import pandas as pd
import pytest

from tabvae_ray.table.grids.sentences import grid_sentence
from tabvae_ray.table.spec import TableSpec

N = np.arange(400) * 37 % 101
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(N, unit="D")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (N * 100, "multiples of 100"),
        (N * 0.25, "multiples of 0.25"),
        (N + 0.99, "always end in .99"),
        (N * 5 + 3, "steps of 5 from 3"),
        (N * 5 - 498, "steps of 5 from -498"),
        (N, ""),
        (DAYS, "always midnight"),
        (DAYS + pd.Timedelta("9h30min"), "always 09:30"),
        (DAYS.tz_localize("Europe/Berlin"), "always midnight local time"),
        (DAYS[DAYS.day_of_week < 5], "always midnight, Monday to Friday"),
        (DAYS[0] + pd.to_timedelta(N, unit="h"), "every hour"),
        (DAYS[0] + pd.to_timedelta(N * 15, unit="min"), "every 15 minutes"),
        (DAYS[0] + pd.to_timedelta(N * 7, unit="D"), "every week at midnight"),
        (DAYS[0] + pd.to_timedelta(N, unit="s"), ""),
    ],
)
def test_the_grid_of_a_column_is_a_sentence(values: object, sentence: str) -> None:
    (column,) = TableSpec.infer(pd.DataFrame({"x": values})).columns
    assert grid_sentence(column) == sentence
