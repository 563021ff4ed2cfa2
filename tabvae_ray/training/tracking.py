"""Trackers: backends that keep the results of a training run.

A backend is a class with the methods of :class:`Tracker`.
"""

import copy
import io
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Protocol, runtime_checkable

import pandas as pd
import torch

from tabvae_ray.errors import ConfigError, brief
from tabvae_ray.storage import Location

__all__ = ["DirectoryTracker", "MemoryTracker", "Tracker", "check_tracker"]


@runtime_checkable
class Tracker(Protocol):
    """A backend that keeps what the routines measure; ``step`` is the epoch."""

    def scores(self, scores: Mapping[str, float], step: int) -> None:
        """Keep scores by name."""

    def artifact(self, name: str, content: bytes, step: int) -> None:
        """Keep a file, such as ``plots/pca.png``."""

    def table(self, name: str, table: pd.DataFrame, step: int) -> None:
        """Keep rows."""

    def checkpoint(self, state: Mapping[str, Any], step: int) -> None:
        """Keep resumable state."""


def check_tracker(tracker: object) -> None:
    """Check that an object is a tracker, before the training that it would keep.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(tracker, Tracker):
        raise ConfigError(
            "tracker: must have the methods of a Tracker, such as DirectoryTracker(directory), but "
            f"got {brief(tracker)}"
        )


class MemoryTracker:
    """Keeps everything in memory, in dicts by step, then by name."""

    def __init__(self) -> None:
        self.all_scores: dict[int, dict[str, float]] = {}
        self.artifacts: dict[int, dict[str, bytes]] = {}
        self.tables: dict[int, dict[str, pd.DataFrame]] = {}
        self.checkpoints: dict[int, Mapping[str, Any]] = {}

    def scores(self, scores: Mapping[str, float], step: int) -> None:
        """Keep scores by name."""
        self.all_scores.setdefault(step, {}).update(scores)

    def artifact(self, name: str, content: bytes, step: int) -> None:
        """Keep a file."""
        self.artifacts.setdefault(step, {})[name] = content

    def table(self, name: str, table: pd.DataFrame, step: int) -> None:
        """Keep rows."""
        self.tables.setdefault(step, {})[name] = table

    def checkpoint(self, state: Mapping[str, Any], step: int) -> None:
        """Keep a copy of resumable state, because training changes its tensors in place."""
        self.checkpoints[step] = copy.deepcopy(dict(state))


class DirectoryTracker:
    """Writes files to a directory, synchronously and atomically: an exit loses nothing.

    The files are ``artifacts/<epoch>/scores.json`` and other artifacts beside it,
    ``tabular_data/<epoch>/<name>.csv`` and ``torch_checkpoints/<epoch>.pt``. Epochs have six
    digits.

    Args:
        directory: A path or URI.
    """

    def __init__(self, directory: Location | str | PurePath) -> None:
        self.directory = Location(directory)
        self._scores: tuple[int, dict[str, float]] = (0, {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.directory)!r})"

    def scores(self, scores: Mapping[str, float], step: int) -> None:
        """Keep scores by name; all scores of a step are in one file."""
        known = self._scores[1] if self._scores[0] == step else {}
        self._scores = (step, {**known, **scores})
        text = json.dumps(self._scores[1], indent=2) + "\n"
        self.artifact("scores.json", text.encode(), step)

    def artifact(self, name: str, content: bytes, step: int) -> None:
        """Keep a file."""
        (self.directory / "artifacts" / f"{step:06d}" / name).write_bytes(content)

    def table(self, name: str, table: pd.DataFrame, step: int) -> None:
        """Keep rows."""
        target = self.directory / "tabular_data" / f"{step:06d}" / f"{name}.csv"
        target.write_bytes(table.to_csv(index=False).encode())

    def checkpoint(self, state: Mapping[str, Any], step: int) -> None:
        """Keep resumable state; ``torch.load(..., weights_only=True)`` reads it."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        (self.directory / "torch_checkpoints" / f"{step:06d}.pt").write_bytes(buffer.getvalue())
