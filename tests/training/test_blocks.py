"""Training on blocks of rows: all rows once per epoch, and the same weights after a kill."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import spawn

from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training import blocks as module
from tabvae_ray.training.blocks import BlockTraining
from tests.support.tables import make_mixed, small_config

N_ROWS, EPOCHS = 500, 2


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 130)


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return prepared().trainer.codes.numpy()


def prepared(**leaves: object) -> TabularVAE:
    table = make_mixed(N_ROWS)
    leaves = {"training.batch_size": 64, "validation.holdout_fraction": 0.0, **leaves}
    vae = TabularVAE.build(TableSpec.infer(table), small_config(**leaves), device="cpu")
    vae.prepare(table)
    return vae


def training_of(vae: TabularVAE) -> BlockTraining:
    return BlockTraining(vae.trainer, N_ROWS, seed=1)


def parts(codes: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(codes), size):
        yield codes[start : start + size].astype(np.uint8)


class Killed(Exception):
    """Ends a training as a signal would."""


def test_an_epoch_has_every_row_once_in_batches(
    codes: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = prepared()
    training, seen = training_of(vae), []
    train_batch = vae.trainer.train_batch

    def watched(batch: torch.Tensor, progress: float, step: float) -> torch.Tensor:
        seen.append((batch, progress, step))
        return train_batch(batch, progress, step)

    monkeypatch.setattr(vae.trainer, "train_batch", watched)
    assert training.block_rows == 128
    training.train_epoch(parts(codes, training.block_rows))
    rows = torch.cat([batch for batch, _, _ in seen]).numpy()
    assert not np.array_equal(rows, codes)
    assert np.array_equal(np.unique(rows, axis=0), np.unique(codes, axis=0)) and len(rows) == N_ROWS
    assert {len(batch) for batch, _, _ in seen[:-1]} == {64}
    assert seen[0][1] == 0 and 0.8 < seen[-1][1] < 1
    assert sum(step for _, _, step in seen) == pytest.approx(1)
    assert vae.trainer.epoch == 1 and vae.trainer.history[0]["loss"] > 0


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_killed_after_any_block_it_ends_with_the_same_weights(
    codes: np.ndarray, stop_at: int
) -> None:
    undisturbed = prepared()
    training = training_of(undisturbed)
    for _ in range(EPOCHS):
        training.train_epoch(parts(codes, training.block_rows))
    killed, kept, n_blocks = prepared(), io.BytesIO(), [0]
    training = training_of(killed)

    def keep() -> None:
        n_blocks[0] += 1
        if n_blocks[0] == stop_at:
            torch.save(training.state_dict(), kept)
            raise Killed

    with pytest.raises(Killed):
        for _ in range(EPOCHS):
            training.train_epoch(parts(codes, training.block_rows), keep)
    resumed = prepared()
    training = training_of(resumed)
    kept.seek(0)
    training.load_state_dict(torch.load(kept, weights_only=True))
    while resumed.trainer.epoch < EPOCHS:
        training.train_epoch(parts(codes, training.block_rows))
    expected = undisturbed.trainer.model.state_dict()
    for name, tensor in resumed.trainer.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert resumed.trainer.history == undisturbed.trainer.history


def test_workers_draw_other_noise_and_take_a_part_of_every_batch() -> None:
    vae = prepared()
    training = BlockTraining(vae.trainer, N_ROWS // 2, seed=1, worker=1, n_workers=2)
    assert training.batch_size == 32


def train_with_others(worker: int, home: Path, codes: np.ndarray) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{home / 'meeting'}", rank=worker, world_size=2
    )
    vae = prepared(**{"training.scheduler": "plateau", "training.scheduler_patience": 1})
    training = BlockTraining(vae.trainer, N_ROWS // 2, seed=1, worker=worker, n_workers=2)
    own = codes[worker::2]
    for _ in range(EPOCHS):
        training.train_epoch(parts(own, training.block_rows))
    (home / f"{worker}.json").write_text(json.dumps(vae.trainer.history))


@pytest.mark.slow
def test_workers_know_the_same_losses_and_learn_at_the_same_rate(
    codes: np.ndarray, tmp_path: Path
) -> None:
    spawn(train_with_others, (tmp_path, codes), nprocs=2)
    histories = [json.loads((tmp_path / f"{worker}.json").read_text()) for worker in range(2)]
    assert histories[0] == histories[1]


def test_a_last_row_alone_is_left_out(codes: np.ndarray) -> None:
    training = training_of(prepared())
    training.train_epoch(parts(codes[:129], training.block_rows))
    assert training.trainer.epoch == 1
