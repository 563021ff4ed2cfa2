"""Choose the device of a network, and the precision of its training."""

import torch

from tabvae_ray.config import TrainingConfig

__all__ = ["autocasts", "resolve_device"]


def resolve_device(name: torch.device | str) -> torch.device:
    """Return the device of a name.

    Args:
        name: ``auto`` is a GPU if there is one, otherwise the CPU; other names are PyTorch's, such
            as ``cuda:1``.
    """
    if isinstance(name, torch.device) or name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocasts(config: TrainingConfig, device: torch.device) -> bool:
    """Return True if training on a device uses bfloat16 where PyTorch considers it safe.

    Args:
        config: Its ``autocast`` decides; ``auto`` means on GPUs that support bfloat16.
        device: The device.
    """
    if config.autocast != "auto":
        return config.autocast
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
