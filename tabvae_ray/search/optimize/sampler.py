"""Choose the Optuna sampler, and keep the private state of NSGA-II."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.samplers import NSGAIISampler

from tabvae_ray.space.parameters import CategoricalParameter, Value
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["GENERATION_KEY", "choose_sampler", "generation_of", "keep_parents", "parents_of"]


# Where NSGA-II keeps a trial's generation, and the parents of one.
GENERATION_KEY = NSGAIISampler._get_generation_key()


_PARENTS_KEY = NSGAIISampler._get_parent_cache_key_prefix()


def choose_sampler(space: SearchSpace, number: int = 0) -> tuple[optuna.samplers.BaseSampler, str]:
    """The sampler that the space asks for, seeded for one trial, and why it is that one."""
    settings = space.settings
    kind, why = _automatic(space) if settings.sampler == "auto" else (settings.sampler, "asked for")
    seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        # Options that Optuna calls experimental, and have been for years.
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
            # qmc, too, draws its points itself, see _first_points.
            sampler = optuna.samplers.RandomSampler(seed=seed)
    return sampler, f"{kind}: {why}"


def generation_of(study: optuna.Study, number: int) -> int | None:
    """The generation that NSGA-II bore a trial in; None with other samplers.

    It depends on which trials were complete at the time, which nothing else remembers.
    """
    trial = study.get_trials(deepcopy=False)[number]
    generation: int | None = trial.system_attrs.get(GENERATION_KEY)
    return generation


def parents_of(study: optuna.Study, generation: int) -> list[int] | None:
    """The trials that a generation of NSGA-II descends from; None for the first."""
    known = study._storage.get_study_system_attrs(study._study_id)
    ids = known.get(_PARENTS_KEY + str(generation))
    if ids is None:
        return None
    return [trial.number for trial in study.get_trials(deepcopy=False) if trial._trial_id in ids]


def keep_parents(study: optuna.Study, generation: int, parents: Sequence[int]) -> None:
    """Tell NSGA-II again which trials a generation descends from."""
    trials = study.get_trials(deepcopy=False)
    ids = [trials[number]._trial_id for number in parents]
    study._storage.set_study_system_attr(study._study_id, _PARENTS_KEY + str(generation), ids)


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


def _first_points(space: SearchSpace) -> list[Mapping[str, Value]]:
    """What runs before the sampler begins: the space's own points, then quasi-random ones."""
    settings = space.settings
    initial = list(space.initial)
    if settings.sampler == "random":
        return initial
    n_random = settings.n_trials if settings.sampler == "qmc" else settings.n_startup_trials
    n_random = max(0, min(n_random, settings.n_trials) - len(initial))
    return [*initial, *(space.quasi_random(n_random) if n_random else [])]
