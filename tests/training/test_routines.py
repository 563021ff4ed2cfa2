import math

import pandas as pd
import pytest

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.routines import (
    ArtifactRoutine,
    BatchRoutine,
    CheckpointRoutine,
    LoaderRoutine,
)
from tabvae_ray.training.tracking import MemoryTracker
from tabvae_ray.training.trainer import BatchResult, TabularVAETrainer
from tests.support.tables import small_config


@pytest.fixture
def vae(mixed: pd.DataFrame, mixed_spec: TableSpec) -> TabularVAE:
    made = TabularVAE.build(mixed_spec, small_config(**{"training.max_n_epochs": 5}))
    made.prepare(mixed)
    return made


def test_batch_losses_are_kept_every_so_many_batches_over_all_epochs(vae: TabularVAE) -> None:
    seen: list[tuple[int, int]] = []

    def callback(trainer: TabularVAETrainer, result: BatchResult) -> None:
        seen.append((result.epoch, result.batch))

    every, fourth = BatchRoutine(), BatchRoutine(4, [callback])
    vae.trainer.batch_hooks += [every, fourth]
    vae.trainer.train(until_epoch=2)
    # 360 training rows are six batches of 64 or less.
    assert [(epoch, batch) for epoch, batch, _ in every.losses] == [
        (epoch, batch) for epoch in (1, 2) for batch in range(1, 7)
    ]
    assert seen == [(1, 4), (2, 2), (2, 6)]
    assert fourth.losses == [every.losses[i] for i in (3, 7, 11)]
    sizes = [64] * 5 + [40]
    mean = sum(s * e[2] for s, e in zip(sizes, every.losses[:6], strict=True)) / 360
    assert vae.trainer.history[0]["loss"] == pytest.approx(mean, rel=1e-5)


def test_the_loss_on_the_rows_is_the_sum_of_its_columns_and_the_kl_term(vae: TabularVAE) -> None:
    tracker = MemoryTracker()
    vae.trainer.epoch_hooks.append(LoaderRoutine(2, vae.encoder.columns, tracker))
    vae.trainer.train()
    # Every second epoch, and the last.
    assert list(tracker.all_scores) == [2, 4, 5]
    scores = tracker.all_scores[5]
    columns = [scores[f"reconstruction/{name}"] for name in vae.encoder.columns]
    assert sum(columns) + scores["kl"] == pytest.approx(scores["train_nats"])
    assert scores["reconstruction/constant"] == 0
    assert scores["train_nats"] == pytest.approx(vae.evaluate()["train_nats"])
    assert scores["holdout_nats"] == pytest.approx(vae.evaluate()["holdout_nats"])


def test_generated_rows_are_compared_by_the_plan_and_tracked(
    vae: TabularVAE, mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    tracker = MemoryTracker()
    plan = ComparisonPlan(score_collections=("js_distance",)).prepare(mixed, mixed_spec)
    vae.trainer.epoch_hooks.append(ArtifactRoutine(2, vae.generate, plan, tracker, n_records=150))
    vae.trainer.train(until_epoch=4)
    assert list(tracker.tables) == [2, 4]
    rows = tracker.tables[4]["synthetic"]
    pd.testing.assert_frame_equal(rows, vae.generate(150))
    assert tracker.all_scores[4] == plan.compute(rows).flat_scores()
    assert 0 < tracker.all_scores[4]["mean_js_distance"] < math.sqrt(math.log(2))
    assert "js_distance/age" in tracker.all_scores[4]


def test_a_checkpoint_is_the_whole_state_of_its_epoch(
    vae: TabularVAE, mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    tracker = MemoryTracker()
    vae.trainer.epoch_hooks.append(CheckpointRoutine((1, 3), tracker))
    vae.trainer.train()
    assert list(tracker.checkpoints) == [1, 3, 5]
    assert [state["epoch"] for state in tracker.checkpoints.values()] == [1, 3, 5]
    other = TabularVAE.build(mixed_spec, small_config(**{"training.max_n_epochs": 5}))
    other.prepare(mixed)
    other.load_state_dict(tracker.checkpoints[3])
    assert other.trainer.train() == vae.trainer.history
    pd.testing.assert_frame_equal(other.generate(30), vae.generate(30))
