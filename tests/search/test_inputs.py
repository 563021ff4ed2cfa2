import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tabvae_ray.cluster.nodes import Resources
from tabvae_ray.errors import ConfigError, DataError, StorageError, TabVAEError
from tabvae_ray.search.driver.resume import check_unchanged
from tabvae_ray.search.inputs import prepare_inputs

TABLES = {
    "empty.csv": b"",
    "header.csv": b"a,b\n",
    "twice.csv": b"a,a\n1,2\n",
    "missing.csv": b"a,b\n,\n,\n",
    "text.csv": b"a,b\n1,x\n2,y\n3,z\n4,x\n",
    "infinite.csv": b"a,b\n1,inf\n2,3\n",
    "one.csv": b"a,b\n1,2\n",
    "junk.csv": bytes(range(256)),
    "junk.parquet": bytes(range(256)),
    "table.txt": b"a\n1\n",
}


@pytest.mark.parametrize(
    ("table", "spec", "message"),
    [
        ("nowhere.csv", None, r"cannot be read: there is no such file"),
        ("empty.csv", None, "is empty"),
        ("header.csv", None, "has a header, but no rows"),
        ("twice.csv", None, "column 'a': occurs more than once"),
        ("missing.csv", None, "column 'a': has no values, all 2 are missing"),
        ("text.csv", {"continuous": ["b"]}, "column 'b': must be numbers to be continuous"),
        (
            "text.csv",
            {"continuous": ["z"]},
            "column 'z': declared in the spec, but not in the table",
        ),
        ("text.csv", {"continous": ["a"]}, "continous: no such key"),
        ("infinite.csv", None, "column 'b': must be finite, but row 0 is inf"),
        ("one.csv", None, "training needs at least 2 rows, but it has 1"),
        ("junk.csv", None, "not CSV: it holds binary data"),
        ("junk.parquet", None, "not Parquet"),
        ("table.txt", None, r"a table must end in .csv, .csv.gz, .parquet"),
    ],
)
def test_a_table_that_cannot_be_modelled_is_refused_by_name(
    space_file: Path, tmp_path: Path, table: str, spec: dict | None, message: str
) -> None:
    if table in TABLES:
        (tmp_path / table).write_bytes(TABLES[table])
    if spec is not None:
        (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(TabVAEError, match=message) as caught:
        prepare_inputs(
            space=str(space_file),
            out=str(tmp_path / "runs"),
            data=str(tmp_path / table),
            spec=None if spec is None else str(tmp_path / "spec.yaml"),
        )
    assert str(tmp_path) in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_the_table_is_the_options_then_the_space_files_then_the_one_that_ships(
    tiny: dict, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        pd.DataFrame({name: range(40)}).to_csv(tmp_path / f"{name}.csv", index=False)
    plain, naming = tmp_path / "plain.yaml", tmp_path / "naming.yaml"
    plain.write_text(yaml.safe_dump(tiny))
    naming.write_text(yaml.safe_dump({**tiny, "data": str(tmp_path / "first.csv")}))

    def columns(space: Path, data: str | None = None) -> tuple[str, ...]:
        return prepare_inputs(space=str(space), out=str(tmp_path), data=data).spec.names

    assert "Cholesterol" in columns(plain)
    assert columns(naming) == ("first",)
    assert columns(naming, str(tmp_path / "second.csv")) == ("second",)


def test_unknown_scores_are_refused_with_those_that_are_known(tiny: dict, tmp_path: Path) -> None:
    tiny["objectives"] = {"mean_js": "minimize"}
    tiny["constraints"] = {"privacy": {"max": 1.0}}
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(tiny))
    with pytest.raises(ConfigError) as caught:
        prepare_inputs(space=str(file), out=str(tmp_path))
    assert "objectives.mean_js: no such score; known are mean_js_distance" in str(caught.value)
    assert "constraints.privacy: no such score" in str(caught.value)


def test_a_score_that_needs_a_target_says_so(tiny: dict, tmp_path: Path) -> None:
    tiny["objectives"] = {"mean_js_distance": "minimize", "tstr": "maximize"}
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(tiny))
    with pytest.raises(ConfigError, match="target"):
        prepare_inputs(space=str(file), out=str(tmp_path))
    tiny["comparison"] = {"target": "HeartDisease"}
    file.write_text(yaml.safe_dump(tiny))
    assert "tstr" in prepare_inputs(space=str(file), out=str(tmp_path)).comparison.plan.scores


