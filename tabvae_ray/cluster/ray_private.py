"""All uses of Ray's private names, which any release may change.

``pyproject.toml`` therefore bounds Ray above. A newer Ray is admitted after a look at this module.
"""

import io
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import ray
from ray._private import services, worker
from ray._private.authentication.authentication_utils import is_token_auth_enabled
from ray._private.node import Node
from ray._private.state import state
from ray._private.utils import get_num_cpus
from ray._raylet import GcsClient, setproctitle  # type: ignore[attr-defined]
from ray.core.generated.autoscaler_pb2 import (  # type: ignore[attr-defined]
    GetClusterStatusReply,
)
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

__all__ = [
    "STATE_LOGGERS",
    "TASK_LOGGERS",
    "autoscaling_state",
    "callbacks_not_counted",
    "draining_nodes",
    "get_from_head",
    "grpc_channel",
    "has_started_actor",
    "messages_logged",
    "put_on_head",
    "sends_token",
    "set_process_title",
    "usable_cpus",
    "waiting_for_node",
    "without_services",
]

_LOG = logging.getLogger(__name__)

# Log tracebacks if Ray Tune's own state cannot be written, which no search resumes from.
STATE_LOGGERS = ("ray.tune.execution.experiment_state", "ray.train._internal.storage")

# Log tracebacks of errors in tasks that Ray Data starts, also of those that are raised.
TASK_LOGGERS = ("ray.data", "ray._private.worker")

# Ray warns of four processes for each CPU. Ray Data and Ray Train have more on a small machine, as
# actors that need no CPU.
_MANY_PROCESSES = "worker processes have been started on node"

# How often a node that starts is looked for.
_PERIOD = 0.1
# Variables that let OpenMP bind threads to CPUs.
_BINDING = ("OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")

# Methods of a node that start its services.
_SERVICES = ("start_api_server", "start_log_monitor", "start_monitor")


def put_on_head(key: bytes, value: bytes) -> None:
    """Keep a value in the memory of the cluster's head."""
    _internal_kv_put(key, value)


def get_from_head(key: bytes, namespace: bytes | None = None) -> bytes | None:
    """Return a value from the memory of the cluster's head, or None."""
    found: bytes | None = _internal_kv_get(key, namespace=namespace)
    return found


def set_process_title(title: str) -> None:
    """Set the command line that the system, and so Ray, shows for this process."""
    setproctitle(title)


def usable_cpus() -> int:
    """Return how many CPUs this process may use.

    Ray counts those of the machine, or of its container. A batch system or ``taskset`` may allow
    fewer, which only the process itself knows, unless OpenMP has bound its first thread to a CPU.
    """
    n = get_num_cpus(override_docker_cpu_warning=True, truncate=False)
    bound = any(os.environ.get(name, "false").lower() != "false" for name in _BINDING)
    if hasattr(os, "sched_getaffinity") and not bound:
        n = min(n, len(os.sched_getaffinity(0)))
    return max(1, int(n))


@contextmanager
def waiting_for_node(seconds: float) -> Iterator[None]:
    """Let a Ray that starts in the block wait longer for its processes than its own 30 seconds.

    Args:
        seconds: How long each question for the node waits for an answer; 0 changes nothing.
    """
    ask = services.get_node

    def patient(*args: Any, **kwargs: Any) -> Any:
        end = time.monotonic() + seconds
        while True:
            try:
                return ask(*args, **kwargs)  # type: ignore[no-untyped-call]
            except RuntimeError:
                # The node is not there yet.
                if time.monotonic() >= end:
                    raise
                time.sleep(_PERIOD)

    services.get_node = patient
    try:
        yield
    finally:
        services.get_node = ask


@contextmanager
def without_services() -> Iterator[None]:
    """Let a Ray that starts in the block do without services that only people and clusters use.

    They are the dashboard's server, the autoscaler and the follower of logs. Each is a Python
    process, and Ray waits for the first of them before it starts processes for trials.
    """
    before = {name: getattr(Node, name) for name in _SERVICES}
    for name in _SERVICES:
        setattr(Node, name, _start_nothing)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


def _start_nothing(node: Node, **options: Any) -> None:
    """Replace a method of Ray's node."""


@contextmanager
def callbacks_not_counted() -> Iterator[None]:
    """Keep Ray Tune in the block from counting callbacks by kind, for which it imports MLflow."""
    # Takes longer to import than a command may that only connects.
    from ray.air._internal import usage

    before, usage.tag_callbacks = usage.tag_callbacks, lambda callbacks: False
    try:
        yield
    finally:
        usage.tag_callbacks = before


@contextmanager
def messages_logged() -> Iterator[None]:
    """Log messages of Ray's nodes in the block as warnings, which go to stderr unless told apart.

    Ray writes them to stdout, where the one JSON object or the rows of a command belong. What it
    leaves out, such as repetitions, stays left out.
    """
    before = worker.print_worker_logs

    def log(data: dict[str, Any], print_file: Any, ignore_prefix: bool = False) -> None:
        text = io.StringIO()
        before(data, text, ignore_prefix)
        for line in click.unstyle(text.getvalue()).splitlines():
            if line.strip() and _MANY_PROCESSES not in line:
                _LOG.warning("Ray: %s", line.strip())

    worker.print_worker_logs = log
    try:
        yield
    finally:
        worker.print_worker_logs = before


def sends_token() -> bool:
    """Return True if this process sends an authentication token with its calls."""
    return bool(is_token_auth_enabled())


def grpc_channel(address: str) -> Any:
    """Open a gRPC channel to a Ray server, with TLS and token as Ray would.

    Raises:
        ImportError: If gRPC for Python is not installed.
    """
    from ray._private.grpc_utils import init_grpc_channel

    return init_grpc_channel(address)


def draining_nodes() -> set[str]:
    """Return the ids of the nodes that are about to leave the cluster."""
    return set(state.get_draining_nodes())


def autoscaling_state() -> Any:
    """Return the state of an autoscaler of version 2, a protocol buffer."""
    address = ray.get_runtime_context().gcs_address
    reply = GetClusterStatusReply.FromString(GcsClient(address).get_cluster_status(timeout_s=10))
    return reply.autoscaling_state


def has_started_actor(tune_controller: Any, trial: Any) -> bool:
    """Return True if Ray Tune has an actor for a trial, and its process has started."""
    actor = tune_controller._trial_to_actor.get(trial)
    return actor is not None and bool(tune_controller._actor_manager.is_actor_started(actor))
