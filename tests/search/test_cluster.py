"""Searches on clusters: several nodes, an object store, and failures of both."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
import yaml
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_TYPE
from ray.autoscaler._private.util import prepare_config
from ray.cluster_utils import Cluster

from tabvae_ray import load_synthesizer
from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.cluster.preflight import preflight
from tabvae_ray.cluster.versions import check_versions
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.generate import main as generate
from tabvae_ray.report import main as report
from tabvae_ray.storage import Location
from tests.support.clusters import (
    STEADY,
    TOKEN,
    listens,
    n_checkpoints,
    n_finished,
    outcomes,
    processes_in,
    started_head,
    training_node,
    wait_for,
    without_ray,
)
from tests.support.connections import (
    ask_for_a_node_that_never_comes,
    check_nodes,
    connect,
    connect_before_ray_does,
)
from tests.support.drivers import SECONDS, completed, search, started, trials_of
from tests.support.s3_server import KEY, SECRET, S3Server, free_ports

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("space") / "tiny.yaml"
    file.write_text(yaml.safe_dump(STEADY))
    return file


@pytest.fixture(scope="module")
def undisturbed(
    steady: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Location:
    """Run a search on two nodes without any disturbance."""
    home = tmp_path_factory.mktemp("undisturbed")
    done = search("--space", steady, "--out", home, "--address", cluster.address, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["trials"] == {"COMPLETE": 6}
    return Location(home / "tiny")


def test_a_search_on_two_nodes_finishes(undisturbed: Location) -> None:
    here = undisturbed.on_this_machine()
    assert here is not None
    assert [row["number"] for row in trials_of(here)] == [str(n) for n in range(6)]
    lines = [json.loads(line) for line in (here / "progress.jsonl").read_text().splitlines()]
    # With one slot, no more than the one that waits would ever be left when one has finished.
    assert max(line["trials"]["RUNNING"] for line in lines) >= 2
    assert len(load_synthesizer(here / "best").generate(10)) == 10


@pytest.mark.nightly
def test_a_trial_whose_node_dies_goes_on_from_its_checkpoint_on_another(
    steady: Path, cluster: Cluster, undisturbed: Location, tmp_path: Path
) -> None:
    # In place of the one that will go.
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    options = ["--space", steady, "--out", tmp_path, "--address", cluster.address]
    directory = Location(tmp_path / "tiny")
    with started(*options) as process:
        wait_for(lambda: n_checkpoints(directory))
        lost = training_node(cluster)
        unfinished = 6 - n_finished(directory)
        cluster.remove_node(lost, allow_graceful=False)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert unfinished > 0
    assert outcomes(directory) == outcomes(undisturbed)


@pytest.mark.nightly
def test_an_object_store_is_all_that_a_search_needs_to_go_on(
    steady: Path, cluster: Cluster, undisturbed: Location, s3: Location, s3_server: S3Server,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Kill the driver; then resume elsewhere while the store is away for 20 seconds."""
    out, directory = ["--out", s3.uri, "--address", cluster.address], s3 / "tiny"
    with started("--space", steady, *out) as first:
        wait_for(lambda: first.poll() is not None or n_finished(directory))
        first.send_signal(signal.SIGKILL)
        _, said_first = first.communicate(timeout=SECONDS)
    assert 0 < n_finished(directory) < 6, said_first

    before = n_finished(directory)
    with started("--resume", "--name", "tiny", *out, page=True, cwd="/") as resumed:
        wait_for(lambda: resumed.poll() is not None or n_finished(directory) > before)
        assert n_finished(directory) < 6
        s3_server.stop()
        try:
            time.sleep(20)
        finally:
            s3_server.start()
        _, said = resumed.communicate(timeout=SECONDS)
    assert resumed.returncode == 0, said
    assert "Traceback" not in said
    assert outcomes(directory) == outcomes(undisturbed)

    page, rows = tmp_path / "report.html", tmp_path / "rows.csv"
    assert report(["--search", directory.uri, "--out", str(page)]) == 0
    generated = ["--model", (directory / "best").uri, "--rows", "5", "--out", str(rows)]
    assert generate(generated) == 0
    assert len(rows.read_text().splitlines()) == 6
    texts = [said_first, said, page.read_text(), (directory / "search.json").read_text()]
    texts += [(directory / name).read_text() for name in ("report.html", "progress.jsonl")]
    texts += [file.read_text() for file in (directory / "trials").children()]
    texts += [
        file.read_text()
        for file in (directory / "best").children()
        if file.suffix != ".safetensors"
    ]
    assert all(SECRET not in text and KEY not in text for text in texts)


