"""Tables with rules between their columns, all known."""

import numpy as np
import pandas as pd

__all__ = ["table_with_rules"]

SEASONS = ["winter"] * 2 + ["spring"] * 3 + ["summer"] * 3 + ["autumn"] * 3 + ["winter"]


def table_with_rules(n: int = 3_000, seed: int = 0) -> tuple[pd.DataFrame, list[str]]:
    """Make a table, and the sentences of the rules that hold in all of its rows.

    ``noise`` and ``shade`` take part in none.
    """
    rng = np.random.default_rng(seed)
    casual, registered = rng.integers(0, 300, n), rng.integers(0, 900, n)
    price, quantity = np.round(rng.lognormal(2, 1, n), 2), rng.integers(1, 30, n)
    hour, minute = rng.integers(0, 24, n), rng.integers(0, 60, n)
    celsius = np.round(rng.normal(15, 8, n), 1)
    month = rng.integers(1, 13, n)
    origin = rng.choice(list("ABCDEFG"), n)
    destination = rng.choice([f"D{i}" for i in range(25)], n)
    miles = rng.integers(100, 3_000, (128, 128))
    admitted = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="min")
    discharged = admitted + pd.to_timedelta(rng.integers(1, 20_000, n), unit="min")
    lowest = rng.integers(0, 100, n)
    tested = ~np.isin(origin, ["A", "B"])
    table = pd.DataFrame(
        {
            "casual": casual,
            "registered": registered,
            "total": casual + registered,
            "price": price,
            "quantity": quantity,
            "amount": np.round(price * quantity, 2),
            "hour": hour,
            "minute": minute,
            "time": 100 * hour + minute,
            "celsius": celsius,
            "fahrenheit": np.round(celsius * 1.8 + 32, 1),
            "month": month,
            "season": [SEASONS[m - 1] for m in month],
            "origin": origin,
            "destination": destination,
            "distance": [
                miles[ord(o), int(d[1:])] for o, d in zip(origin, destination, strict=True)
            ],
            "admitted": admitted,
            "discharged": discharged,
            "days": (discharged - admitted).days,
            "year": admitted.year,
            "lowest": lowest,
            "highest": lowest + rng.integers(0, 30, n),
            "first_test": np.where(tested, rng.normal(0, 1, n), np.nan),
            "second_test": np.where(tested, rng.normal(5, 2, n), np.nan),
            "noise": rng.normal(0, 1, n),
            "shade": rng.integers(0, 50, n),
        }
    )
    return table, [
        "year = year of admitted",
        "days = whole days from admitted to discharged",
        "total = casual + registered",
        "time = 100 * hour + minute",
        "amount = price * quantity",
        "fahrenheit = 1.8 * celsius + 32",
        "season is determined by month",
        "distance is determined by origin and destination",
        "admitted < discharged",
        "lowest <= highest",
        "first_test is missing exactly where origin is A, B",
        "second_test is missing exactly where first_test is",
    ]
