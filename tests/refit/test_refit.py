"""The refit of a finished search: its training, its checkpoint, and the origin of its scores."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tabvae_ray import load_search
from tabvae_ray.cli import main
from tabvae_ray.errors import ConfigError, ExportError, StorageError
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.refit.finished_search import FinishedSearchRefit
from tabvae_ray.refit.history import trial_history
from tabvae_ray.refit.plan import RefitPlan, chosen_epochs
from tabvae_ray.refit.training import train_refit
from tabvae_ray.report.chosen_model import privacy
from tabvae_ray.report.contents import gather
from tabvae_ray.report.page import render
from tabvae_ray.results.claims.claim import claimed
from tabvae_ray.results.claims.holder import Holder
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.storage import Location
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.trainer import TabularVAETrainer
from tests.refit.conftest import FinishedSearch, make_search
from tests.support.tables import make_mixed, small_config


class Killed(Exception):
    """Ends a training as a signal would."""


def weights(plan: RefitPlan, stop_at: int | None = None) -> dict[str, torch.Tensor]:
    def stop(trainer: TabularVAETrainer) -> None:
        if trainer.epoch == stop_at:
            raise Killed

    return train_refit(plan, [stop]).trainer.model.state_dict()


def plan_of(finished: FinishedSearch) -> RefitPlan:
    return FinishedSearchRefit.prepare(finished.directory).plan


def test_all_rows_are_trained_on_for_the_epochs_of_the_trial(finished: FinishedSearch) -> None:
    vae = train_refit(plan_of(finished))
    assert (len(vae.trainer.codes), vae.trainer.held_out, vae.trainer.epoch) == (200, None, 9)


@pytest.mark.parametrize("stop_at", [1, 2, 5, 9])
def test_killed_and_started_again_it_ends_with_the_same_weights(
    finished: FinishedSearch, stop_at: int
) -> None:
    plan = plan_of(finished)
    undisturbed = weights(plan)
    plan.checkpoint.remove()
    with pytest.raises(Killed):
        weights(plan, stop_at)
    assert plan.checkpoint.exists() == (stop_at > 1)
    epochs: list[int] = []
    resumed = train_refit(plan, [lambda trainer: epochs.append(trainer.epoch)]).trainer
    last_kept = stop_at if stop_at == 9 else stop_at // 2 * 2
    assert epochs == list(range(last_kept + 1, 10))
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, undisturbed[name]), name


@pytest.mark.parametrize("content", [None, b"", b"PK damaged", b"another refit"])
def test_a_checkpoint_that_is_damaged_or_of_another_refit_is_void(
    finished: FinishedSearch, content: bytes | None
) -> None:
    plan = plan_of(finished)
    if content == b"another refit":
        train_refit(FinishedSearchRefit.prepare(finished.directory, epochs=2).plan)
    elif content is not None:
        plan.checkpoint.write_bytes(content)
    epochs: list[int] = []
    train_refit(plan, [lambda trainer: epochs.append(trainer.epoch)])
    assert epochs == list(range(1, 10))


def test_held_out_rows_choose_the_epochs_where_they_stopped_the_training(tmp_path: Path) -> None:
    early = {"early_stopping": "holdout", "patience": 3, "max_n_epochs": 60, "learning_rate": 0.05}
    finished = make_search(tmp_path, early)
    history = trial_history(finished.directory, finished.record)
    losses = [entry["holdout_loss"] for entry in history]
    plan = plan_of(finished)
    assert plan.epochs == losses.index(min(losses)) + 1 < len(history)
    assert plan.config.training.early_stopping == "none"
    # The learning rate falls as it did in the search.
    assert plan.config.training.max_n_epochs == 60


def test_a_training_that_was_not_stopped_has_the_weights_of_its_last_epoch() -> None:
    history = [{"holdout_loss": value} for value in (3.0, 1.0, 2.0)]
    leaves = {"training.early_stopping": "holdout", "training.patience": 3}
    cut_short = small_config(**{**leaves, "training.max_n_epochs": 9})
    assert chosen_epochs(cut_short, history) == 3
    assert chosen_epochs(small_config(**leaves), history) == 2
    assert chosen_epochs(small_config(), history) == 3


def test_the_command_refits_best_and_keeps_the_searched_model(
    finished: FinishedSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.read_bytes() for file in (finished.path / "best").iterdir()}
    assert main(["refit", str(finished.path), "--json"]) == 0
    captured = capsys.readouterr()
    assert "refitting trial 0 on all 200 rows" in captured.err and "epoch 9 of 9" in captured.err
    answer = json.loads(captured.out)
    assert (answer["epochs"], answer["rows"], answer["same_table"]) == (9, 200, True)
    after = {file.name: file.read_bytes() for file in (finished.path / "searched").iterdir()}
    assert after == before
    best = finished.path / "best"
    assert {file.name for file in best.iterdir()} == set(before)
    assert (best / "model.safetensors").read_bytes() != before["model.safetensors"]
    # Again: nothing is trained, and the searched model stays.
    assert main(["refit", str(finished.path)]) == 0
    assert "epoch" not in capsys.readouterr().err.partition("refitting")[2].partition("\n")[2][:9]
    assert (finished.path / "searched" / "model.safetensors").read_bytes() == before[
        "model.safetensors"
    ]


def test_the_scores_are_said_to_be_those_of_the_searched_model(finished: FinishedSearch) -> None:
    FinishedSearchRefit.prepare(finished.directory).run()
    best, searched = finished.path / "best", finished.path / "searched"
    scores = json.loads((best / "scores.json").read_text())
    assert "those of the searched model" in scores.pop("scores_of")
    assert scores == json.loads((searched / "scores.json").read_text())
    card = (best / "README.md").read_text()
    assert "## Scores of the searched model" in card
    assert "| privacy of the searched model |" in card
    assert "refitted on all 200 rows for 9 epochs" in card
    provenance = json.loads((best / "synthesizer.json").read_text())["provenance"]
    assert provenance["refit"]["rows"] == 200 and provenance["trial"] == 0
    result = load_search(finished.path)
    assert len(result.best.generate(5)) == len(result.searched.generate(5)) == 5
    assert result.best.config.validation.holdout_fraction == 0
    assert result.searched.config.validation.holdout_fraction > 0
    assert "refitted on all 200 rows for 9 epochs, with the scores of the model" in repr(result)


def test_the_report_measures_the_searched_model_and_says_so(finished: FinishedSearch) -> None:
    FinishedSearchRefit.prepare(finished.directory).run()
    contents = gather(finished.directory)
    found = privacy(contents)
    assert found is not None and found.first.startswith("Of the searched model")
    assert contents.config["validation"]["holdout_fraction"] > 0
    assert "refitted on all 200 rows for 9 epochs" in render(contents)


def test_a_model_that_was_not_refitted_is_the_searched_one(finished: FinishedSearch) -> None:
    result = load_search(finished.path)
    assert result.searched is result.best and "refit" not in repr(result)


def test_other_rows_and_epochs_go_to_another_directory(
    finished: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_mixed(260, seed=8).to_csv(tmp_path / "more.csv", index=False)
    before = (finished.path / "search.json").read_bytes()
    options = ["--data", str(tmp_path / "more.csv"), "--epochs", "3", "--out", str(tmp_path / "m")]
    assert main(["refit", str(finished.path), *options]) == 0
    assert f"all 260 rows of {tmp_path / 'more.csv'} for 3 epochs" in capsys.readouterr().err
    assert len(load_synthesizer(tmp_path / "m").generate(7)) == 7
    assert (finished.path / "search.json").read_bytes() == before
    assert not (finished.path / "searched").exists()
    # A checkpoint has more of the rows than an export.
    assert {file.name for file in (tmp_path / "m").iterdir()} == {
        "README.md", "model.safetensors", "scores.json", "synthesizer.json",
    }  # fmt: skip
    assert main(["refit", str(finished.path), *options]) == 2
    assert "holds a model already" in capsys.readouterr().err


def test_a_search_whose_directory_cannot_be_written_is_refused_before_the_training(
    finished: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Where its checkpoints would be.
    (finished.path / "refit").write_text("")
    before = sorted(finished.path.rglob("*"))
    assert main(["refit", str(finished.path), "--out", str(tmp_path / "model")]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {finished.path / 'refit'}: cannot be written")
    assert main(["refit", str(finished.path)]) == 2
    assert sorted(finished.path.rglob("*")) == before and not (tmp_path / "model").exists()


def test_of_two_refits_at_once_the_second_is_refused(
    finished: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their codes and checkpoints lie in one directory, wherever their models go."""
    out = tmp_path / "model"
    with claimed(finished.directory, doing="refit"):
        before = sorted(finished.path.rglob("*"))
        assert main(["refit", str(finished.path), "--out", str(out)]) == 2
        assert sorted(finished.path.rglob("*")) == before and not out.exists()
    (said,) = capsys.readouterr().err.splitlines()
    held = f"the search is being refitted by process {os.getpid()} on "
    assert said.startswith(f"error: {finished.path}: {held}") and "wait until it has ended" in said
    with claimed(finished.directory):
        assert main(["refit", str(finished.path), "--out", str(out)]) == 2
    assert "is being run by" in capsys.readouterr().err
    # The claim of one that was killed.
    killed = replace(Holder.here("refit"), pid=2**31 - 2)
    (finished.path / "driver.json").write_bytes(killed.content())
    assert main(["refit", str(finished.path), "--epochs", "1", "--out", str(out)]) == 0
    assert not (finished.path / "driver.json").exists()


