"""What is measured during training, and how often.

Each routine is a hook of :class:`~tabvae_ray.training.trainer.TabularVAETrainer`: a
:class:`BatchRoutine` goes into ``batch_hooks``, the others into ``epoch_hooks``.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.training.tracking import Tracker
from tabvae_ray.training.trainer import BatchHook, BatchResult, TabularVAETrainer

__all__ = ["ArtifactRoutine", "BatchRoutine", "CheckpointRoutine", "LoaderRoutine"]


class BatchRoutine:
    """The loss of a batch, every so many batches, and whatever else callbacks measure.

    Args:
        period: Batches between two measurements, counted over all epochs.
        callbacks: Called at each measurement.

    Attributes:
        losses: ``(epoch, batch, loss in nats per row)`` of every measurement.
    """

    def __init__(self, period: int = 1, callbacks: Sequence[BatchHook] = ()) -> None:
        self.period = period
        self.callbacks = list(callbacks)
        self.losses: list[tuple[int, int, float]] = []
        self._seen = 0

    def __call__(self, trainer: TabularVAETrainer, result: BatchResult) -> None:
        """Measure, if this batch is one of those to measure."""
        self._seen += 1
        if self._seen % self.period:
            return
        self.losses.append((result.epoch, result.batch, float(result.loss)))
        for callback in self.callbacks:
            callback(trainer, result)


class LoaderRoutine:
    """A pass over the training rows after an epoch: the loss, and how well columns come back.

    Tracks ``train_nats`` and, per column, ``reconstruction/<column>``: cross-entropy in nats.

    Args:
        period: Epochs between two passes.
        columns: Names of the columns, in the order of the codes.
        tracker: Where the scores go.
    """

    def __init__(self, period: int, columns: Sequence[str], tracker: Tracker) -> None:
        self.period, self.columns, self.tracker = period, list(columns), tracker

    def __call__(self, trainer: TabularVAETrainer) -> None:
        """Act, if this epoch is one of the period's."""
        if trainer.epoch % self.period:
            return
        cells, kl = trainer.measure(trainer.codes)
        scores = {"train_nats": sum(cells) + kl, "kl": kl}
        scores |= {
            f"reconstruction/{name}": value for name, value in zip(self.columns, cells, strict=True)
        }
        self.tracker.scores(scores, trainer.epoch)


class ArtifactRoutine:
    """Generates rows after an epoch, compares them with the real ones by a plan, tracks both.

    Args:
        period: Epochs between two comparisons.
        generate: Makes so many rows with the model as it is now.
        comparison: A plan, prepared with the real rows.
        tracker: Where scores, artifacts and rows go.
        n_records: Rows to generate.
    """

    def __init__(
        self,
        period: int,
        generate: Callable[[int], pd.DataFrame],
        comparison: PreparedComparison,
        tracker: Tracker,
        n_records: int,
    ) -> None:
        self.period, self.generate, self.comparison = period, generate, comparison
        self.tracker, self.n_records = tracker, n_records

    def __call__(self, trainer: TabularVAETrainer) -> None:
        """Act, if this epoch is one of the period's."""
        if trainer.epoch % self.period:
            return
        rows = self.generate(self.n_records)
        result = self.comparison.compute(rows)
        self.tracker.scores(result.flat_scores(), trainer.epoch)
        for name, content in result.files().items():
            self.tracker.artifact(name, content, trainer.epoch)
        self.tracker.table("synthetic", rows, trainer.epoch)


class CheckpointRoutine:
    """Keeps the trainer's whole state every so many epochs.

    Args:
        period: Epochs between two checkpoints.
        tracker: Where they go.
    """

    def __init__(self, period: int, tracker: Tracker) -> None:
        self.period, self.tracker = period, tracker

    def __call__(self, trainer: TabularVAETrainer) -> None:
        """Act, if this epoch is one of the period's."""
        if trainer.epoch % self.period == 0:
            self.tracker.checkpoint(trainer.state_dict(), trainer.epoch)
