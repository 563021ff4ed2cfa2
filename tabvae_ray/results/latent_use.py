"""Use of the latent: whether a model's rows depend on what its encoder learnt."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["UNUSED_NATS", "latent_verdict"]

# Mean KL divergence per row. A latent that tells one bit about one row in seventy has as much.
UNUSED_NATS = 0.01


def latent_verdict(losses: Mapping[str, Any], decoder: str) -> str | None:
    """Return a sentence if a model does not use its latent, otherwise None.

    Args:
        losses: Losses of the model, with ``kl`` in nats per row.
        decoder: The kind of its decoder.
    """
    kl = losses.get("kl")
    if not isinstance(kl, int | float) or not math.isfinite(kl) or kl >= UNUSED_NATS:
        return None
    consequence = (
        "this is an autoregressive model"
        if decoder == "autoregressive"
        else "it draws every column independently of the others"
    )
    return f"the latent is not used (KL {kl:.2g} nats per row): {consequence}"
