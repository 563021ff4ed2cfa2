"""Score the best models again on fresh samples."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import ray
import torch

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import StorageError
from tabvae_ray.results.pareto import as_losses, epsilon_net_order
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.optimize.selection import Candidate, first_choice
from tabvae_ray.search.trials.membership import attack_model
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import draw_rows, n_scored_rows, restore_trial

__all__ = ["attacks_models", "candidates", "is_scored_here"]

_LOG = logging.getLogger(__name__)
# Scoring this many rows in this process takes no longer than the start of another one.
_ROWS_HERE = 50_000
# Keeps the seeds of fresh samples apart from those of trials.
_FRESH = 0x0F5E5A


def candidates(
    task: SearchTask,
    best: Sequence[TrialRecord],
    resources: Resources,
    *,
    runners_up: Sequence[TrialRecord] = (),
) -> list[Candidate]:
    """Score the best models on fresh samples; return them by number.

    Many rows are scored in tasks of Ray. A model whose checkpoint is gone is left out, with a
    warning if it is on the front.

    Args:
        task: What the trials shared.
        best: The front, with checkpoints.
        resources: The resources of a trial.
        runners_up: Further trials to choose among.

    Raises:
        StorageError: If no checkpoint is left.
    """
    settings, names = task.space.settings, list(task.space.objectives)
    losses = as_losses([record.values(names) for record in best], task.space.directions)
    order = epsilon_net_order(losses, settings.n_candidates)
    first = first_choice(losses, task.space)
    if first is not None:
        order = [first, *(i for i in order if i != first)][: settings.n_candidates]
    others = list(runners_up)[: max(0, settings.n_candidates - len(order))]
    chosen = sorted([*(best[i] for i in order), *others], key=lambda record: record.number)
    if is_scored_here(task, len(chosen), settings.n_rescores):
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
        raise StorageError("\n".join([*gone, "continue by --resume with more --trials"]))
    for line in gone:
        _LOG.warning("%s; it is left out", line)
    return found


def is_scored_here(task: SearchTask, n_models: int, n_samples: int) -> bool:
    """Return True if models are scored again in this process, one after another."""
    return task.device == "cpu" and len(task.table) * n_models * n_samples <= _ROWS_HERE


def attacks_models(task: SearchTask) -> bool:
    """Return True if models are attacked before the choice, because it depends on that."""
    return "membership" in {*task.space.objectives, *task.space.constraints}


def _candidate(record: TrialRecord, samples: Sequence[Mapping[str, float]]) -> Candidate:
    last = {name: value for name, value in record.rungs[-1].losses.items() if value is not None}
    scored = {name: [sample[name] for sample in samples] for name in samples[0]}
    return Candidate(
        record,
        # Losses are of training and held-out rows and do not change with the sample. The success
        # of an attack is that of a harder one than at the rung, where models are attacked.
        last | {name: float(np.mean(values)) for name, values in scored.items()},
        dict.fromkeys(last, 0.0) | {name: _spread(values) for name, values in scored.items()},
    )


def _score_again(task: SearchTask, record: TrialRecord, n: int) -> list[dict[str, float]] | str:
    """Return the scores of ``n`` fresh samples, or the reason why there are none."""
    torch.set_num_threads(task.threads)
    try:
        vae = restore_trial(task, record)
    except StorageError as error:
        return str(error)
    rows, made = n_scored_rows(task, vae.config), vae.synthesizer()
    n_generated = task.comparison.n_rows_to_generate(rows)
    attacks = attack_model(vae) if attacks_models(task) else None
    attacked = {} if attacks is None else {"membership": attacks.auc}
    found = []
    for sample in range(n):
        seed = np.random.SeedSequence([task.seed, record.number, _FRESH, sample])
        fresh = draw_rows(made, n_generated, seed=int(seed.generate_state(1)[0]))
        found.append(task.comparison.compute(fresh, n_rows=rows).scores | attacked)
    return found


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
