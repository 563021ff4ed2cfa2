import dataclasses
import logging
import warnings
from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from pydantic import TypeAdapter

from tabvae_ray.errors import ConfigError
from tabvae_ray.results.constraints import violations
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.trial_record import Rung, State, TrialRecord
from tabvae_ray.search.optimize.proposals import Proposals
from tabvae_ray.search.optimize.run_state import RunState
from tabvae_ray.search.optimize.sampler import choose_sampler
from tabvae_ray.search.optimize.study import create_study, fail_running, tell
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location


class NoRecords(RecordStore):
    """Writes nothing."""

    def __init__(self) -> None:
        super().__init__(Location("/nothing"))

    def keep_running(self, record: TrialRecord) -> None:
        pass


def proposals(
    space: SearchSpace,
    known: Sequence[TrialRecord] = (),
    *,
    unfinished: Sequence[TrialRecord] = (),
    concurrency: int = 999,
) -> tuple[Proposals, dict[str, TrialRecord]]:
    state = RunState(NoRecords(), unfinished)
    study = create_study(space, "test", None, known)
    return Proposals(space, study, state, concurrency=concurrency), state.active


def finish(record: TrialRecord, state: State, a: float = 0.1, b: float = 0.2) -> TrialRecord:
    record.state = state
    scores = {"mean_js_distance": a, "correlation_distance": b}
    record.rungs = [Rung(9, scores)]
    record.objectives = dict(scores) if state == "COMPLETE" else {}
    return record


def test_the_study_is_told_how_trials_ended_and_none_stays_running(space: SearchSpace) -> None:
    made, started = proposals(space)
    for ray_id in "abcd":
        assert made.suggest(ray_id)["number"] == "abcd".index(ray_id)
    for ray_id, state in zip("abc", ("COMPLETE", "PRUNED", "FAIL"), strict=True):
        tell(made.study, finish(started[ray_id], state), space)
    fail_running(made.study)
    trials = made.study.trials
    assert [trial.state for trial in trials] == [
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
        TrialState.FAIL,
    ]
    assert trials[0].values == [0.1, 0.2]
    assert trials[1].values is None
    assert trials[1].user_attrs["objectives"] == {
        "mean_js_distance": 0.1,
        "correlation_distance": 0.2,
    }


def test_there_are_as_many_trials_as_asked_for_and_no_more_than_slots(space: SearchSpace) -> None:
    made, _ = proposals(space, concurrency=2)
    asked = [made.suggest(str(i)) for i in range(3)]
    assert [type(answer) for answer in asked] == [dict, dict, type(None)]
    full, started = proposals(space)
    answers = [full.suggest(str(i)) for i in range(space.settings.n_trials + 1)]
    assert [answer["number"] for answer in answers[:-1]] == list(range(6))
    assert answers[-1] is None
    started.clear()
    assert full.suggest("last") == "FINISHED"


def test_initial_points_run_first_and_whole(tiny: dict) -> None:
    point = {"architecture.loss_beta": 0.5, "architecture.latent_dim": 3}
    tiny["initial"] = [point]
    made, _ = proposals(parse_space(tiny))
    assert made.suggest("a")["parameters"] == point
    assert made.suggest("b")["parameters"] != point


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2", "qmc", "gp"])
def test_a_rebuilt_study_proposes_what_the_undisturbed_one_would(tiny: dict, sampler: str) -> None:
    tiny["search"] |= {"sampler": sampler, "n_trials": 8}
    space = parse_space(tiny)
    made, started = proposals(space)
    records = []
    for i in range(5):
        made.suggest(str(i))
        records.append(finish(started[str(i)], "PRUNED" if i == 2 else "COMPLETE", 0.1 * i, 0.5))
        tell(made.study, records[-1], space)
    again, _ = proposals(space, records)
    assert again.suggest("next") == made.suggest("next")


@pytest.mark.parametrize("constrained", [False, True])
def test_a_rebuilt_search_by_nsga2_goes_on_in_its_generation(tiny: dict, constrained: bool) -> None:
    """Four trials run at once: some are proposed before those that they compete with are done."""
    tiny["search"] |= {"sampler": "nsga2", "n_trials": 400}
    if constrained:
        tiny["constraints"] = {"mean_js_distance": {"max": 0.5}}
    space = parse_space(tiny)
    made, started = proposals(space)
    records: list[TrialRecord] = []
    rng = np.random.default_rng(0)
    names = [str(i) for i in range(200)]
    for i, name in enumerate(names):
        made.suggest(name)
        if i >= 4:
            a, b = rng.random(2).round(6).tolist()
            record = started[names[i - 4]]
            records.append(finish(record, "PRUNED" if i % 9 == 0 else "COMPLETE", a, b))
            tell(made.study, records[-1], space)
    running = [started[name] for name in names[-4:]]
    assert max(record.generation or 0 for record in records) >= 3
    known = [dataclasses.asdict(record) for record in [*records, *running]]
    files = TypeAdapter(list[TrialRecord]).validate_python(known)
    again, _ = proposals(space, files)
    for name in ("next", "the one after"):
        assert again.suggest(name) == made.suggest(name)


def test_unfinished_trials_go_on_first(space: SearchSpace) -> None:
    running = TrialRecord(
        0,
        "RUNNING",
        {"architecture.loss_beta": 0.5, "architecture.latent_dim": 3},
        checkpoint="tune/run_001/000000/checkpoint_000000",
    )
    made, _ = proposals(space, [running], unfinished=[running])
    answer = made.suggest("a")
    assert (answer["number"], answer["checkpoint"]) == (0, running.checkpoint)
    assert made.suggest("b")["number"] == 1


def test_constraints_reach_the_study(tiny: dict) -> None:
    tiny["constraints"] = {"mean_js_distance": {"max": 0.15}}
    space = parse_space(tiny)
    made, started = proposals(space)
    made.suggest("a")
    tell(made.study, finish(started["a"], "COMPLETE", 0.25), space)
    assert made.study.trials[0].constraints == {"mean_js_distance <= 0.15": pytest.approx(0.1)}
    assert violations({}, space) == {"mean_js_distance": 1e9}
    assert violations({"mean_js_distance": 0.1}, space)["mean_js_distance <= 0.15"] < 0
    again, _ = proposals(space, [started["a"]])
    assert again.study.trials[0].constraints == made.study.trials[0].constraints


def test_a_study_of_the_same_name_is_not_joined(space: SearchSpace) -> None:
    storage = optuna.storages.InMemoryStorage()
    create_study(space, "mine", storage, [])
    with pytest.raises(ConfigError, match="has a study named 'mine' already"):
        create_study(space, "mine", storage, [])


def test_auto_chooses_a_sampler_and_says_why(tiny: dict) -> None:
    def chosen(**changes: object) -> str:
        document = {**tiny, "search": {**tiny["search"], "sampler": "auto", **changes}}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return choose_sampler(parse_space(document))[1]

    assert chosen().startswith("gp: all parameters are numbers")
    assert chosen(n_trials=2000).startswith("nsga2: 2000 trials")
    tiny["parameters"]["training.optimizer"] = {"type": "categorical", "choices": ["adam", "adamw"]}
    assert chosen().startswith("tpe: it takes categories")


def test_a_slow_sampler_is_worth_one_warning(tiny: dict, caplog: pytest.LogCaptureFixture) -> None:
    tiny["search"]["suggestion_seconds"] = 1e-9
    made, _ = proposals(parse_space(tiny))
    with caplog.at_level(logging.WARNING):
        made.suggest("a")
        made.suggest("b")
    assert caplog.text.count("sampler: nsga2 or random proposes at once") == 1
