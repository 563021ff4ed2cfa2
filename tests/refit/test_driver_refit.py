"""The refit at the end of a search: when it runs, and what happens if it does not."""

import json
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.exceptions import RayTaskError, WorkerCrashedError

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import DataError, DivergenceError, StorageError
from tabvae_ray.refit.finished_search import FinishedSearchRefit
from tabvae_ray.refit.plan import RefitPlan
from tabvae_ray.refit.rows import spec_of_other_rows
from tabvae_ray.refit.training import train_refit
from tabvae_ray.search.driver import refit as module
from tabvae_ray.search.driver.finished import finished_outcome
from tabvae_ray.search.driver.resume import begin_or_resume
from tabvae_ray.search.inputs import SearchInputs
from tabvae_ray.space.search_space import SearchSettings, SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.table.dataset.sample import sample_positions
from tabvae_ray.table.spec import TableSpec
from tests.refit.conftest import FinishedSearch, make_search
from tests.support.spaces import TINY
from tests.support.tables import make_mixed


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[RefitPlan]:
    """Train in this process, and return the plans that were trained."""
    plans: list[RefitPlan] = []

    def train(plan: RefitPlan, resources: Resources) -> None:
        plans.append(plan)
        train_refit(plan)

    monkeypatch.setattr(module, "_train", train)
    return plans


def refit(finished: FinishedSearch, *, began: float | None = None, **settings: object) -> list[str]:
    """Run the refit as the driver does; return its messages."""
    said: list[str] = []
    space = finished.inputs.space
    changed = replace(space, settings=space.settings.model_copy(update=settings))
    task = replace(finished.task, space=changed)
    parts = task, finished.manifest, finished.record, Resources()
    module.refit_best(*parts, time.time() if began is None else began, said.append)
    return said


def chosen_refit(finished: FinishedSearch) -> dict[str, object]:
    assert finished.manifest.chosen is not None
    found: dict[str, object] = finished.manifest.chosen["refit"]
    return found


def provenance(finished: FinishedSearch, name: str) -> dict[str, object]:
    text = (finished.path / name / "synthesizer.json").read_text()
    found: dict[str, object] = json.loads(text)["provenance"]
    return found


def test_best_is_the_refitted_model_and_the_searched_one_is_kept(
    finished: FinishedSearch, here: list[RefitPlan]
) -> None:
    assert refit(finished) == ["refitting trial 0 on all 200 rows for 9 epochs"]
    assert (chosen_refit(finished)["epochs"], chosen_refit(finished)["rows"]) == (9, 200)
    assert "refit" in provenance(finished, "best")
    assert "refit" not in provenance(finished, "searched")


def test_without_a_refit_nothing_is_left_of_an_earlier_one(
    finished: FinishedSearch, here: list[RefitPlan]
) -> None:
    refit(finished)
    assert refit(finished, refit=False) == [] and len(here) == 1
    assert not {"searched", "refit"} & {file.name for file in finished.path.iterdir()}


def test_a_refit_that_does_not_fit_into_the_time_budget_is_skipped(
    finished: FinishedSearch, here: list[RefitPlan]
) -> None:
    said = refit(finished, time_budget=60.0, began=time.time() - 59.5)
    assert here == [] and "it would take about" in said[0] and "tabvae refit" in said[0]
    assert "skipped" in chosen_refit(finished)
    assert "refit" not in provenance(finished, "best")
    refit(finished, time_budget=60.0)
    assert len(here) == 1


def test_a_fifth_of_the_time_budget_is_kept_for_the_refit() -> None:
    assert SearchSettings(time_budget=100.0).time_before_refit == 100.0
    assert SearchSettings(time_budget=100.0, refit=True).time_before_refit == 80.0
    assert SearchSettings(refit=True).time_before_refit is None


