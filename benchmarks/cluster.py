"""What nodes and an object store cost a search.

    python -m benchmarks.cluster

Trials per minute on one and two nodes of one CPU (scaling efficiency: half their ratio), and with
the results in an object store instead of on disk. Trials are those of a small space and differ in
nothing from run to run. The rate is that of the trials after the first on each node, so that the
start of Ray and of processes, which a longer search does not notice, does not count.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from ray.cluster_utils import Cluster

from benchmarks.common import show
from tabvae_ray.storage import Location
from tests.s3_server import S3Server
from tests.search.clusters import STEADY

TRIALS = 16
EPOCHS = 600


def main() -> None:
    """Search on one node, on two, and into an object store."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as name:
        home = Path(name)
        space = home / "tiny.yaml"
        training = {"max_n_epochs": EPOCHS, "batch_size": 256}
        base = {**STEADY["base"], "training": training}
        settings = {**STEADY["search"], "n_trials": TRIALS}
        space.write_text(yaml.safe_dump({**STEADY, "base": base, "search": settings}))
        server = S3Server(home / "s3").start()
        bucket = Location(server.uri("tests", options="&allow_bucket_creation=true"))
        bucket.make_dir()
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        try:
            cluster.add_node(num_cpus=1)
            one = rate(space, Location(home / "one"), cluster, 1)
            stored = rate(space, Location(server.uri("tests/one")), cluster, 1)
            cluster.add_node(num_cpus=1)
            two = rate(space, Location(home / "two"), cluster, 2)
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


def rate(space: Path, out: Location, cluster: Cluster, nodes: int) -> float:
    """Trials per minute once all nodes train."""
    command = [sys.executable, "-m", "tabvae_ray.search", "--space", str(space), "--quiet"]
    command += ["--out", out.uri, "--address", cluster.address]
    subprocess.run(command, check=True)
    lines = (out / "tiny" / "progress.jsonl").read_text().splitlines()
    times = [json.loads(line)["time"] for line in lines]
    return 60 * (len(times) - nodes) / (times[-1] - times[nodes - 1])


if __name__ == "__main__":
    main()
