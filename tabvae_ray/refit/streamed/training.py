"""The training of a refit on codes that Ray Data reads, by Ray Train."""

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.train
import ray.train.torch
import torch
from ray.train import (
    Checkpoint,
    CheckpointConfig,
    DataConfig,
    FailureConfig,
    RunConfig,
    ScalingConfig,
)
from ray.train.torch import TorchTrainer
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from tabvae_ray.cluster.secrets import credentials_hidden
from tabvae_ray.refit.plan import RefitPlan
from tabvae_ray.refit.streamed.encoding import column_name
from tabvae_ray.refit.streamed.ray_data import ordered_execution
from tabvae_ray.refit.training import untrained
from tabvae_ray.results.checkpoints import STATE_FILE
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.files import table_files
from tabvae_ray.training.blocks import BlockTraining

__all__ = ["BLOCKS_PER_CHECKPOINT", "StreamedTask", "train_on_codes"]

# Blocks between two checkpoints, about two million rows.
BLOCKS_PER_CHECKPOINT = 16
# A worker that dies is replaced, and continues from the checkpoint.
_RETRIES = 3
_DATASET = "codes"


@dataclass(frozen=True)
class StreamedTask:
    """The task that all workers share.

    Args:
        plan: The plan, whose table is what the encoder is fitted to.
        n_rows: Rows of the whole table.
        codes: The directory of the codes.
        n_workers: Workers that train the model together.
        blocks_per_checkpoint: Blocks between two checkpoints.
    """

    plan: RefitPlan
    n_rows: int
    codes: Location
    n_workers: int = 1
    blocks_per_checkpoint: int = BLOCKS_PER_CHECKPOINT


def train_on_codes(task: StreamedTask, home: Location, name: str) -> dict[str, Any]:
    """Train to the last epoch, from a checkpoint if there is one, and return the trainer's state.

    Ray Train keeps the checkpoints of a run of the same name, and continues from the last one.

    Args:
        task: What all workers share.
        home: The directory of the run.
        name: Name of the run.

    Raises:
        RayError: If the training fails.
        StorageError: If the codes or the checkpoints cannot be read.
    """
    files = [file.location.path for file in table_files(task.codes)]
    with ordered_execution(), credentials_hidden(home.filesystem):
        data = ray.data.read_parquet(files, filesystem=task.codes.filesystem)
        options = ray.data.ExecutionOptions(preserve_order=True)
        trainer = TorchTrainer(
            lambda: _train(task),
            datasets={_DATASET: data},
            # One worker reads all rows in their order; a split into one part could drop some.
            dataset_config=DataConfig(
                datasets_to_split="all" if task.n_workers > 1 else [],
                execution_options=options,
                enable_shard_locality=False,
            ),
            scaling_config=ScalingConfig(
                num_workers=task.n_workers,
                use_gpu=task.plan.device != "cpu",
                resources_per_worker=_resources(task),
            ),
            run_config=RunConfig(
                name=name,
                storage_path=home.path,
                storage_filesystem=home.filesystem,
                failure_config=FailureConfig(max_failures=_RETRIES),
                checkpoint_config=CheckpointConfig(num_to_keep=1),
            ),
        )
        result = trainer.fit()
    # Every epoch ends with one.
    assert result.checkpoint is not None
    state: dict[str, Any] = _loaded(result.checkpoint)["trainer"]
    return state


def _resources(task: StreamedTask) -> dict[str, float]:
    """Return what a worker reserves: it leaves a CPU, without which Ray Data waits for ever."""
    free = float(ray.cluster_resources().get("CPU", 1.0)) - 1  # type: ignore[no-untyped-call]
    cpus = min(float(task.plan.threads), int(100 * free / task.n_workers) / 100)
    # Something has to be reserved: of a single CPU nothing, but a byte of memory.
    return {"CPU": cpus} if cpus > 0 else {"memory": 1.0}


def _train(task: StreamedTask) -> None:
    """Train in one worker."""
    plan, context = task.plan, ray.train.get_context()
    torch.set_num_threads(plan.threads)
    vae = untrained(plan, plan.device)
    training = BlockTraining(
        vae.trainer,
        task.n_rows // task.n_workers,
        seed=plan.seed,
        worker=context.get_world_rank(),
        n_workers=task.n_workers,
    )
    kept = ray.train.get_checkpoint()
    if kept is not None:
        training.load_state_dict(_loaded(kept))
    vae.trainer.forward = _shared(vae.trainer.model)

    def keep() -> None:
        last = vae.trainer.history[-1] if vae.trainer.history else {}
        metrics = {**last, "epoch": vae.trainer.epoch, "block": training.block}
        with tempfile.TemporaryDirectory() as directory:
            checkpoint = None
            if context.get_world_rank() == 0:
                torch.save(training.state_dict(), Path(directory) / STATE_FILE)
                checkpoint = Checkpoint.from_directory(directory)
            ray.train.report(metrics, checkpoint=checkpoint)

    def keep_at_times() -> None:
        if training.block % task.blocks_per_checkpoint == 0:
            keep()

    while vae.trainer.epoch < plan.epochs:
        training.train_epoch(_blocks(training.block_rows), keep_at_times)
        keep()


def _shared(model: nn.Module) -> nn.Module:
    """Return the model with gradients that are means over all workers; itself for one worker."""
    # Buffers are constants, or statistics of batch norm, of which the first worker's are kept.
    known = signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    # Torch sends a small part of the gradients first, unless it is told a size.
    options = {buffers: False, "bucket_cap_mb": 25, "gradient_as_bucket_view": True}
    shared: nn.Module = ray.train.torch.prepare_model(model, parallel_strategy_kwargs=options)
    return shared


def _blocks(n_rows: int) -> Iterator[np.ndarray[Any, np.dtype[Any]]]:
    """Yield the codes of this worker's rows of an epoch, in blocks."""
    shard = ray.train.get_dataset_shard(_DATASET)
    for batch in shard.iter_batches(batch_size=n_rows, batch_format="numpy", prefetch_batches=1):
        names = [column_name(i) for i in range(len(batch))]
        yield np.stack([batch[name] for name in names], axis=1)


def _loaded(checkpoint: Checkpoint) -> dict[str, Any]:
    with checkpoint.as_directory() as directory:
        content = (Path(directory) / STATE_FILE).read_bytes()
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return state
