import io
from typing import Any

import numpy as np
import pytest
import torch

from tabvae_ray.config import TrainingConfig
from tabvae_ray.errors import DataError, DivergenceError
from tabvae_ray.model.vae import VAE
from tabvae_ray.training.schedules import kl_weight
from tabvae_ray.training.stopping import EpochBound, Plateau
from tabvae_ray.training.trainer import BatchResult, TabularVAETrainer, batch_bounds

CARDINALITIES = (4, 3, 6)


def correlated_codes(rows: int = 300, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 3, rows)
    return np.stack([first, (first + rng.integers(0, 2, rows)) % 3, first * 2], axis=1)


def make_trainer(
    *,
    rows: int = 300,
    held_out: int = 0,
    loss_beta: float = 0.5,
    decoder_order=None,
    column_hidden=0,
    **options,
):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VAE(
            CARDINALITIES,
            encoder_layer_sizes=(32, 16),
            latent_dim=4,
            dropout_rate=0.1,
            order=decoder_order,
            column_hidden=column_hidden,
        )
    config = TrainingConfig(**{"device": "cpu", "batch_size": 64, "max_n_epochs": 6, **options})
    codes = correlated_codes(rows + held_out)
    return TabularVAETrainer(
        model, codes[:rows], config, loss_beta=loss_beta, held_out=codes[rows:], seed=1
    )


def saved_and_loaded(state: dict) -> dict:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)


@pytest.mark.parametrize("scheduler", ["constant", "cosine", "exponential", "plateau"])
@pytest.mark.parametrize(("optimizer", "column_hidden"), [("adam", 0), ("adamw", 5)])
def test_three_epochs_a_checkpoint_and_three_more_equal_six(
    scheduler: str, optimizer: str, column_hidden: int
) -> None:
    options: dict[str, Any] = {
        "scheduler": scheduler,
        "optimizer": optimizer,
        "decoder_order": (2, 0, 1),
        "column_hidden": column_hidden,
    }
    whole = make_trainer(**options)
    whole.train()
    first = make_trainer(**options)
    first.train(until_epoch=3)
    second = make_trainer(**options)
    second.load_state_dict(saved_and_loaded(first.state_dict()))
    second.train()
    assert second.history == whole.history
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name


def test_training_learns_what_the_columns_share() -> None:
    trainer = make_trainer(max_n_epochs=40, learning_rate=5e-3)
    history = trainer.train()
    assert [entry["epoch"] for entry in history] == list(range(1, 41))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]


def test_global_randomness_changes_nothing() -> None:
    one, two = make_trainer(), make_trainer()
    torch.manual_seed(123)
    one.train(until_epoch=2)
    torch.manual_seed(456)
    two.train(until_epoch=2)
    assert one.history == two.history


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        (300, {}, [64, 64, 64, 64, 44]),
        (300, {"drop_last": True}, [64, 64, 64, 64]),
        (257, {}, [64, 64, 64, 65]),
        (257, {"drop_last": True}, [64, 64, 64, 64]),
        (40, {"drop_last": True}, [40]),
        (2, {"batch_size": 1}, [2]),
    ],
)
def test_batches_hold_every_row_and_never_a_single_one(
    rows: int, options: dict, expected: list[int]
) -> None:
    trainer = make_trainer(rows=rows, **options)
    bounds = batch_bounds(rows, trainer.config)
    assert [end - start for start, end in bounds] == expected


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    trainer = make_trainer(learning_rate=10.0)
    with torch.no_grad():
        trainer.model.latent.linear.bias.fill_(float("nan"))
    with pytest.raises(DivergenceError, match="the loss is nan in epoch 1"):
        trainer.train()


def test_a_single_training_row_is_refused() -> None:
    with pytest.raises(DataError, match="at least 2 rows, but got 1"):
        make_trainer(rows=1)


def test_the_learning_rate_warms_up_and_falls() -> None:
    trainer = make_trainer(scheduler="cosine", warmup_epochs=2, max_n_epochs=10)
    rates = [entry["learning_rate"] for entry in trainer.train()]
    assert rates[0] < rates[1] > rates[-1]
    assert rates[-1] < 0.05 * max(rates)


