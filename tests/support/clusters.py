"""Clusters on this machine, for tests and benchmarks."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from tabvae_ray.cluster.ray_private import waiting_for_node
from tabvae_ray.storage import Location
from tests.support.clocks import SECONDS, wait_for
from tests.support.spaces import TINY

# What a trial becomes depends on its number alone, so that searches that went differently compare.
STEADY = {
    **TINY,
    "base": {**TINY["base"], "training": {"max_n_epochs": 180, "batch_size": 256}},
    "search": {**TINY["search"], "sampler": "random", "scheduler": "none", "n_trials": 6},
}


# A node ends without its agents, which may take long to start on a busy machine. By default the
# processes of trials yield to all others, and next to busy tests they would hardly run.
PATIENT = {
    "RAY_agent_register_timeout_ms": str(int(SECONDS * 1000)),
    "RAY_gcs_server_port_wait_time_s": str(int(SECONDS)),
    "RAY_worker_niceness": "0",
}
# As the command "ray" runs it, but patient with the node that it starts.
_RAY = (
    "from ray.scripts.scripts import main\n"
    "from tabvae_ray.cluster.ray_private import waiting_for_node\n"
    f"with waiting_for_node({SECONDS}):\n"
    "    main()\n"
)


@contextlib.contextmanager
def two_nodes(**environment: str) -> Iterator[Cluster]:
    """Start two nodes of one CPU each and a head without CPUs, with environment variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (PATIENT | environment).items():
            patch.setenv(name, value)
        with waiting_for_node(SECONDS):
            started = Cluster(
                initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
            )
            for _ in range(2):
                started.add_node(num_cpus=1)
        started.wait_for_nodes(SECONDS)
    try:
        yield started
    finally:
        started.shutdown()


def n_finished(directory: Location) -> int:
    return len((directory / "trials").children())


def n_checkpoints(directory: Location) -> int:
    """Count the checkpoints of trials; directories come and go meanwhile."""
    here = directory.on_this_machine()
    assert here is not None
    found = (names for _, _, names in os.walk(here / "tune"))
    return sum("state.pt" in names for names in found)


def trial_processes(node: Any) -> list[int]:
    """Find the processes of trials below a node's raylet."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == raylet and (entry / "cmdline").read_text().startswith("ray::VAETrial"):
                found.append(int(entry.name))
    return found


def training_node(cluster: Cluster) -> Any:
    """Return a node that trains a trial."""
    found: list[Any] = []

    def is_found() -> bool:
        # Names of processes come and go: one look only.
        found.extend(filter(trial_processes, cluster.worker_nodes))
        return bool(found)

    wait_for(is_found)
    return found[0]


def outcomes(directory: Location) -> list[dict[str, Any]]:
    """Read the records, without what may differ between two runs of a trial."""
    found = []
    for file in (directory / "trials").children():
        record = json.loads(file.read_bytes())
        rungs = [{**rung, "order": None} for rung in record["rungs"]]
        found.append({key: record[key] for key in ("number", "state", "parameters", "objectives")})
        found[-1]["rungs"] = rungs
    return found


def without_ray() -> dict[str, str]:
    """Return this process's environment without what configures Ray."""
    return {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}


TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}


@contextlib.contextmanager
def started_head(*options: str, port: int, **environment: str) -> Iterator[Path]:
    """Start a head by ``ray start``; yield the directory of its and its nodes' files."""
    # Sockets have short names only.
    home = Path(tempfile.mkdtemp(prefix="head-", dir="/tmp"))
    start = [sys.executable, "-c", _RAY, "start", "--head", "--block"]
    start += [f"--port={port}", f"--temp-dir={home}", "--include-dashboard=false", *options]
    log = home / "log"
    variables = without_ray() | PATIENT | environment
    with log.open("wb") as out:
        head = subprocess.Popen(start, env=variables, stdout=out, stderr=out)
    try:
        wait_for(lambda: head.poll() is not None or "Ray runtime started" in log.read_text())
        assert head.poll() is None, log.read_text()
        yield home
    finally:
        head.terminate()
        head.wait(SECONDS)
        for pid in processes_in(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def listens(port: int) -> bool:
    """Return whether somebody on this machine takes connections at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def processes_in(home: Path, name: str = "") -> list[int]:
    """Find the processes of a head and its nodes, which all name its directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            line = (entry / "cmdline").read_text()
            if f"{home}/" in line and name in line.partition("\0")[0]:
                found.append(int(entry.name))
    return found
