"""Training on blocks of rows that are read one after another, for tables beyond memory."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed
from torch import Tensor

from tabvae_ray.training.trainer import TabularVAETrainer

__all__ = ["BLOCK_ROWS", "BlockTraining"]

# Rows that are shuffled together.
BLOCK_ROWS = 131_072


class BlockTraining:
    """Trains epochs of blocks; between two blocks its state can be kept.

    All randomness of a block follows from the seed, the epoch, the block and the worker. A training
    that was interrupted after a block and resumed therefore has bit for bit the same result.

    Args:
        trainer: The trainer; its own rows are not trained on.
        n_rows: Rows of an epoch that this worker trains on.
        seed: Seed of the order inside of blocks, of latent noise and of dropout.
        worker: Number of this worker.
        n_workers: Workers, each of which takes its part of every batch. If there are several,
            they are the process group of ``torch.distributed``.

    Attributes:
        block: Blocks done in the current epoch.
    """

    def __init__(
        self,
        trainer: TabularVAETrainer,
        n_rows: int,
        *,
        seed: int,
        worker: int = 0,
        n_workers: int = 1,
    ) -> None:
        self.trainer, self.n_rows = trainer, n_rows
        self._seed, self._worker, self._n_workers = seed, worker, n_workers
        self.batch_size = max(2, min(trainer.config.batch_size // n_workers, n_rows))
        self.block = 0
        self._totals = torch.zeros(3, dtype=torch.float64)
        self._n_done = 0

    @property
    def block_rows(self) -> int:
        """Rows of a block, a multiple of a batch."""
        return max(1, BLOCK_ROWS // self.batch_size) * self.batch_size

    def train_epoch(
        self,
        blocks: Iterable[np.ndarray[Any, np.dtype[Any]]],
        after_block: Callable[[], None] = lambda: None,
    ) -> None:
        """Train the rest of the current epoch, and end it.

        Args:
            blocks: ``(block_rows, C)`` codes of all blocks of the epoch, the last one shorter;
                those that have been trained on are passed over.
            after_block: Called after every block but the last.

        Raises:
            DivergenceError: If the loss becomes NaN or infinite.
        """
        self.trainer.model.train()
        for number, block in enumerate(blocks):
            if number < self.block:
                continue
            self._train(torch.as_tensor(block).to(self.trainer.device, torch.int64))
            self.block = number + 1
            if self._n_done < self.n_rows:
                after_block()
        means = (self._totals / max(1, self._n_done)).float()
        self.block, self._n_done = 0, 0
        self._totals = torch.zeros(3, dtype=torch.float64)
        self.trainer.end_epoch(self.trainer.entry(means))

    def state_dict(self) -> dict[str, Any]:
        """Return the state of trainer and epoch."""
        return {
            "trainer": self.trainer.state_dict(),
            "block": self.block,
            "totals": self._totals.clone(),
            "n_done": self._n_done,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a state that :meth:`state_dict` returned."""
        self.trainer.load_state_dict(state["trainer"])
        self.block, self._n_done = state["block"], state["n_done"]
        self._totals = state["totals"].clone()

    def _train(self, codes: Tensor) -> None:
        trainer = self.trainer
        origin = [self._seed, trainer.epoch, self.block, self._worker]
        trainer.generator.manual_seed(int(np.random.SeedSequence(origin).generate_state(1)[0]))
        if trainer.config.shuffle:
            order = torch.randperm(len(codes), generator=trainer.generator, device=trainer.device)
            codes = codes[order]
        totals = torch.zeros(3, device=trainer.device)
        for batch in torch.split(codes, self.batch_size):
            # Batch norm cannot train on a single row.
            if len(batch) > 1:
                progress = trainer.epoch + self._n_done / self.n_rows
                losses = trainer.train_batch(batch, progress, len(batch) / self.n_rows)
                totals += losses * len(batch)
                self._n_done += len(batch)
        if self._n_workers > 1:
            # A schedule that follows the loss has to take the same steps in all workers.
            torch.distributed.all_reduce(totals)
            totals /= self._n_workers
        self._totals += totals.double().cpu()
