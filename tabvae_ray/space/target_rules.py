"""Rules for what a space adds where the spec names a target; every check returns error lines."""

from collections.abc import Collection, Sequence

from tabvae_ray.comparison.options import ComparisonOptions
from tabvae_ray.errors import ConfigError
from tabvae_ray.space.rules import check_scores
from tabvae_ray.space.search_space import WithTarget
from tabvae_ray.space.select_rule import parse_select

__all__ = ["check_selects", "check_with_target"]


def check_with_target(
    extra: WithTarget,
    objectives: Collection[str],
    parameters: Collection[str],
    options: ComparisonOptions,
) -> list[str]:
    """Check the further objectives."""
    errors = [
        f"with_target.objectives.{name}: is among the objectives already"
        for name in extra.objectives
        if name in objectives
    ]
    found = check_scores(extra.objectives, {}, parameters, options)
    return [*errors, *(f"with_target.{line}" for line in found)]


def check_selects(
    select: str, extra: WithTarget | None, objectives: Sequence[str], *, constrained: bool
) -> list[str]:
    """Check the choice of the model, without a target and with one."""
    errors = []
    try:
        parse_select(select, objectives, constrained=constrained)
    except ConfigError as error:
        errors.append(f"search.{error}")
    if extra is not None and not errors:
        names = list(dict.fromkeys((*objectives, *extra.objectives)))
        try:
            parse_select(extra.select or select, names, constrained=constrained)
        except ConfigError as error:
            errors.append(f"with_target.{error}")
    return errors
