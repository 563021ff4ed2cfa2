"""The best trials of a search so far."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tabvae_ray.results.constraints import keeps_constraints
from tabvae_ray.results.pareto import as_losses, front, rank_order
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["best_of", "best_so_far"]


def best_of(
    records: Sequence[TrialRecord], space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Return the Pareto front by number, and its runners-up if the front is small.

    Only complete trials count, and only those that keep the constraints, if any does. Runners-up
    fill the front up to half of ``search.n_candidates``.
    """
    return _best([record for record in records if record.state == "COMPLETE"], space)


def best_so_far(
    records: Iterable[TrialRecord], space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Return the best of trials that did not reach the full budget, and their runners-up.

    These are chosen from if the time is over before any trial is complete. Trials count as far as
    they came: their last report must be finite, and they must have a checkpoint.

    Returns:
        Copies of the records, with the last reported scores as ``objectives``.
    """
    known = []
    for record in records:
        values = record.rungs[-1].values if record.rungs else {}
        scores = {name: values.get(name) for name in space.objectives}
        finite = {name: value for name, value in scores.items() if value is not None}
        if record.checkpoint is not None and finite.keys() == scores.keys():
            known.append(replace(record, objectives=finite))
    return _best(known, space)


def _best(
    records: Sequence[TrialRecord], space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    complete = sorted(records, key=lambda record: record.number)
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
