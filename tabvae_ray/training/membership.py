"""White-box membership inference: the loss of training rows against that of held-out rows.

An attacker who has the network takes rows with a low loss for training rows (Yeom et al. 2018). The
second attack calibrates the loss: it subtracts the loss of the row under independent columns, so
that common rows do not pass for training rows. Their frequencies are those of other real rows that
the attacker has, half of the held-out rows in turn. Both attacks use the encoder, which an export
leaves out; they bound from above what the same attack gets from the decoder alone.
"""

import torch
from torch import Tensor

from tabvae_ray.comparison.reading.table_columns import Floats
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks, evaluate_attacks
from tabvae_ray.training.trainer import TabularVAETrainer, evaluation_rows

__all__ = ["QUICK_PER_OTHER", "attacked_counts", "white_box_attacks", "white_box_signals"]

# Training rows for each held-out row in an attack that costs less than a fiftieth of the training
# from the tenth epoch on, also on small tables.
QUICK_PER_OTHER = 2
_BLOCK_ROWS = 1024


def attacked_counts(
    n_members: int, n_others: int, *, most_rows: int = 1_000, most_per_other: int | None = None
) -> tuple[int, int]:
    """Return how many training rows and how many held-out rows are attacked.

    Args:
        n_members: Number of training rows.
        n_others: Number of held-out rows.
        most_rows: Largest number of either.
        most_per_other: Largest number of training rows for each held-out row; None for no limit.
            Few held-out rows make the result uncertain however many training rows there are.
    """
    n_others = min(n_others, most_rows)
    if most_per_other is not None:
        most_rows = min(most_rows, most_per_other * n_others)
    return min(n_members, most_rows), n_others


def white_box_attacks(
    trainer: TabularVAETrainer,
    *,
    most_rows: int = 1_000,
    most_per_other: int | None = None,
    n_draws: int = 2,
    n_bootstraps: int = 0,
) -> MembershipAttacks | None:
    """Attack training rows with the trained network; return None without held-out rows.

    Early stopping on held-out rows chooses weights that suit them, which hides a little of the
    leak.

    Args:
        trainer: The training run.
        most_rows: Largest number of training and of held-out rows, see :func:`attacked_counts`.
            Of both, the first ones are taken; they are in random order.
        most_per_other: Largest number of training rows for each held-out row.
        n_draws: Draws of z that the loss of a row is the mean of, always the same ones.
        n_bootstraps: Bootstraps for the interval; 0 saves their time.
    """
    if trainer.held_out is None:
        return None
    n_members, n_others = attacked_counts(
        len(trainer.codes),
        len(trainer.held_out),
        most_rows=most_rows,
        most_per_other=most_per_other,
    )
    members, others = trainer.codes[:n_members], trainer.held_out[:n_others]
    inside, outside = white_box_signals(trainer, members, others, n_draws=n_draws)
    n_reference = len(others) // 2
    return evaluate_attacks(inside, outside, n_reference=n_reference, n_bootstraps=n_bootstraps)


def white_box_signals(
    trainer: TabularVAETrainer,
    members: Tensor,
    others: Tensor,
    *,
    n_draws: int = 2,
    knows_shares: bool = False,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return what each attack computes for training rows and for held-out rows.

    A larger value means that the row is more likely a training row.

    Args:
        trainer: The training run.
        members: Codes of training rows ``(N, C)``.
        others: Codes of held-out rows ``(M, C)``.
        n_draws: Draws of z that the loss of a row is the mean of.
        knows_shares: The attacker knows how frequent codes are among all training and held-out rows
            together, as in the game that an audit plays. Of few rows that alone betrays which are
            which, even to a model that has learnt nothing but the shares of its rows.
    """
    assert trainer.held_out is not None
    loss = _row_losses(trainer, torch.cat((members, others)), n_draws)
    losses = loss[: len(members)], loss[len(members) :]
    if knows_shares:
        known = torch.cat((trainer.codes, trainer.held_out))
        halves = known, known
    else:
        # A row is calibrated by the half that it is not in.
        halves = others[1::2], others[::2]
    sides = [
        {"loss": -loss, "calibrated_loss": _marginal_losses(trainer, rows, *halves) - loss}
        for loss, rows in zip(losses, (members, others), strict=True)
    ]
    inside, outside = (
        {name: values.cpu().numpy() for name, values in side.items()} for side in sides
    )
    return inside, outside


def _row_losses(trainer: TabularVAETrainer, codes: Tensor, n_draws: int) -> Tensor:
    """Compute the negative ELBO of each row at beta = 1, in nats, ``(N,)``."""
    model = trainer.model
    model.eval()
    generator = torch.Generator(trainer.device).manual_seed(0)
    total = torch.zeros(len(codes), dtype=torch.float64, device=trainer.device)
    with torch.inference_mode():
        size = evaluation_rows(model, most=_BLOCK_ROWS)
        for start in range(0, len(codes), size):
            block = codes[start : start + size]
            cells, kl = model(block.repeat(n_draws, 1), generator)
            loss = cells.double().sum(dim=1) + kl.double()
            total[start : start + len(block)] = loss.view(n_draws, -1).mean(dim=0)
    return total


def _marginal_losses(
    trainer: TabularVAETrainer, rows: Tensor, for_even: Tensor, for_odd: Tensor
) -> Tensor:
    """Compute the loss of each row under independent columns, ``(N,)``.

    Args:
        trainer: The training run.
        rows: Codes ``(N, C)``.
        for_even: Codes ``(R, C)`` whose frequencies are those of rows 0, 2, 4, ...
        for_odd: Those of the other rows.
    """
    total = torch.zeros(len(rows), dtype=torch.float64, device=trainer.device)
    for column, k in enumerate(trainer.model.cardinalities):
        for start, known in enumerate((for_even, for_odd)):
            counts = torch.bincount(known[:, column], minlength=k).double()
            codes = rows[start::2, column]
            total[start::2] -= torch.log((counts[codes] + 1) / (len(known) + k))
    return total
