"""Make shards with workers on a Ray cluster.

The workers are plain Ray actors instead of Ray Data. An actor loads the model once and writes its
shards itself, so only their records travel to the driver, and a shard that is lost with its node is
made again. Each worker has one shard at a time. Ray's object store holds only the model.
"""

import os
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayError, RayTaskError, WorkerCrashedError

from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.versions import check_versions
from tabvae_ray.errors import ConfigError, StorageError, TabVAEError, last_line
from tabvae_ray.generation.shards.maker import MadeShards, ShardMaker
from tabvae_ray.generation.shards.manifest import MANIFEST, ShardManifest, ShardRecord, versions
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.storage import Location

__all__ = ["Job", "on_ray"]

# A shard whose workers died this often is given up.
_MAX_DEATHS = 5
# Seconds without any answer until the user is told why nothing happens.
_SILENT_SECONDS = 30.0


@dataclass(frozen=True)
class Job:
    """The task that all workers share, without the model.

    Args:
        manifest: The manifest of the rows.
        out: The directory to write to.
    """

    manifest: ShardManifest
    out: Location


@contextmanager
def on_ray(
    job: Job,
    files: Mapping[str, bytes],
    known: Mapping[int, ShardRecord],
    address: str,
    workers: int | None,
    say: Callable[[str], None],
) -> Iterator[MadeShards]:
    """Connect to a cluster, and yield the job's shards as its workers finish them.

    A worker that dies is replaced, and its shard goes to the next worker.

    Args:
        job: The shards to make.
        files: The export's files by name.
        known: Records of an earlier run, by index; the workers check them.
        address: The cluster.
        workers: Number of workers; one per CPU or GPU that the cluster has now if None.
        say: Shows the user a line.

    Raises:
        ConfigError: If the cluster cannot be reached, or a node has other versions.
        StorageError: If a node cannot write there.
    """
    # Ray reads RAY_ADDRESS for auto, too, but tries for minutes if nothing listens there.
    target = os.environ.get("RAY_ADDRESS") or address if address == "auto" else address
    with connected(target):
        pool = _Pool(job, ray.put(dict(files)), say)
        kind = "GPU" if job.manifest.options["device"] == "cuda" else "CPU"
        there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        wanted = workers or max(1, int(there.get(kind, 0)))
        try:
            yield pool.run(known, min(wanted, len(job.manifest.plan)))
        finally:
            pool.dismiss()


class _Pool:
    """The workers, the shard that each of them makes, and the shards that are left."""

    def __init__(self, job: Job, files: Any, say: Callable[[str], None]) -> None:
        self.job, self.say = job, say
        self._files = files
        self._class: Any = ray.remote(
            num_cpus=1,
            num_gpus=int(job.manifest.options["device"] == "cuda"),
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )(_Worker)
        # By pending answer: the worker, and its shard's index, or None while the worker starts.
        self._busy: dict[Any, tuple[Any, int | None]] = {}
        self._cpu_kinds: set[str] = set()

    def run(self, known: Mapping[int, ShardRecord], n_workers: int) -> MadeShards:
        """Make all shards."""
        left = deque(range(len(self.job.manifest.plan)))
        deaths: dict[int | None, int] = {}
        for _ in range(n_workers):
            self._hire()
        while self._busy:
            ready, _ = ray.wait(list(self._busy), num_returns=1, timeout=_SILENT_SECONDS)
            if not ready and not self._cpu_kinds:
                self.say(
                    "waiting for the cluster to start a worker; `ray status` shows what is missing"
                )
            for answer in ready:
                worker, index = self._busy.pop(answer)
                try:
                    result = ray.get(answer)
                except RayTaskError as error:
                    if isinstance(error.cause, TabVAEError):
                        raise error.cause from None
                    raise
                except (RayActorError, WorkerCrashedError) as error:
                    deaths[index] = deaths.get(index, 0) + 1
                    if deaths[index] >= _MAX_DEATHS:
                        raise _why_they_die(index, error) from error
                    if index is None:
                        self.say("a worker died while it started; starting another one")
                    else:
                        self.say(f"a worker died; shard {index} goes to another one")
                        left.appendleft(index)
                    self._hire()
                    continue
                if index is None:
                    deaths.pop(None, None)
                    self._greet(result)
                else:
                    yield index, *result
                if left:
                    index = left.popleft()
                    answer = worker.make.remote(index, known.get(index))
                    self._busy[answer] = worker, index
                else:
                    # Frees its CPU, so that the autoscaler can remove the node.
                    ray.kill(worker)

    def dismiss(self) -> None:
        """Stop all workers."""
        for worker, _ in self._busy.values():
            ray.kill(worker)
        self._busy.clear()

    def _hire(self) -> None:
        worker = self._class.remote()
        self._busy[worker.start.remote(self.job, self._files)] = worker, None

    def _greet(self, cpu_kind: str) -> None:
        self._cpu_kinds.add(cpu_kind)
        if len(self._cpu_kinds) == 2:
            kinds = " and ".join(sorted(self._cpu_kinds))
            self.say(
                f"the nodes' CPUs differ ({kinds}) and round differently: some rows may differ "
                "from what one kind of CPU makes"
            )


class _Worker:
    """The actor that makes shards in a process of the cluster."""

    def start(self, job: Job, files: Mapping[str, bytes]) -> str:
        """Load the model and check this node; return the CPU's instruction set."""
        torch.set_num_threads(1)
        node = socket.gethostname()
        check_versions(node, versions(), job.manifest.versions)
        if not (job.out / MANIFEST).exists():
            raise StorageError(
                f"node {node} does not see {job.out}: give --out a directory that all nodes share, "
                "such as s3://bucket/rows or an NFS mount"
            )
        with tempfile.TemporaryDirectory() as directory:
            for name, content in files.items():
                (Path(directory) / name).write_bytes(content)
            synthesizer = load_synthesizer(directory, str(job.manifest.options["device"]))
        self._maker = ShardMaker(synthesizer, job.manifest, job.out)
        return str(torch.backends.cpu.get_cpu_capability())

    def make(self, index: int, known: ShardRecord | None) -> tuple[ShardRecord, bool]:
        """Make a shard, see :meth:`ShardMaker.make`."""
        return self._maker.make(index, known)


def _why_they_die(index: int | None, error: RayError) -> Exception:
    text = str(error)
    if "No module named" in text:
        missing = text.partition("No module named")[2].split()[0].strip("'\"")
        return ConfigError(f"{missing} is not installed on the cluster's nodes: install it there")
    what = "workers die while they start" if index is None else f"shard {index} kills its workers"
    return ConfigError(
        f"{what}, {_MAX_DEATHS} times so far; is there enough memory for the model and a block of "
        f"rows? Ray says: {last_line(error)}"
    )
