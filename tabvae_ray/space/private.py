"""Rules of a search space for trials with differential privacy.

What a search spends is known only if its trials are independent draws of one procedure whose number
does not depend on the rows (Papernot & Steinke 2022, arXiv 2110.03620). Everything else is refused.
"""

from collections.abc import Collection, Mapping
from typing import Any

from tabvae_ray.errors import ConfigError
from tabvae_ray.space.search_space import SearchSettings, SearchSpace

__all__ = ["PRIVATE_SCORE", "check_private_space", "refuse_private"]

# The noisy mean loss of the rows, in nats per row.
PRIVATE_SCORE = "private_nats"

_ENCODING = "transformers."
_ONE_FOR_ALL = {
    "training.batch_size": "the noise is computed for one sampling rate",
    "training.early_stopping": "losses of rows must not stop a training",
    "training.gradient_clip_norm": "training.dp.max_grad_norm limits the gradient of each row",
}


def check_private_space(
    objectives: Mapping[str, str],
    constraints: Collection[str],
    initial: Collection[Any],
    settings: SearchSettings,
    parameters: Collection[str],
) -> list[str]:
    """Return what breaks the count of what a search spends, each with its reason."""
    errors = []
    if dict(objectives) != {PRIVATE_SCORE: "minimize"}:
        errors.append(
            f"objectives: must be {{{PRIVATE_SCORE}: minimize}} with training.dp, the noisy loss "
            "of the rows; all other scores are computed from rows without noise"
        )
    if constraints:
        errors.append(
            "constraints: must not be given with training.dp: they choose by scores of rows "
            "without noise"
        )
    if initial:
        errors.append(
            "initial: must not be given with training.dp: all trials must be drawn from one "
            "distribution, and a point that always runs is another one"
        )
    if settings.sampler != "random":
        errors.append(
            "search.sampler: must be random with training.dp: the trials must be independent, and "
            "other samplers propose by the scores of earlier trials"
        )
    if settings.scheduler != "none":
        errors.append(
            "search.scheduler: must be none with training.dp: stopping trials early compares them "
            "by scores that are not counted"
        )
    if settings.refit:
        errors.append(
            "search.refit: must be false with training.dp: a refit is one more training, and all "
            "rows are training rows already"
        )
    if settings.time_budget is not None:
        errors.append(
            "search.time_budget: must not be given with training.dp: the number of trials must not "
            "depend on how long they take"
        )
    for name in parameters:
        if name.startswith(_ENCODING):
            errors.append(
                f"parameters.{name}: cannot be searched with training.dp: the table is encoded "
                "once for all trials, because each look at it spends epsilon; set it in base"
            )
        elif name in _ONE_FOR_ALL:
            errors.append(
                f"parameters.{name}: cannot be searched with training.dp: {_ONE_FOR_ALL[name]}"
            )
    return errors


def refuse_private(space: SearchSpace) -> SearchSpace:
    """Return a space without differentially private training.

    Raises:
        ConfigError: If it is one with it.
    """
    if space.base.training.dp is not None:
        raise ConfigError(
            f"{space.source}: base.training.dp: this search compares all trials by scores of the "
            "rows, proposes parameters from them and stops trials by them, and nothing bounds what "
            "that tells about a row; use 'tabvae private-search', which counts what it spends"
        )
    return space
