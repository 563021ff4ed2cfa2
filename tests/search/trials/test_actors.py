"""The trainable in Ray's processes: a trial leaves nothing to the next one."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray import tune

from tabvae_ray.cluster.connection import connected
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.optimize.scheduler import PatientFIFO
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trainable import VAETrial
from tests.support.spaces import TINY

pytestmark = pytest.mark.slow
ONE = {
    "number": 0,
    "parameters": {"architecture.loss_beta": 0.1, "architecture.latent_dim": 4},
    "checkpoint": None,
}
TWO = {
    "number": 1,
    "parameters": {"architecture.loss_beta": 0.5, "architecture.latent_dim": 6},
    "checkpoint": None,
}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> SearchTask:
    home = tmp_path_factory.mktemp("actors")
    (home / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    inputs = prepare_inputs(space=str(home / "tiny.yaml"), out=str(home))
    return inputs.task()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with connected(None):
            yield


def played(task: SearchTask, *configs: dict[str, Any]) -> tuple[bytes, Any, int]:
    """Run trials in one process; return the last one's state and reports, and the threads."""

    class Played(VAETrial):
        def play(self, configs: list[dict[str, Any]]) -> tuple[bytes, Any, int]:
            import torch

            for i, config in enumerate(configs):
                if i:
                    assert self.reset_config(config)
                reports = [self.step()]
                while not reports[-1]["done"]:
                    reports.append(self.step())
            told = [
                {k: v for k, v in report.items() if not k.endswith("seconds")} for report in reports
            ]
            return self.run.state(), told, torch.get_num_threads()

    trainable = tune.with_parameters(Played, task=task)
    actor = ray.remote(num_cpus=1)(trainable).remote(configs[0])
    try:
        answer: tuple[bytes, Any, int] = ray.get(actor.play.remote(list(configs)))
        return answer
    finally:
        ray.kill(actor)


def test_a_reused_process_gives_what_a_fresh_one_gives_bit_for_bit(
    task: SearchTask, cluster: None
) -> None:
    fresh, reused = played(task, ONE), played(task, TWO, ONE)
    assert fresh == reused
    assert fresh[2] == task.threads == 1
    assert fresh[:2] != played(task, TWO)[:2]


@pytest.mark.nightly
def test_a_node_with_other_versions_trains_nothing(task: SearchTask, cluster: None) -> None:
    """Check a node that has come after the search's preflight."""
    older = replace(task, versions={**task.versions, "torch": "2.5.0"})
    with pytest.raises(ray.exceptions.RayActorError, match=r"has torch .* \(here 2.5.0\): inst"):
        played(older, ONE)


@pytest.mark.nightly
def test_trials_that_are_done_at_once_do_not_take_the_place_of_processes_that_start(
    cluster: None, tmp_path: Path
) -> None:
    """Check that several processes are used; with Ray's FIFOScheduler, only the first is."""

    class SlowToStart(tune.Trainable):
        """A trainable whose processes, but for the first, start more slowly than ten trials run."""

        def setup(self, config: dict[str, Any]) -> None:
            time.sleep(3.0 if config["number"] else 0.0)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

        def step(self) -> dict[str, Any]:
            time.sleep(0.3)
            return {"done": True, "process": os.getpid()}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            pass

    results = tune.Tuner(
        tune.with_resources(SlowToStart, {"cpu": 1}),
        param_space={"number": tune.grid_search(list(range(24)))},
        tune_config=tune.TuneConfig(
            scheduler=PatientFIFO(), reuse_actors=True, max_concurrent_trials=2
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    ).fit()
    assert not results.errors
    assert results.get_dataframe()["process"].nunique() == 2
