"""Choosing the best trial: the front's models, scored again on fresh samples.

The score that a trial reported is the luckiest of many draws where there are many trials, so it is
not the score that its rows will have; fresh samples tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
import torch

from tabvae_ray.search.cluster import Resources
from tabvae_ray.search.pareto import as_losses, choose, epsilon_net_order, parse_select
from tabvae_ray.search.records import TrialRecord
from tabvae_ray.search.searcher import violations
from tabvae_ray.search.space import SearchSpace
from tabvae_ray.search.trial import SearchTask, draw_rows, n_scored_rows, restore_trial

__all__ = ["Candidate", "as_scores", "candidates", "select"]

# Apart from the seeds of trials, which are made of two numbers.
_FRESH = 0x0F5E5A


@dataclass(frozen=True)
class Candidate:
    """A trial of the front, scored again.

    Args:
        record: The trial.
        means: Mean of every score over the fresh samples.
        spreads: Their standard deviation; 0 with one sample.
    """

    record: TrialRecord
    means: dict[str, float]
    spreads: dict[str, float]


def candidates(
    task: SearchTask, front: Sequence[TrialRecord], resources: Resources
) -> list[Candidate]:
    """Score the front's models on fresh samples, where Ray has room; by number.

    Args:
        task: What the trials shared.
        front: Complete trials that no other dominates, with their checkpoints.
        resources: What a trial had.
    """
    settings, names = task.space.settings, list(task.space.objectives)
    losses = as_losses([record.values(names) for record in front], task.space.directions)
    order = epsilon_net_order(losses)[: settings.n_candidates]
    chosen = sorted((front[i] for i in order), key=lambda record: record.number)
    shared = ray.put(task)
    remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(_score_again)
    references = [remote.remote(shared, record, settings.n_rescores) for record in chosen]
    return [
        Candidate(
            record,
            {name: float(np.mean([sample[name] for sample in samples])) for name in samples[0]},
            {name: _spread([sample[name] for sample in samples]) for name in samples[0]},
        )
        for record, samples in zip(chosen, ray.get(references), strict=True)
    ]


def select(found: Sequence[Candidate], space: SearchSpace) -> tuple[Candidate, str]:
    """The candidate that ``search.select`` asks for, and why it is that one.

    Candidates that break a constraint count only where all do.
    """
    names = list(space.objectives)
    kept = [c for c in found if all(v <= 0 for v in violations(c.means, space).values())]
    remark = ""
    if space.constraints:
        remark = f", among {len(kept)} of {len(found)} that keep the constraints"
    if not kept:
        # The least broken one: a user would rather see it than nothing.
        least = min(
            found, key=lambda c: sum(max(0.0, v) for v in violations(c.means, space).values())
        )
        return least, "breaks the constraints least; no candidate keeps them"
    values = as_losses([[c.means[name] for name in names] for c in kept], space.directions)
    rule = parse_select(space.settings.select, names)
    position = choose(values, rule)
    if isinstance(rule, str):
        meaning = {
            "ideal": "nearest to the best of every objective",
            "knee": "farthest below the line between the front's ends",
        }[rule]
    elif isinstance(rule, int):
        meaning = f"best {names[rule]}"
    else:
        parts = (f"{weight:g} {name}" for weight, name in zip(rule, names, strict=True))
        meaning = f"least weighted sum of {', '.join(parts)}, each scaled to [0, 1]"
    samples = space.settings.n_rescores
    if len(found) == 1:
        return kept[position], f"the only one on the front{remark}"
    return kept[position], (
        f"{meaning} of {len(found)} candidates on {samples} fresh samples each{remark}"
    )


def as_scores(candidate: Candidate) -> Mapping[str, Any]:
    """What ``scores.json`` of the export holds."""
    return {
        **candidate.means,
        "spread": candidate.spreads,
    }


def _score_again(task: SearchTask, record: TrialRecord, n: int) -> list[dict[str, float]]:
    torch.set_num_threads(task.threads)
    vae = restore_trial(task, record)
    rows = n_scored_rows(task, vae.config)
    found = []
    for sample in range(n):
        seed = np.random.SeedSequence([task.seed, record.number, _FRESH, sample])
        fresh = draw_rows(vae, rows, seed=int(seed.generate_state(1)[0]))
        found.append(task.comparison.compute(fresh).scores)
    return found


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
