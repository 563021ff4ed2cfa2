"""Settings of a search space that options replace."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from tabvae_ray.documents import validation_messages
from tabvae_ray.errors import ConfigError
from tabvae_ray.space.search_space import SearchSettings, SearchSpace
from tabvae_ray.space.select_rule import check_given_select
from tabvae_ray.uri import masked

__all__ = ["sampling", "with_settings", "without_credentials"]


def with_settings(space: SearchSpace, settings: Mapping[str, Any]) -> SearchSpace:
    """Return a space with the settings that are not None in place of its own.

    Raises:
        ConfigError: If one breaks a rule.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    try:
        updated = space.settings.model_validate({**space.settings.model_dump(), **given})
    except ValidationError as error:
        lines = [f"--{line.removeprefix('n_')}" for line in validation_messages(error)]
        raise ConfigError("\n".join(lines).replace("time_budget", "time-budget")) from None
    further = [] if space.with_target is None else list(space.with_target.objectives)
    check_given_select(
        updated.select, list(space.objectives), further, constrained=bool(space.constraints)
    )
    return replace(space, settings=updated)


def sampling(space: SearchSpace | None, settings: Mapping[str, Any]) -> tuple[int | None, int]:
    """Return the most rows that trials see, and the seed of their sample.

    Args:
        space: The space; None if it is chosen for the table, which has not been read yet.
        settings: Settings that replace those of the space, where they are not None.
    """
    if space is not None:
        return space.settings.rows, space.settings.seed
    given = {key: settings.get(key) for key in ("rows", "seed")}
    chosen = SearchSettings(**{key: value for key, value in given.items() if value is not None})
    return chosen.rows, chosen.seed


def without_credentials(space: SearchSpace) -> SearchSpace:
    """Return a space whose paths have their credentials masked."""
    leaf = "data.training_dataset_path"
    path = space.base.data.training_dataset_path
    return replace(
        space,
        base=space.base if path is None else space.base.replace({leaf: masked(path)}),
        data=space.data and masked(space.data),
        spec=space.spec and masked(space.spec),
    )
