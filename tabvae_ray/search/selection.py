"""Choosing the best trial: the front and its runners-up, scored again on fresh samples.

The score that a trial reported is the luckiest of many draws where there are many trials, so it is
not the score that its rows will have; fresh samples tell.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
import torch

from tabvae_ray.errors import StorageError
from tabvae_ray.search.cluster import Resources
from tabvae_ray.search.pareto import (
    as_losses,
    choose,
    epsilon_net_order,
    front,
    parse_select,
    rank_order,
)
from tabvae_ray.search.records import TrialRecord
from tabvae_ray.search.searcher import violations
from tabvae_ray.search.space import SearchSpace
from tabvae_ray.search.trial import SearchTask, draw_rows, n_scored_rows, restore_trial

__all__ = ["Candidate", "as_scores", "best_of", "candidates", "select"]

_LOG = logging.getLogger(__name__)
# So many rows are scored here before the process of another would have started.
_ROWS_HERE = 50_000
# Apart from the seeds of trials, which are made of two numbers.
_FRESH = 0x0F5E5A


@dataclass(frozen=True)
class Candidate:
    """A trial of the front, or one of its runners-up, scored again.

    Args:
        record: The trial.
        means: Mean of every score over the fresh samples, and the losses of the last rung.
        spreads: Their standard deviation; 0 with one sample, and for losses.
    """

    record: TrialRecord
    means: dict[str, float]
    spreads: dict[str, float]


def best_of(
    records: Sequence[TrialRecord], space: SearchSpace
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """The front of some trials, by number, and its runners-up, if it is small.

    Both are of the complete trials that keep the constraints, or of all complete ones where none
    does. With its runners-up the front is half as large as there may be candidates.
    """
    complete = sorted(
        (record for record in records if record.state == "COMPLETE"),
        key=lambda record: record.number,
    )
    complete = [record for record in complete if _keeps_constraints(record, space)] or complete
    if not complete:
        return [], []
    names = list(space.objectives)
    losses = as_losses([record.values(names) for record in complete], space.directions)
    best = front(losses)
    room = space.settings.n_candidates // 2 - len(best)
    # Of the order of all, those of the front come first.
    after = rank_order(losses)[len(best) :][:room] if room > 0 else []
    return [complete[i] for i in best], [complete[i] for i in after]


def candidates(
    task: SearchTask,
    best: Sequence[TrialRecord],
    resources: Resources,
    *,
    runners_up: Sequence[TrialRecord] = (),
) -> list[Candidate]:
    """Score the best models on fresh samples, by number; many rows where Ray has room.

    A model whose checkpoint is gone is left out, if it is of the front, with a warning.

    Args:
        task: What the trials shared.
        best: Complete trials that no other dominates, with their checkpoints.
        resources: What a trial had.
        runners_up: Others to choose among.

    Raises:
        StorageError: If no checkpoint is left.
    """
    settings, names = task.space.settings, list(task.space.objectives)
    losses = as_losses([record.values(names) for record in best], task.space.directions)
    order = epsilon_net_order(losses, settings.n_candidates)
    chosen = sorted([*(best[i] for i in order), *runners_up], key=lambda record: record.number)
    n_rows = len(task.table) * len(chosen) * settings.n_rescores
    if task.device == "cpu" and n_rows <= _ROWS_HERE:
        answers = [_score_again(task, record, settings.n_rescores) for record in chosen]
    else:
        shared = ray.put(task)
        remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(_score_again)
        answers = ray.get([remote.remote(shared, record, settings.n_rescores) for record in chosen])
    found, gone = [], []
    for record, answer in zip(chosen, answers, strict=True):
        if not isinstance(answer, str):
            found.append(_candidate(record, answer))
        elif record in best:
            gone.append(f"trial {record.number} of the front cannot be scored again: {answer}")
    if not found:
        raise StorageError("\n".join([*gone, "go on by --resume, with more --trials"]))
    for line in gone:
        _LOG.warning("%s; it is left out", line)
    return found


def select(found: Sequence[Candidate], space: SearchSpace) -> tuple[Candidate, str]:
    """The candidate that ``search.select`` asks for, and why it is that one.

    Candidates that break a constraint count only where all do; then, and with the rule
    ``constraint``, it is the one that breaks them least, and among equals the nearest to the ideal.
    """
    names = list(space.objectives)
    rule = parse_select(space.settings.select, names, constrained=bool(space.constraints))
    least = min(_broken(candidate, space) for candidate in found)
    kept = [candidate for candidate in found if _broken(candidate, space) <= least]
    values = as_losses([[c.means[name] for name in names] for c in kept], space.directions)
    if least > 0:
        # A user would rather see it than nothing.
        reason = "breaks the constraints least; no candidate keeps them"
        return kept[choose(values, "ideal")], reason
    chosen = kept[choose(values, "ideal" if rule == "constraint" else rule)]
    if len(found) == 1:
        return chosen, "the only one there is"
    reason = f"{_meaning(rule, names)} of {len(found)} candidates"
    reason += f" on {space.settings.n_rescores} fresh samples each"
    if space.constraints:
        reason += f", among {len(kept)} of {len(found)} that keep the constraints"
    return chosen, reason


def as_scores(candidate: Candidate) -> Mapping[str, Any]:
    """What ``scores.json`` of the export holds."""
    return {
        **candidate.means,
        "spread": candidate.spreads,
    }


def _candidate(record: TrialRecord, samples: Sequence[Mapping[str, float]]) -> Candidate:
    last = {name: value for name, value in record.rungs[-1].losses.items() if value is not None}
    scored = {name: [sample[name] for sample in samples] for name in samples[0]}
    return Candidate(
        record,
        # Losses are of the training and the held-out rows: there is nothing to draw again.
        last | {name: float(np.mean(values)) for name, values in scored.items()},
        dict.fromkeys(last, 0.0) | {name: _spread(values) for name, values in scored.items()},
    )


def _meaning(rule: str | int | Sequence[float], names: Sequence[str]) -> str:
    if rule == "knee":
        return "farthest below the line between the front's ends"
    if isinstance(rule, str):
        return "nearest to the best of every objective"
    if isinstance(rule, int):
        return f"best {names[rule]}"
    parts = (f"{weight:g} {name}" for weight, name in zip(rule, names, strict=True))
    return f"least weighted sum of {', '.join(parts)}, each scaled to [0, 1]"


def _broken(candidate: Candidate, space: SearchSpace) -> float:
    """By how much a candidate breaks the constraints."""
    return sum(max(0.0, value) for value in violations(candidate.means, space).values())


def _keeps_constraints(record: TrialRecord, space: SearchSpace) -> bool:
    """By what it reported last; scores on fresh samples may say otherwise later."""
    last = record.rungs[-1]
    return all(v <= 0 for v in violations({**last.losses, **last.objectives}, space).values())


def _score_again(task: SearchTask, record: TrialRecord, n: int) -> list[dict[str, float]] | str:
    """Scores of ``n`` fresh samples, or why there are none."""
    torch.set_num_threads(task.threads)
    try:
        vae = restore_trial(task, record)
    except StorageError as error:
        return str(error)
    rows, made = n_scored_rows(task, vae.config), vae.synthesizer()
    found = []
    for sample in range(n):
        seed = np.random.SeedSequence([task.seed, record.number, _FRESH, sample])
        fresh = draw_rows(made, rows, seed=int(seed.generate_state(1)[0]))
        found.append(task.comparison.compute(fresh).scores)
    return found


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
