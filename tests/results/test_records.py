import csv
import dataclasses
import io
import json
import math
from pathlib import Path

import pytest

from tabvae_ray import __version__
from tabvae_ray.documents import finite
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
    assert finite({"a": math.nan, "b": [math.inf, 1.0]}) == {"a": None, "b": [None, 1.0]}


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "000000.json").write_text("{")
    with pytest.raises(StorageError, match=r"000000\.json: is not a trial record: "):
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
    message = str(caught.value)
    assert message.startswith(f"{file}: is not a trial record: checkpoint: must be ")
    assert message.endswith(f", but got {checkpoint!r}")


def test_the_checkpoints_of_a_trial_are_its_own(tmp_path: Path) -> None:
    for attempt in ("000000", "000000-12"):
        made = record(0, checkpoint=f"tune/run_001/{attempt}/checkpoint_000002")
        records = RecordStore(Location(tmp_path))
        records.finish(made)
        assert records.finished() == [made]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": -1}, "number: must be greater than or equal to 0, but got -1"),
        ({"number": True}, "number: must be a valid integer, but got True"),
        ({"number": "0"}, "number: must be a valid integer, but got '0'"),
        ({"number": 7}, "number: must be that of the file's name, but got 7"),
        ({"state": "DONE"}, "state: must be 'RUNNING', 'COMPLETE', 'PRUNED' or 'FAIL', but got"),
        ({"parameters": None}, "parameters: must be a mapping, but got None"),
        ({"parameters": {"a": math.nan}}, "parameters.a.float: must be a finite number"),
        ({"objectives": {"mean_js_distance": "0.1"}}, "must be a valid number, but got '0.1'"),
        ({"objectives": {"mean_js_distance": None}}, "must be a valid number, but got None"),
        ({"objectives": {"mean_js_distance": math.inf}}, "must be a finite number, but got inf"),
        ({"objectives": {"kl": 0.1}}, "objectives: must be the scores of a COMPLETE trial (mean"),
        ({"objectives": {}}, "objectives: must be the scores of a COMPLETE trial (mean_js_distanc"),
        ({"rungs": 3}, "rungs: must be a list, but got 3"),
        ({"rungs": [3]}, "rungs.0: must be a mapping, but got 3"),
        ({"rungs": [{"epoch": "3", "objectives": {}}]}, "rungs.0.epoch: must be a valid integer"),
        ({"rungs": [{"epoch": 3}]}, "rungs.0.objectives: is required"),
        ({"rungs": []}, "rungs: must be the reports of a COMPLETE trial, but got []"),
        ({"seconds": -1.0}, "seconds: must be greater than or equal to 0, but got -1.0"),
        ({"seconds": "long"}, "seconds: must be a valid number, but got 'long'"),
        ({"seconds": math.nan}, "seconds: must be a finite number, but got nan"),
        ({"batch_size": 0}, "batch_size: must be greater than or equal to 1, but got 0"),
        ({"generation": 1.5}, "generation: must be a valid integer, but got 1.5"),
        ({"parents": [-1]}, "parents.0: must be greater than or equal to 0, but got -1"),
        ({"reason": 3}, "reason: must be a valid string, but got 3"),
        ({"format_version": "one"}, "format_version: must be 1, but got 'one'"),
        ({"format_version": 0}, "format_version: must be 1, but got 0"),
        ({"seconds": 10**400}, "a whole number must be below 2**64, but one has 401 digits"),
    ],
)
def test_a_record_that_breaks_a_rule_is_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    file = Location(tmp_path) / "trials" / "000000.json"
    file.write_text(json.dumps({**dataclasses.asdict(record(0)), **changes}))
    with pytest.raises(StorageError) as caught:
        RecordStore(Location(tmp_path), ["mean_js_distance"]).finished()
    assert str(caught.value).startswith(f"{file}: is not a trial record: ")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("depth", [50, 100_000])
