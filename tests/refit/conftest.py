"""A finished search on disk, without Ray."""

import copy
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.export import export
from tabvae_ray.search.inputs import SearchInputs, prepare_inputs
from tabvae_ray.search.optimize.selection import Candidate
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import TrialRun
from tabvae_ray.storage import Location
from tests.support.spaces import TINY
from tests.support.tables import make_mixed

PARAMETERS = {"architecture.loss_beta": 0.1, "architecture.latent_dim": 4}


@dataclass
class FinishedSearch:
    """A search of one trial, with the parts that its driver had."""

    inputs: SearchInputs
    task: SearchTask
    manifest: SearchManifest
    record: TrialRecord

    @property
    def directory(self) -> Location:
        """The search's directory."""
        return self.inputs.directory

    @property
    def path(self) -> Path:
        """The same as a path."""
        return Path(str(self.directory))


def make_search(
    home: Path,
    training: dict[str, Any] | None = None,
    *,
    table: pd.DataFrame | None = None,
    spec: dict[str, Any] | None = None,
    **settings: Any,
) -> FinishedSearch:
    """Train one trial to its end, and export its model."""
    (make_mixed(200) if table is None else table).to_csv(home / "mixed.csv", index=False)
    space: dict[str, Any] = copy.deepcopy(TINY)
    space["base"]["training"] |= training or {}
    space["search"] |= {"n_trials": 1, **settings}
    inputs = prepare_inputs(
        space=space, data=str(home / "mixed.csv"), spec=spec, out=str(home / "runs"), name="mine"
    )
    task = inputs.task(Resources())
    manifest = inputs.manifest(resources={"cpus": 1.0, "gpus": 0.0})
    manifest.levels = inputs.reference_levels().to_mapping()
    run = TrialRun(task)
    run.begin({"number": 0, "parameters": PARAMETERS, "checkpoint": None})
    report = run.step()
    while not report["done"]:
        report = run.step()
    where = "tune/run_001/000000/checkpoint_000000"
    (inputs.directory / where / "state.pt").write_bytes(run.state())
    rung = Rung(report["epoch"], report["scores"], report["losses"])
    record = TrialRecord(
        0, "COMPLETE", PARAMETERS, report["scores"], [rung], seconds=2.0, checkpoint=where
    )
    RecordStore(inputs.directory, list(inputs.space.objectives)).finish(record)
    chosen = Candidate(record, report["scores"], dict.fromkeys(report["scores"], 0.0))
    export(task, manifest, chosen, "the only one", [chosen], inputs.directory / "best")
    manifest.state, manifest.front = "finished", [0]
    manifest.write(inputs.directory)
    return FinishedSearch(inputs, task, manifest, record)


def copied(kept: FinishedSearch, home: Path) -> FinishedSearch:
    """Return a copy of a search that a test may change."""
    directory = Location(home / "runs") / "mine"
    shutil.copytree(kept.path, str(directory))
    return FinishedSearch(
        replace(kept.inputs, directory=directory),
        replace(kept.task, directory=directory),
        SearchManifest.read(directory),
        kept.record,
    )


@pytest.fixture(scope="session")
def kept_search(tmp_path_factory: pytest.TempPathFactory) -> FinishedSearch:
    return make_search(tmp_path_factory.mktemp("kept"), {"checkpoint_period": 2}, refit=True)


@pytest.fixture
def finished(kept_search: FinishedSearch, tmp_path: Path) -> FinishedSearch:
    return copied(kept_search, tmp_path)
