"""Learning rate and KL weight as functions of the progress of a run.

They have no state of their own, so a resumed run continues bit for bit.
"""

import math

from tabvae_ray.config import TrainingConfig

__all__ = ["kl_weight", "learning_rate"]


def learning_rate(
    config: TrainingConfig, progress: float, step: float, plateau_factor: float
) -> float:
    """Return the learning rate of a batch.

    Args:
        config: The schedule and its parameters.
        progress: Epochs done, with the fraction of the current one.
        step: One batch, in epochs.
        plateau_factor: Factor of the plateau schedule so far.
    """
    rate = config.learning_rate
    if config.warmup_epochs > 0:
        rate *= min(1.0, (progress + step) / config.warmup_epochs)
    if config.scheduler == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * progress / config.max_n_epochs))
    elif config.scheduler == "exponential":
        rate *= config.scheduler_gamma ** int(progress)
    elif config.scheduler == "plateau":
        rate *= plateau_factor
    return rate


def kl_weight(config: TrainingConfig, loss_beta: float, progress: float) -> float:
    """Return the weight of the KL term after ``progress`` epochs: ``loss_beta`` after a warm-up."""
    if config.kl_warmup_epochs > 0:
        return loss_beta * min(1.0, progress / config.kl_warmup_epochs)
    return loss_beta
