"""One trial: it trains one VAE from rung to rung, without knowing of Ray."""

import copy
import gc
import io
import math
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd
import torch

from tabvae_ray.command_line.lines import counted
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import DivergenceError, StorageError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.results.constraints import broken_by_training
from tabvae_ray.results.seeds import trial_seed
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial_clock import TrialClock
from tabvae_ray.tabular_vae import TabularVAE, split_rows
from tabvae_ray.training.routines import ArtifactRoutine, BatchRoutine, LoaderRoutine
from tabvae_ray.training.tracking import MemoryTracker
from tabvae_ray.training.trainer import BatchResult, TabularVAETrainer

__all__ = [
    "TrialRun",
    "build_trial",
    "draw_rows",
    "n_scored_rows",
    "out_of_memory",
    "restore_trial",
]

# With more generated rows, the real rows limit how exact a score is.
_MAX_SCORED_ROWS = 100_000
# In the text of errors of Python, torch and Ray, in lower case.
_MEMORY = (
    "memoryerror",
    "out of memory",
    "can't allocate memory",
    "node running low on memory",
)


class TrialRun:
    """One trial: a step trains to the next rung, generates rows, and scores them.

    Results do not depend on the worker process or on the trial that it ran before.

    A trial that no longer keeps a constraint on what attackers learn goes back to the rung before,
    and ends.

    With a time budget, a trial reports once more where it stands when the next epoch would take too
    long, and ends. It continues from there in a later run.

    Args:
        task: What all trials share.
        clock: Returns the seconds since 1970.
    """

    vae: TabularVAE | None

    def __init__(self, task: SearchTask, *, clock: Callable[[], float] = time.time) -> None:
        torch.set_num_threads(task.threads)
        self.task, self._clock = task, clock

    def begin(self, config: Mapping[str, Any]) -> None:
        """Begin a trial.

        Args:
            config: ``number``, ``parameters`` by dotted name, ``checkpoint`` (the directory of the
                state to continue from, or None), ``shrink`` (true if the trial ran out of memory
                before) and ``must_train`` (true if it trains an epoch even if the time is over).
        """
        # Free the memory of the last trial before this one allocates any.
        self._free_model()
        # The state of the trainer at the last rung, or where the trial goes on; None at its start.
        self._last_state: dict[str, Any] | None = None
        self.number = int(config["number"])
        self.parameters = dict(config["parameters"])
        self.batch_size: int | None = None
        self.batch_size_from = 0
        self._shrinks = bool(config.get("shrink"))
        self._must_train = bool(config.get("must_train"))
        self._trial_clock = TrialClock(self.task.limit, self._clock)
        # Whether the last report kept the constraints on what attackers learn.
        self._kept = False
        self._pending: bytes | None = None
        if config.get("checkpoint"):
            directory = self.task.directory / config["checkpoint"]
            self._pending = (directory / STATE_FILE).read_bytes()

    def step(self) -> dict[str, Any]:
        """Train to the next rung and report; raise any error but divergence.

        After an error the trial continues from its last checkpoint in a new process.
        """
        started = time.perf_counter()
        try:
            if self._trial_clock.has_time() or (self._must_train and self.epoch == 0):
                report = self._advance()
            else:
                report = {"done": True, "out_of_time": True}
        except DivergenceError as error:
            report = {"done": True, "diverged": str(error)}
        return {**report, "number": self.number, "seconds": time.perf_counter() - started}

    def state(self) -> bytes:
        """Return everything that is needed to continue later, in another process."""
        if self._pending is not None:
            return self._pending
        state: dict[str, Any] = {
            "batch_size": self.batch_size,
            "batch_size_from": self.batch_size_from,
            "kept": self._kept,
            "trainer": self._last_state if self.vae is None else self.vae.state_dict(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return buffer.getvalue()

    def restore(self, content: bytes) -> None:
        """Continue from what :meth:`state` returned."""
        self._take(content)
        self._build()

    @property
    def epoch(self) -> int:
        """Number of epochs trained."""
        return 0 if self.vae is None else self.vae.trainer.epoch

    def shrink(self) -> None:
        """Continue in batches of half the size, for lack of memory."""
        if self.vae is None:
            self._shrinks = True
            return
        self._last_state = copy.deepcopy(self.vae.state_dict()) if self.vae.trainer.epoch else None
        self._shrink()

    def _advance(self) -> dict[str, Any]:
        try:
            return self._back_if_broken(self._train_and_score())
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error) or self.batch_size is not None:
                raise
        # Again from the last rung, in smaller batches.
        self._shrink()
        return self._back_if_broken(self._train_and_score())

    def _back_if_broken(self, report: dict[str, Any]) -> dict[str, Any]:
        """Return a report, or that of the rung before if training on has broken a constraint."""
        broken = broken_by_training(report["losses"] | report["scores"], self.task.space)
        if not broken or not self._kept or self._last_state is None:
            self._kept = not broken
            return report
        trainer = self._build().trainer
        before, after = (counted(n, "epoch") for n in (trainer.epoch, report["epoch"]))
        return {
            **self._train_and_score(until=trainer.epoch),
            "done": True,
            "stopped": f"back at {before}, because after {after} {' and '.join(broken)}",
        }

    def _shrink(self) -> None:
        config = _config(self.task, self.parameters, self.batch_size)
        n_rows = len(self.task.table)
        training, _ = split_rows(n_rows, config.validation.holdout_fraction, self.task.seed)
        # A batch has fewer rows than batch_size if the table is small.
        self.batch_size = max(2, min(config.training.batch_size, len(training)) // 2)
        self.batch_size_from = self._build().trainer.epoch

    def _take(self, content: bytes) -> None:
        """Take over what :meth:`state` returned, without a model yet."""
        state = _unpickled(content)
        self.batch_size, self.batch_size_from = state["batch_size"], state["batch_size_from"]
        self._last_state, self._pending = state["trainer"], None
        # Checkpoints of earlier versions do not tell.
        self._kept = state.get("kept", False)

    def _build(self) -> TabularVAE:
        """Build the model in its last state, in place of the one that is there."""
        self._free_model()
        config = _config(self.task, self.parameters, self.batch_size)
        vae = build_trial(self.task, config, self.number)
        if self._last_state is not None:
            vae.load_state_dict(self._last_state)
        self.vae = vae
        return vae

    def _free_model(self) -> None:
        self.vae = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _train_and_score(self, until: int | None = None) -> dict[str, Any]:
        """Train to an epoch, the next rung if None, and report."""
        if self.vae is None:
            if self._pending is not None:
                self._take(self._pending)
            if self._shrinks and self.batch_size is None:
                self._shrink()
        vae = self.vae or self._build()
        trainer = vae.trainer
        # A copy, because training changes the tensors of the state in place.
        self._last_state = copy.deepcopy(vae.state_dict()) if trainer.epoch else None
        rung = next((rung for rung in self.task.rungs if rung > trainer.epoch), None)
        self.tracker = MemoryTracker()
        due = set(self.task.rungs)
        self._attach_routines(vae, due)
        out_of_time = not self._train_to(trainer, until or rung or self.task.rungs[-1])
        if trainer.epoch not in self.tracker.all_scores:
            # The time is over, or the trial had ended, but its driver died before it could record
            # that.
            due.add(trainer.epoch)
            for hook in trainer.epoch_hooks:
                hook(trainer)
        measured = self.tracker.all_scores[trainer.epoch]
        last = trainer.history[-1]
        losses = {name: last[name] for name in ("loss", "reconstruction", "kl")}
        measures = ("train_nats", "holdout_nats", "membership")
        losses |= {name: measured.get(name, math.nan) for name in measures}
        scores = {name: measured[name] for name in self.task.comparison.plan.scores}
        return {
            "done": trainer.stopped is not None or out_of_time,
            "out_of_time": out_of_time,
            "scoring_seconds": self._trial_clock.scoring_seconds,
            "epoch": trainer.epoch,
            "stopped": trainer.stopped,
            "scores": scores,
            "losses": losses,
            "batch_size": self.batch_size,
            "batch_size_from": self.batch_size_from,
            **{name: (losses | scores)[name] for name in self.task.space.objectives},
        }

    def _train_to(self, trainer: TabularVAETrainer, epoch: int) -> bool:
        """Train to an epoch. Return False if the time ends before; one epoch is always trained."""
        while trainer.epoch < epoch and trainer.stopped is None:
            if trainer.epoch and not self._trial_clock.has_time():
                return False
            with self._trial_clock.epoch():
                trainer.train(until_epoch=trainer.epoch + 1)
        return True

    def _attach_routines(self, vae: TabularVAE, due: Collection[int]) -> None:
        """Attach the batch routine at its period, the others to the epochs that are due."""
        validation, trainer = vae.config.validation, vae.trainer
        trainer.batch_hooks[:] = [
            BatchRoutine(validation.batch_routine_period, [_stop_if_diverged])
        ]
        loader = LoaderRoutine(due, vae.encoder.columns, self.tracker)
        artifact = ArtifactRoutine(
            due,
            lambda n: draw_rows(vae.synthesizer(), n, seed=trial_seed(self.task.seed, self.number)),
            self.task.comparison,
            self.tracker,
            n_scored_rows(self.task, vae.config),
        )

        def report(trainer: TabularVAETrainer) -> None:
            if trainer.epoch in due or trainer.stopped is not None:
                with self._trial_clock.report():
                    loader(trainer)
                    artifact(trainer)

        trainer.epoch_hooks[:] = [report]


def build_trial(task: SearchTask, config: TabularVAEConfig, number: int) -> TabularVAE:
    """Build the model of a trial before its first epoch."""
    seed = trial_seed(task.seed, number)
    vae = TabularVAE.build(task.spec, config, seed=seed, split_seed=task.seed, device=task.device)
    vae.prepare(task.table)
    return vae


def restore_trial(task: SearchTask, record: TrialRecord) -> TabularVAE:
    """Restore the model of a trial from its last checkpoint.

    Raises:
        StorageError: If the checkpoint is gone.
    """
    if record.checkpoint is None:
        raise StorageError(f"trial {record.number} has no checkpoint")
    content = (task.directory / record.checkpoint / STATE_FILE).read_bytes()
    state = _unpickled(content)
    config = _config(task, record.parameters, state["batch_size"])
    vae = build_trial(task, config, record.number)
    if state["trainer"] is not None:
        vae.load_state_dict(state["trainer"])
    return vae


def draw_rows(made: TabularVAESynthesizer, n: int, *, seed: int) -> pd.DataFrame:
    """Generate rows to be scored, with categories as pandas categoricals, which is cheaper."""
    temperature = made.config.validation.generation_temperature
    return made.generate(n, seed=seed, temperature=temperature, compact=True)


def n_scored_rows(task: SearchTask, config: TabularVAEConfig) -> int:
    """Return how many rows to generate for a score: as configured, or as many as real ones."""
    wanted = config.validation.generation_n_records
    return min(len(task.table), _MAX_SCORED_ROWS) if wanted is None else wanted


def _config(
    task: SearchTask, parameters: Mapping[str, Any], batch_size: int | None
) -> TabularVAEConfig:
    """Return a trial's configuration, with the smaller batch size if memory was too small."""
    config = task.space.config(parameters)
    return config if batch_size is None else config.replace({"training.batch_size": batch_size})


def _unpickled(content: bytes) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return state


def _stop_if_diverged(trainer: TabularVAETrainer, result: BatchResult) -> None:
    """Raise at once, because the end of the epoch may be far away."""
    if not math.isfinite(float(result.loss)):
        raise DivergenceError(
            f"the loss is {float(result.loss)} in epoch {result.epoch}, batch {result.batch}"
        )


def out_of_memory(error: BaseException | str) -> bool:
    """Return True if an error, or the text of one, means too little memory on a node or a GPU."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return any(mark in text for mark in _MEMORY)
