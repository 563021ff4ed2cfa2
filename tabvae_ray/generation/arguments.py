"""Checks of the arguments of methods that draw rows."""

from operator import index
from typing import Any

from tabvae_ray.errors import ConfigError, TabVAEError, brief

__all__ = ["check_seed", "check_whole"]

_MAX_SEED = 2**63 - 1


def check_whole(
    name: str, value: Any, *, least: int, error: type[TabVAEError] = ConfigError
) -> None:
    """Check that an argument is a whole number, such as an int or one of numpy.

    Raises:
        error: If it is none, or below ``least``.
    """
    try:
        fits = index(value) >= least
    except TypeError:
        fits = False
    if not fits:
        raise error(f"{name} must be a whole number >= {least}, but got {brief(value)}")


def check_seed(*seeds: Any) -> None:
    """Check that torch can take seeds.

    Raises:
        ConfigError: If one is no whole number from 0 to 2^63 - 1.
    """
    for seed in seeds:
        check_whole("the seed", seed, least=0)
        if seed > _MAX_SEED:
            raise ConfigError(f"the seed must be <= {_MAX_SEED}, but got {brief(seed)}")
