"""Versions that must be the same on every node."""

import platform

import ray

from tabvae_ray import __version__
from tabvae_ray.errors import ConfigError

__all__ = ["check_versions", "versions_here"]


def check_versions(node: str, there: dict[str, str], here: dict[str, str]) -> None:
    """Refuse a node whose versions are not those here.

    Raises:
        ConfigError: Naming all that differ.
    """
    differing = [
        f"{name} {there.get(name)} (here {value})"
        for name, value in here.items()
        if there.get(name) != value
    ]
    if differing:
        raise ConfigError(
            f"node {node} has {', '.join(differing)}: install the same versions everywhere"
        )


def versions_here() -> dict[str, str]:
    """Versions of what must be the same on every node."""
    import torch

    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "ray": ray.__version__,
        # CPU and CUDA builds of one version may work together.
        "torch": torch.__version__.partition("+")[0],
        "tabvae_ray": __version__,
    }
