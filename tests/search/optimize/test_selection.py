import logging
import shutil
from pathlib import Path

import pytest

from tabvae_ray.cluster.connection import connected
from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.optimize.selection import Candidate, as_scores, select
from tabvae_ray.search.trials import rescoring
from tabvae_ray.search.trials.rescoring import _candidate, candidates
from tabvae_ray.search.trials.trial import TrialRun
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space

LOSSES = {"train_nats": 20.0, "holdout_nats": 21.0, "loss": None}


def record(number: int, losses: dict[str, float | None] | None = None) -> TrialRecord:
    return TrialRecord(number, "COMPLETE", {}, rungs=[Rung(9, {}, LOSSES | (losses or {}))])


def candidate(number: int, js: float, correlation: float, nats: float = 20.0) -> Candidate:
    samples = [{"mean_js_distance": js, "correlation_distance": correlation}]
    return _candidate(record(number, {"train_nats": nats}), samples)


def searching(tiny: dict, **more: object) -> SearchSpace:
    return parse_space({**tiny, **more})


FOUND = [
    candidate(0, 0.1, 0.3, 30.0),
    candidate(1, 0.15, 0.15, 20.0),
    candidate(2, 0.3, 0.1, 10.0),
]


def test_a_candidate_has_means_and_spreads_of_its_samples_and_the_losses_of_its_last_rung() -> None:
    samples = [{"mean_js_distance": 0.1}, {"mean_js_distance": 0.3}]
    found = _candidate(record(3), samples)
    assert found.means == pytest.approx(
        {"mean_js_distance": 0.2, "train_nats": 20.0, "holdout_nats": 21.0}
    )
    assert found.spreads["mean_js_distance"] == pytest.approx(0.02**0.5)
    assert found.spreads["train_nats"] == 0.0
    assert as_scores(found)["spread"] == found.spreads


def test_a_loss_can_be_what_is_chosen_by(tiny: dict) -> None:
    tiny["search"]["select"] = "train_nats"
    space = searching(tiny, objectives={"train_nats": "minimize", "mean_js_distance": "minimize"})
    chosen, reason = select(FOUND, space)
    assert chosen.record.number == 2
    assert reason == "best train_nats of 3 candidates on 2 fresh samples each"


def test_a_constraint_on_a_loss_is_kept_where_the_loss_keeps_it(tiny: dict) -> None:
    chosen, reason = select(FOUND, searching(tiny, constraints={"train_nats": {"min": 15.0}}))
    assert chosen.record.number in (0, 1)
    assert reason.endswith("among 2 of 3 that keep the constraints")


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("ideal", 1),
        ("knee", 1),
        ("correlation_distance", 2),
        ("weights 9,1", 0),
    ],
)
def test_the_rule_decides_and_the_reason_names_it(tiny: dict, rule: str, number: int) -> None:
    tiny["search"]["select"] = rule
    chosen, reason = select(FOUND, searching(tiny))
    assert chosen.record.number == number
    assert "of 3 candidates on 2 fresh samples each" in reason


def test_where_none_keeps_the_constraints_it_is_the_least_broken_then_the_ideal(
    tiny: dict,
) -> None:
    tiny["search"]["select"] = "constraint"
    space = searching(tiny, constraints={"mean_js_distance": {"max": 0.05}})
    chosen, reason = select(FOUND, space)
    assert chosen.record.number == 0
    assert reason == "breaks the constraints least; no candidate keeps them"
    equally = [candidate(0, 0.1, 0.3), candidate(1, 0.1, 0.2)]
    assert select(equally, space)[0].record.number == 1


def test_by_constraint_one_that_keeps_them_is_nearest_to_the_ideal(tiny: dict) -> None:
    tiny["search"]["select"] = "constraint"
    space = searching(tiny, constraints={"correlation_distance": {"max": 0.25}})
    chosen, reason = select(FOUND, space)
    assert chosen.record.number in (1, 2)
    assert reason.endswith("among 2 of 3 that keep the constraints")


