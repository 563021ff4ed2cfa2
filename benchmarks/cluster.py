"""The cost of nodes, object storage, large tables and many slots in searching and generating.

    python -m benchmarks.cluster                  # all parts
    python -m benchmarks.cluster --only table

`trials`: trials per minute on one and two nodes of one CPU (scaling efficiency: half their ratio),
and with the results in an object store instead of on disk. The trials of all runs are the same. The
first trial of each node does not count, so the rate excludes the start of Ray and of processes.

`shards`: shards per minute with one worker and with two, without the first shard of each.

`table`: memory of a table in the object stores of three nodes after each has fetched it, and of the
driver and the head's processes.

`slots`: the load of 32 slots on the driver, with trials that only sleep.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ray
import yaml
from ray._private.internal_api import node_stats
from ray.cluster_utils import Cluster
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from benchmarks.common import HEART, show
from benchmarks.search import Idle, space_of
from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.generation.shards.run import generate_shards
from tabvae_ray.generation.synthesizer import BLOCK_ROWS
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.driver import tune_loop
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.run import SearchRun
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.storage import Location
from tabvae_ray.table.io import read_table
from tests.support.clusters import STEADY
from tests.support.s3_server import S3Server

TRIALS = 16
EPOCHS = 600
SHARDS = 16
TABLE_ROWS, TABLE_COLUMNS = 1_000_000, 24
SLOTS, SLEEP, SLEEPERS = 32, 4.0, 512


def main() -> None:
    """Run the parts that the command line names."""
    parts: dict[str, Callable[[Path], None]] = {
        "trials": trials,
        "shards": shards,
        "table": table,
        "slots": slots,
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--only", choices=parts, action="append")
    for name in parser.parse_args().only or parts:
        with tempfile.TemporaryDirectory(prefix="cluster-") as home:
            parts[name](Path(home))


def trials(home: Path) -> None:
    """Search on one node, on two, and into an object store."""
    training = {"max_n_epochs": EPOCHS, "batch_size": 256}
    space = _space_file(home, {**STEADY["base"], "training": training}, {"n_trials": TRIALS})
    server = S3Server(home / "s3").start()
    bucket = Location(server.uri("tests", options="&allow_bucket_creation=true"))
    bucket.make_dir()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        cluster.add_node(num_cpus=1)
        one = _trials_per_minute(space, Location(home / "one"), cluster, 1)
        stored = _trials_per_minute(space, Location(server.uri("tests/one")), cluster, 1)
        cluster.add_node(num_cpus=1)
        two = _trials_per_minute(space, Location(home / "two"), cluster, 2)
    finally:
        cluster.shutdown()
        server.stop()
    show(
        f"Trials per minute, {TRIALS} trials of {EPOCHS} epochs on heart",
        [
            ("one node, disk", f"{one:.1f}", "1.00"),
            ("one node, object store", f"{stored:.1f}", f"{stored / one:.2f}"),
            ("two nodes, disk", f"{two:.1f}", f"{two / one:.2f}"),
        ],
        ("where", "trials/min", "ratio"),
    )


def shards(home: Path) -> None:
    """Make the same shards with one worker and with two."""
    heart = read_table(HEART)
    config = TabularVAEConfig().replace({"training.max_n_epochs": 20})
    vae = TabularVAE.build(TableSpec.infer(heart), config, device="cpu")
    vae.fit(heart)
    vae.synthesizer().save(home / "model")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    rates = []
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        for workers in (1, 2):
            out = home / str(workers)
            generate_shards(
                home / "model", SHARDS * BLOCK_ROWS, out, shard_rows=BLOCK_ROWS,
                address=cluster.address, workers=workers,
            )  # fmt: skip
            times = sorted(part.stat().st_mtime for part in out.glob("part-*"))
            rates.append(60 * (SHARDS - workers) / (times[-1] - times[workers - 1]))
    finally:
        cluster.shutdown()
    show(
        f"Shards per minute, {SHARDS} shards of {BLOCK_ROWS:,} rows of heart",
        [
            (str(workers), f"{rate:.1f}", f"{rate / rates[0]:.2f}")
            for workers, rate in zip((1, 2), rates, strict=True)
        ],
        ("workers", "shards/min", "ratio"),
    )


def table(home: Path) -> None:
    """Put a search's task with a large table into the object store, and fetch it on every node."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        rng.normal(size=(TABLE_ROWS, TABLE_COLUMNS)), columns=[f"x{i}" for i in range(24)]
    )
    rows["kind"] = rng.choice(["one", "two", "three"], TABLE_ROWS)
    rows.to_parquet(home / "table.parquet")
    del rows
    space = _space_file(home, STEADY["base"], {})
    before = resident(os.getpid())
    inputs = prepare_inputs(
        space=str(space), out=str(home / "runs"), data=str(home / "table.parquet")
    )
    task = inputs.task()
    size = float(inputs.table.memory_usage(deep=True).sum()) / 2**20
    store = {"object_store_memory": 2 * 2**30}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **store})
    for _ in range(2):
        cluster.add_node(num_cpus=1, **store)
    try:
        with connected(cluster.address):
            head = [kept.process.pid for kept in _processes(cluster.head_node)]
            idle = sum(resident(pid) for pid in head)
            reference = ray.put(task)
            there = {}
            for node in ray.nodes():  # type: ignore[no-untyped-call]
                here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                ask = _n_rows.options(num_cpus=0, scheduling_strategy=here)
                assert ray.get(ask.remote(reference)) == TABLE_ROWS
                address = node["NodeManagerAddress"], node["NodeManagerPort"]
                used = node_stats(*address, False).store_stats.object_store_bytes_used
                there[node["NodeID"] == cluster.head_node.node_id, node["NodeID"]] = used / 2**20
            busy = sum(resident(pid) for pid in head)
    finally:
        cluster.shutdown()
    on_head = [used for (is_head, _), used in there.items() if is_head]
    on_nodes = [used for (is_head, _), used in there.items() if not is_head]
    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024
    show(
        f"A table of {TABLE_ROWS:,} rows, {size:.0f} MiB as a DataFrame",
        [
            ("object store of the head", f"{on_head[0]:.0f}", f"{on_head[0] / size:.2f}"),
            (
                "object store of each other node",
                f"{max(on_nodes):.0f}",
                f"{max(on_nodes) / size:.2f}",
            ),
            ("the head's processes, grown by", f"{busy - idle:.0f}", f"{(busy - idle) / size:.2f}"),
            (
                "the driver at its peak, including mapped pages of the store",
                f"{peak - before:.0f}",
                f"{(peak - before) / size:.2f}",
            ),
        ],
        ("what", "MiB", "times the DataFrame"),
    )


