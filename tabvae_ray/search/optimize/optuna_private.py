"""All uses of Optuna's private names, which any release may change.

NSGA-II keeps which generation a trial belongs to, and the parents of a generation, under keys of
its own. A study that is rebuilt needs both, or NSGA-II would start again at its first generation.
"""

from collections.abc import Sequence

import optuna
from optuna.samplers import NSGAIISampler

__all__ = ["GENERATION_KEY", "generation_of", "keep_parents", "parents_of", "trial_of"]

# The system attribute of a trial that holds its generation.
GENERATION_KEY = NSGAIISampler._get_generation_key()
_PARENTS_KEY = NSGAIISampler._get_parent_cache_key_prefix()


def generation_of(study: optuna.Study, number: int) -> int | None:
    """Return the NSGA-II generation of a trial; None with other samplers.

    It depends on which trials were complete at the time, which is stored nowhere else.
    """
    trial = study.get_trials(deepcopy=False)[number]
    generation: int | None = trial.system_attrs.get(GENERATION_KEY)
    return generation


def parents_of(study: optuna.Study, generation: int) -> list[int] | None:
    """Return the numbers of a generation's parents; None for the first generation."""
    known = study._storage.get_study_system_attrs(study._study_id)
    ids = known.get(_PARENTS_KEY + str(generation))
    if ids is None:
        return None
    return [trial.number for trial in study.get_trials(deepcopy=False) if trial._trial_id in ids]


def keep_parents(study: optuna.Study, generation: int, parents: Sequence[int]) -> None:
    """Store the parents of a generation in a study that is rebuilt."""
    trials = study.get_trials(deepcopy=False)
    ids = [trials[number]._trial_id for number in parents]
    study._storage.set_study_system_attr(study._study_id, _PARENTS_KEY + str(generation), ids)


def trial_of(study: optuna.Study, number: int) -> optuna.Trial:
    """Return a trial of a study so that attributes can be set."""
    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
