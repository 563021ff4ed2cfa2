"""Norms of the gradients of rows, and a private step, against a loop over single rows."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tabvae_ray.config import TrainingConfig
from tabvae_ray.model import layers, vae
from tabvae_ray.model.vae import VAE
from tabvae_ray.training.private.guarantee import Guarantee
from tabvae_ray.training.private.row_norms import RowNorms
from tabvae_ray.training.private.trainer import PrivateTrainer

CARDINALITIES = (5, 3, 4, 7)
ORDERS = {0: [1, 0, 3, 2], 2: [0, 1, 2]}
BETA = 0.3


@pytest.fixture(autouse=True)
def _same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every row the same latent noise and dropout, in a batch and alone."""

    def draw(mean: Tensor, log_variance: Tensor, _: object) -> Tensor:
        return mean + 0.7 * torch.exp(0.5 * log_variance)

    def mask(x: Tensor, rate: float, _: object) -> Tensor:
        return (torch.arange(x.shape[1]) % 3 != 0).float().expand(x.shape) / (1 - rate)

    monkeypatch.setattr(layers.DiagonalGaussianLatent, "draw", staticmethod(draw))
    monkeypatch.setattr(layers, "dropout_mask", mask)
    monkeypatch.setattr(vae, "dropout_mask", mask)


def _model(order: tuple[int, ...] | None, has_encoder: bool, dropout: float) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VAE(
            CARDINALITIES,
            n_embd=4,
            encoder_layer_sizes=(8,),
            decoder_layer_sizes=(6, 9),
            latent_dim=3,
            dropout_rate=dropout,
            order=order,
            code_orders=ORDERS,
            batch_norm=False,
            has_encoder=has_encoder,
        )


def _codes(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.stack([torch.randint(k, (n,), generator=generator) for k in CARDINALITIES], 1)


def _row_gradients(model: VAE, codes: Tensor) -> list[list[Tensor]]:
    """Compute the gradients of each row by a training step of its own."""
    found = []
    for row in codes.split(1):
        model.zero_grad()
        cells, kl = model(row)
        (cells.sum() + BETA * kl.sum()).backward()
        found.append(
            [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]
        )
    model.zero_grad()
    return found


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize(
    ("order", "has_encoder"), [(None, True), ((2, 0, 1, 3), True), ((2, 0, 1, 3), False)]
)
def test_norms_are_those_of_a_loop_over_rows(
    order: tuple[int, ...] | None, has_encoder: bool, dropout: float
) -> None:
    model, codes = _model(order, has_encoder, dropout), _codes(11)
    norms = RowNorms(model)
    with norms.watched():
        cells, kl = model(codes)
    found = norms.squared((cells.sum(dim=1) + BETA * kl).sum(), codes)
    wanted = [sum(float(g.square().sum()) for g in row) for row in _row_gradients(model, codes)]
    assert found.tolist() == pytest.approx(wanted, rel=1e-5)


def test_a_network_with_batch_norm_has_no_gradients_of_rows() -> None:
    with pytest.raises(ValueError, match="depends on the others"):
        RowNorms(VAE(CARDINALITIES))


def _guarantee(max_grad_norm: float, noise: float = 0.0) -> Guarantee:
    return Guarantee(
        epsilon=1.0,
        delta=1e-5,
        max_grad_norm=max_grad_norm,
        noise_multiplier=noise,
        sample_rate=0.5,
        steps_per_epoch=2,
        steps=2,
        rows=22,
        rows_epsilon=0.1,
        encoding_epsilon=0.1,
        encoding_noise=1.0,
        n_histograms=1,
        accountant_delta=1e-5,
    )


def _gradient(model: VAE) -> Tensor:
    """Return the gradient of all parameters as one vector."""
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("order", [None, (2, 0, 1, 3)])
def test_a_step_adds_the_clipped_gradients_of_rows(order: tuple[int, ...] | None) -> None:
    model, codes = _model(order, True, 0.0), _codes(11)
    rows = _row_gradients(model, codes)
    norms = [sum(float(g.square().sum()) for g in row) ** 0.5 for row in rows]
    bound = float(np.median(norms))
    config = TrainingConfig(max_n_epochs=1, device="cpu")
    trainer = PrivateTrainer(model, codes.numpy(), config, _guarantee(bound), loss_beta=BETA)
    trainer.sampled_step(codes, BETA)
    factors = [min(1.0, bound / norm) for norm in norms]
    # The rate times the noisy number of rows, 11, whatever the size of the sample.
    wanted = [
        sum(f * row[i] for f, row in zip(factors, rows, strict=True)) / 11
        for i in range(len(rows[0]))
    ]
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_one_row_changes_the_sum_by_the_bound_at_most() -> None:
    bound, sums = 0.01, []
    for codes in (_codes(11), _codes(11)[:-1]):
        model = _model(None, True, 0.0)
        config = TrainingConfig(max_n_epochs=1, device="cpu")
        trainer = PrivateTrainer(model, codes.numpy(), config, _guarantee(bound), loss_beta=BETA)
        trainer.sampled_step(codes, BETA)
        sums.append(_gradient(model) * 11)
    assert float((sums[0] - sums[1]).norm()) == pytest.approx(bound, rel=1e-4)


def test_a_step_without_rows_is_noise_of_the_right_size() -> None:
    model = _model(None, True, 0.0)
    config = TrainingConfig(max_n_epochs=1, device="cpu")
    guarantee = _guarantee(2.0, noise=3.0)
    trainer = PrivateTrainer(model, _codes(22).numpy(), config, guarantee, loss_beta=BETA)
    trainer.sampled_step(_codes(0), BETA)
    assert float(_gradient(model).std()) == pytest.approx(2 * 3 / 11, rel=0.1)


def test_history_and_evaluation_show_no_loss_of_rows() -> None:
    model = _model(None, True, 0.0)
    config = TrainingConfig(max_n_epochs=1, device="cpu")
    trainer = PrivateTrainer(
        model, _codes(22).numpy(), config, _guarantee(1.0, noise=1.0), loss_beta=BETA
    )
    assert [set(entry) for entry in trainer.train()] == [{"epoch", "learning_rate"}]
    assert set(trainer.evaluate().values()) == {None}
