"""Checking before the first trial that a search can run on the nodes that are there."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray._private.authentication.authentication_utils import is_token_auth_enabled
from ray._private.state import state

from tabvae_ray import __version__
from tabvae_ray.cluster.connection import last_line
from tabvae_ray.cluster.nodes import Resources, autoscales, launches
from tabvae_ray.cluster.versions import check_versions, versions_here
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.storage import Location

__all__ = ["HEAD", "preflight", "preflight_head"]

# What to ask for, to be put on the cluster's head.
HEAD = {"node:__internal_head__": 0.001}

_LOG = logging.getLogger(__name__)
# Seconds that every node has to answer the preflight's questions.
_PREFLIGHT_SECONDS = 60.0
# Seconds that an autoscaler has to add a node, and to begin with it.
_NODE_SECONDS = 900.0
_LAUNCH_SECONDS = 60.0


def preflight(directory: Location, resources: Resources, *, started_here: bool = False) -> None:
    """Check that the search can run on the cluster's nodes.

    Args:
        directory: The search's directory.
        resources: What a trial gets.
        started_here: This process has started the only node itself: it need not be asked, which
            takes seconds.

    Raises:
        ConfigError: If no node can ever take a trial, or a node has other versions or does not
            send the token that this process asks for.
        StorageError: If a node does not see the search's directory.
    """
    fitting = [node for node in _nodes() if _fits(node["Resources"], resources)]
    if not fitting:
        message = _no_room(resources)
        if not autoscales():
            raise ConfigError(f"{message}; change --cpus-per-trial or --gpus-per-trial")
        _LOG.warning("%s; waiting for the autoscaler to add one", message)
        _wait_for_room(resources, message)
        fitting = [node for node in _nodes() if _fits(node["Resources"], resources)]
    if started_here:
        return
    here = versions_here()
    with _probe_in(directory) as probe:
        asked = {
            _ask.options(
                num_cpus=0,
                scheduling_strategy=ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
                    node["NodeID"], soft=False
                ),
            ).remote(probe): node
            for node in fitting
        }
        done, silent = ray.wait(
            list(asked), num_returns=len(asked), timeout=_PREFLIGHT_SECONDS, fetch_local=True
        )
        # Nodes come and go: one that has gone since is nobody's fault.
        still_there = {node["NodeID"] for node in _nodes()}
        lost = [r for r in silent if asked[r]["NodeID"] in still_there]
        if lost:
            where = ", ".join(asked[reference]["NodeManagerAddress"] for reference in lost)
            raise ConfigError(
                f"the nodes {where} did not answer within {_PREFLIGHT_SECONDS:g} s: check that "
                "they are up and can reach each other (ray status)"
            )
        answered = [r for r in done if asked[r]["NodeID"] in still_there]
        for reference in answered:
            _check_answer(reference, asked[reference]["NodeManagerAddress"], here, directory)
        if not answered:
            raise ConfigError("all nodes that could run trials have gone: see ray status")


def preflight_head(directory: Location) -> None:
    """Check that the cluster's head can be the driver of a search.

    Args:
        directory: Where searches lie.

    Raises:
        ConfigError: If the head has other versions.
        StorageError: If it does not see the directory.
    """
    with _probe_in(directory) as probe:
        answer = _ask.options(num_cpus=0, resources=HEAD).remote(probe)
        _check_answer(answer, "of the head", versions_here(), directory)


@contextmanager
def _probe_in(directory: Location) -> Iterator[Location]:
    """A file for nodes to read, and to write beside, while they are asked."""
    probe = directory / f".preflight-{os.getpid()}"
    probe.write_text(__version__)
    try:
        yield probe
    finally:
        probe.remove()


def _nodes() -> list[dict[str, Any]]:
    """Nodes that are up and are not about to go."""
    leaving = state.get_draining_nodes()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"] and node["NodeID"] not in leaving]


def _no_room(resources: Resources) -> str:
    largest = {
        kind: max((node["Resources"].get(kind, 0.0) for node in _nodes()), default=0.0)
        for kind in ("CPU", "GPU")
    }
    return (
        f"a trial asks for {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, but no node "
        f"has that: the largest have {largest['CPU']:g} CPUs and {largest['GPU']:g} GPUs"
    )


def _wait_for_room(resources: Resources, message: str) -> None:
    """Ask the autoscaler for a node that can take a trial, by something that needs one."""
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
        # Of a task that is done, Ray takes it amiss.
        if not ray.wait([needed], timeout=0)[0]:
            ray.cancel(needed, force=True)


@ray.remote(max_retries=0)
def _nothing() -> None:
    pass


@ray.remote
def _ask(probe: Location) -> tuple[dict[str, str], bool, str | None]:
    """Versions there, whether tokens are sent from there, and what is wrong with the storage."""
    with_token = is_token_auth_enabled()
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
    if is_token_auth_enabled() and not with_token:
        # Calls from here would pass, but none of the cluster's to this process: Ray would cancel
        # every trial before it has begun, without a reason.
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
