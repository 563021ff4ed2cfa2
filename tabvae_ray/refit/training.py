"""Train a refit, from its checkpoint if it was killed before."""

import io
import pickle
from collections.abc import Sequence
from typing import Any

import torch

from tabvae_ray.errors import StorageError
from tabvae_ray.refit.plan import RefitPlan
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.trainer import EpochHook, TabularVAETrainer

__all__ = ["keep_state", "kept_state", "train_refit", "untrained"]


def train_refit(plan: RefitPlan, hooks: Sequence[EpochHook] = ()) -> TabularVAE:
    """Train the model of a plan to its last epoch, and return it.

    A checkpoint is written every ``training.checkpoint_period`` epochs and at the end. If there is
    one of the same plan, the training continues from it, with the same result bit for bit. A
    finished refit is only loaded.

    Args:
        plan: The plan.
        hooks: Called after every epoch, once its checkpoint is written.

    Raises:
        DivergenceError: If the loss becomes NaN or infinite.
        StorageError: If the checkpoint cannot be read or written.
    """
    torch.set_num_threads(plan.threads)
    vae = untrained(plan, plan.device)
    state = kept_state(plan)
    if state is not None:
        vae.load_state_dict(state)
    period = plan.config.training.checkpoint_period

    def keep(trainer: TabularVAETrainer) -> None:
        if trainer.epoch % period == 0 or trainer.epoch == plan.epochs:
            keep_state(plan, trainer.state_dict())

    vae.trainer.epoch_hooks += [keep, *hooks]
    vae.trainer.train(until_epoch=plan.epochs)
    return vae


def untrained(plan: RefitPlan, device: str) -> TabularVAE:
    """Return the model of a plan before its first epoch."""
    vae = TabularVAE.build(
        plan.spec, plan.config, seed=plan.seed, split_seed=plan.split_seed, device=device
    )
    vae.prepare(plan.table)
    return vae


def kept_state(plan: RefitPlan) -> dict[str, Any] | None:
    """Return the trainer's state in the checkpoint; None if there is none, or of another refit."""
    if not plan.checkpoint.exists():
        return None
    try:
        content: Any = torch.load(
            io.BytesIO(plan.checkpoint.read_bytes()), weights_only=True, map_location="cpu"
        )
    except StorageError:
        raise
    except (EOFError, OSError, RuntimeError, ValueError, pickle.UnpicklingError):
        return None
    if not isinstance(content, dict) or content.get("identity") != plan.identity:
        return None
    state: dict[str, Any] = content["trainer"]
    return state


def keep_state(plan: RefitPlan, state: dict[str, Any]) -> None:
    """Write the trainer's state to the checkpoint.

    Raises:
        StorageError: If it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"identity": plan.identity, "trainer": state}, buffer)
    plan.checkpoint.write_bytes(buffer.getvalue())
