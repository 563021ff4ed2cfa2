"""What a process does that connects to a cluster; it returns an exit code."""

import ray

from tabvae_ray.cluster import preflight
from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.storage import Location


def connect(address: str) -> int:
    """Connect and leave."""
    with connected(address):
        return 0


def connect_before_ray_does(address: str) -> int:
    """Connect, but fail where Ray itself would try."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("Ray was asked")

    ray.init = fail  # type: ignore[assignment]
    return connect(address)


def check_nodes(address: str, directory: str) -> int:
    """Check that a search in a directory could run on the nodes."""
    with connected(address):
        preflight.preflight(Location(directory), Resources())
    return 0


def ask_for_a_node_that_never_comes(address: str) -> int:
    """Check the nodes for a trial that no node type can take."""
    # How long nodes take to be launched is known here.
    preflight._LAUNCH_SECONDS = 5.0
    with connected(address):
        preflight.preflight(Location("/tmp"), Resources(cpus=512))
    return 0
