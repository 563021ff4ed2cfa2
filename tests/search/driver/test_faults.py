"""Searches on failing machines: a full disk, a network that is cut, a preempted spot node."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ray.cluster_utils import Cluster

from tabvae_ray import load_synthesizer
from tabvae_ray.storage import Location
from tests.support.clusters import (
    STEADY,
    TOKEN,
    n_checkpoints,
    n_finished,
    outcomes,
    started_head,
    training_node,
    wait_for,
)
from tests.support.drivers import SECONDS, search, started
from tests.support.s3_server import free_ports

# Reference searches of many minutes.
pytestmark = [pytest.mark.slow, pytest.mark.nightly]
RAY = str(Path(sys.executable).parent / "ray")
N_TRIALS = 8


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("space") / "tiny.yaml"
    # Long enough that the search goes on when a machine is gone.
    base = {**STEADY["base"], "training": {"max_n_epochs": 360, "batch_size": 256}}
    settings = {**STEADY["search"], "n_trials": N_TRIALS}
    file.write_text(yaml.safe_dump({**STEADY, "base": base, "search": settings}))
    return file


@pytest.fixture(scope="module")
def undisturbed(
    steady: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Location:
    home = tmp_path_factory.mktemp("undisturbed")
    done = search("--space", steady, "--out", home, "--address", cluster.address)
    assert done.returncode == 0, done.stderr
    return Location(home / "tiny")


def assert_the_same(directory: Location, undisturbed: Location) -> None:
    """Check that each trial is there once, with undisturbed scores, and that the model loads."""
    found = outcomes(directory)
    assert [record["number"] for record in found] == list(range(N_TRIALS))
    assert found == outcomes(undisturbed)
    assert (directory / "running").children() == []
    assert len(load_synthesizer(directory / "best").generate(10)) == 10


def as_root(*command: object) -> None:
    """Run a command that needs root; skip the test where it is not permitted."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{command[0]} is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    as_root("mount", "-t", "tmpfs", "-o", "size=340k", "tmpfs", disk)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_search_whose_disk_is_full_goes_on_when_there_is_room(
    steady: Path, cluster: Cluster, undisturbed: Location, small_disk: Path
) -> None:
    directory, where = Location(small_disk / "tiny"), ["--out", small_disk]
    where += ["--address", cluster.address]
    # One trial at once, so that some have ended before it is full.
    full = search("--space", steady, *where, "--concurrency", 1, "--quiet")
    assert full.returncode == 2, full.stderr
    (message,) = full.stderr.splitlines()
    assert "No space left on device" in message and "--resume" in message
    assert 0 < n_finished(directory) < N_TRIALS
    as_root("mount", "-o", "remount,size=64m", small_disk)
    done = search("--resume", "--name", "tiny", *where)
    assert done.returncode == 0, done.stderr
    assert_the_same(directory, undisturbed)


def test_a_spot_node_that_is_taken_back_costs_no_trial(
    steady: Path, cluster: Cluster, undisturbed: Location, tmp_path: Path
) -> None:
    # In place of the one that will go.
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    directory = Location(tmp_path / "tiny")
    options = ["--space", steady, "--out", tmp_path, "--address", cluster.address]
    with started(*options) as process:
        wait_for(lambda: n_checkpoints(directory))
        spot = training_node(cluster)
        # As a cloud does it: said some time before, and then done.
        drain = [RAY, "drain-node", "--address", cluster.address, "--node-id", spot.node_id]
        drain += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"]
        subprocess.run([*drain, "--deadline-remaining-seconds", "2"], check=True)
        time.sleep(2)
        assert n_finished(directory) < N_TRIALS
        cluster.remove_node(spot, allow_graceful=False)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert_the_same(directory, undisturbed)


class Apart:
    """A network namespace beside this machine's own, joined to it by a cable.

    Args:
        number: Distinguishes it from others.
    """

    def __init__(self, number: int) -> None:
        self.name, self.here, self.there = f"apart{number}", f"apart{number}a", f"apart{number}b"
        network = f"10.{200 + number % 50}.{number // 50 % 250}"
        self.near, self.far = f"{network}.1", f"{network}.2"

    def lay(self) -> None:
        inside = ("ip", "-n", self.name)
        as_root("ip", "netns", "add", self.name)
        as_root("ip", "link", "add", self.here, "type", "veth", "peer", "name", self.there)
        as_root("ip", "link", "set", self.there, "netns", self.name)
        as_root("ip", "address", "add", f"{self.near}/24", "dev", self.here)
        as_root(*inside, "address", "add", f"{self.far}/24", "dev", self.there)
        as_root(*inside, "link", "set", "lo", "up")
        as_root(*inside, "link", "set", self.there, "up")
        self.switch("up")

    def switch(self, state: str) -> None:
        as_root("ip", "link", "set", self.here, state)

    def trials(self) -> list[str]:
        """Find the processes in the namespace that train trials."""
        listed = subprocess.check_output(["ip", "netns", "pids", self.name], text=True)
        found = []
        for pid in listed.split():
            with contextlib.suppress(OSError):
                if Path("/proc", pid, "cmdline").read_text().startswith("ray::VAETrial"):
                    found.append(pid)
        return found

    def clear(self) -> None:
        subprocess.run(["ip", "link", "delete", self.here], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


@pytest.fixture
def apart() -> Iterator[Apart]:
    network = Apart(os.getpid() % 10_000)
    try:
        network.lay()
        yield network
    finally:
        network.clear()


def test_a_node_that_is_cut_off_for_a_minute_costs_no_trial(
    steady: Path,
    undisturbed: Location,
    apart: Apart,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut the network between two hosts that have addresses of their own."""
    for name, value in TOKEN.items():
        monkeypatch.setenv(name, value)
    (port,) = free_ports(1)
    address, directory = f"{apart.near}:{port}", Location(tmp_path / "tiny")
    where = ["--out", tmp_path, "--address", address]
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(
            started_head(f"--node-ip-address={apart.near}", "--num-cpus=1", port=port, **TOKEN)
        )
        node = ["ip", "netns", "exec", apart.name, RAY, "start", "--block", f"--address={address}"]
        node += [f"--node-ip-address={apart.far}", "--num-cpus=1"]
        with (home / "node").open("wb") as log:
            far = subprocess.Popen(node, stdout=log, stderr=log)
        stack.callback(far.wait, SECONDS)
        stack.callback(far.terminate)
        wait_for(lambda: "Ray runtime started" in (home / "node").read_text())
        # Two at once, also where the far node is counted a moment after the search has begun.
        options = ["--space", steady, "--trials", 6, "--concurrency", 2, *where]
        process = stack.enter_context(started(*options))
        wait_for(lambda: process.poll() is not None or (n_finished(directory) and apart.trials()))
        apart.switch("down")
        cut = time.monotonic()
        assert n_finished(directory) < 6
        _, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
        assert n_finished(directory) == 6
        time.sleep(max(0.0, cut + 60 - time.monotonic()))
        apart.switch("up")
        # What was cut off does not disturb what comes after.
        done = search("--resume", "--name", "tiny", "--trials", N_TRIALS, *where)
        assert done.returncode == 0, done.stderr
    assert_the_same(directory, undisturbed)
