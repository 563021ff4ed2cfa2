"""The Ray trainable: one trial trains one VAE from rung to rung."""

import copy
import gc
import io
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from tabvae_ray.cluster.versions import versions_here
from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import DivergenceError, StorageError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE, split_rows
from tabvae_ray.training.routines import ArtifactRoutine, BatchRoutine, LoaderRoutine
from tabvae_ray.training.tracking import MemoryTracker
from tabvae_ray.training.trainer import BatchResult, TabularVAETrainer

__all__ = ["SearchTask", "TrialRun", "build_trial", "draw_rows", "n_scored_rows", "trial_seed"]

# More generated rows than this make a score no more exact than the real rows allow.
_MAX_SCORED_ROWS = 100_000


@dataclass(frozen=True)
class SearchTask:
    """What all trials of a search share; it lies in Ray's object store once.

    Args:
        space: The search space.
        table: The real rows.
        spec: What their columns are.
        comparison: The scores to compute, prepared with the real rows.
        rungs: Epochs after which a trial reports, ascending; the last is the budget.
        directory: The search's directory, which checkpoints to go on from are relative to.
        threads: Threads of a trial.
        device: Where trials train.
        versions: Of what must be the same wherever trials train.
    """

    space: SearchSpace
    table: pd.DataFrame
    spec: TableSpec
    comparison: PreparedComparison
    rungs: tuple[int, ...]
    directory: Location
    threads: int = 1
    device: str = "cpu"
    versions: dict[str, str] = field(default_factory=versions_here)

    @property
    def seed(self) -> int:
        """The search's seed."""
        return self.space.settings.seed


