import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from tabvae_ray.cluster.connection import connected, started_early
from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.search import early_start
from tabvae_ray.search.driver.tune_loop import tune_configured
from tabvae_ray.search.early_start import ray_started_early


@pytest.mark.parametrize(
    ("n_cpus", "resources", "concurrency", "imported"),
    [
        (4, Resources(), None, True),
        (4, Resources(0.5), 8, True),
        (4, Resources(), 3, False),
        (4, Resources(2.0), None, False),
        (4, Resources(gpus=1.0), None, False),
        (64, Resources(), None, False),
    ],
)
def test_processes_import_only_if_each_gets_a_trial(
    monkeypatch: pytest.MonkeyPatch,
    n_cpus: int,
    resources: Resources,
    concurrency: int | None,
    imported: bool,
) -> None:
    monkeypatch.setattr("tabvae_ray.cluster.ray_private.get_num_cpus", lambda **_: float(n_cpus))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(n_cpus)), raising=False)
    given: list[Any] = []
    monkeypatch.setattr(early_start, "started_early", lambda *arguments: given.extend(arguments))
    ray_started_early("here", resources, concurrency)
    assert given == ["here", ("tabvae_ray.search.trials.trainable",) if imported else ()]


@pytest.mark.slow
@pytest.mark.nightly
def test_trials_get_processes_that_have_imported_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reports(tune.Trainable):
        def step(self) -> dict[str, Any]:
            return {"done": True, "imported": "wave" in sys.modules}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            pass

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    config = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
    # A module that nothing else imports.
    with started_early(None, ["wave"]), connected(None) as started_here, tune_configured():
        assert started_here
        results = tune.Tuner(tune.with_resources(Reports, {"cpu": 1}), run_config=config).fit()
    metrics = results[0].metrics
    assert metrics is not None and metrics["imported"]
