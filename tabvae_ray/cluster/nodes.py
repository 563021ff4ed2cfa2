"""Resources of the nodes of a cluster, and its autoscaler."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray

from tabvae_ray.cluster.ray_private import autoscaling_state, get_from_head, usable_cpus
from tabvae_ray.errors import ConfigError

__all__ = [
    "Resources",
    "autoscales",
    "expected_slots",
    "free_slots",
    "launches",
    "trials_at_once",
]

# Ray counts resources in parts of this size.
_LEAST = 0.0001
# Trials at once that are expected of a cluster before it is reached.
_SLOTS_OF_CLUSTER = 4


@dataclass(frozen=True)
class Resources:
    """The resources of a trial.

    Args:
        cpus: CPUs, which is also its number of threads.
        gpus: GPUs; a fraction lets several trials share one.

    Raises:
        ConfigError: If Ray cannot reserve so much, or so little.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        amounts = {"cpus": self.cpus, "gpus": self.gpus}
        errors = [
            f"--{name}-per-trial: must be at least {_LEAST}, but got {amount:g}"
            for name, amount in amounts.items()
            if 0 < amount < _LEAST
        ]
        if self.gpus > 1 and self.gpus % 1:
            errors.append(
                f"--gpus-per-trial: must be a whole number if it is above 1, but got {self.gpus:g}"
            )
        if errors:
            raise ConfigError("\n".join(errors))

    @property
    def threads(self) -> int:
        """Number of threads of a trial."""
        return max(1, int(self.cpus))


def expected_slots(resources: Resources, concurrency: int | None, address: str | None) -> int:
    """Return how many trials are expected to run at once, without a connection to Ray.

    Args:
        resources: The resources of a trial.
        concurrency: The limit that the user gives, which is trusted of a cluster and of GPUs.
        address: The address of the cluster; ``RAY_ADDRESS`` or this machine if None.
    """
    is_local = (address or os.environ.get("RAY_ADDRESS") or "local") == "local"
    if is_local and not resources.gpus:
        fitting = _fitting(resources, {"CPU": usable_cpus()})
        return fitting if concurrency is None else min(concurrency, fitting)
    if concurrency is not None:
        return concurrency
    return max(1, int(1 / resources.gpus)) if is_local else _SLOTS_OF_CLUSTER


def free_slots(resources: Resources) -> int:
    """Return how many trials fit into the cluster's free resources; at least 1."""
    return _fitting(resources, ray.available_resources())  # type: ignore[no-untyped-call]


def trials_at_once(
    resources: Resources, concurrency: int | None, n_trials: int, *, here: bool
) -> tuple[int, int]:
    """Return how many trials run at once, and how many may be started.

    Args:
        resources: The resources of a trial.
        concurrency: Trials that the user wants at once; as many as fit if None.
        n_trials: Trials of the search.
        here: Whether this process started Ray, so that no node joins. Others are trusted to bring
            what the user wants.
    """
    free, grows = free_slots(resources), autoscales()
    # If nodes are added on demand, the sampler should still learn from most trials.
    slots = max(free, math.ceil(n_trials / 4)) if grows else free
    if concurrency is not None and here:
        # More than ever fit would be proposed without the results of those that run.
        every = ray.cluster_resources()  # type: ignore[no-untyped-call]
        slots = min(concurrency, _fitting(resources, every))
    elif concurrency is not None:
        slots = concurrency
    # One trial more than there are slots waits for the next free process, because Ray keeps
    # processes only for trials that wait. An autoscaler must not add a node for it.
    return slots, slots + 1 if slots >= free and not grows else slots


def _fitting(resources: Resources, amounts: Mapping[str, float]) -> int:
    """Return how many trials fit into amounts of a cluster's resources; at least 1."""
    slots = amounts.get("CPU", 0.0) / resources.cpus if resources.cpus else float("inf")
    if resources.gpus:
        slots = min(slots, amounts.get("GPU", 0.0) / resources.gpus)
    return max(1, int(slots + 1e-6))


def autoscales() -> bool:
    """Return True if the cluster has an autoscaler that can add nodes."""
    if _is_autoscaler_v2():
        return True
    # Every head that `ray start` makes reports. Without a way to add nodes, each node has a type of
    # its own, node_<address>.
    report = _autoscaler_report()
    kinds = {*(report.get("active_nodes") or ()), *(report.get("node_type_mapping") or {}).values()}
    return any(not kind.startswith("node_") for kind in kinds)


def launches() -> bool:
    """Return True if the autoscaler is adding a node, or does not report whether it is."""
    if _is_autoscaler_v2():
        return not autoscaling_state().infeasible_resource_requests
    report = _autoscaler_report()
    return bool(report.get("pendinglaunches") or report.get("pending_nodes") or not report)


def _is_autoscaler_v2() -> bool:
    return get_from_head(b"__autoscaler_v2_enabled", namespace=b"__autoscaler") == b"1"


def _autoscaler_report() -> dict[str, Any]:
    status = json.loads(get_from_head(b"__autoscaling_status") or b"{}")
    return status.get("autoscaler_report") or {}
