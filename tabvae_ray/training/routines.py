"""Routines: periodic measurements, comparisons and checkpoints during training.

Each routine is a hook of :class:`~tabvae_ray.training.trainer.TabularVAETrainer`: a
:class:`BatchRoutine` goes into ``batch_hooks``, the others into ``epoch_hooks``. The period of the
latter is a number of epochs, or a collection of epochs (the rungs of a search). They also run at
the end, so that the last state is always measured.
"""

from collections.abc import Callable, Collection, Sequence

import pandas as pd

from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.training.membership import QUICK_PER_OTHER, white_box_attacks
from tabvae_ray.training.tracking import Tracker
from tabvae_ray.training.trainer import (
    EVALUATION_MAX_ROWS,
    BatchHook,
    BatchResult,
    TabularVAETrainer,
)

__all__ = ["ArtifactRoutine", "BatchRoutine", "CheckpointRoutine", "LoaderRoutine"]


class BatchRoutine:
    """Records the loss of a batch periodically, and calls callbacks.

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
        """Measure if the period is over."""
        self._seen += 1
        if self._seen % self.period:
            return
        self.losses.append((result.epoch, result.batch, float(result.loss)))
        for callback in self.callbacks:
            callback(trainer, result)


class LoaderRoutine:
    """Evaluates the loss and the reconstruction of every column after an epoch.

    Tracks ``train_nats``, and with held-out rows ``holdout_nats`` and ``membership``, the AUC of
    the strongest attack of :func:`white_box_attacks`. Also tracks, on the training rows,
    ``kl`` and per column ``reconstruction/<column>`` (cross-entropy); all in nats per row at
    beta = 1. Of a large table, the first rows are evaluated.

    Args:
        period: Epochs between two evaluations, or a collection of epochs.
        columns: Names of the columns, in the order of the codes.
        tracker: Where the scores go.
    """

    def __init__(
        self, period: int | Collection[int], columns: Sequence[str], tracker: Tracker
    ) -> None:
        self.period, self.columns, self.tracker = period, list(columns), tracker

    def __call__(self, trainer: TabularVAETrainer) -> None:
        """Run if this epoch is due."""
        if not _is_due(trainer, self.period):
            return
        cells, kl = trainer.measure(trainer.codes[:EVALUATION_MAX_ROWS])
        scores = {"train_nats": sum(cells) + kl, "kl": kl}
        if trainer.held_out is not None:
            held_out_cells, held_out_kl = trainer.measure(trainer.held_out[:EVALUATION_MAX_ROWS])
            scores["holdout_nats"] = sum(held_out_cells) + held_out_kl
            attacks = white_box_attacks(trainer, most_per_other=QUICK_PER_OTHER)
            if attacks is not None:
                scores["membership"] = attacks.auc
        scores |= {
            f"reconstruction/{name}": value for name, value in zip(self.columns, cells, strict=True)
        }
        self.tracker.scores(scores, trainer.epoch)


class ArtifactRoutine:
    """Generates rows after an epoch, and tracks them and their comparison with the real rows.

    Args:
        period: Epochs between two comparisons, or a collection of epochs.
        generate: Makes a number of rows with the current model.
        comparison: A plan, prepared with the real rows.
        tracker: Where scores, artifacts and rows go.
        n_records: Rows to generate.
    """

    def __init__(
        self,
        period: int | Collection[int],
        generate: Callable[[int], pd.DataFrame],
        comparison: PreparedComparison,
        tracker: Tracker,
        n_records: int,
    ) -> None:
        self.period, self.generate, self.comparison = period, generate, comparison
        self.tracker, self.n_records = tracker, n_records

    def __call__(self, trainer: TabularVAETrainer) -> None:
        """Run if this epoch is due."""
        if not _is_due(trainer, self.period):
            return
        rows = self.generate(self.comparison.n_rows_to_generate(self.n_records))
        result = self.comparison.compute(rows, n_rows=self.n_records)
        self.tracker.scores(result.flat_scores(), trainer.epoch)
        for name, content in result.files().items():
            self.tracker.artifact(name, content, trainer.epoch)
        self.tracker.table("synthetic", rows.iloc[: self.n_records], trainer.epoch)


class CheckpointRoutine:
    """Tracks the trainer's whole state periodically.

    Args:
        period: Epochs between two checkpoints, or a collection of epochs.
        tracker: Where checkpoints go.
    """

    def __init__(self, period: int | Collection[int], tracker: Tracker) -> None:
        self.period, self.tracker = period, tracker

    def __call__(self, trainer: TabularVAETrainer) -> None:
        """Run if this epoch is due."""
        if _is_due(trainer, self.period):
            self.tracker.checkpoint(trainer.state_dict(), trainer.epoch)


def _is_due(trainer: TabularVAETrainer, period: int | Collection[int]) -> bool:
    if trainer.stopped is not None:
        return True
    if isinstance(period, int):
        return trainer.epoch % period == 0
    return trainer.epoch in period
