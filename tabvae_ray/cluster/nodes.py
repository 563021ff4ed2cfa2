"""What the nodes of a cluster have, and whether more can come."""

import json
from dataclasses import dataclass
from typing import Any

import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.core.generated.autoscaler_pb2 import (  # type: ignore[attr-defined]
    GetClusterStatusReply,
)
from ray.experimental.internal_kv import _internal_kv_get

__all__ = ["Resources", "autoscales", "free_slots", "launches"]


@dataclass(frozen=True)
class Resources:
    """What a trial gets.

    Args:
        cpus: CPUs, and threads.
        gpus: GPUs; a fraction lets several trials share one.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        """Threads of a trial."""
        return max(1, int(self.cpus))


def free_slots(resources: Resources) -> int:
    """How many trials the cluster's free resources can take at once; at least 1."""
    free = ray.available_resources()  # type: ignore[no-untyped-call]
    slots = free.get("CPU", 0.0) / resources.cpus if resources.cpus else float("inf")
    if resources.gpus:
        slots = min(slots, free.get("GPU", 0.0) / resources.gpus)
    return max(1, int(slots + 1e-6))


def autoscales() -> bool:
    """Whether the cluster has an autoscaler that can add nodes."""
    if _is_autoscaler_v2():
        return True
    # Every head that ray start has made reports; where there is nothing to add nodes with, each
    # node is a type of its own.
    report = _autoscaler_report()
    kinds = {*(report.get("active_nodes") or ()), *(report.get("node_type_mapping") or {}).values()}
    return any(not kind.startswith("node_") for kind in kinds)


def launches() -> bool:
    """Whether the autoscaler is at work on a node; where it does not say so, it may be."""
    if _is_autoscaler_v2():
        address = ray.get_runtime_context().gcs_address
        reply = GetClusterStatusReply.FromString(
            GcsClient(address).get_cluster_status(timeout_s=10)
        )
        return not reply.autoscaling_state.infeasible_resource_requests
    report = _autoscaler_report()
    return bool(report.get("pendinglaunches") or report.get("pending_nodes") or not report)


def _is_autoscaler_v2() -> bool:
    return bool(_internal_kv_get(b"__autoscaler_v2_enabled", namespace=b"__autoscaler") == b"1")


def _autoscaler_report() -> dict[str, Any]:
    status = json.loads(_internal_kv_get(b"__autoscaling_status") or b"{}")
    return status.get("autoscaler_report") or {}
