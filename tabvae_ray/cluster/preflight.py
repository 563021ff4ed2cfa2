"""Check before the first trial that a search can run on the nodes of the cluster."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray

from tabvae_ray import __version__
from tabvae_ray.cluster.nodes import Resources, autoscales, launches
from tabvae_ray.cluster.ray_private import draining_nodes, sends_token
from tabvae_ray.cluster.versions import check_versions, versions_here
from tabvae_ray.errors import ClusterUnavailableError, ConfigError, StorageError, last_line
from tabvae_ray.storage import Location

__all__ = ["HEAD", "preflight", "preflight_head"]

# A resource that only the head of the cluster has.
HEAD = {"node:__internal_head__": 0.001}

_LOG = logging.getLogger(__name__)
# Seconds that every node has to answer.
_PREFLIGHT_SECONDS = 60.0
# How often a process that died is started anew to answer.
_RETRIES = 3
# Seconds that an autoscaler has to add a node, and to start launching one.
_NODE_SECONDS = 900.0
_LAUNCH_SECONDS = 60.0


def preflight(directory: Location, resources: Resources, *, started_here: bool = False) -> None:
    """Check that the search can run on the cluster's nodes.

    Args:
        directory: The search's directory.
        resources: The resources of a trial.
        started_here: True if this process has started the only node, which then is not asked, to
            save seconds.

    Raises:
        ConfigError: If no node can ever take a trial, or a node has other versions, or sends no
            token although this process requires one.
        ClusterUnavailableError: If nodes do not answer, or all of them have gone.
        StorageError: If a node does not see the search's directory.
    """
    fitting = [node for node in _nodes() if _fits(node["Resources"], resources)]
    if not fitting:
        message = _too_small(resources)
        if not autoscales():
            raise ConfigError(f"{message}; change --cpus-per-trial or --gpus-per-trial")
        _LOG.warning("%s; waiting for the autoscaler to add one", message)
        _wait_for_node(resources, message)
        fitting = [node for node in _nodes() if _fits(node["Resources"], resources)]
    if started_here:
        return
    here = versions_here()
    with _probe_in(directory) as probe, ExitStack() as asking:
        asked = {}
        for node in fitting:
            place = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                node["NodeID"], soft=False
            )
            asked[asking.enter_context(_asked(probe, scheduling_strategy=place))] = node
        done, silent = ray.wait(
            list(asked), num_returns=len(asked), timeout=_PREFLIGHT_SECONDS, fetch_local=True
        )
        # A node that has left the cluster in the meantime does not count.
        still_there = {node["NodeID"] for node in _nodes()}
        lost = [r for r in silent if asked[r]["NodeID"] in still_there]
        if lost:
            where = ", ".join(asked[reference]["NodeManagerAddress"] for reference in lost)
            raise ClusterUnavailableError(
                f"the nodes {where} did not answer within {_PREFLIGHT_SECONDS:g} s: check that "
                "they are up and can reach each other (ray status)"
            )
        answered = [r for r in done if asked[r]["NodeID"] in still_there]
        for reference in answered:
            _check_answer(reference, asked[reference]["NodeManagerAddress"], here, directory)
        if not answered:
            raise ClusterUnavailableError(
                "all nodes that could run trials have gone: see ray status"
            )


def preflight_head(directory: Location) -> None:
    """Check that the cluster's head can run the driver of a search.

    Args:
        directory: The directory of searches.

    Raises:
        ConfigError: If the head has other versions.
        StorageError: If it does not see the directory.
    """
    with _probe_in(directory) as probe, _asked(probe, resources=HEAD) as answer:
        _check_answer(answer, "of the head", versions_here(), directory)


@contextmanager
def _probe_in(directory: Location) -> Iterator[Location]:
    """Write a file for the nodes to read during the block, and to write beside."""
    probe = directory / f".preflight-{os.getpid()}"
    probe.write_text(__version__)
    try:
        yield probe
    finally:
        probe.remove()


def _nodes() -> list[dict[str, Any]]:
    """Return the nodes that are up and are not about to leave."""
    leaving = draining_nodes()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"] and node["NodeID"] not in leaving]


def _too_small(resources: Resources) -> str:
    largest = {
        kind: max((node["Resources"].get(kind, 0.0) for node in _nodes()), default=0.0)
        for kind in ("CPU", "GPU")
    }
    return (
        f"a trial asks for {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, but no node "
        f"has that: the largest have {largest['CPU']:g} CPUs and {largest['GPU']:g} GPUs"
    )


def _wait_for_node(resources: Resources, message: str) -> None:
    """Make the autoscaler add a node that fits a trial, by a task that asks for one."""
    needed = _nothing.options(num_cpus=resources.cpus, num_gpus=resources.gpus).remote()
    started = launched = time.monotonic()
    try:
        while not ray.wait([needed], timeout=2.0)[0]:
            now = time.monotonic()
            if launches():
                launched = now
            if now - launched > _LAUNCH_SECONDS or now - started > _NODE_SECONDS:
                raise ConfigError(
                    f"{message}, and the autoscaler has added none within {now - started:.0f} s: "
                    "change --cpus-per-trial or --gpus-per-trial, or the cluster's node types and "
                    "limits (see ray status)"
                )
    finally:
        # Ray raises if a finished task is cancelled.
        if not ray.wait([needed], timeout=0)[0]:
            ray.cancel(needed, force=True)


@ray.remote(max_retries=0)
def _nothing() -> None:
    pass


@contextmanager
def _asked(probe: Location, **options: Any) -> Iterator[Any]:
    """Ask a node, and yield the reference of its answer; the process that answers ends after that.

    A task would leave an idle process. One that has loaded ``pyarrow.fs`` may abort when Ray ends
    it later, which an application that shows the logs of its processes would show.
    """
    again = {"max_restarts": _RETRIES, "max_task_retries": _RETRIES}
    node = _Node.options(num_cpus=0, **again, **options).remote()  # type: ignore[attr-defined]
    try:
        yield node.ask.remote(probe)
    finally:
        ray.kill(node)


@ray.remote
class _Node:
    """A process on a node."""

    def ask(self, probe: Location) -> tuple[dict[str, str], bool, str | None]:
        """Return the node's versions, True if it sends tokens, and any error of the storage."""
        with_token = sends_token()
        try:
            seen = probe.read_text()
            answer = probe.parent / f"{probe.name}-{ray.get_runtime_context().get_node_id()}"
            answer.write_text(seen)
            answer.remove()
            return versions_here(), with_token, None
        except StorageError as error:
            return versions_here(), with_token, str(error)


def _check_answer(reference: Any, node: str, here: dict[str, str], directory: Location) -> None:
    try:
        there, with_token, storage_error = ray.get(reference)
    except Exception as error:
        missing = "tabvae_ray" if "No module named 'tabvae_ray'" in str(error) else None
        reason = f"{missing} is not installed there" if missing else last_line(error)
        raise ConfigError(
            f"node {node}: cannot run trials: {reason}; install the same tabvae_ray on every node"
        ) from error
    check_versions(node, there, here)
    if sends_token() and not with_token:
        # Calls to the cluster would work, but its calls to this process would be refused. Ray would
        # then cancel every trial before it starts, without naming a reason.
        raise ConfigError(
            f"node {node} sends no token, but this process asks for one: unset RAY_AUTH_MODE here, "
            "or start the cluster with RAY_AUTH_MODE=token"
        )
    if storage_error:
        raise StorageError(
            f"node {node} does not see {directory}: {storage_error}; give --out a directory that "
            "all nodes share, such as s3://bucket/runs or an NFS mount"
        )


def _fits(available: dict[str, float], resources: Resources) -> bool:
    return (
        available.get("CPU", 0.0) >= resources.cpus and available.get("GPU", 0.0) >= resources.gpus
    )
