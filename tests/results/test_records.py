import csv
import dataclasses
import io
import json
import math
from pathlib import Path

import pytest

from tabvae_ray.documents import plain
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.driver.resume import check_unchanged
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location


def record(number: int, **changes: object) -> TrialRecord:
    made = TrialRecord(
        number,
        "COMPLETE",
        {"architecture.encoder_layer_sizes": [64, 32], "architecture.latent_dim": 4},
        objectives={"mean_js_distance": 0.1},
        rungs=[Rung(3, {"mean_js_distance": 0.2}, {"loss": 1.0}, order=5)],
        seconds=1.25,
    )
    return dataclasses.replace(made, **changes)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    records = RecordStore(Location(tmp_path))
    records.keep_running(record(1, state="RUNNING"))
    records.finish(record(0))
    assert records.finished() == [record(0)]
    assert records.running() == [record(1, state="RUNNING")]
    records.finish(record(1))
    assert records.finished() == [record(0), record(1)]
    assert records.running() == []
    assert sorted(p.name for p in (tmp_path / "trials").iterdir()) == ["000000.json", "000001.json"]


def test_a_trial_that_finished_before_its_running_record_went_is_finished(tmp_path: Path) -> None:
    records = RecordStore(Location(tmp_path))
    records.finish(record(0))
    records.keep_running(record(0, state="RUNNING"))
    assert records.running() == []


def test_what_is_not_finite_is_null_in_json() -> None:
    assert plain({"a": math.nan, "b": [math.inf, 1.0]}) == {"a": None, "b": [None, 1.0]}


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "000000.json").write_text("{")
    with pytest.raises(StorageError, match=r"000000\.json: not a trial's record"):
        RecordStore(Location(tmp_path)).finished()


@pytest.mark.parametrize(
    "checkpoint",
    [
        "../../victim/x",
        "/victim/x",
        "tune/../../victim/checkpoint_000000",
        "tune/run_001/../../victim/checkpoint_000000",
        "tune/run_001/000001/checkpoint_000000",
        "tune/run_001/000000",
        "best/000000/checkpoint_000000",
        "tune/run_001/000000/checkpoint_000000\n",
        ["tune"],
    ],
)
def test_a_record_whose_checkpoint_is_not_its_own_is_refused(
    tmp_path: Path, checkpoint: object
) -> None:
    file = Location(tmp_path) / "running" / "000000.json"
    file.write_text(json.dumps(dataclasses.asdict(record(0, checkpoint=checkpoint))))
    with pytest.raises(StorageError) as caught:
        RecordStore(Location(tmp_path)).running()
    assert str(caught.value).startswith(f"{file}: not a trial's record: checkpoint must be one of")
    assert f"checkpoint={checkpoint!r}" in str(caught.value)


def test_the_checkpoints_of_a_trial_are_its_own(tmp_path: Path) -> None:
    for attempt in ("000000", "000000-12"):
        made = record(0, checkpoint=f"tune/run_001/{attempt}/checkpoint_000002")
        records = RecordStore(Location(tmp_path))
        records.finish(made)
        assert records.finished() == [made]


def test_what_a_link_leads_out_of_the_search_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "victim" / "000000").mkdir(parents=True)
    records = RecordStore(Location(tmp_path / "search"))
    (tmp_path / "search" / "tune").mkdir(parents=True)
    (tmp_path / "search" / "tune" / "run_001").symlink_to(tmp_path / "victim")
    with pytest.raises(StorageError, match=r"is not below .*tune, where checkpoints are"):
        records.inside_tune("tune/run_001/000000/checkpoint_000000")
    inside = records.inside_tune("tune/run_002/000000")
    assert inside == Location(tmp_path / "search" / "tune" / "run_002" / "000000")


