"""Detection of memorising, by the cost of held-out rows and by attacks on the training rows."""

import math

from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.results.trial_record import TrialRecord

__all__ = ["GAP_LIMIT", "MEMBERSHIP_LIMIT", "gap_verdict", "nats_gap"]

# As a share of the nats per row on training rows. Healthy models of a few thousand rows and more
# stay below 0.05; at 0.1, a held-out row costs a tenth more to describe than a training row.
GAP_LIMIT = 0.1
# AUC of the strongest attack on the model. Chance stays below it for a hundred held-out rows; of
# fewer rows, this many of its standard deviations are allowed.
MEMBERSHIP_LIMIT = 0.6
_SPREADS = 2.0


def gap_verdict(record: TrialRecord, chance: Level | None = None) -> str | None:
    """Return a sentence if a trial memorises, otherwise None.

    It does if the gap is above ``GAP_LIMIT`` of its nats on training rows, or if the strongest
    attack at the last rung tells training rows from held-out rows with an AUC above
    ``MEMBERSHIP_LIMIT`` that chance does not explain.

    Args:
        record: The trial.
        chance: Level of ``membership`` for rows that are no training rows; None if it is not known.
    """
    gap = nats_gap(record)
    if gap is None:
        return None
    if gap[0] <= GAP_LIMIT * abs(gap[1]):
        return _membership_verdict(
            record, 0.0 if chance is None else 0.5 + _SPREADS * chance.spread
        )
    difference, train = gap
    return (
        f"trial {record.number} memorises its training rows: held-out rows cost "
        f"{train + difference:.2f} nats each, training rows {train:.2f}, a gap of "
        f"{difference / abs(train):.0%} where up to {GAP_LIMIT:.0%} is healthy; more dropout or "
        "weight decay, fewer epochs or a smaller network may help"
    )


def _membership_verdict(record: TrialRecord, by_chance: float) -> str | None:
    auc = record.rungs[-1].losses.get("membership")
    if auc is None or not math.isfinite(auc) or auc <= max(MEMBERSHIP_LIMIT, by_chance):
        return None
    return (
        f"trial {record.number} memorises its training rows: of a training row and a held-out row, "
        f"the loss tells which is which in {100 * auc:.0f} of 100 cases, where 50 is chance; more "
        "dropout or weight decay, fewer epochs, or the constraint membership: {max: 0.55} may help"
    )


def nats_gap(record: TrialRecord) -> tuple[float, float] | None:
    """Return held-out minus training nats per row at the last rung, and the latter, if known."""
    losses = record.rungs[-1].losses if record.rungs else {}
    train, held_out = losses.get("train_nats"), losses.get("holdout_nats")
    if train is None or held_out is None or not (math.isfinite(train) and math.isfinite(held_out)):
        return None
    return held_out - train, train
