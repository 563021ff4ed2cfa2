"""Ray Tune's loop, as a search uses it."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.tune.schedulers import TrialScheduler

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.cluster.secrets import credentials_hidden
from tabvae_ray.search.driver.ledger import Ledger, LedgerStopper
from tabvae_ray.search.trials.trainable import VAETrial
from tabvae_ray.search.trials.trial import SearchTask

__all__ = ["run_loop"]


def run_loop(
    task: SearchTask,
    ledger: Ledger,
    scheduler: TrialScheduler,
    resources: Resources,
    run: int,
    loggers: Sequence[tune.Callback],
) -> None:
    """Train trials until there are enough or the ledger says stop.

    All that Ray Tune prints and snapshots for itself is switched off.

    Args:
        task: What all trials share.
        ledger: Hears of everything; its proposals are what is trained.
        scheduler: Stops weak trials.
        resources: What a trial gets.
        run: Number of this run of the search; it has a directory of its own below ``tune/``.
        loggers: Further callbacks.
    """
    os.environ |= {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        # As many as the proposals let there be: of one at a time, nodes would come one by one, and
        # PatientFIFO would have no other to give a process to.
        "TUNE_MAX_PENDING_TRIALS_PG": "1000000",
        # Ray's own state is not what a search is resumed from.
        "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
        "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    home = task.directory / "tune"
    trainable = tune.with_resources(
        tune.with_parameters(VAETrial, task=task), {"cpu": resources.cpus, "gpu": resources.gpus}
    )
    with credentials_hidden(home.filesystem), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=ledger.proposals,
                scheduler=scheduler,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=_name_of,
                trial_dirname_creator=_name_of,
            ),
            run_config=tune.RunConfig(
                # A run of its own: numbers of checkpoints begin anew.
                name=f"run_{run:03d}",
                storage_path=home.path,
                storage_filesystem=home.filesystem,
                callbacks=[ledger, *loggers],
                stop=LedgerStopper(ledger),
                # The ledger sees to those that fail.
                failure_config=tune.FailureConfig(max_failures=0),
                # It also sees to those checkpoints that are no longer needed.
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
                verbose=0,
            ),
        )
        tuner.fit()


def _name_of(trial: Any) -> str:
    number, attempt = trial.config["number"], trial.config["attempt"]
    return f"{number:06d}" if attempt == 1 else f"{number:06d}-{attempt}"