def test_without_held_out_rows_there_is_nothing_to_refit(
    finished: FinishedSearch, here: list[RefitPlan]
) -> None:
    space = finished.inputs.space
    base = space.base.replace({"validation.holdout_fraction": 0.0})
    finished.inputs = replace(finished.inputs, space=replace(space, base=base))
    assert "no rows were held out" in refit(finished)[0] and here == []


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (DivergenceError("the loss is nan in epoch 3"), "the loss is nan in epoch 3"),
        (ValueError("a bug"), "its training failed: "),
        (None, "its training failed: "),
    ],
)
def test_a_refit_that_fails_leaves_the_searched_model(
    finished: FinishedSearch,
    monkeypatch: pytest.MonkeyPatch,
    cause: Exception | None,
    message: str,
) -> None:
    fail_in_ray(monkeypatch, cause)
    before = (finished.path / "best" / "model.safetensors").read_bytes()
    assert message in refit(finished)[-1]
    assert (finished.path / "best" / "model.safetensors").read_bytes() == before
    assert "skipped" in chosen_refit(finished)


def test_a_storage_that_fails_ends_the_search_to_be_resumed(
    finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in_ray(monkeypatch, StorageError("the disk is full"))
    with pytest.raises(StorageError, match="the disk is full"):
        refit(finished)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("more rows", "mixed.csv has changed since the search began"),
        ("no table", "is empty"),
        ("no file", "there is no such file"),
    ],
)
def test_a_table_that_has_changed_since_is_not_refitted_on(
    tmp_path: Path, here: list[RefitPlan], change: str, reason: str
) -> None:
    finished = make_search(tmp_path, {"max_n_epochs": 1}, rows=150, refit=True)
    if change == "more rows":
        make_mixed(230).to_csv(tmp_path / "mixed.csv", index=False)
    elif change == "no table":
        (tmp_path / "mixed.csv").write_text("")
    else:
        (tmp_path / "mixed.csv").unlink()
    assert reason in refit(finished)[-1]
    assert here == [] and "skipped" in chosen_refit(finished)
    make_mixed(200).to_csv(tmp_path / "mixed.csv", index=False)
    refit(finished)
    assert (len(here), chosen_refit(finished)["rows"]) == (1, 200)


@pytest.mark.parametrize(("find", "n_rules"), [(True, 1), (False, 0)])
def test_a_sampled_search_is_refitted_with_the_rules_that_it_has(
    tmp_path: Path, here: list[RefitPlan], find: bool, n_rules: int
) -> None:
    table = make_mixed(200)[["age", "income", "children"]]
    table["sum"] = table["age"] + table["children"]
    spec = {"rules": {"find": find}}
    finished = make_search(
        tmp_path, {"max_n_epochs": 1}, table=table, spec=spec, rows=150, refit=True
    )
    refit(finished)
    assert len(finished.inputs.spec.rules) == len(here[0].spec.rules) == n_rules
    later = FinishedSearchRefit.prepare(finished.directory).plan.spec
    assert len(later.rules) == n_rules
    if find:
        without = table.assign(sum=np.nan)
        with pytest.warns(UserWarning, match="sum"), pytest.raises(DataError, match="'sum'"):
            spec_of_other_rows(finished.manifest, without, "mixed.csv")


@pytest.mark.parametrize(("n_odd", "is_refitted"), [(20, True), (200, False)])
def test_a_rule_may_have_more_exceptions_in_the_whole_table_than_in_its_sample(
    tmp_path: Path, here: list[RefitPlan], n_odd: int, is_refitted: bool
) -> None:
    table = make_mixed(4_000)[["age", "income", "children"]]
    table["sum"] = table["age"] + table["children"]
    seen = sample_positions(4_000, 3_000, parse_space(TINY).settings.seed)
    odd = [*np.setdiff1d(np.arange(4_000), seen)[: n_odd - 10], *seen[:10]]
    table.loc[odd, "sum"] += 7
    finished = make_search(tmp_path, {"max_n_epochs": 1}, table=table, rows=3_000, refit=True)

    def exceptions(spec: TableSpec) -> dict[str, float]:
        return {str(rule): rule.exceptions for rule in spec.rules}

    assert exceptions(finished.inputs.spec)["sum = age + children"] == 10 / 3_000
    said = refit(finished)
    if is_refitted:
        assert exceptions(here[0].spec)["sum = age + children"] == n_odd / 4_000
        assert FinishedSearchRefit.prepare(finished.directory).plan.spec == here[0].spec
    else:
        assert here == [] and "sum = age + children: does not hold in row" in said[-1]
        with pytest.raises(DataError, match="does not hold in row"):
            FinishedSearchRefit.prepare(finished.directory)


