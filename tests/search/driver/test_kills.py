"""Drivers that are killed at random moments, and the searches that are resumed after them."""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tabvae_ray import load_synthesizer
from tabvae_ray.storage import Location
from tests.support.clusters import STEADY, TOKEN, n_finished, outcomes, started_head, wait_for
from tests.support.drivers import SECONDS, search, started, study_of, trials_of
from tests.support.s3_server import free_ports

pytestmark = pytest.mark.slow
N_TRIALS = 8
# What a trial becomes depends on its number alone, and all of them are done in a moment.
TINY = {
    **STEADY,
    "base": {**STEADY["base"], "training": {"max_n_epochs": 9, "batch_size": 256}},
    "search": {**STEADY["search"], "n_trials": N_TRIALS},
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a Ray that outlives drivers, so that each of them starts soon."""
    (port,) = free_ports(1)
    with pytest.MonkeyPatch.context() as patch, started_head("--num-cpus=2", port=port, **TOKEN):
        for name, value in TOKEN.items():
            patch.setenv(name, value)
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("space") / "tiny.yaml"
    file.write_text(yaml.safe_dump(TINY))
    return file


@pytest.fixture(scope="module")
def undisturbed(space: Path, address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("undisturbed")
    done = search("--space", space, "--out", home, "--address", address)
    assert done.returncode == 0, done.stderr
    return home / "tiny"


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 10))]
)
def test_a_driver_killed_at_a_random_moment_costs_nothing(
    seed: int, space: Path, address: str, undisturbed: Path, tmp_path: Path
) -> None:
    """Kill it by turns while it starts, while it trains, and while it chooses and exports."""
    rng = random.Random(seed)
    directory = tmp_path / "tiny"
    where = ["--out", tmp_path, "--address", address]
    awaited = rng.randrange(N_TRIALS)
    with started("--space", space, *where) as process:

        def reached() -> bool:
            if process.poll() is not None:
                return True
            if seed % 3 == 0:
                return (directory / "search.json").exists()
            if seed % 3 == 1:
                return n_finished(Location(directory)) >= awaited
            return (directory / "trials.csv").exists()

        wait_for(reached)
        time.sleep(rng.uniform(0, 2.0 if seed % 3 == 0 else 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)
    found = {file.name: file.read_bytes() for file in (directory / "trials").glob("*.json")}
    done = search("--resume", "--name", "tiny", *where)
    assert done.returncode == 0, done.stderr
    assert outcomes(Location(directory)) == outcomes(Location(undisturbed))
    for name, content in found.items():
        assert (directory / "trials" / name).read_bytes() == content
    assert [row["number"] for row in trials_of(directory)] == [str(n) for n in range(N_TRIALS)]
    trials = study_of(directory).trials
    assert Counter(trial.state.name for trial in trials) == {"COMPLETE": N_TRIALS}
    assert list((directory / "running").iterdir()) == []
    manifest = json.loads((directory / "search.json").read_text())
    scored_again = [candidate["trial"] for candidate in manifest["chosen"]["candidates"]]
    kept = Counter(int(file.parents[1].name[:6]) for file in directory.glob("tune/**/state.pt"))
    assert kept == Counter(scored_again)
    assert set(manifest["front"]) <= set(scored_again)
    assert len(load_synthesizer(directory / "best").generate(5)) == 5
