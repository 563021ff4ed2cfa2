"""White-box membership inference on a planted leak."""

import numpy as np
import pandas as pd

from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.comparison.scores.membership.success import evaluate_attacks
from tabvae_ray.training.membership import white_box_attacks, white_box_signals


def _vae(
    n_epochs: int, holdout_fraction: float = 0.3, rate: float = 0.01, codes: str = "abcdefgh"
) -> TabularVAE:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"c{i}": rng.choice(list(codes), 200) for i in range(10)})
    config = TabularVAEConfig().replace(
        {
            "training.max_n_epochs": n_epochs,
            "training.batch_size": 70,
            "training.learning_rate": rate,
            "architecture.dropout_rate": 0.0,
            "architecture.loss_beta": 0.01,
            "architecture.latent_dim": 16,
            "architecture.encoder_layer_sizes": [128],
            "validation.holdout_fraction": holdout_fraction,
        }
    )
    vae = TabularVAE.build(TableSpec.infer(table), config, device="cpu")
    vae.fit(table)
    return vae


def test_a_model_that_was_trained_until_it_copies_is_found_out() -> None:
    found = white_box_attacks(_vae(150).trainer, n_draws=4, n_bootstraps=100)
    assert found is not None
    assert found.auc >= 0.9
    assert found.low > 0.8


def test_a_model_that_has_learnt_little_betrays_little_and_the_same_each_time() -> None:
    # Shares of many codes among so few rows would already betray them.
    vae = _vae(1, rate=1e-5, codes="ab")
    found = white_box_attacks(vae.trainer)
    assert found is not None
    assert found.low <= 0.55
    assert white_box_attacks(vae.trainer) == found


def test_shares_of_codes_betray_rows_only_to_those_who_know_the_shares_of_all_rows() -> None:
    trainer = _vae(1, rate=1e-5).trainer
    assert trainer.held_out is not None
    areas = []
    for knows_shares in (False, True):
        sides = white_box_signals(
            trainer, trainer.codes, trainer.held_out, knows_shares=knows_shares
        )
        areas.append(evaluate_attacks(*sides).attacks["calibrated_loss"].auc)
    assert areas[0] < 0.65 and areas[1] > areas[0] + 0.1


def test_without_held_out_rows_nothing_is_measured() -> None:
    assert white_box_attacks(_vae(1, 0.0).trainer) is None


def test_at_a_rung_the_attacked_training_rows_are_few_for_few_held_out_rows() -> None:
    found = white_box_attacks(_vae(1, 0.1).trainer, most_per_other=3)
    assert found is not None
    assert (found.n_members, found.n_non_members) == (60, 20)
