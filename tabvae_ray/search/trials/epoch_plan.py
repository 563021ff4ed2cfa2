"""Fewer epochs for all trials, if measured times show that too few trials fit in the time budget.

The configurations of the first trials differ in cost. One of them is measured, and the others are
estimated in proportion.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import ray
import torch

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.command_line.lines import counted
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.search.optimize.planned_space import planned_space, rungs_of
from tabvae_ray.search.optimize.sampler import first_points
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import build_trial, draw_rows, n_scored_rows
from tabvae_ray.space.estimate import epoch_seconds, report_seconds
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.table_shape import TableShape
from tabvae_ray.training.trainer import BatchResult, TabularVAETrainer

__all__ = ["EpochPlan", "Pace", "plan_epochs", "within"]

# Trials that must fit, or as many as the search has.
_COMPARED = 4
# With fewer epochs than these a later run, with more time, would have little to go on with.
_FEWEST_EPOCHS = 3
# A trial needs a process, which imports what the driver has imported since the command began. That
# took a share of the time since then, within these bounds.
_IMPORTS, _LEAST_START, _LONGEST_START = 0.5, 5.0, 30.0
# Estimates hold within a factor of two on an idle machine, so nothing need be measured below this.
_CLEARLY_FITS = 0.25
# Share of the time for training that the compared trials may take.
_FILL = 0.8
# Seconds to measure batches for.
_MEASURED_SECONDS = 2.0
# If scores of all rows take longer than this share of the time budget, they are measured on a part
# of the rows. That overestimates them, because some scores have a limit of rows.
_LONG_SCORING, _PART = 0.03, 4
# Ray starts beside the measurement and takes a part of the time, at most this one; what is missing
# beyond it other processes take, which may go on.
_TO_RAY = 0.5
# Trials that run beside each other slow each other down.
_SHARED = 1.2


@dataclass(frozen=True)
class Pace:
    """Seconds that the parts of a trial take.

    Args:
        start: Until its first epoch, in a process that is there.
        epoch: One epoch.
        scoring: One report.
    """

    start: float
    epoch: float
    scoring: float

    def trial(self, rungs: Sequence[int]) -> float:
        """Return the seconds of a trial that trains to the last rung."""
        return self.start + rungs[-1] * self.epoch + len(rungs) * self.scoring


@dataclass(frozen=True)
class EpochPlan:
    """The epochs of all trials of a search.

    Args:
        epochs: Epochs that a trial trains.
        wanted: Epochs of the search space.
        epoch_seconds: Measured time of an epoch of the first trial.
        scoring_seconds: Measured time of a report.
        left: Seconds that were left for the trials.
        enough: The time budget in seconds for which all epochs would fit.
    """

    epochs: int
    wanted: int
    epoch_seconds: float
    scoring_seconds: float
    left: float
    enough: float

    def to_mapping(self) -> dict[str, Any]:
        """Return the plan as ``search.json`` has it."""
        return asdict(self)

    @property
    def text(self) -> str:
        """The plan in words, for the user."""
        return (
            f"{counted(self.epochs, 'epoch')} instead of {self.wanted}, so that several models may "
            f"fit in the {max(0.0, self.left):.0f} s of the time budget left for training: an "
            f"epoch takes about {self.epoch_seconds:.2g} s and a report "
            f"{self.scoring_seconds:.2g} s on this machine; a new search with --time-budget "
            f"{10 * math.ceil(self.enough / 10)} would train {self.wanted}"
        )


def within(space: SearchSpace, paces: Sequence[Pace], seconds: float, slots: int) -> int:
    """Return the most epochs, up to those of the space, for which all trials fit; at least 3.

    Args:
        space: The search space.
        paces: The trials in the order in which they start.
        seconds: The time that they have.
        slots: Trials at once.
    """
    low, high = min(_FEWEST_EPOCHS, space.budget), space.budget
    while low < high:
        middle = (low + high + 1) // 2
        fits = _together(space, paces, middle, slots) <= seconds
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _together(space: SearchSpace, paces: Sequence[Pace], epochs: int, slots: int) -> float:
    """Return the seconds in which trials train so many epochs, so many of them at once."""
    rungs = rungs_of(planned_space(space, epochs))
    free = [0.0] * max(1, slots)
    for pace in paces:
        first = free.index(min(free))
        free[first] += pace.trial(rungs)
    return max(free)


def plan_epochs(
    task: SearchTask,
    slots: int,
    resources: Resources,
    *,
    here: bool,
    clock: Callable[[], float] = time.time,
) -> EpochPlan | None:
    """Measure the first trial, and return a plan if fewer epochs are needed; otherwise None.

    Args:
        task: What all trials share, with the time limit.
        slots: Trials at once.
        resources: The resources of a trial.
        here: True if trials train on this machine.
        clock: Returns the seconds since 1970.
    """
    limit, space = task.limit, task.space
    if limit is None or space.budget <= _FEWEST_EPOCHS:
        return None
    n_compared = min(_COMPARED, space.settings.n_trials)
    points = (first_points(space) or [{}])[:n_compared]
    configs = [space.config(point) for point in points]
    configs = [configs[i % len(configs)] for i in range(n_compared)]
    estimated = _estimated(task, configs)
    seconds = _CLEARLY_FITS * (limit.training_ends() - clock()) - _LEAST_START
    if within(space, estimated, seconds, slots) == space.budget:
        return None
    measured = _measure_somewhere(task, configs[0], resources, here=here)
    share = measured.epoch / estimated[0].epoch * (_SHARED if slots > 1 else 1.0)
    spent = clock() - (limit.ends - limit.seconds)
    process = min(_LONGEST_START, max(_LEAST_START, _IMPORTS * spent))
    paces = [Pace(measured.start, share * pace.epoch, measured.scoring) for pace in estimated]
    # Trials that follow reuse the processes of the first ones.
    left = limit.training_ends(measured.scoring) - clock()
    seconds = _FILL * left - process
    epochs = within(space, paces, seconds, slots)
    if epochs == space.budget:
        return None
    wanted = (_together(space, paces, space.budget, slots) + process) / _FILL
    enough = limit.seconds + wanted - left
    return EpochPlan(epochs, space.budget, measured.epoch, measured.scoring, left - process, enough)


def _estimated(task: SearchTask, configs: Sequence[TabularVAEConfig]) -> list[Pace]:
    shape, gpu = TableShape.of(task.table, task.spec), task.device != "cpu"
    scoring = report_seconds(shape)
    return [
        Pace(
            0.0,
            epoch_seconds(shape, config, threads=task.threads, gpu=gpu),
            scoring,
        )
        for config in configs
    ]


def _measure_somewhere(
    task: SearchTask, config: TabularVAEConfig, resources: Resources, *, here: bool
) -> Pace:
    if here and task.device == "cpu":
        threads = torch.get_num_threads()
        try:
            return _measure(task, config)
        finally:
            torch.set_num_threads(threads)
    remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(_measure)
    found: Pace = ray.get(remote.remote(task, config))
    return found


def _measure(task: SearchTask, config: TabularVAEConfig) -> Pace:
    """Train some batches of a trial, and score some rows."""
    torch.set_num_threads(task.threads)
    read = _Stopwatch(on_cpu=task.device == "cpu")
    vae = build_trial(task, config, 0)
    start = read()
    epoch = _epoch_seconds(vae.trainer, read)
    n_rows = n_scored_rows(task, config)
    n_measured = n_rows
    budget = math.inf if task.limit is None else task.limit.seconds
    if report_seconds(TableShape.of(task.table, task.spec)) > _LONG_SCORING * budget:
        n_measured = max(1, n_rows // _PART)
    read()
    task.comparison.compute(draw_rows(vae.synthesizer(), n_measured, seed=0))
    return Pace(start, epoch, read() * n_rows / n_measured)


class _Stopwatch:
    """Measures the time between two calls, as it would be if Ray were not starting meanwhile."""

    def __init__(self, *, on_cpu: bool) -> None:
        self.on_cpu = on_cpu
        self._last = self._now()

    def __call__(self) -> float:
        now = self._now()
        wall, cpu = (end - start for end, start in zip(now, self._last, strict=True))
        self._last = now
        # Threads of torch work while this one does, so its CPU time is that of the work.
        return max(cpu, _TO_RAY * wall) if self.on_cpu else wall

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.thread_time()


class _Enough(Exception):
    """Ends a measurement in the middle of an epoch."""


def _epoch_seconds(trainer: TabularVAETrainer, read: _Stopwatch) -> float:
    """Measure batches for a while, and return the time of a whole epoch."""
    began, times = time.perf_counter(), []
    read()

    def note(trainer: TabularVAETrainer, result: BatchResult) -> None:
        times.append(read())
        if time.perf_counter() - began > _MEASURED_SECONDS and len(times) > 2:
            raise _Enough

    trainer.batch_hooks[:] = [note]
    trainer.epoch_hooks[:] = []
    try:
        trainer.train(until_epoch=1)
    except _Enough:
        pass
    # The first batch takes longer than the others.
    each = times[1:] or times
    size = max(2, min(trainer.config.batch_size, len(trainer.codes)))
    return float(np.mean(each)) * math.ceil(len(trainer.codes) / size)