def test_absurdly_nested_files_are_named(tmp_path: Path, depth: int) -> None:
    text = '{"number": ' + "[" * depth + "]" * depth + "}"
    for name in ("search.json", "trials/000000.json"):
        (Location(tmp_path) / name).write_text(text)
    with pytest.raises(StorageError, match=r"000000\.json: is not .* nested at most 32 deep"):
        RecordStore(Location(tmp_path)).finished()
    with pytest.raises(StorageError, match=r"search\.json: is not .* nested at most 32 deep"):
        SearchManifest.read(Location(tmp_path))


def test_the_table_of_trials_has_a_row_each(tmp_path: Path) -> None:
    records = RecordStore(Location(tmp_path))
    stopped = record(1, state="PRUNED", objectives={}, rungs=[])
    scores = [{"mean_js_distance": value} for value in (0.3, 0.2)]
    reported = [Rung(i, values, {}, order=i) for i, values in enumerate(scores)]
    at_a_rung = record(2, state="PRUNED", objectives={}, rungs=reported)
    records.write_table([record(0), stopped, at_a_rung], ["mean_js_distance"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))
    assert [row["mean_js_distance"] for row in rows] == ["0.1", "", "0.2"]
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
    return made.model_copy(update=changes)


def test_a_manifest_comes_back_as_it_was(tiny: dict, tmp_path: Path) -> None:
    made = manifest(tiny)
    made.write(Location(tmp_path))
    assert SearchManifest.read(Location(tmp_path)) == made
    assert made.search_space().to_mapping() == parse_space(tiny).to_mapping()


@pytest.mark.parametrize("key", ["fingerprint", "rows", "columns"])
def test_a_manifest_that_lacks_a_part_of_the_table_is_refused(
    tiny: dict, tmp_path: Path, key: str
) -> None:
    made = manifest(tiny)
    del made.table[key]
    made.write(Location(tmp_path))
    with pytest.raises(StorageError, match=rf"search\.json: .*table\.{key}: is required"):
        SearchManifest.read(Location(tmp_path))


def test_a_manifest_from_after_the_last_year_is_refused(tiny: dict, tmp_path: Path) -> None:
    manifest(tiny).write(Location(tmp_path))
    file = tmp_path / "search.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "updated": 1e15}))
    with pytest.raises(StorageError, match=r"search\.json: .*updated: must be less than or equal"):
        SearchManifest.read(Location(tmp_path))


def test_a_search_from_before_min_rows_keeps_all_values(tiny: dict, tmp_path: Path) -> None:
    made = manifest(tiny)
    del made.space["base"]["transformers"]["min_rows"]
    made.write(Location(tmp_path))
    read = SearchManifest.read(Location(tmp_path))
    assert read.search_space().base.transformers.min_rows == 0


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


def test_a_search_of_a_version_without_a_key_of_the_configuration_goes_on(tiny: dict) -> None:
    before, now = manifest(tiny), manifest(tiny)
    del before.space["base"]["architecture"]["latent"]
    check_unchanged(before, now)
    now.space["base"]["architecture"]["latent"] = "none"
    with pytest.raises(ConfigError, match=r'architecture\.latent: was "vae", is "none"'):
        check_unchanged(before, now)


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"number": 0, "number": 1}', "\xff"])
def test_a_file_that_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    file = Location(tmp_path) / "trials" / "000000.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(StorageError, match=r"000000\.json: is not a trial record: "):
        RecordStore(Location(tmp_path)).finished()


def test_files_say_the_version_of_their_layout(tiny: dict, tmp_path: Path) -> None:
    manifest(tiny).write(Location(tmp_path))
    RecordStore(Location(tmp_path)).finish(record(0))
    for name in ("search.json", "trials/000000.json"):
        assert json.loads((tmp_path / name).read_text())["format_version"] == 1


def test_files_of_before_there_were_versions_are_read(tiny: dict, tmp_path: Path) -> None:
    made, records = manifest(tiny), RecordStore(Location(tmp_path))
    made.write(Location(tmp_path))
    records.finish(record(0))
    records.keep_running(record(1, state="RUNNING"))
    for name in ("search.json", "trials/000000.json", "running/000001.json"):
        document = json.loads((tmp_path / name).read_text())
        del document["format_version"]
        (tmp_path / name).write_text(json.dumps(document))
    assert SearchManifest.read(Location(tmp_path)) == made
    assert records.finished() == [record(0)]
    assert records.running() == [record(1, state="RUNNING")]


