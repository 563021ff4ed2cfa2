from typing import Any

import pytest
import torch

from tabvae_ray.model.calibration import calibrate
from tabvae_ray.model.row_decoder import RowDecoder
from tests.support.models import CARDINALITIES, DECODERS, ORDER, small_vae

ROWS = 30_000


def decoder_of(options: dict[str, Any]) -> RowDecoder:
    return RowDecoder.from_model(small_vae(**options).eval())


def counts(seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, 100, (k,), generator=generator) for k in CARDINALITIES]


def latent(seed: int) -> torch.Tensor:
    return torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(seed))


def draw(decoder: RowDecoder, seed: int) -> torch.Tensor:
    return decoder.decode(latent(seed), generator=torch.Generator().manual_seed(seed))


def distances(codes: torch.Tensor, wanted: list[torch.Tensor]) -> list[float]:
    """Total variation distance of each column."""
    found = []
    for column, count in zip(codes.T, wanted, strict=True):
        shares = torch.bincount(column, minlength=len(count)) / len(codes)
        found.append(0.5 * float((shares - count / count.sum()).abs().sum()))
    return found


@pytest.mark.parametrize("options", DECODERS)
def test_generated_columns_have_the_shares_that_they_are_calibrated_to(
    options: dict[str, Any],
) -> None:
    decoder, wanted = decoder_of(options), counts()
    assert max(distances(draw(decoder, 1), wanted)) > 0.1
    calibrate(decoder, latent(2), wanted, torch.Generator().manual_seed(2))
    # What is left is the noise of so many rows: sqrt(K / (2 pi N)) for K codes alike.
    assert max(distances(draw(decoder, 1), wanted)) < 0.02


@pytest.mark.parametrize("options", DECODERS)
def test_codes_that_no_row_has_become_rare_and_stay_finite(
    options: dict[str, Any],
) -> None:
    decoder, wanted = decoder_of(options), counts()
    wanted[2][:30] = 0
    calibrate(decoder, latent(2), wanted, torch.Generator().manual_seed(2))
    assert bool(decoder.head_bias.isfinite().all())
    rare = int((draw(decoder, 1)[:, 2] < 30).sum())
    # One row more in so many as were counted.
    assert rare <= 10 * ROWS / int(wanted[2].sum())


def test_associations_stay_where_marginals_are_right_already() -> None:
    decoder = decoder_of({"order": ORDER})
    codes, before = draw(decoder, 3), decoder.head_bias.clone()
    own = [torch.bincount(c, minlength=k) for c, k in zip(codes.T, CARDINALITIES, strict=True)]
    calibrate(decoder, latent(2), own, torch.Generator().manual_seed(2))
    for column, k in enumerate(CARDINALITIES):
        head = decoder.head_of(column)
        if k > 1:
            # Up to the noise of rare codes, nothing but a shift common to all, which does nothing.
            moved = (decoder.head_bias - before)[head]
            assert float(moved.std()) < 0.15
