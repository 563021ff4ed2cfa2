import io

import pytest
from rich.console import Console

from tabvae_ray.comparison.levels import Level, ReferenceLevels
from tabvae_ray.search.gap import GAP_LIMIT, gap_verdict
from tabvae_ray.search.progress import front_table
from tabvae_ray.search.records import Rung, TrialRecord
from tabvae_ray.search.space_file import parse_space


def trial(train: float | None, held_out: float | None, number: int = 3) -> TrialRecord:
    scores = {"mean_js_distance": 0.05, "correlation_distance": 0.06}
    losses = {"train_nats": train, "holdout_nats": held_out}
    rungs = [Rung(1, dict(scores), {"train_nats": 1.0, "holdout_nats": 9.0})]
    return TrialRecord(
        number, "COMPLETE", {}, scores, [*rungs, Rung(9, dict(scores), dict(losses))]
    )


def shown(*records: TrialRecord) -> str:
    space = parse_space(
        {"parameters": {"architecture.latent_dim": {"type": "int", "low": 2, "high": 4}}}
    )
    levels = ReferenceLevels(resample={"mean_js_distance": Level(0.044, 0.002)})
    rows = [
        (record, record.objectives, dict.fromkeys(record.objectives, 0.0)) for record in records
    ]
    console = Console(file=io.StringIO(), width=200)
    console.print(front_table(rows, 3, space, levels))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_gap_of_the_last_rung_stands_in_the_final_table() -> None:
    text = shown(trial(20.0, 21.25), trial(20.0, 19.5, number=4), trial(20.0, None, number=5))
    assert "gap" in text and "+1.25 nats" in text and "-0.50 nats" in text
    assert "resample" in text


@pytest.mark.parametrize("held_out", [None, float("nan")])
def test_without_held_out_rows_there_is_no_gap(held_out: float | None) -> None:
    assert "gap" not in shown(trial(20.0, held_out))
    assert gap_verdict(trial(20.0, held_out)) is None


def test_a_trial_that_memorises_is_named_in_words_and_no_other_one_is() -> None:
    assert gap_verdict(trial(20.0, 20.0 * (1 + GAP_LIMIT) - 0.01)) is None
    said = gap_verdict(trial(20.0, 29.6))
    assert said is not None
    assert said.startswith("trial 3 memorises its training rows")
    assert "29.60 nats each, training rows 20.00, a gap of 48%" in said


def test_a_trial_without_rungs_has_no_verdict() -> None:
    assert gap_verdict(TrialRecord(0, "FAIL", {})) is None
