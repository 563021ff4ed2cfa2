"""Run a search under random faults, and compare its records with those of an undisturbed search.

    python -m benchmarks.chaos --faults 20

The search runs on two nodes of one CPU, with results in an object store. The faults are: a trial's
process is killed; a node is killed (and another one joins); the driver is killed (and resumed with
nothing but the URI of the storage); the storage is unreachable for up to 20 seconds. A trial is
*lost* if it has no record, *duplicated* if it has two, and *wrong* if its state, parameters or any
score at any rung differs in any bit.
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml
from ray.cluster_utils import Cluster

from benchmarks.common import show
from tabvae_ray.storage import Location
from tests.support.clusters import STEADY, n_finished, outcomes, trial_processes, wait_for
from tests.support.s3_server import S3Server

KINDS = ("worker kill", "node kill", "driver kill", "storage outage")
N_NODES = 2


class Driver:
    """The search's process, which can be killed and started again.

    Args:
        space: The space file, which only the first start gets.
        out: The directory of the results.
        address: The cluster.
        log: The file for its output.
    """

    def __init__(self, space: Path, out: Location, address: str, log: Path) -> None:
        self.directory = out / "tiny"
        self.n_starts = 0
        self._first = ["--space", str(space)]
        self._always = ["--out", out.uri, "--address", address]
        self._log = log.open("ab")
        self.start()

    def start(self, *more: str) -> None:
        """Start the search, with --resume if it was started before."""
        began = (self.directory / "search.json").exists()
        what = ["--resume", "--name", "tiny"] if began else self._first
        command = [sys.executable, "-m", "tabvae_ray.search", *what, *self._always, *more]
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.n_starts += 1

    def kill(self) -> None:
        """Kill the process as the kernel does when memory is exhausted."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def main() -> None:
    """Start storage and cluster, and run the benchmark on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        home = Path(name)
        server = S3Server(home / "s3").start()
        Location(server.uri("tests", options="&allow_bucket_creation=true")).make_dir()
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        for _ in range(N_NODES):
            cluster.add_node(num_cpus=1)
        try:
            run(home, server, cluster, options.faults, random.Random(options.seed))
        finally:
            cluster.shutdown()
            server.stop()


def run(home: Path, server: S3Server, cluster: Cluster, n: int, rng: random.Random) -> None:
    """Run both searches, and print the tables."""
    space = home / "tiny.yaml"
    n_trials = 3 * n
    search = {**STEADY["search"], "n_trials": n_trials}
    space.write_text(yaml.safe_dump({**STEADY, "search": search}))
    faults = [KINDS[i % len(KINDS)] for i in range(n)]
    rng.shuffle(faults)
    started = time.monotonic()
    driver = Driver(space, Location(server.uri("tests/chaos")), cluster.address, home / "log")
    ended: Counter[str] = Counter()
    recovery: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number, kind in enumerate(faults):
        wait_for(lambda: trials_run(cluster) or driver.process.poll() is not None)
        time.sleep(rng.uniform(0, 3))
        if driver.process.poll() == 0:
            # All trials finished before the last fault: add more.
            n_trials += 2 * (n - number)
            driver.start("--trials", str(n_trials))
            wait_for(lambda: trials_run(cluster))
        before = n_finished(driver.directory)
        moment = time.monotonic()
        cause(kind, server, cluster, driver, rng)
        while n_finished(driver.directory) == before and driver.process.poll() != 0:
            if driver.process.poll() is not None:
                ended[kind] += 1
                said = (home / "log").read_text(errors="replace").strip().splitlines()
                print(f"the search ended: {said[-1][:600]}", file=sys.stderr, flush=True)
                driver.start("--trials", str(n_trials))
            time.sleep(0.2)
        recovery[kind].append(time.monotonic() - moment)
        print(f"{number + 1}/{n} {kind}: {recovery[kind][-1]:.0f} s", file=sys.stderr, flush=True)
    while driver.process.wait() != 0:
        ended["after the last"] += 1
        driver.start("--trials", str(n_trials))
    disturbed = time.monotonic() - started

    started = time.monotonic()
    quiet = Driver(space, Location(server.uri("tests/quiet")), cluster.address, home / "log")
    if quiet.process.wait() == 0 and n_trials > 3 * n:
        quiet.start("--trials", str(n_trials))
    if quiet.process.wait() != 0:
        raise SystemExit((home / "log").read_text()[-4000:])
    undisturbed = time.monotonic() - started

    rows = [
        (kind, str(len(recovery[kind])), str(ended[kind]), f"{mean(recovery[kind]):.0f}")
        for kind in KINDS
    ]
    header = ("fault", "times", "ended the search", "mean seconds to the next finished trial")
    show(f"{n} faults in one search of {n_trials} trials on {N_NODES} nodes", rows, header)
    found, expected = outcomes(driver.directory), outcomes(quiet.directory)
    numbers = Counter(record["number"] for record in found)
    table = csv.DictReader((driver.directory / "trials.csv").read_text().splitlines())
    listed = Counter(int(row["number"]) for row in table)
    by_number = {record["number"]: record for record in expected}
    lost = sum(number not in numbers or number not in listed for number in range(n_trials))
    twice = sum(count > 1 for count in (numbers + Counter()).values())
    twice += sum(count > 1 for count in listed.values())
    wrong = sum(record != by_number.get(record["number"]) for record in found)
    left = len((driver.directory / "running").children())
    seconds = (f"{disturbed:.0f}", f"{undisturbed:.0f}")
    cells = (n, len(found), lost, twice, wrong, left, driver.n_starts, *seconds)
    header = (
        *("faults", "trials finished", "lost", "duplicated", "wrong", "left running"),
        *("starts of the driver", "seconds", "seconds undisturbed"),
    )
    show("Result", [tuple(map(str, cells))], header)
    if lost or twice or wrong or left:
        raise SystemExit(1)


def cause(
    kind: str, server: S3Server, cluster: Cluster, driver: Driver, rng: random.Random
) -> None:
    """Cause a fault."""
    if kind == "worker kill":
        processes = trials_run(cluster)
        if processes:
            os.kill(rng.choice(processes), signal.SIGKILL)
    elif kind == "node kill":
        nodes = sorted(cluster.worker_nodes, key=lambda node: node.unique_id)
        busy = [node for node in nodes if trial_processes(node)] or nodes
        cluster.remove_node(rng.choice(busy), allow_graceful=False)
        time.sleep(rng.uniform(0, 5))
        cluster.add_node(num_cpus=1)
    elif kind == "driver kill":
        driver.kill()
        time.sleep(rng.uniform(0, 2))
        driver.start()
    else:
        server.stop()
        time.sleep(rng.uniform(5, 20))
        server.start()


def trials_run(cluster: Cluster) -> list[int]:
    """Return the processes that train trials."""
    return [pid for node in cluster.worker_nodes for pid in trial_processes(node)]


def mean(values: list[float]) -> float:
    """Return the mean; 0 for no values."""
    return sum(values) / len(values) if values else 0.0


if __name__ == "__main__":
    main()
