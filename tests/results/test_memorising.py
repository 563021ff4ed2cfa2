import pytest

from tabvae_ray.comparison.reference_levels import Level
from tabvae_ray.results.memorising import GAP_LIMIT, MEMBERSHIP_LIMIT, gap_verdict
from tabvae_ray.results.trial_record import Rung, TrialRecord


def trial(train: float | None, held_out: float | None, number: int = 3) -> TrialRecord:
    scores = {"mean_js_distance": 0.05, "correlation_distance": 0.06}
    losses = {"train_nats": train, "holdout_nats": held_out}
    rungs = [Rung(1, dict(scores), {"train_nats": 1.0, "holdout_nats": 9.0})]
    return TrialRecord(
        number, "COMPLETE", {}, scores, [*rungs, Rung(9, dict(scores), dict(losses))]
    )


@pytest.mark.parametrize("held_out", [None, float("nan")])
def test_without_held_out_rows_there_is_no_verdict(held_out: float | None) -> None:
    assert gap_verdict(trial(20.0, held_out)) is None


def test_a_trial_that_memorises_is_named_in_words_and_no_other_one_is() -> None:
    assert gap_verdict(trial(20.0, 20.0 * (1 + GAP_LIMIT) - 0.01)) is None
    said = gap_verdict(trial(20.0, 29.6))
    assert said is not None
    assert said.startswith("trial 3 memorises its training rows")
    assert "29.60 nats each, training rows 20.00, a gap of 48%" in said


def test_a_trial_without_rungs_has_no_verdict() -> None:
    assert gap_verdict(TrialRecord(0, "FAIL", {})) is None


def test_a_leak_of_membership_is_named_although_the_gap_is_small() -> None:
    record = trial(20.0, 20.5)
    record.rungs[-1].losses["membership"] = 0.69
    said = gap_verdict(record)
    assert said is not None
    assert "69 of 100 cases, where 50 is chance" in said
    record.rungs[-1].losses["membership"] = MEMBERSHIP_LIMIT
    assert gap_verdict(record) is None


def test_what_chance_does_with_few_held_out_rows_is_no_memorising() -> None:
    record = trial(20.0, 19.5)
    record.rungs[-1].losses["membership"] = 0.62
    assert gap_verdict(record) is not None
    assert gap_verdict(record, Level(0.5, 0.068)) is None
    assert gap_verdict(record, Level(0.5, 0.02)) is not None
    assert gap_verdict(record, Level(0.5, float("nan"))) is not None