@pytest.mark.parametrize("name", ["a/b", "..", "."])
def test_a_name_is_that_of_a_directory(space_file: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"must be the name of a directory, but got '{name}'"):
        prepare_inputs(space=str(space_file), out=str(tmp_path), name=name)


@pytest.mark.parametrize("option", ["space", "out", "name", "data", "spec"])
def test_an_option_that_is_empty_is_not_one_that_was_left_out(
    space_file: Path, tmp_path: Path, option: str
) -> None:
    options = {"space": str(space_file), "out": str(tmp_path), option: ""}
    with pytest.raises(ConfigError, match=f"--{option}: must not be empty"):
        prepare_inputs(**options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"n_trials": 10**30, "rows": 10**30},
            "(?s)--trials: must be less than 92.*--rows: must be",
        ),
        ({"seed": 2**64}, r"--seed: must be less than 9223372036854775808, but got 1844674"),
        ({"n_trials": 0}, r"--trials: must be greater than or equal to 1, but got 0"),
        ({"time_budget": -1.0}, r"--time-budget: must be greater than 0, but got -1"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named_as_the_option_is(
    space_file: Path, tmp_path: Path, settings: dict, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare_inputs(space=str(space_file), out=str(tmp_path), settings=settings)


def test_without_a_space_there_must_be_a_table_or_a_search(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--space: must be given, or --resume"):
        prepare_inputs(space=None)
    with pytest.raises(StorageError, match="x: cannot be read: there is no such file"):
        prepare_inputs(space=None, resume=True, name="x", out=str(tmp_path))


@pytest.mark.parametrize(
    ("budget", "rungs"),
    [(100, (11, 33, 100)), (60, (6, 18, 60)), (50, (5, 15, 50)), (3, (1, 3)), (2, (2,)), (1, (1,))],
)
def test_a_rung_leaves_room_below_the_budget(
    tiny: dict, tmp_path: Path, budget: int, rungs: tuple[int, ...]
) -> None:
    tiny["base"]["training"]["max_n_epochs"] = budget
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(tiny))
    assert prepare_inputs(space=str(file), out=str(tmp_path)).rungs == rungs


def test_rungs_lie_below_the_budget(space_file: Path, tmp_path: Path) -> None:
    made = prepare_inputs(space=str(space_file), out=str(tmp_path))
    assert made.rungs == (1, 3, 9)
    with pytest.raises(DataError):
        prepare_inputs(space=str(space_file), out=str(tmp_path), data=__file__)


def test_trials_train_where_their_resources_are(tiny: dict, tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(tiny))
    inputs = prepare_inputs(space=str(file), out=str(tmp_path))
    assert (inputs.task().device, inputs.task().threads) == ("cpu", 1)
    shared = inputs.task(Resources(cpus=2.5, gpus=0.5))
    assert (shared.device, shared.threads) == ("cuda", 2)
    tiny["base"]["training"]["device"] = "cuda"
    file.write_text(yaml.safe_dump(tiny))
    with pytest.raises(ConfigError, match=r"training\.device is cuda, but trials get no GPU"):
        prepare_inputs(space=str(file), out=str(tmp_path)).task()


def heart_like(rows: int, path: Path) -> str:
    pd.DataFrame({"a": [i % 7 for i in range(rows)], "b": [i / 3 for i in range(rows)]}).to_csv(
        path, index=False
    )
    return str(path)


@pytest.mark.parametrize("given", [{}, {"space": "auto"}])
def test_without_a_space_one_is_chosen_for_the_table(tmp_path: Path, given: dict) -> None:
    data = heart_like(400, tmp_path / "wards.2024.csv")
    settings = {"time_budget": 60.0, "seed": 3, "n_trials": None, "select": "holdout_nats"}
    inputs = prepare_inputs(**given, out=str(tmp_path), data=data, settings=settings, slots=2)
    assert inputs.name == "wards"
    assert inputs.chosen is not None and "'small'" in inputs.chosen.reasons[0]
    assert inputs.space.settings == inputs.chosen.space.settings
    assert (inputs.space.settings.seed, inputs.space.settings.time_budget) == (3, 60)
    # What was chosen is a file to search with.
    (tmp_path / "again.yaml").write_text(inputs.chosen.text)
    again = prepare_inputs(space=str(tmp_path / "again.yaml"), out=str(tmp_path), data=data)
    assert again.space.to_mapping() == inputs.space.to_mapping()
    assert again.chosen is None


def test_the_table_that_ships_gives_the_search_its_name(tmp_path: Path) -> None:
    assert prepare_inputs(space="auto", out=str(tmp_path)).name == "heart"


@pytest.mark.parametrize("given", [{}, {"space": "auto"}])
def test_a_resumed_search_keeps_the_space_that_was_chosen(tmp_path: Path, given: dict) -> None:
    data = heart_like(400, tmp_path / "wards.csv")
    first = prepare_inputs(out=str(tmp_path), data=data, settings={"time_budget": 60.0})
    first.manifest(resources={"cpus": 1.0, "gpus": 0.0}).write(first.directory)
    # By now the rules would choose otherwise.
    settings = {"time_budget": 900.0, "n_trials": 99}
    again = prepare_inputs(
        **given, out=str(tmp_path), data=data, resume=True, settings=settings, slots=8
    )
    assert again.space.base == first.space.base
    assert again.space.parameters == first.space.parameters
    assert (again.space.settings.n_trials, again.space.settings.time_budget) == (99, 900)


def test_a_resumed_search_keeps_the_epochs_that_were_planned(
    space_file: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"space": str(space_file), "out": str(tmp_path)}
    first = prepare_inputs(**given).replanned(4)
    manifest = first.manifest(resources={"cpus": 1.0, "gpus": 0.0})
    manifest.plan = {"epochs": 4, "wanted": 9}
    manifest.write(first.directory)
    # The file still says 9 epochs.
    again = prepare_inputs(**given, resume=True)
    assert (again.space.budget, again.rungs) == (4, first.rungs)
    check_unchanged(manifest, again.manifest(resources={"cpus": 1.0, "gpus": 0.0}))
    by_name = prepare_inputs(out=str(tmp_path), name="tiny", resume=True)
    assert by_name.space.budget == 4


def test_a_wrong_setting_is_found_before_the_table_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--seed: must be less than"):
        prepare_inputs(out=str(tmp_path), data="nowhere.csv", settings={"seed": 2**64})


@pytest.mark.parametrize("name", ["membership", "membership_black_box"])
def test_membership_is_refused_where_a_small_table_has_no_held_out_rows(
    tiny: dict, tmp_path: Path, name: str
) -> None:
    tiny["constraints"] = {name: {"max": 0.55}}
    rows = pd.DataFrame({"a": ["x", "y"] * 4, "b": [1.5, 2.5, 3.5, 4.5] * 2})
    with pytest.raises(ConfigError, match=f"^{name}: must have held-out rows to compare with"):
        prepare_inputs(space=tiny, out=str(tmp_path), name="small", data=rows)


def test_the_spread_of_the_attack_by_chance_is_that_of_the_rows_that_it_takes(
    tiny: dict, tmp_path: Path
) -> None:
    tiny["base"].setdefault("validation", {})["holdout_fraction"] = 0.1
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=200), "b": rng.choice(["x", "y"], 200)})
    inputs = prepare_inputs(space=tiny, out=str(tmp_path), name="mine", data=rows)
    # 20 rows are held out, and twice as many others are attacked.
    expected = math.sqrt((40 + 20 + 1) / (12 * 40 * 20))
    assert inputs.reference_levels().fresh["membership"].spread == pytest.approx(expected)