def test_checkpoints_that_nobody_wrote_down_are_removed_and_nothing_else(tmp_path: Path) -> None:
    tune = tmp_path / "search" / "tune"
    kept = ["run_001/000000/checkpoint_000002", "run_002/000001-2/checkpoint_000000"]
    orphans = ["run_001/000000/checkpoint_000001", "run_001/000003/checkpoint_000000"]
    others = [
        "run_001/000003/events",
        "run_001/basic/checkpoint_000000",
        "mine/000000/checkpoint_1",
    ]
    for name in (*kept, *orphans, *others):
        (tune / name).mkdir(parents=True)
        (tune / name / "state.pt").write_text("")
    (tune / "run_001" / "000009").write_text("a file")
    (tmp_path / "victim" / "checkpoint_000000").mkdir(parents=True)
    (tune / "run_001" / "000002").symlink_to(tmp_path / "victim")
    records = RecordStore(Location(tmp_path / "search"))
    records.remove_checkpoints_but({None, *(f"tune/{name}" for name in kept)})
    left = {str(file.parent.relative_to(tune)) for file in tune.glob("*/*/*/state.pt")}
    assert left == {*kept, *others}
    assert (tmp_path / "victim" / "checkpoint_000000").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": -1}, "number must be a whole number >= 0, but got number=-1"),
        ({"number": True}, "number must be a whole number >= 0, but got number=True"),
        ({"number": 7}, "its number must be that of its name, but got number=7"),
        ({"state": "DONE"}, "state must be one of RUNNING, COMPLETE, PRUNED, FAIL, but got"),
    ],
)
def test_a_record_that_breaks_a_rule_is_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    file = Location(tmp_path) / "trials" / "000000.json"
    file.write_text(json.dumps({**dataclasses.asdict(record(0)), **changes}))
    with pytest.raises(StorageError) as caught:
        RecordStore(Location(tmp_path)).finished()
    assert str(caught.value).startswith(f"{file}: not a trial's record: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("depth", [50, 100_000])
def test_absurdly_nested_files_are_named(tmp_path: Path, depth: int) -> None:
    text = '{"number": ' + "[" * depth + "]" * depth + "}"
    for name in ("search.json", "trials/000000.json"):
        (Location(tmp_path) / name).write_text(text)
    with pytest.raises(StorageError, match=r"000000\.json: not .* nested at most 32 deep"):
        RecordStore(Location(tmp_path)).finished()
    with pytest.raises(StorageError, match=r"search\.json: is not .* nested at most 32 deep"):
        SearchManifest.read(Location(tmp_path))


def test_a_checkpoint_that_is_gone_is_forgotten_and_one_that_is_there_is_not(
    tmp_path: Path,
) -> None:
    records = RecordStore(Location(tmp_path))
    made = record(0, state="RUNNING", checkpoint="tune/run_001/000000/checkpoint_000001")
    (Location(tmp_path) / made.checkpoint / "state.pt").write_text("")  # type: ignore[operator]
    assert not records.forget_lost_checkpoint(made)
    (tmp_path / made.checkpoint / "state.pt").unlink()  # type: ignore[operator]
    assert records.forget_lost_checkpoint(made)
    assert records.running() == [record(0, state="RUNNING")]
    assert not records.forget_lost_checkpoint(made)


def test_the_table_of_trials_has_a_row_each(tmp_path: Path) -> None:
    records = RecordStore(Location(tmp_path))
    records.write_table([record(0), record(1, state="PRUNED", objectives={})], ["mean_js_distance"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))
    assert [row["mean_js_distance"] for row in rows] == ["0.1", ""]
    assert json.loads(rows[0]["architecture.encoder_layer_sizes"]) == [64, 32]


def manifest(tiny: dict, **changes: object) -> SearchManifest:
    made = SearchManifest(
        name="x",
        space=parse_space(tiny).to_mapping(),
        space_file="x.yaml",
        data="t.csv",
        spec={"columns": [{"name": "a", "kind": "continuous"}]},
        table={"fingerprint": "f", "rows": 3, "columns": 1},
        rungs=[1, 3],
        sampler="tpe",
        resources={"cpus": 1.0, "gpus": 0.0},
    )
    return dataclasses.replace(made, **changes)


def test_a_manifest_comes_back_as_it_was(tiny: dict, tmp_path: Path) -> None:
    made = manifest(tiny)
    made.write(Location(tmp_path))
    assert SearchManifest.read(Location(tmp_path)) == made
    assert made.search_space().to_mapping() == parse_space(tiny).to_mapping()
    assert made.is_driven_from_here() and not made.is_driver_alive()


def test_resuming_another_search_names_all_that_differs(tiny: dict) -> None:
    before = manifest(tiny)
    tiny["search"]["seed"] = 8
    tiny["parameters"]["architecture.latent_dim"]["high"] = 9
    now = manifest(tiny, table={"fingerprint": "g", "rows": 4, "columns": 1})
    now.spec["columns"][0]["kind"] = "categorical"
    with pytest.raises(ConfigError) as caught:
        check_unchanged(before, now)
    for expected in (
        "search.seed: was 7, is 8",
        "parameters.architecture.latent_dim.high: was 8, is 9",
        'table.fingerprint: was "f", is "g"',
        "table.rows: was 3, is 4",
    ):
        assert expected in str(caught.value)


def test_budgets_may_change(tiny: dict) -> None:
    before = manifest(tiny)
    tiny["search"] |= {"n_trials": 99, "time_budget": 5.0, "select": "knee"}
    check_unchanged(before, manifest(tiny))
