"""The Optuna sampler of a search, and the points that run before it proposes any."""

import warnings
from collections.abc import Mapping

import numpy as np
import optuna
from optuna.samplers import NSGAIISampler

from tabvae_ray.space.parameters import CategoricalParameter, Value
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["choose_sampler", "first_points"]


def choose_sampler(space: SearchSpace, number: int = 0) -> tuple[optuna.samplers.BaseSampler, str]:
    """Return the sampler of a space, seeded for one trial, and the reason for choosing it."""
    settings = space.settings
    kind: str = settings.sampler
    why = "as set in the space"
    if settings.sampler == "auto":
        kind, why = _automatic(space)
    seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        # Some options have been experimental in Optuna for years.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if kind == "tpe":
            sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
                seed=seed,
                multivariate=True,
                group=True,
                constant_liar=True,
                n_startup_trials=settings.n_startup_trials,
            )
        elif kind == "gp":
            sampler = optuna.samplers.GPSampler(
                seed=seed,
                n_startup_trials=settings.n_startup_trials,
            )
        elif kind == "nsga2":
            sampler = NSGAIISampler(seed=seed)
        else:
            # The points of qmc come from first_points, too.
            sampler = optuna.samplers.RandomSampler(seed=seed)
    return sampler, f"{kind}: {why}"


def first_points(space: SearchSpace) -> list[Mapping[str, Value]]:
    """Return the points that run before the sampler's: the space's own, then quasi-random ones."""
    settings = space.settings
    initial = list(space.initial)
    if settings.sampler == "random":
        return initial
    n_random = settings.n_trials if settings.sampler == "qmc" else settings.n_startup_trials
    n_random = max(0, min(n_random, settings.n_trials) - len(initial))
    return [*initial, *(space.quasi_random(n_random) if n_random else [])]


def _automatic(space: SearchSpace) -> tuple[str, str]:
    numeric = not any(
        isinstance(p, CategoricalParameter) or p.when for p in space.parameters.values()
    )
    n = space.settings.n_trials
    if n >= 1000:
        return "nsga2", f"{n} trials are more than a model of the objectives can keep up with"
    if numeric and n <= 200:
        return "gp", "all parameters are numbers without conditions, and trials are few"
    return "tpe", "it takes categories and conditions, and a few hundred trials"
