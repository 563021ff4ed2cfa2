"""The hypervolume of a search, the same in the terminal, in its files and in its report."""

from collections.abc import Sequence

from tabvae_ray.comparison.options import SCORES
from tabvae_ray.results.pareto import as_losses, front, hypervolume
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["hypervolume_of"]


def hypervolume_of(complete: Sequence[TrialRecord], space: SearchSpace) -> float | None:
    """Return the hypervolume of complete trials; None if an objective is a loss.

    Scores lie in [0, 1]. The reference point is 1 for those to minimise and 0 for those to
    maximise, the same for every search, so that volumes can be compared.
    """
    if not all(name in SCORES for name in space.objectives):
        return None
    corner = [[1.0 if d == "minimize" else 0.0 for d in space.directions]]
    reference = as_losses(corner, space.directions)[0].tolist()
    values = [record.values(space.objectives) for record in complete]
    losses = as_losses(values, space.directions)
    # Dominated points add nothing but rounding.
    return hypervolume(losses[front(losses)] if values else losses, reference)
