import math
from typing import Any

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from tabvae_ray.model import loss
from tabvae_ray.model.embeddings import MultiFeatureEmbedder, OrderedSteps
from tabvae_ray.model.heads import MultiFeaturePredictor, group_columns
from tabvae_ray.model.layers import LinBnDrop, dropout_mask
from tabvae_ray.model.row_decoder import RowDecoder, decoder_from_parts
from tabvae_ray.model.vae import VAE
from tests.support.models import CARDINALITIES, DECODERS, ORDER, small_vae


def some_codes(rows: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    columns = [torch.randint(k, (rows,), generator=generator) for k in CARDINALITIES]
    return torch.stack(columns, dim=1)


def test_the_kl_term_agrees_with_torch_distributions() -> None:
    mean, log_variance = torch.randn(50, 6), torch.randn(50, 6)
    posterior = Independent(Normal(mean, torch.exp(0.5 * log_variance)), 1)
    prior = Independent(Normal(torch.zeros(6), torch.ones(6)), 1)
    expected = kl_divergence(posterior, prior)
    torch.testing.assert_close(loss.kl_divergence(mean, log_variance), expected)


def test_heads_that_start_from_counts_know_the_shares_of_single_columns() -> None:
    model, codes = small_vae(), some_codes(500) // 2
    counts = [
        torch.bincount(column, minlength=k)
        for column, k in zip(codes.T, CARDINALITIES, strict=True)
    ]
    torch.nn.init.zeros_(model.predictor.linear.weight)
    model.predictor.start_from(counts)
    order = [column for columns, _ in model.predictor.groups for column in columns]
    shares = [(rows + 0.5) / (rows + 0.5).sum() for rows in counts]
    expected = torch.stack([-torch.log(shares[c][codes[:, c]]) for c in order], dim=1)
    cells, _ = model.eval()(codes)
    torch.testing.assert_close(cells, expected)


def test_the_reconstruction_of_uniform_heads_is_the_log_of_their_sizes() -> None:
    model = small_vae()
    torch.nn.init.zeros_(model.predictor.linear.weight)
    torch.nn.init.zeros_(model.predictor.linear.bias)
    cells, _ = model.eval()(some_codes(10))
    order = [column for columns, _ in model.predictor.groups for column in columns]
    expected = torch.tensor([math.log(CARDINALITIES[column]) for column in order])
    torch.testing.assert_close(cells, expected.expand(10, -1))


@pytest.mark.parametrize("options", DECODERS)
def test_every_parameter_gets_a_gradient(options: dict[str, Any]) -> None:
    model = small_vae(**options)
    cells, kl = model(some_codes(16), torch.Generator().manual_seed(1))
    (cells.sum(1) + kl).mean().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())


def test_without_an_encoder_there_is_no_divergence_and_nothing_to_encode() -> None:
    sizes = {"encoder_layer_sizes": (32, 16), "latent_dim": 5}
    model = VAE(CARDINALITIES, **sizes, order=ORDER, has_encoder=False)
    assert {name.partition(".")[0] for name, _ in model.named_parameters()} == {
        "context",
        "decoder",
        "predictor",
    }
    cells, kl = model(some_codes(16), torch.Generator().manual_seed(1))
    assert kl.tolist() == [0.0] * 16
    cells.sum(1).mean().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert RowDecoder.from_model(model.eval()).cardinalities == CARDINALITIES


@pytest.mark.parametrize("column_hidden", [0, 6])
def test_a_head_sees_only_the_columns_before_it_in_the_order(column_hidden: int) -> None:
    model = small_vae(order=ORDER, column_hidden=column_hidden).eval()
    z, codes = torch.randn(4, 5), some_codes(4)
    before = model.logits(z, codes)
    for position, column in enumerate(ORDER):
        changed = codes.clone()
        changed[:, column] = (changed[:, column] + 1) % CARDINALITIES[column]
        after = model.logits(z, changed)
        same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert all(same[: position + 1])
        if CARDINALITIES[column] > 1:
            assert not any(same[position + 1 :])


