"""The space that was chosen for a table lies beside its search."""

from pathlib import Path

import pandas as pd

from tabvae_ray.cluster.nodes import Resources, expected_slots
from tabvae_ray.search.display.live import SearchProgress
from tabvae_ray.search.driver.interrupts import Interrupts
from tabvae_ray.search.driver.resume import begin_or_resume, check_name
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.run import SearchRun


def begun(**given: str) -> SearchRun:
    """Return a search that has written what it begins with, but has not started Ray."""
    inputs, resources = prepare_inputs(**given), Resources()
    start = begin_or_resume(inputs, resources, None, resume=False)
    progress = SearchProgress(inputs.space, quiet=True)
    run = SearchRun(
        inputs, start, inputs.task(resources), resources, progress, Interrupts(progress.say)
    )
    run.begin()
    return run


def test_a_chosen_space_is_written_and_goes_if_the_start_fails(tmp_path: Path) -> None:
    rows = range(300)
    data = str(tmp_path / "wards.csv")
    pd.DataFrame({"a": [i % 7 for i in rows], "b": [i / 3 for i in rows]}).to_csv(data, index=False)
    run = begun(data=data, out=str(tmp_path))
    file = tmp_path / "wards" / "space.yaml"
    again = prepare_inputs(space=str(file), data=data, out=str(tmp_path), name="again")
    assert again.space.to_mapping() == run.inputs.space.to_mapping()
    check_name(run.inputs.directory, resume=True)
    run.undo_start()
    check_name(run.inputs.directory, resume=False)
    assert not file.exists()


def test_a_space_that_was_given_is_not_written_again(space_file: Path, tmp_path: Path) -> None:
    begun(space=str(space_file), out=str(tmp_path), name="mine")
    assert not (tmp_path / "mine" / "space.yaml").exists()


def test_the_trials_at_once_are_known_before_ray_is(monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("tabvae_ray.cluster.ray_private.get_num_cpus", lambda **_: 9.5)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    assert expected_slots(Resources(), None, None) == 8
    assert expected_slots(Resources(cpus=3), None, "local") == 2
    # A container may have less than the machine.
    monkeypatch.setattr("tabvae_ray.cluster.ray_private.get_num_cpus", lambda **_: 6.0)
    assert expected_slots(Resources(), None, None) == 6
    assert expected_slots(Resources(cpus=16), None, None) == 1
    assert expected_slots(Resources(gpus=0.5), None, None) == 2
    # More than fit do not run at once.
    assert expected_slots(Resources(), 50, None) == 6
    assert expected_slots(Resources(cpus=0.5), 5, None) == 5
    assert expected_slots(Resources(gpus=1.0), 8, None) == 8
    assert expected_slots(Resources(), 5, "auto") == 5
    assert expected_slots(Resources(), None, "auto") == 4
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert expected_slots(Resources(), None, None) == 4
