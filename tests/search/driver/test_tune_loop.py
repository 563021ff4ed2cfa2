"""What Ray Tune is given for a run of a search."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.search.driver import tune_loop
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.trials.trainable import VAETrial


def test_searches_of_one_ray_job_have_trainables_of_their_own(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Tune finds the class of a process that it replaces by its name in the job."""
    given: list[Any] = []

    def tuner(trainable: Any, **_: object) -> SimpleNamespace:
        given.append(trainable)
        return SimpleNamespace(fit=lambda: None)

    monkeypatch.setattr(tune, "Tuner", tuner)
    monkeypatch.setattr(tune, "TuneConfig", SimpleNamespace)
    monkeypatch.setattr(tune, "RunConfig", SimpleNamespace)
    task = prepare_inputs(space=str(space_file), out=str(tmp_path), name="mine").task()
    parts = SimpleNamespace(proposals=None, scheduler=None, ledger=None, state=None)
    for _ in range(2):
        tune_loop.run_loop(task, parts, Resources(), 1, [])  # type: ignore[arg-type]
    names = [trainable.__name__ for trainable in given]
    assert len(set(names)) == 2 and all(name.startswith("VAETrial_") for name in names)
    assert all(issubclass(trainable, VAETrial) for trainable in given)