def test_a_trial_that_no_node_can_take_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    with (
        connected(cluster.address),
        pytest.raises(ConfigError, match="the largest have 1 CPUs and 0 GPUs; change --cpus-per"),
    ):
        preflight(Location(tmp_path), Resources(cpus=2))


@pytest.mark.nightly
def test_a_search_starts_beside_a_node_that_is_about_to_go(
    cluster: Cluster, tmp_path: Path
) -> None:
    spot = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    try:
        with connected(cluster.address):
            preflight(Location(tmp_path), Resources(cpus=2))
            # A node that nothing runs on would go as soon as it is told to.
            keep = ray.remote(num_cpus=2)(lambda: time.sleep(600)).remote()
            wait_for(lambda: ray.available_resources().get("CPU", 0) <= 2)
            command = [str(Path(sys.executable).parent / "ray"), "drain-node"]
            command += ["--address", cluster.address, "--node-id", spot.node_id]
            command += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot"]
            command += ["--deadline-remaining-seconds", "600"]
            subprocess.run(command, check=True, capture_output=True)
            preflight(Location(tmp_path), Resources())
            with pytest.raises(ConfigError, match="the largest have 1 CPUs and 0 GPUs"):
                preflight(Location(tmp_path), Resources(cpus=2))
            ray.cancel(keep, force=True)
    finally:
        cluster.remove_node(spot, allow_graceful=False)


def test_a_node_that_does_not_see_the_storage_is_named(
    cluster: Cluster, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it often is: the credentials are on the machine that one sits at, and not on the nodes.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    endpoint = f"endpoint_override=127.0.0.1:{s3_server.port}&scheme=http"
    directory = Location(f"s3://tests/unseen?{endpoint}")
    with (
        connected(cluster.address),
        pytest.raises(StorageError, match=r"node .* does not see .*unseen.*directory that all"),
    ):
        preflight(directory, Resources())
    assert directory.children() == []


def test_a_node_with_other_versions_is_named() -> None:
    here = {"python": "3.11", "ray": "2.60.0", "torch": "2.13.0", "tabvae_ray": "0.1.0"}
    check_versions("10.0.0.2", here, here)
    with pytest.raises(ConfigError, match=r"node 10.0.0.2 has torch 2.9.0 \(here 2.13.0\): inst"):
        check_versions("10.0.0.2", {**here, "torch": "2.9.0"}, here)


@pytest.mark.nightly
def test_nodes_come_for_a_search_and_go_after_it(tmp_path: Path, steady: Path) -> None:
    """Launch the node types of cluster.yaml as processes of this machine."""
    (port,) = free_ports(1)
    launcher = prepare_config(yaml.safe_load((ROOT / "cluster.yaml").read_text()))
    named = {launcher["head_node_type"]: FAKE_HEAD_NODE_TYPE}
    types = {
        named.get(name, name): {**kind, "node_config": {}}
        for name, kind in launcher["available_node_types"].items()
    }
    config = {
        **launcher,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": f"127.0.0.1:{port}",
            # All nodes are this machine, and nobody logs in to them.
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": types,
        "head_node_type": FAKE_HEAD_NODE_TYPE,
        "file_mounts": {},
        "docker": {},
    }
    file = tmp_path / "launcher.yaml"
    file.write_text(json.dumps(config))
    with started_head(
        "--num-cpus=0", f"--autoscaling-config={file}", port=port,
        RAY_FAKE_CLUSTER="1", AUTOSCALER_UPDATE_INTERVAL_S="1", **TOKEN,
    ) as home:  # fmt: skip
        assert len(processes_in(home, "raylet")) == 1
        never = connecting(ask_for_a_node_that_never_comes, f"127.0.0.1:{port}", **TOKEN)
        assert "asks for 512 CPUs and 0 GPUs, but no node has that" in never.stderr
        assert "and the autoscaler has added none within" in never.stderr
        # A worker of eight CPUs takes one trial.
        options = ["--space", steady, "--out", tmp_path, "--concurrency", 2]
        options += ["--cpus-per-trial", 5, "--address", f"127.0.0.1:{port}", "--json"]
        most = 0
        with started(*options, env=os.environ | TOKEN) as process:
            while process.poll() is None:
                most = max(most, len(processes_in(home, "raylet")))
                time.sleep(0.2)
            answer, said = process.communicate()
        assert process.returncode == 0, said
        assert json.loads(answer.splitlines()[-1])["trials"] == {"COMPLETE": 6}
        # A raylet that starts a process is two for a moment.
        assert most >= 3
        wait_for(lambda: len(processes_in(home, "raylet")) == 1)


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[str, str]]:
    """Start a head that asks for a token; yield its addresses for drivers and for clients."""
    port, client = free_ports(2)
    with started_head("--num-cpus=1", f"--ray-client-server-port={client}", port=port, **TOKEN):
        # The server for clients starts beside the head.
        wait_for(lambda: listens(client))
        yield f"127.0.0.1:{port}", f"ray://127.0.0.1:{client}"


