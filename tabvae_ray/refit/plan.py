"""The plan of a refit: table, configuration and number of epochs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.seeds import trial_seed
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tabvae_ray.table.io import fingerprint
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.training.stopping import EpochBound, History, Plateau, stale_epochs

__all__ = ["STATE_DIRECTORY", "RefitPlan", "chosen_epochs", "plan_refit"]

# In the search's directory, the checkpoint of a refit.
STATE_DIRECTORY = "refit"


@dataclass(frozen=True)
class RefitPlan:
    """Everything that determines a refitted model, and where it is trained.

    Args:
        trial: Number of the chosen trial.
        table: The rows, all of which are trained on, or those that the encoder is fitted to.
        spec: What their columns are.
        config: The configuration of the training.
        epochs: Epochs to train.
        seed: Seed of initialisation and training.
        split_seed: Seed of the order of the rows.
        checkpoint: The file that keeps the state of the training.
        threads: Threads of the training.
        device: Where to train.
        whole: If more rows are trained on than those of ``table``, a description of them.
    """

    trial: int
    table: pd.DataFrame
    spec: TableSpec
    config: TabularVAEConfig
    epochs: int
    seed: int
    split_seed: int
    checkpoint: Location
    threads: int = 1
    device: str = "cpu"
    whole: Mapping[str, Any] | None = None

    @cached_property
    def identity(self) -> str:
        """A digest of all that determines the weights: a checkpoint of another refit is void."""
        parts = {
            "trial": self.trial,
            "table": fingerprint(self.table),
            "spec": self.spec.to_mapping(),
            "config": self.config.model_dump(mode="json"),
            "epochs": self.epochs,
            "seeds": [self.seed, self.split_seed],
            "threads": self.threads,
            **({} if self.whole is None else {"whole": dict(self.whole)}),
        }
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def plan_refit(
    manifest: SearchManifest,
    space: SearchSpace,
    record: TrialRecord,
    table: pd.DataFrame,
    spec: TableSpec,
    checkpoint: Location,
    *,
    history: History,
    epochs: int | None = None,
    device: str = "cpu",
    whole: Mapping[str, Any] | None = None,
) -> RefitPlan:
    """Plan the refit of a trial.

    The seeds are those of the trial. Where the trial had to train in smaller batches for lack of
    memory, so does the refit.

    Args:
        manifest: The search.
        space: Its space.
        record: The chosen trial.
        table: All rows.
        spec: What their columns are.
        checkpoint: The file that keeps the state of the training.
        history: An entry per epoch of the trial's training.
        epochs: Epochs to train; if None, those that :func:`chosen_epochs` returns.
        device: Where to train.
        whole: If more rows are trained on than those of ``table``, a description of them.
    """
    config = space.config(record.parameters)
    leaves: dict[str, Any] = {
        "validation.holdout_fraction": 0.0,
        "training.early_stopping": "none",
    }
    if record.batch_size is not None:
        leaves["training.batch_size"] = record.batch_size
    if epochs is not None:
        # The learning rate then falls over these epochs.
        leaves["training.max_n_epochs"] = epochs
    seed = space.settings.seed
    return RefitPlan(
        trial=record.number,
        table=table,
        spec=spec,
        config=config.replace(leaves),
        epochs=epochs or chosen_epochs(config, history) or record.epochs,
        seed=trial_seed(seed, record.number),
        split_seed=seed,
        checkpoint=checkpoint,
        threads=max(1, int(manifest.resources.get("cpus", 1))),
        device=device,
        whole=whole,
    )


def chosen_epochs(config: TabularVAEConfig, history: History) -> int:
    """Return the epochs that led to the weights of a trained model; 0 for an empty history.

    With early stopping on held-out rows, a training that has ended has the weights of its best
    epoch. Otherwise it has those of its last one.
    """
    ended: list[Mapping[str, float] | str | None] = [
        EpochBound(config.training.max_n_epochs).reason(history),
        Plateau("holdout_loss", config.training.patience).reason(history)
        if config.training.early_stopping == "holdout"
        else None,
    ]
    if config.training.early_stopping != "holdout" or not any(ended):
        return len(history)
    return len(history) - stale_epochs(history, "holdout_loss")