def test_the_kl_weight_rises_over_its_warm_up() -> None:
    config = make_trainer(kl_warmup_epochs=4).config
    weights = [kl_weight(config, 0.5, progress) for progress in (0.0, 2.0, 4.0, 5.0)]
    assert weights == [0.0, 0.25, 0.5, 0.5]


def test_hooks_see_every_batch_and_every_epoch() -> None:
    trainer = make_trainer(max_n_epochs=2)
    batches: list[tuple[int, int]] = []
    epochs: list[int] = []

    def after_batch(_: TabularVAETrainer, result: BatchResult) -> None:
        batches.append((result.epoch, result.batch))

    trainer.batch_hooks.append(after_batch)
    trainer.epoch_hooks.append(lambda trainer: epochs.append(len(trainer.history)))
    trainer.train()
    assert batches == [(epoch, batch) for epoch in (1, 2) for batch in range(1, 6)]
    assert epochs == [1, 2]


def test_held_out_loss_that_no_longer_falls_ends_the_run() -> None:
    trainer = make_trainer(
        rows=40, held_out=40, early_stopping="holdout", patience=3, max_n_epochs=500,
        learning_rate=2e-2,
    )  # fmt: skip
    trainer.train()
    assert trainer.epoch < 500
    assert trainer.stopped == "holdout_loss has not fallen for 3 epochs"
    # Neither the weights of the last epoch, nor those of the best at another beta.
    best = min(trainer.history, key=lambda entry: entry["holdout_loss"])
    assert best["epoch"] == trainer.epoch - 3
    cells, kl = trainer.measure(trainer.held_out)
    assert sum(cells) + trainer.loss_beta * kl == pytest.approx(best["holdout_loss"])


def test_a_run_that_goes_on_from_a_checkpoint_still_ends_with_its_best_weights() -> None:
    options = {"rows": 40, "held_out": 40, "early_stopping": "holdout", "patience": 3}
    options |= {"max_n_epochs": 500, "learning_rate": 2e-2}
    whole, first, second = (make_trainer(**options) for _ in range(3))
    whole.train()
    first.train(until_epoch=whole.epoch - 2)
    second.load_state_dict(saved_and_loaded(first.state_dict()))
    second.train()
    assert second.history == whole.history
    for one, other in zip(
        whole.model.state_dict().values(), second.model.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


def test_losses_of_a_kl_warm_up_neither_end_a_run_nor_slow_it_down() -> None:
    options = {"kl_warmup_epochs": 30, "loss_beta": 20.0, "max_n_epochs": 40}
    options |= {"learning_rate": 2e-2}
    trainer = make_trainer(early_stopping="train", patience=8, **options)
    trainer.train()
    stopped = [Plateau("loss", 8).reason(trainer.history[:n]) for n in range(30)]
    assert any(stopped), "the warm-up would not have ended the run anyway"
    assert trainer.stopped is not None and "40 epochs" in trainer.stopped
    slowed = make_trainer(scheduler="plateau", scheduler_patience=2, scheduler_gamma=0.1, **options)
    slowed.train(until_epoch=30)
    assert slowed.history[-1]["learning_rate"] == slowed.config.learning_rate


def test_early_stopping_on_held_out_rows_needs_some() -> None:
    with pytest.raises(DataError, match="needs held-out rows"):
        make_trainer(early_stopping="holdout")


def test_evaluation_is_repeatable_and_leaves_training_alone() -> None:
    trainer = make_trainer(held_out=50)
    trainer.train(until_epoch=2)
    before = trainer.generator.get_state()
    assert trainer.evaluate() == trainer.evaluate()
    assert torch.equal(before, trainer.generator.get_state())
    cells, kl = trainer.measure(trainer.codes)
    assert trainer.evaluate()["train_nats"] == pytest.approx(sum(cells) + kl)


def test_stopping_rules_read_the_history_alone() -> None:
    history = [{"loss": value} for value in (3.0, 2.0, 2.5, 2.5)]
    assert EpochBound(4).reason(history) == "reached its 4 epochs"
    assert EpochBound(5).reason(history) is None
    assert Plateau("loss", 2).reason(history) == "loss has not fallen for 2 epochs"
    assert Plateau("loss", 3).reason(history) is None
