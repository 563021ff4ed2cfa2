"""Workers on a Ray cluster that make shards.

Plain Ray actors rather than Ray Data: an actor loads the model once, a shard is written where it is
made, so that only its record travels, and one that is lost with its node is simply made again.
Each worker has one shard in hand, and nothing waits in Ray's object store but the model.
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
from tabvae_ray.errors import ConfigError, StorageError, TabVAEError
from tabvae_ray.generation.shards.maker import ShardMaker
from tabvae_ray.generation.shards.plan import MANIFEST, Made, ShardManifest, ShardRecord, versions
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.storage import Location

__all__ = ["Job", "on_ray"]

# A shard that takes this many workers with it is not tried again.
_MAX_DEATHS = 5
_PATIENCE = 30.0


@dataclass(frozen=True)
class Job:
    """What all workers share; it travels with every worker's start, the model's bytes apart.

    Args:
        manifest: What the rows are.
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
) -> Iterator[Made]:
    """Connect to a cluster and give the job's shards as its workers finish them.

    A worker that dies is replaced, and its shard goes to the next one.

    Args:
        job: What to make.
        files: The export's files by name.
        known: What is said to be there, by number; it is checked by the workers.
        address: The cluster.
        workers: How many; as many as its CPUs or GPUs now if None.
        say: Tells the user something.

    Raises:
        ConfigError: If the cluster cannot be reached, or a node has other versions.
        StorageError: If a node cannot write there.
    """
    # Ray takes RAY_ADDRESS for auto as well, but tries for minutes where nobody listens.
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
    """The workers, what each of them does, and what is left to do."""

    def __init__(self, job: Job, files: Any, say: Callable[[str], None]) -> None:
        self.job, self.say = job, say
        self._files = files
        self._class: Any = ray.remote(
            num_cpus=1,
            num_gpus=int(job.manifest.options["device"] == "cuda"),
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )(_Worker)
        # By the answer that is awaited: the worker, and its shard, None while it starts.
        self._busy: dict[Any, tuple[Any, int | None]] = {}
        self._cpu_kinds: set[str] = set()

    def run(self, known: Mapping[int, ShardRecord], n_workers: int) -> Made:
        """Make all shards."""
        left = deque(range(len(self.job.manifest.plan)))
        deaths: dict[int | None, int] = {}
        for _ in range(n_workers):
            self._hire()
        while self._busy:
            ready, _ = ray.wait(list(self._busy), num_returns=1, timeout=_PATIENCE)
            if not ready and not self._cpu_kinds:
                self.say(
                    "waiting for the cluster to start a worker; `ray status` says what it lacks"
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
                        self.say("a worker died while it started; another one takes its place")
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
                    # Its CPU is free for others, and the autoscaler can take the node away.
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
                f"the nodes' CPUs differ ({kinds}) and round differently: a few values may differ "
                "from what one kind of CPU makes"
            )


class _Worker:
    """Lives in a process of the cluster."""

    def start(self, job: Job, files: Mapping[str, bytes]) -> str:
        """Load the model, and see that it can work here; the kind of CPU."""
        torch.set_num_threads(1)
        here, node = versions(), socket.gethostname()
        differing = [
            f"{k} {here[k]} (driver {v})" for k, v in job.manifest.versions.items() if here[k] != v
        ]
        if differing:
            raise ConfigError(
                f"node {node} has {', '.join(differing)}: install the same versions everywhere"
            )
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
        """See :meth:`ShardMaker.make`."""
        return self._maker.make(index, known)


def _why_they_die(index: int | None, error: RayError) -> Exception:
    text = " ".join(str(error).split())
    if "No module named" in text:
        missing = text.partition("No module named")[2].split()[0].strip("'\"")
        return ConfigError(f"{missing} is not installed on the cluster's nodes: install it there")
    what = "workers die while they start" if index is None else f"shard {index} kills its workers"
    return ConfigError(
        f"{what}, {_MAX_DEATHS} times now; is there memory enough for the model and a block of "
        f"rows? Ray says: {text[:500]}"
    )
