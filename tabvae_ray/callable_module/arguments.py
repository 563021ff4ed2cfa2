"""Check arguments of functions: whole numbers, seeds, and what is True or False."""

from operator import index
from typing import Any

import numpy as np

from tabvae_ray.errors import ConfigError, TabVAEError, brief

__all__ = ["flag", "seed_number", "whole_number"]

_MAX_SEED = 2**63 - 1


def whole_number(
    name: str, value: Any, *, least: int, error: type[TabVAEError] = ConfigError
) -> int:
    """Return an argument that is a whole number, such as an int or one of NumPy, as an int.

    Raises:
        error: If it is none, or below ``least``.
    """
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise error(f"{name} must be a whole number >= {least}, but got {brief(value)}")
    return number


def flag(name: str, value: Any) -> bool:
    """Return an argument that is True or False, such as one of NumPy, as a bool.

    Raises:
        ConfigError: If it is neither: the text ``no`` would count as True.
    """
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{name} must be True or False, but got {brief(value)}")
    return bool(value)


def seed_number(value: Any) -> int:
    """Return a seed as an int.

    Raises:
        ConfigError: If it is no whole number from 0 to 2^63 - 1, which torch takes.
    """
    seed = whole_number("the seed", value, least=0)
    if seed > _MAX_SEED:
        raise ConfigError(f"the seed must be <= {_MAX_SEED}, but got {brief(seed)}")
    return seed