class TrialRun:
    """One trial: a step trains to the next rung, generates rows, and scores them.

    Nothing of it depends on which process runs it, or after which other trial.
    """

    def __init__(self, task: SearchTask) -> None:
        torch.set_num_threads(task.threads)
        self.task = task

    def begin(self, config: Mapping[str, Any]) -> None:
        """Begin a trial.

        Args:
            config: ``number``, ``parameters`` by dotted name, and ``checkpoint``, the directory of
                a state to go on from, or None; ``shrink``, true where it ran out of memory before.
        """
        # The last trial's tensors go before the next one's come.
        self.vae: TabularVAE | None = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.number = int(config["number"])
        self.parameters = dict(config["parameters"])
        self.batch_size: int | None = None
        self.batch_size_from = 0
        self._shrinks = bool(config.get("shrink"))
        self._pending: bytes | None = None
        if config.get("checkpoint"):
            directory = self.task.directory / config["checkpoint"]
            self._pending = (directory / STATE_FILE).read_bytes()

    def step(self) -> dict[str, Any]:
        """Train to the next rung and report. An error other than divergence is raised.

        The trial then starts again from its last checkpoint, in a new process.
        """
        started = time.perf_counter()
        try:
            report = self._advance()
        except DivergenceError as error:
            report = {"done": True, "diverged": str(error)}
        return {**report, "number": self.number, "seconds": time.perf_counter() - started}

    def state(self) -> bytes:
        """All that is needed to go on later, elsewhere."""
        state: dict[str, Any] = {
            "batch_size": self.batch_size,
            "batch_size_from": self.batch_size_from,
            "trainer": None,
        }
        if self.vae is not None:
            state["trainer"] = self.vae.state_dict()
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return buffer.getvalue()

    def restore(self, content: bytes) -> None:
        """Go on from what :meth:`state` gave."""
        self.vae, state = _restored(self.task, self.parameters, self.number, content)
        self.batch_size, self.batch_size_from = state["batch_size"], state["batch_size_from"]

    @property
    def epoch(self) -> int:
        """Epochs trained."""
        return 0 if self.vae is None else self.vae.trainer.epoch

    def shrink(self) -> None:
        """Go on in batches of half the size, from where training has come, for want of memory."""
        if self.vae is None:
            self._shrinks = True
            return
        self._last_state = copy.deepcopy(self.vae.state_dict()) if self.vae.trainer.epoch else None
        self._shrink()

    def _advance(self) -> dict[str, Any]:
        try:
            return self._train_and_score()
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error) or self.batch_size is not None:
                raise
        # Once more from the last rung, in smaller steps.
        self._shrink()
        return self._train_and_score()

    def _shrink(self) -> None:
        config = self._config()
        n_rows = len(self.task.table)
        training, _ = split_rows(n_rows, config.validation.holdout_fraction, self.task.seed)
        state = None if self.vae is None else self._last_state
        self.vae = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        # Half of what a batch has, which is less than it may have where the table is small.
        self.batch_size = max(2, min(config.training.batch_size, len(training)) // 2)
        self.vae = self._build()
        if state is not None:
            self.vae.load_state_dict(state)
        self.batch_size_from = self.vae.trainer.epoch

    def _train_and_score(self) -> dict[str, Any]:
        if self.vae is None:
            self.vae = self._build()
            if self._pending is not None:
                self.restore(self._pending)
                self._pending = None
            if self._shrinks and self.batch_size is None:
                self.shrink()
        trainer = self.vae.trainer
        # A copy: the tensors of a state are those that training goes on to change.
        self._last_state = copy.deepcopy(self.vae.state_dict()) if trainer.epoch else None
        rung = next((rung for rung in self.task.rungs if rung > trainer.epoch), None)
        self.tracker = MemoryTracker()
        self._attach_routines(self.vae)
        trainer.train(until_epoch=rung)
        if trainer.epoch not in self.tracker.all_scores:
            # The trial had ended, but its driver died before it could write that down.
            for hook in trainer.epoch_hooks:
                hook(trainer)
        measured = self.tracker.all_scores[trainer.epoch]
        last = trainer.history[-1]
        losses = {name: last[name] for name in ("loss", "reconstruction", "kl")}
        losses |= {name: measured.get(name, math.nan) for name in ("train_nats", "holdout_nats")}
        scores = {name: measured[name] for name in self.task.comparison.plan.scores}
        return {
            "done": trainer.stopped is not None,
            "epoch": trainer.epoch,
            "stopped": trainer.stopped,
            "scores": scores,
            "losses": losses,
            "batch_size": self.batch_size,
            "batch_size_from": self.batch_size_from,
            **{name: (losses | scores)[name] for name in self.task.space.objectives},
        }

    def _attach_routines(self, vae: TabularVAE) -> None:
        """The batch routine at its period, the others at the rungs and when the run ends."""
        validation, rungs = vae.config.validation, frozenset(self.task.rungs)
        trainer = vae.trainer
        trainer.batch_hooks[:] = [
            BatchRoutine(validation.batch_routine_period, [_stop_if_diverged])
        ]
        trainer.epoch_hooks[:] = [
            LoaderRoutine(rungs, vae.encoder.columns, self.tracker),
            ArtifactRoutine(
                rungs,
                lambda n: draw_rows(
                    vae.synthesizer(), n, seed=trial_seed(self.task.seed, self.number)
                ),
                self.task.comparison,
                self.tracker,
                n_scored_rows(self.task, vae.config),
            ),
        ]

    def _config(self) -> TabularVAEConfig:
        return _config(self.task, self.parameters, self.batch_size)

    def _build(self) -> TabularVAE:
        return build_trial(self.task, self._config(), self.number)


def build_trial(task: SearchTask, config: TabularVAEConfig, number: int) -> TabularVAE:
    """The model of a trial before its first epoch."""
    seed = trial_seed(task.seed, number)
    vae = TabularVAE.build(task.spec, config, seed=seed, split_seed=task.seed, device=task.device)
    vae.prepare(task.table)
    return vae


def restore_trial(task: SearchTask, record: TrialRecord) -> TabularVAE:
    """The model of a trial as its last checkpoint has it.

    Raises:
        StorageError: If the checkpoint is gone.
    """
    if record.checkpoint is None:
        raise StorageError(f"trial {record.number} has no checkpoint")
    content = (task.directory / record.checkpoint / STATE_FILE).read_bytes()
    return _restored(task, record.parameters, record.number, content)[0]


def draw_rows(made: TabularVAESynthesizer, n: int, *, seed: int) -> pd.DataFrame:
    """Generate rows to be scored; categories stay categoricals, which is cheaper."""
    temperature = made.config.validation.generation_temperature
    return made.generate(n, seed=seed, temperature=temperature, compact=True)


def n_scored_rows(task: SearchTask, config: TabularVAEConfig) -> int:
    """Rows to generate for a score: what the config says, or as many as real ones."""
    wanted = config.validation.generation_n_records
    return min(len(task.table), _MAX_SCORED_ROWS) if wanted is None else wanted


def trial_seed(search_seed: int, number: int) -> int:
    """The seed of a trial, from the search's seed and the trial's number alone."""
    return int(np.random.SeedSequence([search_seed, number]).generate_state(1)[0])


def _config(
    task: SearchTask, parameters: Mapping[str, Any], batch_size: int | None
) -> TabularVAEConfig:
    """The trial's configuration, with the batch size that memory has forced on it, if any."""
    config = task.space.config(parameters)
    return config if batch_size is None else config.replace({"training.batch_size": batch_size})


def _restored(
    task: SearchTask, parameters: Mapping[str, Any], number: int, content: bytes
) -> tuple[TabularVAE, dict[str, Any]]:
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    vae = build_trial(task, _config(task, parameters, state["batch_size"]), number)
    if state["trainer"] is not None:
        vae.load_state_dict(state["trainer"])
    return vae, state


def _stop_if_diverged(trainer: TabularVAETrainer, result: BatchResult) -> None:
    """Not at the end of the epoch only, which may be far."""
    if not math.isfinite(float(result.loss)):
        raise DivergenceError(
            f"the loss is {float(result.loss)} in epoch {result.epoch}, batch {result.batch}"
        )


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text
