"""Tables and configurations that many tests share."""

import numpy as np
import pandas as pd

from tabvae_ray.config import TabularVAEConfig

ROWS = 400


def make_mixed(rows: int = ROWS, seed: int = 7) -> pd.DataFrame:
    """Make a table with a column of each kind; ``rare`` occurs once, and some columns correlate."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 95, rows)
    income = np.round(np.where(rng.random(rows) < 0.4, 0.0, rng.lognormal(8, 1.5, rows)), 2)
    weight = np.round(60 + 0.3 * age + rng.normal(0, 9, rows), 1)
    city = rng.choice(["Zürich", "Łódź, Polska", "a, b", '"quoted"', "東京"], rows)
    city = np.where(age > 80, "Łódź, Polska", city)
    city[0] = "rare"
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "weight": pd.Series(weight).mask(rng.random(rows) < 0.1),
            "measure": rng.normal(0, 1, rows) * np.pi,
            "children": rng.integers(0, 4, rows),
            "city": city,
            "grade": pd.Series(rng.choice(["A", "B"], rows)).mask(rng.random(rows) < 0.2),
            "smoker": rng.random(rows) < 0.3,
            "visited": pd.Series(day),
            "constant": "same",
            "seven": 7,
        }
    )


def small_config(**leaves: object) -> TabularVAEConfig:
    """Return the configuration of a network that trains in a moment."""
    small = {
        "architecture.encoder_layer_sizes": [32],
        "architecture.latent_dim": 4,
        "training.device": "cpu",
        "training.max_n_epochs": 3,
        "training.batch_size": 64,
    }
    return TabularVAEConfig().replace({**small, **leaves})
