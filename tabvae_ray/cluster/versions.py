"""Versions that must be the same on every node."""

from tabvae_ray._version import package_versions
from tabvae_ray.errors import ConfigError

__all__ = ["check_versions", "versions_here"]


def check_versions(node: str, there: dict[str, str], here: dict[str, str]) -> None:
    """Check that the versions on a node are those here.

    Raises:
        ConfigError: If any differ; it names all that do.
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
    """Return the versions that must be the same on every node."""
    found = package_versions("python", "ray", "torch", builds=False)
    # Patch releases of Python work together.
    return found | {"python": found["python"].rpartition(".")[0]}
