"""The training loop with differential privacy (DP-SGD, Abadi et al. 2016)."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tabvae_ray.config import TrainingConfig
from tabvae_ray.errors import DivergenceError
from tabvae_ray.model.vae import VAE
from tabvae_ray.training.private.accounting import secret_seed
from tabvae_ray.training.private.guarantee import Guarantee
from tabvae_ray.training.private.row_norms import RowNorms
from tabvae_ray.training.schedules import kl_weight, learning_rate
from tabvae_ray.training.trainer import BatchResult, TabularVAETrainer

__all__ = ["PrivateTrainer"]

# Rows of one forward pass; a Poisson sample may be larger.
_MOST_ROWS = 1024


class PrivateTrainer(TabularVAETrainer):
    """Trains a VAE with differential privacy.

    Every step draws a Poisson sample of the rows, clips the gradient of each row, and adds Gaussian
    noise to their sum. All draws come from seeds of the operating system: two trainings differ, and
    nobody can compute the noise. This includes dropout and the latent noise, which an attacker who
    knew them could use to line up the rows of a sample. No loss of the rows is kept, because no
    noise would protect it: the history has the epochs and learning rates only.

    Args:
        model: A network without batch norm; moved to the device.
        codes: All rows, ``(N, C)`` integers.
        config: As in :class:`TabularVAETrainer`.
        guarantee: Noise, sampling rate and number of steps.
        loss_beta: Weight of the KL term.
        device: Where to train; ``config.device`` if None.
        batch_hooks: Called after every step, with a loss of NaN.
        epoch_hooks: Called after every epoch.
    """

    def __init__(
        self,
        model: VAE,
        codes: np.ndarray[Any, np.dtype[Any]],
        config: TrainingConfig,
        guarantee: Guarantee,
        **options: Any,
    ) -> None:
        super().__init__(model, codes, config, **options)
        self.guarantee = guarantee
        self._autocast = False
        self.generator.manual_seed(secret_seed())
        self._secret = torch.Generator(self.device).manual_seed(secret_seed())
        self._norms = RowNorms(model)

    def evaluate(self) -> dict[str, float | None]:
        """Return no number: the loss of the rows is not protected by noise."""
        return {"train_nats": None, "holdout_nats": None}

    def noisy_nats(self) -> float:
        """Return the mean loss of the rows at beta = 1 with noise, in nats per row.

        The loss of a row is limited to that of a model to which all codes are equally likely.

        Raises:
            ValueError: If the guarantee has no score.
        """
        if self.guarantee.score_noise is None:
            raise ValueError("the guarantee of this training has no score")
        most = sum(math.log(k) for k in self.model.cardinalities)
        total = 0.0
        self.model.eval()
        with torch.inference_mode():
            for block in torch.split(self.codes, _MOST_ROWS):
                cells, kl = self.model(block, self.generator)
                losses = (cells.sum(dim=1) + kl).double().clamp(0.0, most)
                total += float(torch.where(losses.isnan(), most, losses).sum())
        noise = torch.empty(1, dtype=torch.float64, device=self.device)
        noise.normal_(0, self.guarantee.score_noise * most, generator=self._secret)
        return (total + float(noise)) / self.guarantee.rows

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state, which must stay private: the noise can be computed from it."""
        return {**super().state_dict(), "secret": self._secret.get_state()}

    def load_state_dict(self, state: Any) -> None:
        """Load a state that :meth:`state_dict` returned, on any device."""
        super().load_state_dict(state)
        self._secret.set_state(state["secret"].cpu())

    def sampled_step(self, codes: Tensor, weight: float) -> None:
        """Take one step of the optimiser, with clipped gradients and noise.

        Args:
            codes: ``(B, C)`` the sampled rows, of which there may be none.
            weight: Weight of the KL term.
        """
        self.optimizer.zero_grad()
        for block in torch.split(codes, _MOST_ROWS):
            if len(block):
                self._add_clipped(block, weight)
        # The number of rows is the noisy one: the true one is not known outside.
        expected = self.guarantee.sample_rate * self.guarantee.rows
        scale = self.guarantee.noise_multiplier * self.guarantee.max_grad_norm
        for parameter in self.model.parameters():
            noise = torch.empty_like(parameter).normal_(0, scale, generator=self._secret)
            if parameter.grad is None:
                parameter.grad = noise
            else:
                parameter.grad += noise
            parameter.grad /= expected
        self.optimizer.step()

    def _add_clipped(self, codes: Tensor, weight: float) -> None:
        """Add the clipped gradients of rows to those of the parameters."""
        with self._norms.watched():
            cells, kl = self.model(codes, self.generator)
        losses = cells.sum(dim=1) + weight * kl
        norms = self._norms.squared(losses.sum(), codes).sqrt()
        factors = (self.guarantee.max_grad_norm / norms).clamp(max=1.0)
        (losses * factors).sum().backward()

    def _train_epoch(self) -> dict[str, float]:
        self.model.train()
        steps, rate = self.guarantee.steps_per_epoch, 0.0
        for batch in range(1, steps + 1):
            progress = self.epoch + (batch - 1) / steps
            rate = learning_rate(self.config, progress, 1 / steps, 1.0)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            drawn = torch.rand(len(self.codes), generator=self._secret, device=self.device)
            chosen = self.codes[drawn < self.guarantee.sample_rate]
            self.sampled_step(chosen, kl_weight(self.config, self.loss_beta, progress))
            for hook in self.batch_hooks:
                hook(self, BatchResult(self.epoch + 1, batch, torch.tensor(math.nan)))
        # The weights are protected by the noise, so whether they are finite may be known.
        if not all(bool(torch.isfinite(p).all()) for p in self.model.parameters()):
            raise DivergenceError(
                f"the weights are not finite in epoch {self.epoch + 1}: "
                f"try a lower learning_rate than {self.config.learning_rate}"
            )
        return {"epoch": self.epoch + 1, "learning_rate": rate}
