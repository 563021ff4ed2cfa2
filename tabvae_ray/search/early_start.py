"""Start Ray while a search still imports its libraries and reads its table."""

from contextlib import AbstractContextManager

from tabvae_ray.cluster.connection import started_early
from tabvae_ray.cluster.nodes import Resources, expected_slots

__all__ = ["ray_started_early"]

_TRIAL = "tabvae_ray.search.trials.trainable"
# Each process that has imported what a trial needs takes 250 MiB.
_MOST_PROCESSES = 16


def ray_started_early(
    address: str | None, resources: Resources, concurrency: int | None
) -> AbstractContextManager[None]:
    """Start Ray during the block, see :func:`started_early`; processes for trials import torch.

    Ray starts one process per CPU, so they import only if every CPU gets a trial.

    Args:
        address: The address of the cluster; ``RAY_ADDRESS`` or this machine if None.
        resources: The resources of a trial.
        concurrency: Trials at once; as many as the resources allow if None.
    """
    n_cpus = expected_slots(Resources(), None, "local")
    all_used = n_cpus <= expected_slots(resources, concurrency, "local")
    imported = (_TRIAL,) if all_used and n_cpus <= _MOST_PROCESSES else ()
    return started_early(address, imported)
