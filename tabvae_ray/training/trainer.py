"""The training loop of the tabular VAE, with its whole state as one dict."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from tabvae_ray.config import TrainingConfig
from tabvae_ray.errors import DataError, DivergenceError
from tabvae_ray.model.devices import autocasts, resolve_device
from tabvae_ray.model.vae import VAE
from tabvae_ray.training.graphs import StepGraphs
from tabvae_ray.training.optimizers import make_optimizer
from tabvae_ray.training.schedules import kl_weight, learning_rate
from tabvae_ray.training.stopping import stale_epochs, stopping_rules

__all__ = [
    "EVALUATION_MAX_ROWS",
    "BatchResult",
    "TabularVAETrainer",
    "batch_bounds",
    "evaluation_rows",
]

# Rows per forward pass without gradients: fewer where the heads have many codes, as each row has a
# logit for all of them.
_EVALUATION_ROWS, _EVALUATION_LOGITS = 4096, 2**23
# The loss on this many rows is precise enough.
EVALUATION_MAX_ROWS = 20_000


@dataclass(frozen=True)
class BatchResult:
    """The result of one step of the optimiser.

    Args:
        epoch: Epoch of the step, from 1.
        batch: Number of the step within its epoch, from 1.
        loss: Beta-weighted loss, nats per row; a scalar tensor on the device.
    """

    epoch: int
    batch: int
    loss: Tensor


BatchHook = Callable[["TabularVAETrainer", BatchResult], None]
EpochHook = Callable[["TabularVAETrainer"], None]


class TabularVAETrainer:
    """Trains a VAE on a table of codes.

    The codes are one tensor on the device, and a batch is a slice of it. All randomness after
    initialisation comes from one generator, whose state is part of :meth:`state_dict`. A run that
    is interrupted between epochs and resumed therefore has bit for bit the same result.

    Args:
        model: The network; moved to the device.
        codes: Training rows, ``(N, C)`` integers, N >= 2.
        config: Optimiser, schedules, budget and the other options of the loop.
        loss_beta: Weight of the KL term.
        held_out: Held-out rows, ``(M, C)``; early stopping on them needs some.
        seed: Seed of batch order, latent noise and dropout.
        device: Where to train; ``config.device`` if None.
        batch_hooks: Called after every step.
        epoch_hooks: Called after every epoch, once its entry is in the history.

    Attributes:
        epoch: Epochs done.
        history: One entry per epoch: ``epoch``, ``loss``, ``reconstruction`` and ``kl`` (means over
            the training batches, nats per row), ``learning_rate``, and with early stopping on
            held-out rows ``holdout_loss``, their loss with the full ``loss_beta``.
        stopped: The reason why the run ended, or None if it can continue.

    Raises:
        DataError: If there are fewer than two training rows.
    """

    def __init__(
        self,
        model: VAE,
        codes: np.ndarray[Any, np.dtype[Any]],
        config: TrainingConfig,
        *,
        loss_beta: float,
        held_out: np.ndarray[Any, np.dtype[Any]] | None = None,
        seed: int = 0,
        device: torch.device | str | None = None,
        batch_hooks: Sequence[BatchHook] = (),
        epoch_hooks: Sequence[EpochHook] = (),
    ) -> None:
        if len(codes) < 2:
            raise DataError(f"training needs at least 2 rows, but got {len(codes)}")
        self.device = resolve_device(config.device if device is None else device)
        self.model = model.to(self.device)
        # Replaced where several processes train the same model.
        self.forward: Callable[..., Any] = self.model
        self.codes = torch.as_tensor(codes).to(self.device, torch.int64)
        has_held_out = held_out is not None and len(held_out) > 0
        self.held_out: Tensor | None = None
        if has_held_out:
            self.held_out = torch.as_tensor(held_out).to(self.device, torch.int64)
        self.config, self.loss_beta = config, loss_beta
        self.batch_hooks, self.epoch_hooks = list(batch_hooks), list(epoch_hooks)
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self._seed = seed
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.optimizer = make_optimizer(model, config)
        self._plateau_factor = 1.0
        self._autocast = autocasts(config, self.device)
        self._graphs: StepGraphs | None = None
        # During a KL warm-up the loss has a smaller KL weight, so it is not comparable.
        self._n_warmup = math.ceil(config.kl_warmup_epochs)
        # With early stopping on held-out rows, the weights of the best epoch.
        self._best: dict[str, Tensor] | None = None
        self._rules = stopping_rules(config, self._n_warmup, has_held_out=has_held_out)

    @property
    def stopped(self) -> str | None:
        """The reason why the run has ended, or None if it can continue."""
        reasons = (rule.reason(self.history) for rule in self._rules)
        return next((reason for reason in reasons if reason), None)

    def train(self, until_epoch: int | None = None) -> list[dict[str, float]]:
        """Train until an epoch is reached or a stopping rule ends the run.

        With early stopping on held-out rows, the model has the weights of the best epoch once the
        run has ended.

        Args:
            until_epoch: Last epoch to train; the whole budget if None.

        Returns:
            The history of all epochs, see the class.

        Raises:
            DivergenceError: If the loss becomes NaN or infinite.
        """
        last = self.config.max_n_epochs if until_epoch is None else until_epoch
        while self.epoch < last and self.stopped is None:
            self.end_epoch(self._train_epoch())
        return self.history

    def counts(self) -> list[Tensor]:
        """Return the training rows per code, ``(K_c,)`` for every column."""
        return [
            torch.bincount(column, minlength=k)
            for column, k in zip(self.codes.T, self.model.cardinalities, strict=True)
        ]

    def end_epoch(self, entry: dict[str, float]) -> None:
        """Add the entry of an epoch to the history, with all that follows from it."""
        self.history.append(entry)
        self.epoch += 1
        if self.config.early_stopping == "holdout":
            self._keep_best()
        if self.config.scheduler == "plateau":
            stale = stale_epochs(self.history[self._n_warmup :], "loss")
            if stale and stale % self.config.scheduler_patience == 0:
                self._plateau_factor *= self.config.scheduler_gamma
        for hook in self.epoch_hooks:
            hook(self)

    def evaluate(self) -> dict[str, float | None]:
        """Compute nats per row at beta = 1, on training rows and on held-out rows.

        They are the negative ELBO with one draw of z, always with the same noise. They compare
        models of the same codes only: more bins per column mean more nats.

        Returns:
            ``train_nats`` and ``holdout_nats``, the latter None without held-out rows.
        """
        return {
            "train_nats": _loss(self, self.codes, 1.0),
            "holdout_nats": None if self.held_out is None else _loss(self, self.held_out, 1.0),
        }

    def measure(self, codes: Tensor) -> tuple[list[float], float]:
        """Compute the terms of the loss on any rows, without training on them.

        Args:
            codes: ``(N, C)`` integer codes on the trainer's device.

        Returns:
            Mean cross-entropy of each column, in the order of the codes, and mean KL divergence;
            nats per row.
        """
        self.model.eval()
        generator = torch.Generator(self.device).manual_seed(0)
        order = [column for columns, _ in self.model.predictor.groups for column in columns]
        totals = torch.zeros(len(order), dtype=torch.float64, device=self.device)
        kl_total = 0.0
        with torch.inference_mode():
            for block in torch.split(codes, evaluation_rows(self.model)):
                cells, kl = self.model(block, generator)
                totals[order] += cells.double().sum(dim=0)
                kl_total += float(kl.double().sum())
        return (totals / len(codes)).tolist(), kl_total / len(codes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.codes):,} rows, epoch {self.epoch})"

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state: tensors, numbers, strings, and lists and dicts of them."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "epoch": self.epoch,
            "history": [dict(entry) for entry in self.history],
            "plateau_factor": self._plateau_factor,
            "best": self._best,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a state that :meth:`state_dict` returned, on any device."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        # Graphs read and write the state of the optimiser that was there when they were captured.
        self._graphs = None
        self.epoch = state["epoch"]
        _continue(self.generator, state["generator"].cpu(), self._seed + self.epoch)
        self.history = [dict(entry) for entry in state["history"]]
        self._plateau_factor = state["plateau_factor"]
        self._best = state["best"]

    def _train_epoch(self) -> dict[str, float]:
        self.model.train()
        codes, bounds = self.codes, batch_bounds(len(self.codes), self.config)
        if self.config.shuffle:
            order = torch.randperm(len(codes), generator=self.generator, device=self.device)
            codes = codes[order]
        totals = torch.zeros(3, device=self.device)
        for batch, (start, end) in enumerate(bounds, start=1):
            progress = self.epoch + (batch - 1) / len(bounds)
            losses = self.train_batch(codes[start:end], progress, 1 / len(bounds))
            totals += losses * (end - start)
            for hook in self.batch_hooks:
                hook(self, BatchResult(self.epoch + 1, batch, losses[0]))
        return self.entry(totals / bounds[-1][1])

    def entry(self, means: Tensor) -> dict[str, float]:
        """Return the entry of the current epoch for the history.

        Args:
            means: Means of loss, reconstruction and KL over the rows of the epoch.

        Raises:
            DivergenceError: If the loss is NaN or infinite.
        """
        loss, reconstruction, kl = means.tolist()
        if not math.isfinite(loss):
            hint = f"try a lower learning_rate than {self.config.learning_rate}"
            raise DivergenceError(f"the loss is {loss} in epoch {self.epoch + 1}: {hint}")
        return {
            "epoch": self.epoch + 1,
            "loss": loss,
            "reconstruction": reconstruction,
            "kl": kl,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }

    def train_batch(self, codes: Tensor, progress: float, step: float) -> Tensor:
        """Take one step of the optimiser; return loss, reconstruction and KL.

        Args:
            codes: ``(N, C)`` the rows, on the trainer's device.
            progress: Epochs done, with the fraction of the current one.
            step: This batch, in epochs.
        """
        rate = learning_rate(self.config, progress, step, self._plateau_factor)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weight = kl_weight(self.config, self.loss_beta, progress)
        # What several processes train together waits for the other processes.
        if self.device.type != "cuda" or self.forward is not self.model:
            return self._step(codes, weight)
        self._graphs = self._graphs or StepGraphs(self._step, self.optimizer, self.generator)
        return self._graphs(codes, weight)

    def _step(self, codes: Tensor, weight: float | Tensor) -> Tensor:
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._autocast):
            cells, kl_rows = self.forward(codes, self.generator)
        reconstruction, kl = cells.sum(dim=1).mean(), kl_rows.mean()
        loss = reconstruction + weight * kl
        loss.backward()
        if self.config.gradient_clip_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.config.gradient_clip_norm)
        self.optimizer.step()
        return torch.stack([loss, reconstruction, kl]).detach()

    def _keep_best(self) -> None:
        assert self.held_out is not None
        self.history[-1]["holdout_loss"] = _loss(self, self.held_out, self.loss_beta)
        if stale_epochs(self.history, "holdout_loss") == 0:
            # A copy, because training changes the tensors in place.
            self._best = copy.deepcopy(self.model.state_dict())
        if self.stopped is not None and self._best is not None:
            self.model.load_state_dict(self._best)


def _loss(trainer: TabularVAETrainer, codes: Tensor, beta: float) -> float:
    """Compute nats per row, on the first rows of a large table."""
    cells, kl = trainer.measure(codes[:EVALUATION_MAX_ROWS])
    return sum(cells) + beta * kl


def _continue(generator: torch.Generator, state: Tensor, seed: int) -> None:
    """Let a generator go on from a state; from a seed if that is of another kind of device.

    The draws of another kind of device are others in any case.
    """
    if len(state) == len(generator.get_state()):
        generator.set_state(state)
    else:
        generator.manual_seed(seed)


def evaluation_rows(model: VAE, most: int = _EVALUATION_ROWS) -> int:
    """Return how many rows to pass through a network at once, without gradients."""
    return max(min(most, _EVALUATION_LOGITS // sum(model.cardinalities)), 64)


def batch_bounds(n_rows: int, config: TrainingConfig) -> list[tuple[int, int]]:
    """Return first and last row (exclusive) of every batch."""
    size = max(2, min(config.batch_size, n_rows))
    starts = list(range(0, n_rows, size))
    end, remainder = n_rows, n_rows - starts[-1]
    # Batch norm cannot train on a single row, so it joins the batch before.
    if len(starts) > 1 and (remainder == 1 or (config.drop_last and remainder < size)):
        starts.pop()
        end -= remainder if config.drop_last else 0
    return list(zip(starts, [*starts[1:], end], strict=True))