def test_one_candidate_is_chosen_by_any_rule(tiny: dict) -> None:
    assert select(FOUND[:1], searching(tiny)) == (FOUND[0], "the only one there is")
    _, reason = select(FOUND[:1], searching(tiny), n_front=4)
    assert reason.startswith("the most balanced of 4 trials on the front; there was time to score")


def test_one_of_many_that_breaks_the_constraints_is_not_said_to_be_the_best_of_them(
    tiny: dict,
) -> None:
    space = searching(tiny, constraints={"mean_js_distance": {"max": 0.05}})
    _, reason = select(FOUND[:1], space, n_front=4)
    assert reason == "breaks the constraints; there was time to score only one of 4 again"


@pytest.mark.parametrize(
    ("rule", "number"),
    [("ideal", 1), ("correlation_distance", 2), ("weights 1,0", 0)],
)
def test_the_only_candidate_that_there_is_time_for_is_the_one_that_the_rule_takes(
    tiny: dict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    number: int,
) -> None:
    tiny["search"] |= {"select": rule, "n_candidates": 1}
    task = prepare_inputs(space=tiny, out=str(tmp_path)).task()
    monkeypatch.setattr(rescoring, "_score_again", lambda _, known, n: [known.objectives] * n)
    front = [TrialRecord(c.record.number, "COMPLETE", {}, c.means, c.record.rungs) for c in FOUND]
    found = candidates(task, front, Resources())
    assert [c.record.number for c in found] == [number]
    _, reason = select(found, task.space, n_front=3)
    says = {"ideal": "the most balanced", "correlation_distance": "best correlation_distance"}
    assert reason.startswith(says.get(rule, "least weighted sum of 1 mean_js_distance, 0 "))
    assert reason.endswith("of 3 trials on the front; there was time to score only one again")


def test_the_rule_constraint_needs_constraints(tiny: dict, space_file: object) -> None:
    with pytest.raises(ConfigError, match="select: constraint needs constraints"):
        prepare_inputs(space=str(space_file), settings={"select": "constraint"})
    tiny["search"]["select"] = "constraint"
    with pytest.raises(ConfigError, match=r"search\.select: constraint needs constraints"):
        searching(tiny)
    assert searching(tiny, constraints={"kl": {"max": 9.0}}).settings.select == "constraint"


@pytest.mark.nightly
@pytest.mark.slow
def test_a_candidate_whose_checkpoint_is_gone_is_left_out_and_named(
    space_file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = prepare_inputs(space=str(space_file), out=str(tmp_path))
    task = inputs.task()
    front = []
    for number in range(2):
        parameters = {"architecture.loss_beta": 0.1, "architecture.latent_dim": 2 + number}
        run = TrialRun(task)
        run.begin({"number": number, "parameters": parameters, "checkpoint": None})
        report = run.step()
        checkpoint = f"tune/run_001/{number:06d}/checkpoint_000000"
        home = tmp_path / "tiny" / checkpoint
        home.mkdir(parents=True)
        (home / "state.pt").write_bytes(run.state())
        rung = Rung(report["epoch"], report["scores"], report["losses"])
        scores = dict(report["scores"])
        # Each better than the other in one.
        scores["mean_js_distance"] += 0.1 * number
        scores["correlation_distance"] -= 0.1 * number
        front.append(
            TrialRecord(number, "COMPLETE", parameters, scores, [rung], checkpoint=checkpoint)
        )
    with connected("local"):
        both = candidates(task, front, Resources())
        # Where they are scored makes no difference.
        monkeypatch.setattr(rescoring, "_ROWS_HERE", 0)
        assert candidates(task, front, Resources()) == both
        shutil.rmtree(home)
        with caplog.at_level(logging.WARNING):
            left = candidates(task, front, Resources())
        front[0].checkpoint = None
        with pytest.raises(StorageError, match="trial 0 of the front cannot be scored again"):
            candidates(task, front, Resources())
    assert [found.record.number for found in both] == [0, 1]
    assert left == both[:1]
    assert both[0].means["train_nats"] == front[0].rungs[-1].losses["train_nats"]
    assert "trial 1 of the front cannot be scored again" in caplog.text
    assert "there is no such file or directory; it is left out" in caplog.text