@pytest.mark.parametrize(
    ("ends", "code"),
    [("training", 130), ("model.safetensors", 130), ("README.md", 130), ("full", 2)],
)
def test_a_refit_that_ends_early_leaves_nothing_of_its_directory(
    finished: FinishedSearch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends: str,
    code: int,
) -> None:
    """It ends while it trains, after a file of the model is written, or as the disk is full."""
    out = tmp_path / "models" / "m"
    write = Location.write_bytes

    def writes_and_ends(file: Location, content: bytes) -> None:
        if ends == "full" and file.name == "scores.json":
            raise StorageError(f"{file}: cannot be written: no space is left")
        write(file, content)
        if file.name == ends:
            raise KeyboardInterrupt

    def trains(plan: RefitPlan, hooks: object) -> TabularVAE:
        # A process that is killed here takes nothing back.
        assert not out.parent.exists()
        if ends == "training":
            raise KeyboardInterrupt
        return train_refit(plan)

    monkeypatch.setattr(Location, "write_bytes", writes_and_ends)
    run = FinishedSearchRefit.run
    monkeypatch.setattr(
        FinishedSearchRefit, "run", lambda self, hooks: run(self, hooks, train=trains)
    )
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").write_text("mine")
    assert main(["refit", str(finished.path), "--epochs", "1", "--out", str(out)]) == code
    assert not out.parent.exists()
    out = tmp_path / "unused" / "m"
    there = ["--epochs", "1", "--out", str(tmp_path / "there")]
    assert main(["refit", str(finished.path), *there]) == code
    assert [file.name for file in (tmp_path / "there").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": "running"}, "the search is running"),
        ({"chosen": None, "state": "interrupted"}, "is interrupted and has chosen no model"),
        (
            {"table": {"fingerprint": "0", "rows": 3, "columns": 1}},
            "has changed since the search: to train on these rows",
        ),
        ({"data": "s3://***@bucket/x.csv"}, "--data: must be given again, with credentials"),
    ],
)
def test_a_search_that_cannot_be_refitted_is_refused(
    finished: FinishedSearch,
    changes: dict[str, object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = finished.path / "search.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    assert main(["refit", str(finished.path)]) == 2
    assert message in capsys.readouterr().err


def test_a_chosen_trial_that_has_not_ended_is_refused(
    finished: FinishedSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    (finished.path / "running").mkdir(exist_ok=True)
    (finished.path / "trials" / "000000.json").rename(finished.path / "running" / "000000.json")
    assert main(["refit", str(finished.path)]) == 2
    assert "the chosen trial 0 was not trained to its end: continue" in capsys.readouterr().err


@pytest.mark.parametrize("out", [None, "elsewhere"])
def test_a_search_that_was_resumed_during_the_training_is_not_written_over(
    finished: FinishedSearch, tmp_path: Path, out: str | None
) -> None:
    target = None if out is None else Location(tmp_path / out)
    refit = FinishedSearchRefit.prepare(finished.directory, epochs=1, out=target)
    best = finished.path / "best" / "model.safetensors"
    before = best.read_bytes()

    def resume(_: TabularVAETrainer) -> None:
        later = SearchManifest.read(finished.directory)
        later.runs, later.trials = later.runs + 1, {"COMPLETE": 64}
        later.write(finished.directory)

    with pytest.raises(ConfigError, match="the search was resumed while this model was trained"):
        refit.run([resume])
    assert SearchManifest.read(finished.directory).trials == {"COMPLETE": 64}
    assert best.read_bytes() == before and not (tmp_path / "elsewhere").exists()
    again = FinishedSearchRefit.prepare(finished.directory, epochs=1, out=target)
    epochs: list[int] = []
    assert again.run([lambda trainer: epochs.append(trainer.epoch)]).epochs == 1
    assert epochs == [] and SearchManifest.read(finished.directory).trials == {"COMPLETE": 64}


def test_a_model_of_another_trial_is_not_taken_for_the_searched_one(
    finished: FinishedSearch,
) -> None:
    """As where a resumed search was killed after the export, and before it wrote its choice."""
    refit = FinishedSearchRefit.prepare(finished.directory, epochs=1)
    file = finished.path / "best" / "synthesizer.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "provenance": {"trial": 7}}))
    with pytest.raises(ExportError, match=r"is the model of trial 7, but .* that trial 0 was chos"):
        refit.run()
    assert not (finished.path / "searched").exists()