@pytest.mark.parametrize("n_odd", [0, 1, 12])
def test_rows_with_another_text_than_the_sample_has_are_counted(
    tmp_path: Path, here: list[RefitPlan], n_odd: int
) -> None:
    table = make_mixed(4_000)[["age", "children", "income"]]
    table["code"] = table["income"].map("{:.2f}".format) + "/" + table["age"].astype(str)
    seen = sample_positions(4_000, 3_000, parse_space(TINY).settings.seed)
    table.loc[np.setdiff1d(np.arange(4_000), seen)[:n_odd], "code"] = "by phone"
    with pytest.warns(UserWarning, match="'code': is put together"):
        finished = make_search(tmp_path, {"max_n_epochs": 1}, table=table, rows=3_000, refit=True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        refit(finished)
    verb = "has" if n_odd == 1 else "have"
    expected = f"column 'code': {n_odd} of 4,000 rows {verb} another text than '{{income"
    assert [expected in str(each.message) for each in said] == [True] * (n_odd > 0)
    assert here[0].spec["code"].pattern == finished.inputs.spec["code"].pattern


def test_an_interrupted_refit_is_cancelled(
    finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in_ray(monkeypatch, None)
    cancelled: list[bool] = []

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ray, "get", interrupt)
    monkeypatch.setattr(ray, "cancel", lambda _, *, force: cancelled.append(force))
    with pytest.raises(KeyboardInterrupt):
        refit(finished)
    assert cancelled == [True]


def test_a_finished_search_is_refitted_when_it_is_resumed_with_it(
    finished: FinishedSearch, here: list[RefitPlan]
) -> None:
    def outcome_is_there(space: SearchSpace) -> bool:
        inputs: SearchInputs = replace(finished.inputs, space=space)
        start = begin_or_resume(inputs, Resources(), None, resume=True)
        return finished_outcome(inputs, start, [finished.record], []) is not None

    space = finished.inputs.space
    plain = replace(space, settings=space.settings.model_copy(update={"refit": False}))
    assert outcome_is_there(plain) and not outcome_is_there(space)
    refit(finished)
    finished.manifest.write(finished.directory)
    assert outcome_is_there(plain) and outcome_is_there(space)


def test_a_finished_search_says_what_all_attacks_have_found(finished: FinishedSearch) -> None:
    file = finished.path / "best" / "scores.json"
    scores = json.loads(file.read_text())
    start = begin_or_resume(finished.inputs, Resources(), None, resume=True)
    start.manifest.chosen = {**(start.manifest.chosen or {}), "refit": {"skipped": "x"}}

    def said() -> str:
        outcome = finished_outcome(finished.inputs, start, [finished.record], [])
        assert outcome is not None
        return outcome.membership

    verdict = scores["membership_attacks"]["verdict"]
    assert said() == verdict
    file.write_text(json.dumps({**scores, "disclosure_attacks": {"verdict": "A secret leaks."}}))
    assert said() == f"{verdict} A secret leaks."


def fail_in_ray(monkeypatch: pytest.MonkeyPatch, cause: Exception | None) -> None:
    """Let the task of a refit fail with an error, or its process die."""

    class Remote:
        def __init__(self, *_: object) -> None:
            pass

        def remote(self, plan: RefitPlan) -> object:
            return object()

    def get(_: object) -> None:
        if cause is None:
            raise WorkerCrashedError
        raise RayTaskError("_train_there", "Traceback\nlast line", cause)

    monkeypatch.setattr(ray, "remote", lambda **_: Remote)
    monkeypatch.setattr(ray, "get", get)
