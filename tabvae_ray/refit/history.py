"""The history of a trial's training, from its last checkpoint."""

import io
from typing import Any

import torch

from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.storage import Location

__all__ = ["trial_history"]


def trial_history(directory: Location, record: TrialRecord) -> list[dict[str, float]]:
    """Return an entry per epoch of a trial's training; none if its checkpoint is gone.

    Args:
        directory: The search's directory.
        record: The trial.

    Raises:
        StorageError: If the checkpoint cannot be read.
    """
    if record.checkpoint is None:
        return []
    file = directory / record.checkpoint / STATE_FILE
    if not file.exists():
        return []
    state: dict[str, Any] = torch.load(
        io.BytesIO(file.read_bytes()), weights_only=True, map_location="cpu"
    )
    trainer = state["trainer"] or {"history": []}
    return [dict(entry) for entry in trainer["history"]]