def test_columns_are_independent_given_z_without_an_order() -> None:
    model = small_vae().eval()
    z = torch.randn(4, 5)
    first, second = model.logits(z, some_codes(4, seed=1)), model.logits(z, some_codes(4, seed=2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_groups_hold_every_column_once_and_waste_little() -> None:
    groups = group_columns(CARDINALITIES)
    assert sorted(column for columns, _ in groups for column in columns) == list(range(6))
    for columns, k in groups:
        assert k == max(CARDINALITIES[c] for c in columns)
        assert min(CARDINALITIES[c] for c in columns) * 4 > k * 3


def test_grouped_heads_equal_one_linear_layer_per_column() -> None:
    cardinalities = (5, 4, 5)
    predictor = MultiFeaturePredictor(8, cardinalities, group_columns(cardinalities))
    features = torch.randn(6, 8)
    (logits,) = predictor.grouped(predictor(features))
    start = 0
    for i, column in enumerate(predictor.groups[0][0]):
        k = cardinalities[column]
        weight = predictor.linear.weight[start : start + k]
        expected = features @ weight.T + predictor.linear.bias[start : start + k]
        torch.testing.assert_close(logits[:, i, :k], expected)
        assert bool((logits[:, i, k:] == -torch.inf).all())
        start += 5


def test_folding_batch_norm_changes_nothing_in_evaluation() -> None:
    layer = LinBnDrop(
        6, 4, leaky_relu_slope=0.1, bn_momentum=0.1, bn_epsilon=1e-5, dropout_rate=0.5
    )
    for _ in range(5):
        layer(torch.randn(32, 6) * 3 + 1)
    layer.eval()
    x = torch.randn(10, 6)
    weight, bias = layer.folded()
    folded = torch.nn.functional.leaky_relu(x @ weight.T + bias, 0.1)
    torch.testing.assert_close(layer(x), folded)


@pytest.mark.parametrize("options", DECODERS)
def test_the_frozen_decoder_draws_from_the_distribution_of_the_model(
    options: dict[str, Any],
) -> None:
    model = small_vae(**options)
    for _ in range(3):
        model(some_codes(64))
    model.eval()
    z = torch.randn(1, 5).expand(40_000, 5)
    codes = RowDecoder.from_model(model).decode(z, generator=torch.Generator().manual_seed(0))
    assert all(int(codes[:, c].max()) < k for c, k in enumerate(CARDINALITIES))
    # The model's probability of each drawn row is what its frequency should be: compare the
    # marginal of each column, with the columns before it integrated out over the same draws.
    with torch.no_grad():
        logits = model.logits(z, codes)
    for part, (columns, _) in zip(logits, model.predictor.groups, strict=True):
        expected = torch.softmax(part, dim=-1).mean(dim=0)
        for i, column in enumerate(columns):
            share = torch.bincount(codes[:, column], minlength=part.shape[-1]) / len(codes)
            assert float((share - expected[i]).abs().max()) < 0.012


@pytest.mark.parametrize("options", DECODERS)
def test_a_low_temperature_comes_to_the_likeliest_codes(options: dict[str, Any]) -> None:
    decoder = RowDecoder.from_model(small_vae(**options).eval())
    z = torch.randn(50, 5, generator=torch.Generator().manual_seed(1))
    cold = decoder.decode(z, temperature=1e-7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(cold, decoder.decode(z, sample=False))


@pytest.mark.parametrize("options", DECODERS)
def test_codes_that_are_not_allowed_are_never_drawn(options: dict[str, Any]) -> None:
    decoder = RowDecoder.from_model(small_vae(**options).eval())
    allowed = {0: torch.tensor([False, True, False, False, False, False, True])}
    codes = decoder.decode(
        torch.randn(3000, 5), generator=torch.Generator().manual_seed(0), allowed=allowed
    )
    assert set(codes[:, 0].tolist()) == {1, 6}


@pytest.mark.parametrize("options", DECODERS)
def test_a_decoder_survives_being_taken_apart(options: dict[str, Any]) -> None:
    decoder = RowDecoder.from_model(small_vae(**options).eval())
    again = decoder_from_parts(decoder.structure(), CARDINALITIES, decoder.tensors())
    z = torch.randn(100, 5)
    draws = [d.decode(z, generator=torch.Generator().manual_seed(3)) for d in (decoder, again)]
    assert torch.equal(*draws)
    order = options.get("order")
    assert again.order == (None if order is None else list(order))
    assert (again.hidden is None) == ("column_hidden" not in options)


@pytest.mark.parametrize("options", DECODERS)
def test_logits_column_by_column_are_those_of_the_model(options: dict[str, Any]) -> None:
    model = small_vae(**options)
    for _ in range(3):
        model(some_codes(64))
    decoder = RowDecoder.from_model(model.eval())
    z, codes = torch.randn(4, 5), some_codes(4)
    with torch.no_grad():
        expected = model.logits(z, codes)
    features = decoder.features(z)
    for part, (columns, _) in zip(expected, model.predictor.groups, strict=True):
        for i, column in enumerate(columns):
            logits = decoder.column_logits(features, column)
            torch.testing.assert_close(logits, part[:, i, : CARDINALITIES[column]])
            if decoder.order is not None:
                decoder.add_column(features, column, codes[:, column])


def test_gated_units_learn_how_two_columns_act_together() -> None:
    """The third column is the sum of the first two, modulo eight."""

    def nats(column_hidden: int) -> float:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = VAE(
                (8, 8, 8),
                encoder_layer_sizes=(8,),
                latent_dim=2,
                order=(0, 1, 2),
                has_encoder=False,
                column_hidden=column_hidden,
            )
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
            rows = torch.cartesian_prod(torch.arange(8), torch.arange(8)).repeat(4, 1)
            codes = torch.cat([rows, (rows.sum(1, keepdim=True) % 8)], 1)
            for _ in range(150):
                optimizer.zero_grad()
                cells = model(codes).cells[:, 2].mean()
                cells.backward()
                optimizer.step()
        return float(cells.detach())

    assert nats(16) < 0.1 * nats(0)


def test_a_batch_gets_the_vectors_of_its_codes_only_where_a_column_has_more() -> None:
    context = small_vae(order=ORDER).context
    codes = some_codes(8)
    vectors, places, sizes = context.of_batch(codes)
    # The third column has 40 codes, more than the batch has rows.
    assert sizes == [7, 2, len(codes[:, 2].unique()), 3, 2, 1]
    assert len(vectors) == sum(sizes) < sum(CARDINALITIES)
    every = context.vectors().split(CARDINALITIES)
    for column, own in enumerate(vectors.split(sizes)):
        torch.testing.assert_close(own[places[:, column]], every[column][codes[:, column]])
    assert torch.equal(context.of_batch(some_codes(64))[0], context.vectors())


def test_an_order_that_is_no_permutation_is_refused() -> None:
    with pytest.raises(ValueError, match="order must be a permutation"):
        VAE((2, 3), order=(0, 0))


def test_vectors_of_ordered_codes_are_sums_of_steps_and_the_others_their_own() -> None:
    orders = {1: [2, 0, 1], 3: [0]}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        embedder = MultiFeatureEmbedder((3, 4, 2, 2), 5, orders)
    own, vectors = embedder.table.weight.detach(), embedder.vectors().detach()
    # The second column's codes are rows 3 to 6, of which the last has no place in the order.
    assert torch.equal(vectors[[0, 1, 2, 6, 7, 8, 9, 10]], own[[0, 1, 2, 6, 7, 8, 9, 10]])
    step = (2 / 3) ** 0.5
    assert torch.allclose(vectors[3] - vectors[5], step * own[3])
    assert torch.allclose(vectors[4] - vectors[3], step * own[4])
    assert torch.allclose(vectors[3:6].mean(0), torch.zeros(5), atol=1e-6)
    codes = torch.tensor([[2, 1, 0, 1]])
    assert torch.equal(embedder(codes)[0].detach(), vectors[[2, 4, 7, 10]])


@pytest.mark.parametrize("seed", range(4))
def test_what_ordered_codes_learn_reaches_the_codes_between_them(seed: int) -> None:
    """A decoder that has only seen the ends of a column knows what is halfway."""
    orders = {0: list(range(9))}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = VAE(
            (9, 2), encoder_layer_sizes=(16,), latent_dim=2, order=(0, 1), code_orders=orders
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        codes = torch.tensor([[0, 0], [1, 0], [7, 1], [8, 1]]).repeat(8, 1)
        for _ in range(150):
            optimizer.zero_grad()
            terms = model(codes)
            (terms.cells.sum(1) + terms.kl).mean().backward()
            optimizer.step()
    model.eval()
    z = torch.zeros(9, 2)
    rows = torch.stack([torch.arange(9), torch.zeros(9, dtype=torch.int64)], dim=1)
    second = torch.softmax(model.logits(z, rows)[1][:, 0], 1)[:, 1].detach()
    assert second[2:4].max() < 0.5 < second[5:7].min()


@pytest.mark.parametrize("rate", [1e-7, 0.001, 0.3, 0.6, 1 - 1e-7])
def test_a_dropout_mask_keeps_the_share_it_says_and_the_mean(rate: float) -> None:
    generator = torch.Generator().manual_seed(0)
    mask = dropout_mask(torch.empty(999, 1001), rate, generator)
    share = float((mask > 0).double().mean())
    # Shares are multiples of 2^-16, and at least one.
    expected = max(2**-16, 1 - rate)
    assert abs(share - expected) < 2**-17 + 4 * math.sqrt(expected * (1 - expected) / mask.numel())
    assert mask.max() == pytest.approx(1 / expected, rel=1e-4)
    again = dropout_mask(mask, rate, torch.Generator().manual_seed(0))
    assert torch.equal(mask, again)


def test_units_are_dropped_independently() -> None:
    kept = dropout_mask(torch.empty(4096, 64), 0.5, torch.Generator().manual_seed(1)) > 0
    correlation = torch.corrcoef(kept.double().T) - torch.eye(64)
    assert correlation.abs().max() < 5 / math.sqrt(4096)


def test_ordered_steps_have_the_gradient_of_their_sums_and_go_through_products() -> None:
    steps = OrderedSteps([[0, 2, 1, 4], [3], [7, 6, 5]], 9)
    weight = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(steps, weight)
    assert torch.autograd.gradcheck(lambda weight: steps(weight.T, 1), weight)
    x = torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(steps(x @ weight.T, 1), x @ steps(weight).T)


@pytest.mark.parametrize("n_columns", [1, 5, 16, 17, 40])
@pytest.mark.parametrize("enabled", [False, True])
def test_steps_of_any_number_of_ordered_columns_are_summed_and_centred(
    n_columns: int, enabled: bool
) -> None:
    generator = torch.Generator().manual_seed(n_columns)
    sizes = [2 + column % 7 for column in range(n_columns)]
    # The last three rows are not ordered.
    rows = torch.randperm(sum(sizes) + 3, generator=generator)
    groups = [part.tolist() for part in torch.split(rows[:-3], sizes)]
    steps = OrderedSteps(groups, len(rows))
    values = torch.randn(4, len(rows), generator=generator, requires_grad=True)

    expected = values.detach().clone().requires_grad_()
    parts = []
    for group in groups:
        sums = expected[:, group].cumsum(1)
        parts.append((sums - sums.mean(1, keepdim=True)) * math.sqrt(2 / len(group)))
    plain = torch.cat([*parts, expected[:, rows[-3:]]], 1)[:, rows.argsort()]
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        summed = steps(values, 1)
        transposed = steps(values.detach().T)
    torch.testing.assert_close(summed, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(transposed, plain.T, rtol=1e-5, atol=1e-5)

    upper = torch.randn(plain.shape, generator=generator)
    (gradient,) = torch.autograd.grad(summed, values, upper)
    (by_hand,) = torch.autograd.grad(plain, expected, upper)
    torch.testing.assert_close(gradient, by_hand, rtol=1e-5, atol=1e-5)