def test_files_of_a_newer_version_ask_for_a_newer_package(tiny: dict, tmp_path: Path) -> None:
    directory = Location(tmp_path)
    manifest(tiny).write(directory)
    RecordStore(directory).finish(record(0))
    for name, read in (
        ("search.json", lambda: SearchManifest.read(directory)),
        ("trials/000000.json", RecordStore(directory).finished),
    ):
        document = {"format_version": 2, "what comes": ["then"]}
        (tmp_path / name).write_text(json.dumps(document))
        with pytest.raises(StorageError) as caught:
            read()
        assert str(caught.value) == (
            f"{directory / name}: format_version is 2, but this tabvae_ray {__version__} reads up "
            "to 1: install a newer tabvae_ray"
        )


def test_what_a_record_does_not_know_is_left_out(tmp_path: Path) -> None:
    file = Location(tmp_path) / "trials" / "000000.json"
    document = dataclasses.asdict(record(0))
    document["rungs"][0]["more"] = document["more"] = 3
    file.write_text(json.dumps(document))
    assert RecordStore(Location(tmp_path)).finished() == [record(0)]


def test_what_is_not_finite_is_kept_as_null(tmp_path: Path) -> None:
    records = RecordStore(Location(tmp_path))
    rung = Rung(3, {"mean_js_distance": math.nan}, {"loss": math.inf})
    records.finish(record(0, state="PRUNED", rungs=[rung], error="caf\xe9 \udcff"))
    [found] = records.finished()
    assert found.rungs == [Rung(3, {"mean_js_distance": None}, {"loss": None})]
    assert found.error == "caf\xe9 \udcff"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "name: must be a valid string, but got None"),
        ({"space": 3}, "space: must be a mapping, but got 3"),
        ({"space": {}}, "space: must be a search space (search space: parameters: is required)"),
        ({"spec": []}, "spec: must be a mapping, but got []"),
        ({"rungs": []}, "rungs: must not be empty, but got []"),
        ({"rungs": ["1"]}, "rungs.0: must be a valid integer, but got '1'"),
        ({"resources": {"cpus": "one"}}, "resources.cpus: must be a valid number, but got 'one'"),
        ({"levels": {"fresh": {"kl": 3}}}, "levels.fresh.kl: must be a mapping, but got 3"),
        ({"levels": {"n_rows": "9"}}, "levels.n_rows: must be a valid integer, but got '9'"),
        ({"state": "done"}, "state: must match pattern"),
        ({"runs": -1}, "runs: must be greater than or equal to 0, but got -1"),
        ({"seconds": math.inf}, "seconds: must be a finite number, but got inf"),
        ({"trials": {"FAIL": "2"}}, "trials.FAIL: must be a valid integer, but got '2'"),
        ({"front": ["a"]}, "front.0: must be a valid integer, but got 'a'"),
        ({"chosen": {"trial": 0}}, "chosen.reason: is required"),
        ({"chosen": 3}, "chosen: must be a mapping, but got 3"),
        ({"driver": {"host": "a", "pid": "b"}}, "driver.pid: must be a valid integer, but got 'b'"),
        ({"driver": {"pid": 0}}, "driver.pid: must be greater than or equal to 1, but got 0"),
        ({"updated": "now"}, "updated: must be a valid number, but got 'now'"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_named(
    tiny: dict, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    manifest(tiny).write(Location(tmp_path))
    file = Location(tmp_path) / "search.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(StorageError) as caught:
        SearchManifest.read(Location(tmp_path))
    assert str(caught.value).startswith(f"{file}: is not a search manifest: ")
    assert message in str(caught.value)


def test_a_manifest_without_a_field_is_named(tiny: dict, tmp_path: Path) -> None:
    manifest(tiny).write(Location(tmp_path))
    document = json.loads((tmp_path / "search.json").read_text())
    del document["table"]
    (tmp_path / "search.json").write_text(json.dumps(document))
    with pytest.raises(StorageError, match=r"is not a search manifest: table: is required"):
        SearchManifest.read(Location(tmp_path))