def connecting(
    run: Callable[..., int], *arguments: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a function in a forked process with environment variables."""
    return completed(run, *arguments, env=without_ray() | environment)


def test_a_token_that_is_missing_or_wrong_is_named_at_once(guarded: tuple[str, str]) -> None:
    assert connecting(connect, guarded[0], **TOKEN).returncode == 0
    for address in guarded:
        unset = connecting(connect_before_ray_does, address, RAY_AUTH_TOKEN="a" * 64)
        assert "asks for a token" in unset.stderr and "set RAY_AUTH_MODE=token" in unset.stderr
        wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "b" * 64}
        refused = connecting(connect_before_ray_does, address, **wrong)
        assert "a token that is missing or wrong here: copy the head node's" in refused.stderr
        assert "Ray was asked" not in unset.stderr + refused.stderr


@pytest.mark.nightly
def test_a_cluster_that_sends_no_token_is_refused_where_one_is_asked_for(tmp_path: Path) -> None:
    """Check what Ray itself does not: it connects, and cancels every actor."""
    (port,) = free_ports(1)
    with started_head("--num-cpus=1", port=port, RAY_AUTH_MODE="disabled"):
        address = f"127.0.0.1:{port}"
        there = (check_nodes, address, str(tmp_path))
        assert connecting(*there, RAY_AUTH_MODE="disabled").returncode == 0
        refused = connecting(*there, **TOKEN)
    assert "sends no token, but this process asks for one: unset RAY_AUTH_MODE" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.nightly
def test_a_search_through_a_client_runs_on_the_head(
    guarded: tuple[str, str], steady: Path, tmp_path: Path
) -> None:
    """Check that output, an interrupt and the end are as with a driver on this machine."""
    options = ["--space", steady, "--out", tmp_path, "--address", guarded[1], "--json"]
    with started(*options, env=os.environ | TOKEN) as process:
        second = tmp_path / "tiny" / "trials" / "000001.json"
        wait_for(lambda: second.exists() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        answer, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert "interrupted: writing down what is there" in said and "--resume" in said
    assert json.loads(answer.splitlines()[-1])["trials"]["COMPLETE"] >= 2
    manifest = json.loads((tmp_path / "tiny" / "search.json").read_text())
    assert manifest["state"] == "interrupted"
    assert manifest["driver"]["pid"] != process.pid

    with started(*options, "--resume", page=True, env=os.environ | TOKEN) as process:
        answer, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert json.loads(answer.splitlines()[-1])["trials"] == {"COMPLETE": 6}
    assert "[6/6] trial" in said and "report:" in said
    assert len(load_synthesizer(tmp_path / "tiny" / "best").generate(5)) == 5


@pytest.mark.nightly
def test_errors_of_a_search_on_the_head_are_told_as_elsewhere(
    guarded: tuple[str, str], steady: Path, tmp_path: Path
) -> None:
    options = ["--space", steady, "--out", tmp_path, "--address", guarded[1]]
    with started(*options, "--cpus-per-trial", 512, env=os.environ | TOKEN) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith("error: a trial asks for 512 CPUs and 0 GPUs")
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("address", "environment", "message"),
    [
        ("auto", "127.0.0.1:1", "cannot connect to Ray at 127.0.0.1:1"),
        (None, "127.0.0.1:1", "cannot connect to Ray at 127.0.0.1:1"),
        ("auto", "http://127.0.0.1:8265", "RAY_ADDRESS: must be auto, host:port or ray://host"),
        ("somewhere", "", "--address: must be auto, host:port or ray://host:port"),
        ("somewhere:99999", "", "--address: must be auto, host:port or ray://host:port"),
    ],
)
def test_addresses_that_lead_nowhere_are_refused(
    monkeypatch: pytest.MonkeyPatch, address: str | None, environment: str, message: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", environment)
    assert not ray.is_initialized()
    with pytest.raises(ConfigError, match=message), connected(address):
        pass
