import json
from pathlib import Path

import pytest

from tabvae_ray.errors import StorageError
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.progress_log import ProgressLog
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import finished, run_state

TRIALS = [finished(0, "COMPLETE", 9, 0.4), finished(1, "PRUNED", 3), finished(2, "COMPLETE", 9)]


def write(
    space: SearchSpace, home: Path, before: list[TrialRecord], now: list[TrialRecord]
) -> None:
    """A run that finds some trials finished, and that is killed after it has finished others."""
    statistics = RunStatistics(space, 1, before)
    log = ProgressLog(Location(home), statistics, before)
    state = run_state()
    for record in now:
        statistics(state, record)
        log(state, record)


def entries(home: Path) -> list[dict]:
    return [json.loads(line) for line in (home / "progress.jsonl").read_text().splitlines()]


def test_a_line_is_there_as_soon_as_its_trial_has_finished(
    space: SearchSpace, tmp_path: Path
) -> None:
    running = TrialRecord(3, "RUNNING", {})
    write(space, tmp_path, [], [TRIALS[0], running, TRIALS[1]])
    first, second = entries(tmp_path)
    assert [first["trial"], second["trial"]] == [0, 1]
    assert second["trials"] == {"COMPLETE": 1, "PRUNED": 1, "FAIL": 0, "RUNNING": 0}
    assert second["epochs"] == {"trained": 12, "saved": 6}
    assert second["best"]["mean_js_distance"] == 0.4
    assert second["time"] > 0 and second["left"] >= 0


def test_lines_that_a_killed_driver_left_out_are_made_from_the_records(
    space: SearchSpace, tmp_path: Path
) -> None:
    write(space, tmp_path, [], TRIALS[:1])
    with (tmp_path / "progress.jsonl").open("a") as file:
        file.write('{"trial": 1, "sta')
    write(space, tmp_path, TRIALS, [finished(3, "PRUNED", 1)])
    found = entries(tmp_path)
    assert [entry["trial"] for entry in found] == [0, 1, 2, 3]
    volumes = [entry["hypervolume"] for entry in found]
    assert volumes == sorted(volumes)
    assert found[2]["trials"] == {"COMPLETE": 2, "PRUNED": 1, "FAIL": 0}
    assert found[2]["epochs"] == {"trained": 21, "saved": 6}
    assert found[3]["epochs"] == {"trained": 22, "saved": 14}


def test_a_log_that_is_whole_stays_as_it_is(space: SearchSpace, tmp_path: Path) -> None:
    write(space, tmp_path, [], TRIALS)
    before = (tmp_path / "progress.jsonl").read_bytes()
    write(space, tmp_path, TRIALS, [])
    assert (tmp_path / "progress.jsonl").read_bytes() == before


def test_a_storage_that_refuses_is_named(space: SearchSpace, tmp_path: Path) -> None:
    (tmp_path / "progress.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"progress\.jsonl"):
        write(space, tmp_path, [], TRIALS[:1])


@pytest.mark.parametrize("damage", [b"\xff\xfe", b'{"trial": "1"}', b"[1]", b"[" * 10**5])
def test_damaged_lines_are_written_again_and_named(
    space: SearchSpace, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    write(space, tmp_path, [], TRIALS)
    file = tmp_path / "progress.jsonl"
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([lines[0], damage, *lines[2:]]))
    write(space, tmp_path, TRIALS, [])
    assert sorted(entry["trial"] for entry in entries(tmp_path)) == [0, 1, 2]
    assert "progress.jsonl: line 2 is damaged" in caplog.text
