"""Run Ray Tune's loop the way a search needs it."""

import os
import threading
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.tune import Stopper
from ray.tune.execution.class_cache import DEFAULT_ENV_VARS
from ray.tune.schedulers import TrialScheduler

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.cluster.ray_private import callbacks_not_counted
from tabvae_ray.cluster.secrets import credentials_hidden
from tabvae_ray.errors import ConfigError
from tabvae_ray.search.driver.ledger import Ledger
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trainable import VAETrial

__all__ = ["LoopParts", "alone_in_process", "run_loop", "tune_configured"]

_TUNING = threading.Lock()

_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Proposals limits the number of trials. If only one could wait, an autoscaler would add nodes
    # one by one, and PatientFIFO could give a freed process to no other trial.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000",
    # A search does not resume from Ray's own state.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


@dataclass(frozen=True)
class LoopParts:
    """The parts of a search that Ray Tune calls.

    Args:
        state: Trials that run, and whether the search should end.
        proposals: Proposes trials.
        scheduler: Stops weak trials.
        ledger: Records what becomes of trials.
    """

    state: RunState
    proposals: Proposals
    scheduler: TrialScheduler
    ledger: Ledger


@contextmanager
def alone_in_process() -> Iterator[None]:
    """Let one search at a time run in this process.

    Parts of Ray Tune that all its runs in a process share cannot be used by two threads.

    Raises:
        ConfigError: If another one runs, in another thread.
    """
    if not _TUNING.acquire(blocking=False):
        raise ConfigError(
            "another search runs in this process, and Ray Tune takes one at a time: start this one "
            "when that has ended, or in a process of its own"
        )
    try:
        yield
    finally:
        _TUNING.release()


def run_loop(
    task: SearchTask,
    parts: LoopParts,
    resources: Resources,
    run: int,
    loggers: Sequence[tune.Callback],
) -> None:
    """Train trials until there are enough or the state says stop.

    Ray Tune's own output and snapshots are switched off.

    Args:
        task: What all trials share.
        parts: What Ray Tune calls.
        resources: The resources of a trial.
        run: Number of this run of the search, which has its own directory below ``tune/``.
        loggers: Further callbacks.
    """
    home = task.directory / "tune"
    trainable = tune.with_resources(
        tune.with_parameters(VAETrial, task=task), {"cpu": resources.cpus, "gpu": resources.gpus}
    )
    # Ray Tune knows trainables by name in a whole job, whose tasks may search at once. A process
    # that is replaced would train on the table of the search that began last.
    trainable.__name__ = f"{VAETrial.__name__}_{uuid.uuid4().hex[:12]}"
    with tune_configured(), credentials_hidden(home.filesystem), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=parts.proposals,
                scheduler=parts.scheduler,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=_name_of,
                trial_dirname_creator=_name_of,
            ),
            run_config=tune.RunConfig(
                # Ray numbers checkpoints from 0 in every run.
                name=f"run_{run:03d}",
                storage_path=home.path,
                storage_filesystem=home.filesystem,
                callbacks=[parts.ledger, *loggers],
                stop=_StateStopper(parts.state),
                # The ledger decides whether a failed trial continues.
                failure_config=tune.FailureConfig(max_failures=0),
                # The ledger also removes checkpoints.
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
                verbose=0,
                # That for notebooks would clear the output of the cell.
                progress_reporter=tune.CLIReporter(),
            ),
        )
        tuner.fit()


@contextmanager
def tune_configured() -> Iterator[None]:
    """Configure Ray Tune in the block only: an application may have Tune runs of its own."""
    before = {name: os.environ.get(name) for name in _TUNE_ENVIRONMENT}
    of_actors = dict(DEFAULT_ENV_VARS)
    os.environ.update(_TUNE_ENVIRONMENT)
    # Ray gives actors with variables of their own no process that it has started already. The
    # variable is for PyTorch Lightning.
    DEFAULT_ENV_VARS.clear()
    try:
        with callbacks_not_counted():
            yield
    finally:
        DEFAULT_ENV_VARS.update(of_actors)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _name_of(trial: Any) -> str:
    number, attempt = trial.config["number"], trial.config["attempt"]
    return f"{number:06d}" if attempt == 1 else f"{number:06d}-{attempt}"


class _StateStopper(Stopper):
    """Ends Ray Tune's loop when the search should end."""

    def __init__(self, state: RunState) -> None:
        self.state = state

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no trial on its own."""
        return False

    def stop_all(self) -> bool:
        """Stop all trials if none of them is waited for."""
        return self.state.must_end()

    def __getstate__(self) -> dict[str, Any]:
        # Ray pickles the stopper for its own way to resume, which is not used.
        return {}
