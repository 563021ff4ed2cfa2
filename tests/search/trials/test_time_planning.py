import dataclasses

import pytest

from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.time_planning import rescoring_task, time_limit


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> SearchTask:
    out = tmp_path_factory.mktemp("runs")
    settings = {"time_budget": 200.0}
    return prepare_inputs(space="smoke", out=str(out), settings=settings).task()


def amounts(task: SearchTask) -> tuple[int, int]:
    settings = task.space.settings
    return settings.n_candidates, settings.n_rescores


def test_the_budget_counts_from_the_start_of_the_command(task: SearchTask) -> None:
    limit = time_limit(task, began=1000.0, slots=2)
    assert limit is not None and limit.ends == 1200
    assert limit.scoring_seconds > 0 and limit.n_rescored > 0
    settings = task.space.settings.model_copy(update={"time_budget": None})
    unlimited = dataclasses.replace(task, space=dataclasses.replace(task.space, settings=settings))
    assert time_limit(unlimited, began=1000.0, slots=2) is None


@pytest.mark.parametrize(
    ("n_models", "n_scorings", "expected"),
    [
        (8, None, (8, 5)),
        (8, 1000, (8, 5)),
        (8, 32, (8, 3)),
        (8, 24, (8, 2)),
        (8, 12, (4, 2)),
        (8, 4, (1, 2)),
        (8, 0, (1, 1)),
        (1, 0, (1, 1)),
        (3, 18, (8, 5)),
    ],
)
def test_fewer_samples_and_then_fewer_models_are_scored_in_less_time(
    task: SearchTask, n_models: int, n_scorings: int | None, expected: tuple[int, int]
) -> None:
    settings = task.space.settings.model_copy(update={"n_candidates": 8, "n_rescores": 5})
    task = dataclasses.replace(task, space=dataclasses.replace(task.space, settings=settings))
    assert amounts(rescoring_task(task, n_models, n_scorings, 2)) == expected
