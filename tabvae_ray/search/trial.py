"""The Ray trainable: one trial trains one VAE from rung to rung."""

import copy
import gc
import io
import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ray.tune import Trainable

from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import DivergenceError
from tabvae_ray.search.space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE

__all__ = ["LOSSES", "SearchTask", "VAETrial", "build_trial", "n_scored_rows", "score"]

_CHECKPOINT = "state.pt"
# More generated rows than this make a score no more exact than the real rows allow.
_MAX_SCORED_ROWS = 100_000
# What a trial reports beside the scores of the comparison; each may be an objective.
LOSSES = ("loss", "reconstruction", "kl", "train_nats", "holdout_nats")


@dataclass(frozen=True)
class SearchTask:
    """What all trials of a search share; it lies in Ray's object store once.

    Args:
        space: The search space.
        table: The real rows.
        spec: What their columns are.
        comparison: The scores to compute, prepared with the real rows.
        rungs: Epochs after which a trial reports, ascending; the last is the budget.
        seed: The search's seed.
        threads: Threads of a trial.
    """

    space: SearchSpace
    table: pd.DataFrame
    spec: TableSpec
    comparison: PreparedComparison
    rungs: tuple[int, ...]
    seed: int
    threads: int


class VAETrial(Trainable):
    """One trial; Ray reuses its process for the next one.

    A step trains to the next rung, generates rows, and scores them. Nothing of it depends on which
    process ran it, or after which other trial.
    """

    def setup(self, config: dict[str, Any], task: SearchTask | None = None) -> None:
        """Take what all trials share, and begin the first."""
        assert task is not None
        torch.set_num_threads(task.threads)
        self.task = task
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in the same process."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung and report; what goes wrong is reported too, not raised."""
        started = time.perf_counter()
        try:
            report = self._advance()
        except DivergenceError as error:
            report = {"done": True, "diverged": str(error)}
        except Exception:
            report = {"done": True, "failure": traceback.format_exc()}
        return {**report, "number": self.number, "seconds": time.perf_counter() - started}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the trainer's state, if there is one."""
        state: dict[str, Any] = {"batch_size": self.batch_size, "trainer": None}
        if self.vae is not None:
            state["trainer"] = self.vae.state_dict()
        torch.save(state, Path(checkpoint_dir) / _CHECKPOINT)

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a state, in the directory that Ray names."""
        self._restore((Path(checkpoint) / _CHECKPOINT).read_bytes())

    def _begin(self, config: Mapping[str, Any]) -> None:
        # The last trial's tensors go before the next one's come.
        self.vae: TabularVAE | None = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.number = int(config["number"])
        self.parameters = dict(config["parameters"])
        self.batch_size: int | None = None
        self._pending: bytes | None = None
        if config.get("checkpoint"):
            self._pending = (Location(config["checkpoint"]) / _CHECKPOINT).read_bytes()

    def _advance(self) -> dict[str, Any]:
        try:
            return self._train_and_score()
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error) or self.batch_size is not None:
                raise
        # Once more from the last rung, in smaller steps.
        batch_size = self._config().training.batch_size
        state = None if self.vae is None else self._last_state
        self.vae = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.batch_size = max(2, batch_size // 2)
        self.vae = self._build()
        if state is not None:
            self.vae.load_state_dict(state)
        return self._train_and_score()

    def _train_and_score(self) -> dict[str, Any]:
        if self.vae is None:
            self.vae = self._build()
            if self._pending is not None:
                self._restore(self._pending)
                self._pending = None
        trainer = self.vae.trainer
        # A copy: the tensors of a state are those that training goes on to change.
        self._last_state = copy.deepcopy(self.vae.state_dict()) if trainer.epoch else None
        rung = next((rung for rung in self.task.rungs if rung > trainer.epoch), None)
        trainer.train(until_epoch=rung)
        scores = score(self.vae, self.task, seed=trial_seed(self.task.seed, self.number))
        losses = {name: trainer.history[-1][name] for name in ("loss", "reconstruction", "kl")}
        losses |= {
            name: math.nan if value is None else value
            for name, value in self.vae.evaluate().items()
        }
        finished = trainer.stopped is not None
        return {
            "done": finished,
            "finished": finished,
            "epoch": trainer.epoch,
            "stopped": trainer.stopped,
            "scores": scores,
            "losses": losses,
            "batch_size": self.batch_size,
            **{name: {**losses, **scores}[name] for name in self.task.space.objectives},
        }

    def _config(self) -> TabularVAEConfig:
        config = self.task.space.config(self.parameters)
        if self.batch_size is not None:
            config = config.replace({"training.batch_size": self.batch_size})
        return config

    def _build(self) -> TabularVAE:
        return build_trial(self.task, self._config(), self.number)

    def _restore(self, content: bytes) -> None:
        state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        self.batch_size = state["batch_size"]
        self.vae = self._build()
        if state["trainer"] is not None:
            self.vae.load_state_dict(state["trainer"])


def build_trial(
    task: SearchTask, config: TabularVAEConfig, number: int, device: str | None = None
) -> TabularVAE:
    """The model of a trial before its first epoch."""
    seed = trial_seed(task.seed, number)
    vae = TabularVAE.build(task.spec, config, seed=seed, split_seed=task.seed, device=device)
    vae.prepare(task.table)
    return vae


def score(vae: TabularVAE, task: SearchTask, *, seed: int) -> dict[str, float]:
    """Generate rows and compare them with the real ones."""
    validation = vae.config.validation
    rows = vae.synthesizer().generate(
        n_scored_rows(task, vae.config),
        seed=seed,
        temperature=validation.generation_temperature,
        compact=True,
    )
    return task.comparison.compute(rows).scores


def n_scored_rows(task: SearchTask, config: TabularVAEConfig) -> int:
    """Rows to generate for a score: what the config says, or as many as real ones."""
    wanted = config.validation.generation_n_records
    return min(len(task.table), _MAX_SCORED_ROWS) if wanted is None else wanted


def trial_seed(search_seed: int, number: int) -> int:
    """The seed of a trial, from the search's seed and the trial's number alone."""
    return int(np.random.SeedSequence([search_seed, number]).generate_state(1)[0])


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text
