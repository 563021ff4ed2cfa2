"""The search from Python, as a notebook or a script calls it."""

import contextlib
import copy
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pytest
import ray

import tabvae_ray
from tabvae_ray import SearchResult, SearchSpace, TabularVAESynthesizer
from tabvae_ray.cluster.connection import connected
from tabvae_ray.errors import ConfigError, DataError, ExportError, StorageError
from tabvae_ray.search.__main__ import main
from tabvae_ray.search.driver.tune_loop import alone_in_process
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.storage import Location
from tabvae_ray.table.io import fingerprint, read_table, write_table
from tabvae_ray.table.spec import TableSpec
from tests.support.clocks import wait_for
from tests.support.records import manifest
from tests.support.tables import make_mixed

SPACE = {
    "base": {
        "training": {"max_n_epochs": 3, "batch_size": 256},
        "architecture": {"encoder_layer_sizes": [16], "n_embd": 4},
    },
    "parameters": {"architecture.loss_beta": {"type": "float", "low": 0.01, "high": 1.0}},
    "search": {"n_trials": 2, "n_startup_trials": 2, "n_rescores": 2, "scheduler": "none"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def ray_environment() -> dict[str, str]:
    """Return the environment variables that configure Ray."""
    return {name: value for name, value in os.environ.items() if name.startswith(("RAY", "TUNE"))}


@pytest.fixture(scope="module")
def result(home: Path) -> Iterator[SearchResult]:
    """Run one small search of rows in memory, in an application that is connected to Ray."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with connected(None):
            configured = ray_environment()
            found = tabvae_ray.search(
                make_mixed(200),
                space=SPACE,
                spec={"drop": ["measure"]},
                out=home,
                name="mine",
                refit=True,
                report=False,
                display=False,
            )
            # Ray Tune is configured by variables, and the application may use it, too.
            assert ray_environment() == configured
            yield found


ORDERS = [
    "import tabvae_ray; search = tabvae_ray.search",
    "import tabvae_ray.search; search = tabvae_ray.search",
    "from tabvae_ray import search",
    "import tabvae_ray.search.inputs; search = tabvae_ray.search",
    "import tabvae_ray; tabvae_ray.search; import tabvae_ray.search.run; "
    "search = tabvae_ray.search",
    "from tabvae_ray import load_search; from tabvae_ray import search",
]


@pytest.mark.slow
def test_the_package_is_the_function_in_every_order_of_imports() -> None:
    checks = (
        "import inspect, pickle, sys\n"
        "assert search is sys.modules['tabvae_ray.search'] and callable(search)\n"
        "assert pickle.loads(pickle.dumps(search)) is search\n"
        "assert 'time_budget' in inspect.signature(search).parameters\n"
        "from tabvae_ray import compare\n"
        "import tabvae_ray, tabvae_ray.compare\n"
        "assert compare is tabvae_ray.compare is sys.modules['tabvae_ray.compare']\n"
        "assert 'held_out' in inspect.signature(compare).parameters and compare.command\n"
    )
    # A process for each order, forked where other packages are imported: they take long.
    script = (
        "import os, sys, traceback\n"
        "import optuna.storages, pandas, pydantic, ray.tune, scipy.stats, sklearn, torch\n"
        f"for first in {ORDERS!r}:\n"
        "    assert 'tabvae_ray' not in sys.modules\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n"
        f"            exec(first + chr(10) + {checks!r}, {{'__name__': '__main__'}})\n"
        "        except BaseException:\n"
        "            traceback.print_exc()\n"
        "            os._exit(1)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0, first\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)


def test_importing_the_package_and_its_functions_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom tabvae_ray import compare, search\n"
        "assert not {'torch', 'ray', 'pandas', 'optuna'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trials": 0}, ConfigError, "trials must be a whole number >= 1, but got 0"),
        ({"time_budget": float("nan")}, ConfigError, "time_budget must be a number > 0"),
        ({"track": ("wandb",)}, ConfigError, "track must be some of mlflow, tensorboard"),
        ({"space": {"parameters": {}}}, ConfigError, "space: parameters: must be a mapping"),
        ({"space": "bete"}, ConfigError, "did you mean beta"),
        ({"data": [1, 2]}, DataError, "must be a path, a DataFrame of pandas or polars"),
        ({"data": pd.DataFrame({"a": [1, "x"]})}, DataError, "column 'a': must have values of one"),
        ({"data": pd.DataFrame({"a": []})}, DataError, "has no rows"),
        ({"data": "nowhere.csv"}, StorageError, "there is no such file"),
        ({"name": "other", "resume": True}, ConfigError, "there is no search in"),
        ({"select": "neares"}, ConfigError, "select"),
        ({"space": {}}, ConfigError, "space: parameters: is required"),
        ({"spec": 3}, DataError, "spec: must be a path, a mapping or a TableSpec, but got int"),
        ({"target": 5}, ConfigError, "target must be text, but got 5"),
        ({"name": 5}, ConfigError, "name must be text, but got 5"),
        ({"out": 5}, ConfigError, "out must be a path or URI, but got 5"),
        ({"address": 5, "track": 5}, ConfigError, "(?s)address must be text.*track must be some"),
        ({"study_storage": 4}, ConfigError, "study_storage must be text, but got 4"),
        ({"resume": "no"}, ConfigError, "resume must be True or False, but got 'no'"),
        (
            {"gpus_per_trial": None},
            ConfigError,
            "gpus_per_trial must be a number >= 0, but got None",
        ),
        ({"gpus_per_trial": 1.5}, ConfigError, "gpus_per_trial: must be a whole number if it is"),
        (
            {"gpus_per_trial": 1e-5, "cpus_per_trial": 1e-300},
            ConfigError,
            "(?s)cpus_per_trial: must be at least 0.0001, but got 1e-300.*gpus_per_trial: must be",
        ),
        ({"data": pd.Series([1, 2])}, DataError, "a Series cannot be read .* call its to_frame"),
    ],
)
def test_what_is_wrong_is_an_exception_and_leaves_nothing(
    options: dict, error: type[Exception], message: str, tmp_path: Path
) -> None:
    given = {"data": make_mixed(50), "space": SPACE, "out": tmp_path, "display": False, **options}
    with pytest.raises(error, match=message):
        tabvae_ray.search(**given)
    if not options.keys() & {"track", "study_storage"}:
        del given["display"]
        with pytest.raises(error, match=message):
            tabvae_ray.dry_run(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_second_search_in_another_thread_is_refused(tmp_path: Path) -> None:
    """Ray Tune cannot run twice at once in a process."""
    refused: list[BaseException] = []

    def search() -> None:
        try:
            tabvae_ray.search(make_mixed(50), space=SPACE, out=tmp_path, display=False)
        except ConfigError as error:
            refused.append(error)

    with alone_in_process():
        thread = threading.Thread(target=search)
        thread.start()
        thread.join()
    assert "another search runs in this process" in str(refused[0])
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    numbers: dict[str, Any] = {
        "trials": np.int64(3), "rows": np.int32(40), "seed": np.uint8(5),
        "time_budget": np.float32(60), "concurrency": 2.0, "cpus_per_trial": np.int64(1),
        "gpus_per_trial": np.float64(0), "refit": np.bool_(True), "resume": np.bool_(False),
    }  # fmt: skip
    found = tabvae_ray.dry_run(make_mixed(50), space=SPACE, out=tmp_path, **numbers).document
    settings = found["space"]["search"]
    assert (settings["n_trials"], settings["rows"], settings["seed"]) == (3, 40, 5)
    assert (settings["time_budget"], settings["refit"]) == (60, True)
    assert type(found["resources"]["at_once"]) is int
    with pytest.raises(ConfigError, match="trials must be a whole number >= 1, but got 0"):
        tabvae_ray.dry_run(make_mixed(50), space=SPACE, out=tmp_path, trials=np.int64(0))


@pytest.mark.parametrize("load", [tabvae_ray.load_search, tabvae_ray.load_synthesizer])
def test_what_is_no_path_is_refused(load: Callable[[Any], object]) -> None:
    for given in (3, None, b"runs/x"):
        with pytest.raises(StorageError, match=f"must be text, but got {type(given).__name__}"):
            load(given)


def test_rows_in_memory_are_the_same_when_they_are_read_again(home: Path) -> None:
    rows = make_mixed(100)
    inputs = prepare_inputs(space=SPACE, out=home / "none", data=rows, spec={"drop": ["measure"]})
    assert inputs.kept is not None and inputs.name == "search"
    assert inputs.data.name == "table.parquet" and "measure" not in inputs.spec.names
    assert list(inputs.table.columns) == list(rows.columns)
    twice = prepare_inputs(space=SPACE, out=home / "none", data=inputs.table)
    assert fingerprint(twice.table) == fingerprint(inputs.table)


def test_markers_of_missing_values_in_memory_are_read_as_in_a_file(
    home: Path, tmp_path: Path
) -> None:
    rows = make_mixed(200)
    rows["code"] = [str(age * 3) for age in rows["age"]]
    rows.loc[[3, 40], "code"] = "?"
    with pytest.warns(UserWarning, match="code"):
        inputs = prepare_inputs(space=SPACE, out=home / "none", data=rows)
    assert inputs.table["code"].isna().sum() == 2
    write_table(inputs.table, str(tmp_path / "kept.parquet"))
    kept = read_table(str(tmp_path / "kept.parquet"))
    assert fingerprint(kept) == fingerprint(inputs.table)


@pytest.mark.parametrize("library", ["pandas", "arrow", "polars"])
def test_rows_of_other_libraries_are_read_alike(library: str, home: Path) -> None:
    rows = make_mixed(100)
    if library == "arrow":
        given: object = pa.Table.from_pandas(rows)
    elif library == "polars":
        given = pytest.importorskip("polars").from_pandas(rows)
    else:
        # The index names nothing.
        given = rows.set_axis(range(5, 105))
    inputs = prepare_inputs(space=SPACE, out=home / "none", data=given)
    assert len(inputs.table) == 100
    assert inputs.spec.continuous == TableSpec.infer(rows).continuous
    assert inputs.spec.datetime == ("visited",)


@pytest.mark.parametrize("kind", ["Categorical", "Enum"])
def test_categories_of_polars_are_read(kind: str, home: Path, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    dtype = polars.Categorical if kind == "Categorical" else polars.Enum(["no", "yes"])
    rows = polars.from_pandas(make_mixed(100)[["age"]])
    said = polars.Series("said", ["yes", "no", None, "no"] * 25, dtype=dtype)
    rows = rows.with_columns(said)
    inputs = prepare_inputs(space=SPACE, out=home / "none", data=rows)
    assert set(inputs.spec["said"].categories) == {"no", "yes"} and inputs.spec["said"].missing
    write_table(inputs.table, str(tmp_path / "kept.parquet"))
    kept = read_table(str(tmp_path / "kept.parquet"))
    assert fingerprint(kept) == fingerprint(inputs.table)


def test_spaces_and_specs_may_be_objects(space: SearchSpace, home: Path) -> None:
    rows = make_mixed(100)
    spec = TableSpec.infer(rows)
    inputs = prepare_inputs(space=space, out=home / "none", data=rows, spec=spec, name="x")
    assert inputs.space.parameters == space.parameters
    assert inputs.spec.names == spec.names


@pytest.mark.slow
def test_a_result_has_the_model_its_scores_and_the_trials(result: SearchResult) -> None:
    assert result.state == "finished" and ray.is_initialized()
    assert_type(result.best, TabularVAESynthesizer)
    assert result.chosen in result.front.index and list(result.front["chosen"]).count(True) == 1
    assert list(result.trials["state"]) == ["COMPLETE", "COMPLETE"]
    front = result.front.drop(columns=["chosen", "rescored"])
    for found in (front, result.trials.drop(columns="state")):
        assert list(found)[:2] == ["mean_js_distance", "correlation_distance"]
    assert list(result.scores)[:2] == ["mean_js_distance", "correlation_distance"]
    assert result.spread.keys() <= result.scores.keys()
    assert isinstance(result.study, optuna.Study)
    assert [trial.number for trial in result.study.trials] == [0, 1]
    assert result.study.metric_names == ["mean_js_distance", "correlation_distance"]
    rows = result.generate(20, where={"smoker": True}, seed=3)
    assert len(rows) == 20 and rows["smoker"].all() and "measure" not in rows
    assert len(repr(result).splitlines()) <= 10 and "mean_js_distance" in repr(result)


@pytest.mark.slow
def test_the_best_model_is_refitted_and_the_searched_one_kept(result: SearchResult) -> None:
    assert result.best.config.validation.holdout_fraction == 0
    assert result.searched.config.validation.holdout_fraction > 0
    assert not result.best.generate(50).equals(result.searched.generate(50))
    assert "refitted on all 200 rows for 3 epochs" in repr(result)
    scores = json.loads((Path(result.path) / "best" / "scores.json").read_text())
    assert scores["mean_js_distance"] == result.scores["mean_js_distance"]
    assert "those of the searched model" in scores["scores_of"]


@pytest.mark.slow
def test_a_notebook_shows_scores_beside_floor_and_ceiling(result: SearchResult) -> None:
    html = result._repr_html_()
    for part in ("mean_js_distance", "floor", "ceiling", "finished", "trial"):
        assert part in html
    page = result.report()
    assert Path(page.path).name == "report.html" and "<iframe srcdoc=" in page._repr_html_()
    drawn = Path(page.path).stat().st_mtime_ns
    assert result.report().path == page.path and Path(page.path).stat().st_mtime_ns == drawn
    assert "Without the table" not in Path(page.path).read_text()


@pytest.mark.slow
def test_an_earlier_search_is_loaded_as_it_was(result: SearchResult, home: Path) -> None:
    loaded = tabvae_ray.load_search(result.path)
    assert repr(loaded) == repr(result)
    pd.testing.assert_frame_equal(loaded.trials, result.trials)
    assert repr(pickle.loads(pickle.dumps(loaded))) == repr(result)
    assert loaded.replay(1).same
    with pytest.raises(ConfigError, match="has no finished trial 9"):
        loaded.replay(9)
    with pytest.raises(StorageError, match="there is no such file"):
        tabvae_ray.load_search(home / "nowhere")


@pytest.mark.nightly
@pytest.mark.slow
def test_a_search_of_rows_in_memory_goes_on_without_them(
    result: SearchResult, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = read_table(str(home / "mine" / "table.parquet"))
    assert len(kept) == 200
    again = tabvae_ray.search(
        name="mine", out=home, resume_or_start=True, trials=3, report=False, display=False
    )
    assert len(again.trials) == 3 and len(result.trials) == 2
    # The command does so, too.
    options = ["--name", "mine", "--out", str(home), "--resume", "--json", "--quiet"]
    assert main(options) == 0
    assert json.loads(capfd.readouterr().out)["chosen"] == again.chosen
    with pytest.raises(ConfigError, match="has changed since it began"):
        tabvae_ray.search(
            make_mixed(100), space=SPACE, name="mine", out=home, resume=True, display=False
        )


@pytest.mark.nightly
@pytest.mark.slow
def test_an_interrupt_is_raised_and_the_search_goes_on_later(
    result: SearchResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_soon() -> None:
        with contextlib.suppress(AssertionError):
            wait_for((tmp_path / "long" / "running").exists)
        os.kill(os.getpid(), signal.SIGINT)

    long: dict = copy.deepcopy(SPACE)
    long["base"]["training"]["max_n_epochs"] = 3000
    options: dict = {"space": long, "out": tmp_path, "name": "long", "display": False}
    threading.Thread(target=stop_soon, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="can be resumed"):
        tabvae_ray.search(make_mixed(100), **options)
    left = tabvae_ray.load_search(tmp_path / "long")
    assert left.state == "interrupted" and "interrupted" in repr(left)
    assert left._repr_html_() and left.trials.empty and left.front.empty
    with pytest.raises(ExportError, match="has no model: it is interrupted"):
        _ = left.best


def test_a_search_without_a_finished_trial_has_empty_tables_with_their_columns(
    space: SearchSpace, tmp_path: Path
) -> None:
    directory = Location(tmp_path / "early")
    manifest(space, rungs=[1, 3, 9], table={"fingerprint": "", "rows": 9, "columns": 2}).write(
        directory
    )
    early = tabvae_ray.load_search(directory.uri)
    leading = [*space.objectives, *space.constraints]
    assert early.front.empty and list(early.front) == ["chosen", "rescored", *leading]
    assert early.trials.empty
    assert list(early.trials) == ["state", *leading, "epochs", "seconds", "reason"]
