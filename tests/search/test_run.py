"""Whole searches on a real Ray.

One is started as users start it. Those that take signals are processes of their own; the others run
in this process, on one Ray.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
import yaml

from tabvae_ray import load_synthesizer
from tabvae_ray.cluster.connection import connected
from tabvae_ray.commands.search_state import SearchState
from tabvae_ray.search.__main__ import main
from tabvae_ray.search.driver import tune_loop
from tabvae_ray.search.trials.trainable import VAETrial
from tabvae_ray.storage import Location
from tests.support.drivers import (
    SECONDS,
    fresh_search,
    search,
    started,
    study_of,
    trials_of,
    without_page,
    workers_of,
)
from tests.support.spaces import TINY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_ray() -> Iterator[None]:
    """Start the Ray that searches of this process share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with connected(None):
            yield


class Here:
    """The command in this process, on a Ray that is there."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *options: object) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        self._capture.readouterr()
        code = main([str(option) for option in options])
        return subprocess.CompletedProcess([], code, *self._capture.readouterr())


@pytest.fixture
def here(one_ray: None, capfd: pytest.CaptureFixture[str]) -> Iterator[Here]:
    with without_page():
        yield Here(capfd)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a search with one slot to its end."""
    home = tmp_path_factory.mktemp("undisturbed")
    (home / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    options = ["--space", home / "tiny.yaml", "--out", home, "--concurrency", 1, "--json"]
    done = fresh_search(*options)
    assert done.returncode == 0, done.stderr
    (home / "stdout").write_text(done.stdout)
    (home / "stderr").write_text(done.stderr)
    return home


def test_a_search_says_what_scripts_rely_on(undisturbed: Path) -> None:
    answer = json.loads((undisturbed / "stdout").read_text().splitlines()[-1])
    directory = undisturbed / "tiny"
    assert answer["best"] == str(directory / "best")
    assert sum(answer["trials"].values()) == 6
    scores = json.loads((directory / "best" / "scores.json").read_text())
    assert scores["mean_js_distance"] == answer["mean_js_distance"]
    assert scores["reference_levels"]["resample"]["mean_js_distance"]["mean"] < 0.06
    manifest = json.loads((directory / "search.json").read_text())
    assert manifest["state"] == "finished"
    assert manifest["table"]["rows"] == 918
    scored_again = [candidate["trial"] for candidate in manifest["chosen"]["candidates"]]
    assert answer["chosen"] in scored_again and set(answer["front"]) <= set(scored_again)


def test_a_line_per_trial_and_the_next_command_go_to_stderr_and_nothing_else(
    undisturbed: Path,
) -> None:
    lines = (undisturbed / "stderr").read_text().splitlines()
    trials = [line for line in lines if line.startswith("[")]
    assert [line[:6] for line in trials] == [f"[{n}/6] " for n in range(1, 7)]
    first = lines.index("starting Ray")
    # Before it, what was understood of the table.
    assert lines[0].strip() == "the table: 918 rows"
    after = lines.index(trials[-1]) + 1
    assert lines[after] == "scoring the best again on fresh samples"
    # Until the first trial ends, reports are lines, too.
    started = [line for line in lines[first + 1 : after] if line not in trials]
    assert all(line.startswith("trial ") for line in started)
    assert "-m tabvae_ray.generate --model" in lines[-1]
    chatter = ("WARNING", "ERROR", "INFO", "Traceback", "ray.tune", "deprecat")
    assert not [line for line in lines if any(word in line for word in chatter)]


def test_records_study_and_table_agree_and_none_is_running(undisturbed: Path) -> None:
    directory = undisturbed / "tiny"
    rows = trials_of(directory)
    records = [json.loads(file.read_text()) for file in sorted((directory / "trials").iterdir())]
    trials = study_of(directory).trials
    assert [row["state"] for row in rows] == [record["state"] for record in records]
    assert [trial.state.name for trial in trials] == [record["state"] for record in records]
    assert list((directory / "running").iterdir()) == []
    for record, trial in zip(records, trials, strict=True):
        assert [rung["epoch"] for rung in record["rungs"]] == [1, 3, 9][: len(record["rungs"])]
        if record["state"] == "COMPLETE":
            assert list(record["objectives"].values()) == trial.values


def test_only_models_that_may_be_chosen_are_kept(undisturbed: Path) -> None:
    directory = undisturbed / "tiny"
    chosen = json.loads((directory / "search.json").read_text())["chosen"]
    scored_again = [candidate["trial"] for candidate in chosen["candidates"]]
    states = list((directory / "tune").glob("**/state.pt"))
    assert sorted(int(file.parents[1].name) for file in states) == scored_again
    # What lies in the directory of a trial is its last checkpoint and nothing else.
    files = {file for file in (directory / "tune").glob("run_*/*/**/*") if file.is_file()}
    assert files == set(states)
    size = sum(file.stat().st_size for file in files)
    assert size <= len(scored_again) * max(file.stat().st_size for file in states)


def test_the_export_generates(undisturbed: Path, tmp_path: Path) -> None:
    rows = load_synthesizer(undisturbed / "tiny" / "best").generate(100, seed=1)
    out = tmp_path / "rows.csv"
    subprocess.run(
        [
            *(sys.executable, "-m", "tabvae_ray.generate", "--rows", "100", "--seed", "1"),
            *("--model", str(undisturbed / "tiny" / "best"), "--out", str(out)),
        ],
        check=True,
        capture_output=True,
    )
    pd.testing.assert_frame_equal(pd.read_csv(out), rows, check_dtype=False)


def test_a_trial_trained_again_alone_scores_the_same_bit_for_bit(
    undisturbed: Path, here: Here
) -> None:
    for number in (0, 5):
        record = undisturbed / "tiny" / "trials" / f"{number:06d}.json"
        done = here("--replay", record, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["same"]


def test_every_finished_trial_is_a_line_of_progress(undisturbed: Path) -> None:
    lines = (undisturbed / "tiny" / "progress.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert sorted(entry["trial"] for entry in entries) == list(range(6))
    volumes = [entry["hypervolume"] for entry in entries]
    assert volumes == sorted(volumes)
    epochs = [row["epochs"] for row in trials_of(undisturbed / "tiny")]
    assert entries[-1]["epochs"]["trained"] == sum(map(int, epochs))
    assert entries[-1]["epochs"]["saved"] == 6 * 9 - sum(map(int, epochs))


def test_a_page_is_made_at_the_end(undisturbed: Path) -> None:
    page = (undisturbed / "tiny" / "report.html").read_text()
    assert "<html" in page and "tiny" in page


@pytest.mark.nightly
def test_killed_again_and_again_a_search_ends_where_it_would_have(
    undisturbed: Path, tmp_path: Path
) -> None:
    options = ["--space", undisturbed / "tiny.yaml", "--out", tmp_path, "--concurrency", 1]
    directory = tmp_path / "tiny"
    resume: list[str] = []
    for n_finished in (1, 4):
        with started(*options, *resume) as process:
            deadline = time.monotonic() + SECONDS
            while len(list((directory / "trials").glob("*.json"))) < n_finished:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        resume = ["--resume"]
    done = search(*options, "--resume")
    assert done.returncode == 0, done.stderr
    assert trials_of(directory) == trials_of(undisturbed / "tiny")
    assert Counter(trial.state.name for trial in study_of(directory).trials)["RUNNING"] == 0


def test_a_finished_search_is_extended_from_its_directory_alone(
    undisturbed: Path, tmp_path: Path, here: Here
) -> None:
    before = trials_of(undisturbed / "tiny")
    subprocess.run(["cp", "-r", str(undisturbed / "tiny"), str(tmp_path)], check=True)
    done = here("--resume", "--out", tmp_path, "--name", "tiny", "--trials", 8, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = trials_of(tmp_path / "tiny")
    assert len(after) == 8
    assert after[:6] == before


@pytest.mark.nightly
def test_an_interrupted_search_says_how_to_go_on(space_file: Path, tmp_path: Path) -> None:
    options = ["--space", space_file, "--out", tmp_path, "--trials", 500]
    with started(*options) as process:
        while process.poll() is None and not list((tmp_path / "tiny/trials").glob("*.json")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert f"--out {tmp_path} --name tiny --resume" in said
    states = {trial.state.name for trial in study_of(tmp_path / "tiny").trials}
    assert "RUNNING" not in states
    assert json.loads((tmp_path / "tiny" / "search.json").read_text())["state"] == "interrupted"


@pytest.mark.nightly
def test_a_time_budget_that_the_start_has_spent_still_leaves_a_model(
    tiny: dict, tmp_path: Path, here: Here
) -> None:
    tiny["search"] |= {"n_trials": 3, "scheduler": "none"}
    file = tmp_path / "short.yaml"
    file.write_text(yaml.safe_dump(tiny))
    options = ["--space", file, "--out", tmp_path, "--json"]
    done = here(*options, "--time-budget", 0.01)
    assert done.returncode == 0, done.stderr
    assert "ended early: the time budget of 0.01 s is spent" in done.stderr
    assert "3 epochs instead of 9, so that several models may fit in the" in done.stderr
    assert "no trial reached its full 3 epochs" in json.loads(done.stdout)["reason"]
    directory = tmp_path / "short"
    (running,) = (directory / "running").glob("*.json")
    assert [rung["epoch"] for rung in json.loads(running.read_text())["rungs"]] == [1]
    assert len(load_synthesizer(directory / "best").generate(5)) == 5
    # The plan stays, and every trial can be trained again with the same scores.
    done = here(*options, "--resume", "--time-budget", 1e6)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == {"COMPLETE": 3}
    again = here("--replay", directory / "trials" / "000000.json", "--json")
    assert json.loads(again.stdout)["same"] is True


def test_a_time_budget_ends_a_search_with_all_that_it_has(
    space_file: Path, tmp_path: Path, here: Here
) -> None:
    done = here("--space", space_file, "--out", tmp_path, "--trials", 5000, "--time-budget", 25)
    assert done.returncode == 0, done.stderr
    assert "ended early: the time budget of 25 s is spent" in done.stderr
    assert (tmp_path / "tiny" / "best" / "synthesizer.json").exists()


def test_a_search_without_a_usable_trial_ends_with_3(
    tiny: dict, tmp_path: Path, here: Here
) -> None:
    # Without held-out rows there are no held-out nats.
    tiny["base"]["validation"] = {"holdout_fraction": 0.0}
    tiny["objectives"] = {"holdout_nats": "minimize"}
    tiny["search"] |= {"n_trials": 2, "scheduler": "none"}
    file = tmp_path / "never.yaml"
    file.write_text(yaml.safe_dump(tiny))
    done = here("--space", file, "--out", tmp_path, "--json")
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["best"] is None
    assert json.loads(done.stdout)["trials"] == {"PRUNED": 2}
    assert not (tmp_path / "never" / "best").exists()


@pytest.mark.nightly
def test_failures_in_a_row_end_with_3_and_say_where_they_are(
    tiny: dict, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that the first trial is exported although a bug fails all others."""

    class Broken(VAETrial):
        # A class of a function reaches the processes of trials by value.
        def step(self) -> dict[str, Any]:
            return super().step() if self.run.number == 0 else {"loss": 1 / 0}

    monkeypatch.setattr(tune_loop, "VAETrial", Broken)
    tiny["search"] |= {"max_failures": 2, "scheduler": "none", "n_trials": 9}
    file = tmp_path / "broken.yaml"
    file.write_text(yaml.safe_dump(tiny))
    done = here("--space", file, "--out", tmp_path, "--concurrency", 1, "--json")
    assert done.returncode == 3, done.stderr
    directory = tmp_path / "broken"
    where = f"the tracebacks are in {directory / 'trials'}: 000001.json, 000002.json"
    assert "2 trials in a row failed, the last one with: ZeroDivisionError: " in done.stderr
    assert where in done.stderr
    assert "did not complete" not in done.stderr and "Traceback" not in done.stderr
    assert json.loads(done.stdout)["trials"] == {"COMPLETE": 1, "FAIL": 2}
    assert len(load_synthesizer(directory / "best").generate(5)) == 5
    record = json.loads((directory / "trials" / "000002.json").read_text())
    assert f'File "{__file__}", line' in record["error"] and "\x1b" not in record["error"]
    assert record["error"].rstrip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)]
)
@pytest.mark.parametrize("moment", ["starting up", "choosing"])
def test_a_search_that_is_interrupted_outside_of_training_can_go_on(
    tiny: dict, tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    # Scoring the front again takes long enough to be met.
    tiny["search"] |= {"n_trials": 1, "n_rescores": 300}
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(tiny))
    directory = tmp_path / "tiny"
    awaited = {"starting up": "search.json", "choosing": "trials.csv"}[moment]
    with started("--space", file, "--out", tmp_path) as process:
        deadline = time.monotonic() + SECONDS
        while not (directory / awaited).exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.5)
        if moment == "choosing":
            shown = SearchState.read(Location(directory)).document()
            assert (shown["state"], shown["concluding"]) == ("running", True)
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert f"--out {tmp_path} --name tiny --resume" in said
    assert "SIGTERM received" not in said and "Traceback" not in said
    assert json.loads((directory / "search.json").read_text())["state"] == "interrupted"
    assert not (directory / "best").exists()


@pytest.mark.nightly
def test_a_search_that_is_killed_while_it_chooses_its_model_can_go_on(
    tiny: dict, tmp_path: Path, here: Here
) -> None:
    tiny["search"] |= {"n_trials": 1, "n_rescores": 30}
    file, directory = tmp_path / "tiny.yaml", Location(tmp_path / "tiny")
    file.write_text(yaml.safe_dump(tiny))
    with started("--space", file, "--out", tmp_path) as process:
        deadline = time.monotonic() + SECONDS
        while not (
            (directory / "search.json").exists()
            and SearchState.read(directory).document()["concluding"]
        ):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not (directory / "best").exists()
    assert search("--out", tmp_path, "--name", "tiny", "--resume").returncode == 0
    shown = SearchState.read(directory).document()
    assert (shown["state"], shown["concluding"]) == ("finished", False)


@pytest.mark.nightly
def test_a_trial_whose_process_dies_goes_on_from_its_checkpoint(
    undisturbed: Path, tmp_path: Path
) -> None:
    options = ["--space", undisturbed / "tiny.yaml", "--out", tmp_path, "--concurrency", 1]
    n_killed = 0
    with started(*options) as process:
        while process.poll() is None:
            n_finished = len(list((tmp_path / "tiny" / "trials").glob("*.json")))
            if n_killed < 2 and n_finished > 2 * n_killed:
                for worker in workers_of(process.pid):
                    os.kill(worker, signal.SIGKILL)
                    n_killed += 1
            time.sleep(0.02)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert n_killed == 2
    assert trials_of(tmp_path / "tiny") == trials_of(undisturbed / "tiny")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--seed", "8"], "search.seed: was 7, is 8"),
        (["--data", "other.csv"], "table.rows: was 918, is 917"),
    ],
)
def test_resuming_with_something_else_is_refused(
    undisturbed: Path, tmp_path: Path, here: Here, changes: list[str], message: str
) -> None:
    heart = Path(__file__).parents[2] / "assets" / "heart.csv"
    pd.read_csv(heart).iloc[1:].to_csv(tmp_path / "other.csv", index=False)
    changes = [str(tmp_path / c) if c.endswith(".csv") else c for c in changes]
    before = (undisturbed / "tiny" / "search.json").read_bytes()
    done = here("--space", undisturbed / "tiny.yaml", "--out", undisturbed, "--resume", *changes)
    assert done.returncode == 2
    assert message in done.stderr
    assert (undisturbed / "tiny" / "search.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cpus-per-trial", "512"], "no node has that: the largest have"),
        (["--gpus-per-trial", "512"], "no node has that: the largest have"),
        (["--trials", "0"], "--trials must be >= 1, but got 0"),
        (["--out", "/proc/nowhere"], "error: /proc/nowhere/tiny: cannot be written"),
        (["--select", "best"], "select: must be one of ideal, knee"),
        (["--data", "nope.csv"], "nope.csv: cannot be read: there is no such file"),
        (["--study-storage", "nonsense://x"], "--study-storage: cannot be opened"),
    ],
)
def test_options_that_cannot_be_are_refused_and_leave_nothing(
    space_file: Path, tmp_path: Path, here: Here, options: list[str], message: str
) -> None:
    done = here("--space", space_file, "--out", tmp_path / "runs", *options)
    assert_refused(done, message, tmp_path / "runs")


def test_an_address_where_nobody_listens_is_refused_and_leaves_nothing(
    space_file: Path, tmp_path: Path
) -> None:
    options = ["--space", space_file, "--out", tmp_path / "runs", "--address", "127.0.0.1:1"]
    done = search(*options)
    assert_refused(done, "cannot connect to Ray at 127.0.0.1:1", tmp_path / "runs", code=75)


def assert_refused(
    done: subprocess.CompletedProcess[str], message: str, runs: Path, code: int = 2
) -> None:
    assert done.returncode == code, done.stderr
    # After what was understood of the table, and perhaps the start of Ray: one message.
    assert sum(line.startswith("error: ") for line in done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (runs / "tiny").exists()


def test_a_directory_that_holds_a_search_is_not_taken(undisturbed: Path, here: Here) -> None:
    done = here("--space", undisturbed / "tiny.yaml", "--out", undisturbed)
    assert done.returncode == 2
    assert "holds a search already: go on with it by --resume" in done.stderr


@pytest.mark.nightly
def test_a_study_can_be_kept_in_a_database(space_file: Path, tmp_path: Path, here: Here) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    options = ["--space", space_file, "--out", tmp_path, "--trials", 2, "--study-storage", url]
    assert here(*options).returncode == 0
    assert len(optuna.load_study(study_name="tiny", storage=url).trials) == 2
    other = here(*options, "--out", tmp_path / "other")
    assert other.returncode == 2
    assert "has a study named 'tiny' already" in other.stderr
    resumed = ["--resume", "--out", tmp_path, "--name", "tiny", "--trials", 3]
    done = here(*resumed)
    assert done.returncode == 0 and "going on after 2 of 3 trials" in done.stderr
    assert len(optuna.load_study(study_name="tiny", storage=url).trials) == 3
    assert not (tmp_path / "tiny" / "study.log").exists()
