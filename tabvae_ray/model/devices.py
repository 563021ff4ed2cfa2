"""Choose the device of a network, and the precision of its training."""

import torch

from tabvae_ray.config import TrainingConfig
from tabvae_ray.errors import ConfigError, brief

__all__ = ["autocasts", "resolve_device"]


def resolve_device(name: torch.device | str) -> torch.device:
    """Return the device of a name.

    Args:
        name: ``auto`` is a GPU if there is one, otherwise the CPU; other names are PyTorch's, such
            as ``cuda:1``.

    Raises:
        ConfigError: If torch knows no such device, or finds none here.
    """
    if isinstance(name, str) and name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        # A number would be a device of whatever accelerator there is.
        device = torch.device(name) if isinstance(name, str | torch.device) else None
    except RuntimeError:
        device = None
    if device is None:
        raise ConfigError(f"device must be auto, cpu, or such as cuda:0, but got {brief(name)}")
    n_gpus = torch.cuda.device_count() if device.type == "cuda" else 0
    if device.type == "cuda" and (device.index or 0) >= n_gpus:
        raise ConfigError(f"device {str(device)!r}: torch finds {n_gpus} GPUs here")
    if device.type not in ("cpu", "cuda"):
        found = torch.accelerator.current_accelerator()
        if found is None or found.type != device.type:
            raise ConfigError(f"device {str(device)!r}: torch finds none here")
    return device


def autocasts(config: TrainingConfig, device: torch.device) -> bool:
    """Return True if training on a device uses bfloat16 where PyTorch considers it safe.

    Args:
        config: Its ``autocast`` decides; ``auto`` means on GPUs that support bfloat16.
        device: The device.
    """
    if config.autocast != "auto":
        return config.autocast
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