def slots(home: Path) -> None:
    """Run a search whose trials only sleep."""
    inputs = space_of(home, SLEEPERS, 1, 0, "random")
    times: list[tuple[float, float]] = []
    processes: list[float] = []

    class Clock(SearchProgress):
        def __call__(self, ledger: Any, record: Any) -> None:
            if record.state != "RUNNING":
                times.append((time.perf_counter(), time.process_time()))
                processes.append(record.rungs[-1].losses["process"])

    real = tune_loop.VAETrial
    tune_loop.VAETrial = type("Idle", (Idle,), {"seconds": SLEEP})  # type: ignore[misc]
    ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
    try:
        # Uses the Ray that is running.
        with connected(None):
            search = SearchRun(
                inputs,
                inputs.manifest(resources={"cpus": 1.0, "gpus": 0.0}),
                inputs.task(),
                Resources(),
                Clock(inputs.space, quiet=True),
                Interrupts(print),
            )
            inputs.directory.make_dir()
            search.train(search.assemble(SLOTS, None))
    finally:
        tune_loop.VAETrial = real  # type: ignore[misc]
        ray.shutdown()
    # From when each process has finished a trial until fewer trials than slots are left.
    first = max(processes.index(process) for process in set(processes))
    (start, cpu_start), (end, cpu_end) = times[first], times[-SLOTS]
    n = len(times) - SLOTS - first
    show(
        f"{SLEEPERS} trials of {SLEEP:g} s on {SLOTS} slots",
        [
            (
                f"{n * SLEEP / SLOTS / (end - start):.0%}",
                f"{(cpu_end - cpu_start) / (end - start):.0%}",
                f"{n / (end - start):.1f}",
                f"{SLOTS / SLEEP:.1f}",
            )
        ],
        ("slots busy", "driver's CPU, of one core", "records/s", "records/s at most"),
    )


def resident(pid: int) -> float:
    """Return the memory of a process in MiB, without memory shared with other processes."""
    _, pages, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    return (pages - shared) * os.sysconf("SC_PAGE_SIZE") / 2**20


@ray.remote
def _n_rows(task: SearchTask) -> int:
    return len(task.table)


def _processes(node: Any) -> list[Any]:
    return [info for found in node.all_processes.values() for info in found]


def _space_file(home: Path, base: dict[str, Any], settings: dict[str, Any]) -> Path:
    file = home / "tiny.yaml"
    search = {**STEADY["search"], **settings}
    file.write_text(yaml.safe_dump({**STEADY, "base": base, "search": search}))
    return file


def _trials_per_minute(space: Path, out: Location, cluster: Cluster, nodes: int) -> float:
    """Run a search; return its rate once all nodes train."""
    command = [sys.executable, "-m", "tabvae_ray.search", "--space", str(space), "--quiet"]
    command += ["--out", out.uri, "--address", cluster.address]
    subprocess.run(command, check=True)
    lines = (out / "tiny" / "progress.jsonl").read_text().splitlines()
    times = [json.loads(line)["time"] for line in lines]
    return 60 * (len(times) - nodes) / (times[-1] - times[nodes - 1])


if __name__ == "__main__":
    main()
