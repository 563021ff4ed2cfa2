import math

import pytest

from tabvae_ray.results.latent_use import UNUSED_NATS, latent_verdict


def test_a_latent_without_divergence_is_told() -> None:
    verdict = latent_verdict({"kl": 2e-5}, "autoregressive")
    assert verdict is not None
    assert "the latent is not used" in verdict and "2e-05 nats" in verdict
    assert verdict.endswith("this is an autoregressive model")
    independent = latent_verdict({"kl": 2e-5}, "independent")
    assert independent is not None and "autoregressive" not in independent


@pytest.mark.parametrize("kl", [UNUSED_NATS, 3.0, None, math.nan])
def test_a_latent_that_is_used_or_not_known_is_not_told(kl: float | None) -> None:
    assert latent_verdict({"kl": kl}, "autoregressive") is None
    assert latent_verdict({}, "autoregressive") is None
