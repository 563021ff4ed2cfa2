"""The beta-VAE loss and its two terms.

Shapes: ``B`` batch, ``C`` columns, ``C_g`` and ``K_g`` columns and categories of group ``g``,
``Z`` latent dimensions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["cross_entropy", "kl_divergence"]


def cross_entropy(
    logits: Sequence[Tensor], codes: Tensor, groups: Sequence[tuple[Sequence[int], int]]
) -> Tensor:
    """Compute the cross-entropy per cell in nats: ``(B, C)``, columns in the order of the groups.

    Args:
        logits: ``(B, C_g, K_g)`` per group.
        codes: ``(B, C)`` integer codes.
        groups: Columns and width of each group.
    """
    cells = []
    for part, (columns, k) in zip(logits, groups, strict=True):
        targets = codes[:, list(columns)].reshape(-1)
        loss = functional.cross_entropy(part.reshape(-1, k).float(), targets, reduction="none")
        cells.append(loss.view(-1, len(columns)))
    return torch.cat(cells, dim=1)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Compute KL(q(z | x) || N(0, I)) per row in nats: ``(B, Z), (B, Z) -> (B,)``.

    Kingma & Welling 2014, appendix B.
    """
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)
