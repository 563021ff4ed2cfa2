"""Detection of memorising: how many more nats held-out rows cost than training rows."""

import math

from tabvae_ray.results.trial_record import TrialRecord

__all__ = ["GAP_LIMIT", "gap_verdict", "nats_gap"]

# As a share of the nats per row on training rows. Healthy models of a few thousand rows and more
# stay below 0.05; at 0.1, a held-out row costs a tenth more to describe than a training row.
GAP_LIMIT = 0.1


def gap_verdict(record: TrialRecord) -> str | None:
    """Return a sentence if a trial memorises, otherwise None.

    It does if the gap is above ``GAP_LIMIT`` of its nats on training rows.
    """
    gap = nats_gap(record)
    if gap is None or gap[0] <= GAP_LIMIT * abs(gap[1]):
        return None
    difference, train = gap
    return (
        f"trial {record.number} memorises its training rows: held-out rows cost "
        f"{train + difference:.2f} nats each, training rows {train:.2f}, a gap of "
        f"{difference / abs(train):.0%} where up to {GAP_LIMIT:.0%} is healthy; more dropout or "
        "weight decay, fewer epochs or a smaller network may help"
    )


def nats_gap(record: TrialRecord) -> tuple[float, float] | None:
    """Return held-out minus training nats per row at the last rung, and the latter, if known."""
    losses = record.rungs[-1].losses if record.rungs else {}
    train, held_out = losses.get("train_nats"), losses.get("holdout_nats")
    if train is None or held_out is None or not (math.isfinite(train) and math.isfinite(held_out)):
        return None
    return held_out - train, train
