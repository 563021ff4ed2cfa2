"""Scoring the best models again, where the choice depends on an attack."""

from pathlib import Path
from typing import Any

import pytest

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.export import export
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.trials.membership import attack_chosen
from tabvae_ray.search.trials.rescoring import candidates
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import TrialRun, restore_trial


def reported(task: SearchTask) -> TrialRecord:
    """Train a trial to its first rung, and return its record with a checkpoint."""
    run = TrialRun(task)
    parameters = {"architecture.loss_beta": 0.1, "architecture.latent_dim": 4}
    run.begin({"number": 0, "parameters": parameters, "checkpoint": None})
    report = run.step()
    home = task.directory / "tune/run_001/000000/checkpoint_000000"
    home.make_dir()
    (home / "state.pt").write_bytes(run.state())
    rung = Rung(report["epoch"], report["scores"], report["losses"])
    checkpoint = "tune/run_001/000000/checkpoint_000000"
    scores = dict(report["scores"])
    return TrialRecord(0, "COMPLETE", parameters, scores, [rung], checkpoint=checkpoint)


@pytest.mark.parametrize("constraints", [{}, {"membership": {"max": 0.55}}])
def test_a_constraint_on_an_attack_is_checked_by_the_attack_that_is_reported(
    tiny: dict[str, Any], tmp_path: Path, constraints: dict[str, Any]
) -> None:
    """The attack of every rung is a quick one, on fewer rows and with fewer draws."""
    space = {**tiny, "constraints": constraints}
    task = prepare_inputs(space=space, out=str(tmp_path), name="tiny").task()
    record = reported(task)
    found = candidates(task, [record], Resources())[0]
    chosen = attack_chosen(task, restore_trial(task, record), 0)
    assert chosen.white_box is not None
    quick, hard = record.rungs[-1].losses["membership"], chosen.white_box.auc
    assert quick != hard
    assert found.means["membership"] == (hard if constraints else quick)
    assert found.spreads["membership"] == 0


def test_an_export_that_breaks_a_constraint_says_so_at_the_top_of_its_card(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    space = {**tiny, "constraints": {"correlation_distance": {"max": 0.0}, "kl": {"min": 0.0}}}
    inputs = prepare_inputs(space=space, out=str(tmp_path), name="tiny")
    task, manifest = inputs.task(), inputs.manifest(resources={"cpus": 1.0, "gpus": 0.0})
    manifest.levels = {"resample": {}, "fresh": {}, "independent": {}}
    found = candidates(task, [reported(task)], Resources())[0]
    export(
        task, manifest, found, "breaks the constraints least", [found], inputs.directory / "best"
    )
    card = (tmp_path / "tiny" / "best" / "README.md").read_text()
    value = f"{found.means['correlation_distance']:.3f}"
    assert f"| constraints | broken: correlation_distance at most 0 ({value}) |" in card
    assert "broken_constraints" not in card
