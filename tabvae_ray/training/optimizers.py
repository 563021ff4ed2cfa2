"""Adam and AdamW of torch, without the import of torch's compiler.

Torch loads its compiler with the first call of an optimiser, though nothing is compiled. That takes
two seconds of CPU in every process that trains, as long as the training of a small table.
"""

from inspect import unwrap

import torch
from torch.optim import Optimizer

from tabvae_ray.config import TrainingConfig

__all__ = ["make_optimizer"]


class _Methods:
    """Methods of torch's optimisers as they are without the decorators that load the compiler."""

    add_param_group = unwrap(Optimizer.add_param_group)
    load_state_dict = unwrap(Optimizer.load_state_dict)
    state_dict = unwrap(Optimizer.state_dict)
    zero_grad = unwrap(Optimizer.zero_grad)


class _Adam(_Methods, torch.optim.Adam):
    # One of the decorators also switched gradients off.
    step = torch.no_grad()(unwrap(torch.optim.Adam.step))


class _AdamW(_Methods, torch.optim.AdamW):
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))


def make_optimizer(model: torch.nn.Module, config: TrainingConfig) -> Optimizer:
    """Return the optimiser of a model that is configured."""
    kind = _AdamW if config.optimizer == "adamw" else _Adam
    rate, decay = config.learning_rate, config.weight_decay
    return kind(model.parameters(), lr=rate, weight_decay=decay, fused=True)
