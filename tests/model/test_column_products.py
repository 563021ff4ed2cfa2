"""The operations whose gradients are written out, against those of autograd."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tabvae_ray.model.column_products import (
    autoregressive_products,
    column_products,
    project_columns,
)
from tabvae_ray.model.heads import MultiFeaturePredictor
from tabvae_ray.model.loss import cross_entropy
from tests.support.models import CARDINALITIES, DECODERS, small_vae

SIZES = (3, 1, 4)


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_the_gradient_of_projections() -> None:
    torch.manual_seed(0)
    inputs = (random(sum(SIZES), 2), random(len(SIZES), 2, 5))
    assert torch.autograd.gradcheck(lambda a, b: project_columns(a, b, SIZES), inputs)
    parts = [part @ matrix for part, matrix in zip(inputs[0].split(SIZES), inputs[1], strict=True)]
    torch.testing.assert_close(project_columns(*inputs, SIZES), torch.cat(parts))


def test_products_of_single_columns_and_their_gradient() -> None:
    torch.manual_seed(0)
    inputs = (random(6, len(SIZES) * 2), random(sum(SIZES), 2))
    assert torch.autograd.gradcheck(lambda a, b: column_products(a, b, SIZES), inputs)
    parts = [
        part @ weight.T
        for part, weight in zip(inputs[0].split(2, 1), inputs[1].split(SIZES), strict=True)
    ]
    torch.testing.assert_close(column_products(*inputs, SIZES), torch.cat(parts, 1))


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("sizes", [None, (2, 2, 2)])
def test_products_of_an_autoregressive_decoder_and_their_gradient(
    slope: float, dropped: bool, sizes: tuple[int, ...] | None
) -> None:
    torch.manual_seed(0)
    n, width, total = 6, 5, sum(SIZES)
    order = (0, 2, 1)
    rows = [SIZES[column] for column in order] if sizes is None else sizes
    inputs = (random(n, width), random(total, width), random(sum(rows), width))
    mask = torch.randint(0, 3, (n, width)).double() if dropped else None
    codes = torch.stack([torch.randint(0, k, (n,)) for k in SIZES], 1)

    def products(features: Tensor, vectors: Tensor, weight: Tensor) -> Tensor:
        return autoregressive_products(
            features, mask, vectors, weight, codes, order, SIZES, slope, sizes
        )

    def plain(context: Tensor, vectors: Tensor, weight: Tensor) -> Tensor:
        parts = []
        tables = vectors.split(SIZES)
        for column, own in zip(order, weight.split(rows), strict=True):
            hidden = functional.leaky_relu(context, slope)
            hidden = hidden if mask is None else hidden * mask
            parts.append(hidden @ own.T)
            context = context + tables[column][codes[:, column]]
        return torch.cat(parts, 1)

    assert torch.autograd.gradcheck(products, inputs)
    torch.testing.assert_close(products(*inputs), plain(*inputs))
    with torch.inference_mode():
        torch.testing.assert_close(products(*inputs), plain(*inputs))


def test_the_cross_entropy_of_padded_groups_and_its_gradient() -> None:
    torch.manual_seed(0)
    wide, narrow = random(4, 2, 3), random(4, 1, 2)
    # The second column of the first group has two codes.
    padding = torch.zeros(2, 3, dtype=torch.float64)
    padding[1, 2] = -torch.inf
    codes = torch.tensor([[0, 1, 0], [2, 0, 1], [1, 1, 1], [2, 0, 0]])
    targets = codes + torch.tensor([0, 3, 6])
    owner = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])

    def cells(wide: Tensor, narrow: Tensor) -> Tensor:
        logits = torch.cat([(wide + padding).flatten(1), narrow.flatten(1)], 1)
        return cross_entropy(logits, [(2, 3), (1, 2)], targets, owner)

    columns = [(wide + padding)[:, 0], (wide + padding)[:, 1], narrow[:, 0]]
    expected = [
        functional.cross_entropy(logits, codes[:, i], reduction="none")
        for i, logits in enumerate(columns)
    ]
    torch.testing.assert_close(cells(wide, narrow), torch.stack(expected, 1))
    assert torch.autograd.gradcheck(cells, (wide, narrow))


def test_neighbouring_groups_of_one_width_share_a_softmax() -> None:
    torch.manual_seed(0)
    cardinalities = [2, 2, 3, 2, 2]
    groups = [([column], k) for column, k in enumerate(cardinalities)]
    predictor = MultiFeaturePredictor(4, cardinalities, groups)
    assert predictor.shapes == [(2, 2), (1, 3), (2, 2)]
    logits = random(6, 11)
    codes = torch.stack([torch.randint(0, k, (6,)) for k in cardinalities], 1)
    expected = [
        functional.cross_entropy(part, codes[:, i], reduction="none")
        for i, part in enumerate(logits.split(cardinalities, 1))
    ]
    cells = predictor.cross_entropy(logits, codes)
    torch.testing.assert_close(cells.double(), torch.stack(expected, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", DECODERS)
def test_a_step_in_bfloat16_is_near_that_in_float32(options: dict[str, Any]) -> None:
    codes = torch.stack([torch.randint(0, k, (64,)) for k in CARDINALITIES], 1)
    gradients = []
    for enabled in (False, True):
        model = small_vae(**options)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            cells, _ = model(codes, torch.Generator().manual_seed(0))
        cells.sum(1).mean().backward()
        gradient = model.predictor.linear.weight.grad
        assert gradient is not None
        gradients.append(gradient.flatten())
    assert gradients[1].dtype == torch.float32
    assert functional.cosine_similarity(gradients[0], gradients[1], 0) > 0.99
