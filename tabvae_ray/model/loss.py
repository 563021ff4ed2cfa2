"""The beta-VAE loss and its two terms.

Shapes: ``B`` batch, ``C`` columns, ``C_g`` and ``K_g`` columns and categories of group ``g``,
``P`` logits of all groups, ``Z`` latent dimensions.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["cross_entropy", "kl_divergence"]


def cross_entropy(
    logits: Tensor, shapes: Sequence[tuple[int, int]], targets: Tensor, owner: Tensor
) -> Tensor:
    """Compute the cross-entropy per cell in nats: ``(B, C)``, columns in the order of the groups.

    Args:
        logits: ``(B, P)``, group by group.
        shapes: ``(C_g, K_g)`` per group.
        targets: ``(B, C)`` positions of the codes among the logits of a row.
        owner: ``(P,)`` column of each logit of a row.
    """
    cells: Tensor = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
        logits, shapes, targets, owner
    )
    return cells


class _CrossEntropy(torch.autograd.Function):
    """Cross-entropy of all columns; a few operations serve all groups."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, shapes: Sequence[tuple[int, int]], targets: Tensor, owner: Tensor
    ) -> Tensor:
        parts = torch.split(logits, [columns * k for columns, k in shapes], 1)
        log_shares = torch.cat(
            [
                torch.log_softmax(part.view(-1, *shape), 2).flatten(1)
                for part, shape in zip(parts, shapes, strict=True)
            ],
            1,
        )
        ctx.save_for_backward(log_shares, targets, owner)
        return log_shares.gather(1, targets).neg_()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        log_shares, targets, owner = ctx.saved_tensors
        excess = log_shares.exp()
        excess.scatter_add_(1, targets, gradient.new_full((), -1.0).expand_as(targets))
        excess.mul_(gradient.index_select(1, owner))
        return excess, None, None, None


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Compute KL(q(z | x) || N(0, I)) per row in nats: ``(B, Z), (B, Z) -> (B,)``.

    Kingma & Welling 2014, appendix B.
    """
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)
