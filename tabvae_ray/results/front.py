"""The best trials of a search so far."""

from collections.abc import Sequence

from tabvae_ray.results.constraints import keeps_constraints
from tabvae_ray.results.pareto import as_losses, front, rank_order
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["best_of"]


def best_of(
    records: Sequence[TrialRecord], space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Return the Pareto front by number, and its runners-up if the front is small.

    Only complete trials count, and only those that keep the constraints, if any does. Runners-up
    fill the front up to half of ``search.n_candidates``.
    """
    complete = sorted(
        (record for record in records if record.state == "COMPLETE"),
        key=lambda record: record.number,
    )
    complete = [record for record in complete if keeps_constraints(record, space)] or complete
    if not complete:
        return [], []
    names = list(space.objectives)
    losses = as_losses([record.values(names) for record in complete], space.directions)
    best = front(losses)
    n_more = space.settings.n_candidates // 2 - len(best)
    # The front comes first in this order.
    after = rank_order(losses)[len(best) :][:n_more] if n_more > 0 else []
    return [complete[i] for i in best], [complete[i] for i in after]
