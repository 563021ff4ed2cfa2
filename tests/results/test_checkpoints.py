from pathlib import Path

import pytest

from tabvae_ray.errors import StorageError
from tabvae_ray.results.checkpoints import Checkpoints
from tabvae_ray.storage import Location
from tests.support.records import finished


def test_what_a_link_leads_out_of_the_search_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "victim" / "000000").mkdir(parents=True)
    checkpoints = Checkpoints(Location(tmp_path / "search"))
    (tmp_path / "search" / "tune").mkdir(parents=True)
    (tmp_path / "search" / "tune" / "run_001").symlink_to(tmp_path / "victim")
    with pytest.raises(StorageError, match=r"is not below .*tune, where checkpoints are"):
        checkpoints.inside_tune("tune/run_001/000000/checkpoint_000000")
    inside = checkpoints.inside_tune("tune/run_002/000000")
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
    checkpoints = Checkpoints(Location(tmp_path / "search"))
    checkpoints.remove_all_but({None, *(f"tune/{name}" for name in kept)})
    left = {str(file.parent.relative_to(tune)) for file in tune.glob("*/*/*/state.pt")}
    assert left == {*kept, *others}
    assert (tmp_path / "victim" / "checkpoint_000000").exists()


def test_a_checkpoint_that_is_gone_is_forgotten_and_one_that_is_there_is_not(
    tmp_path: Path,
) -> None:
    checkpoints = Checkpoints(Location(tmp_path))
    checkpoint = "tune/run_001/000000/checkpoint_000001"
    made = finished(0, "RUNNING", 3)
    made.checkpoint = checkpoint
    state = Location(tmp_path) / checkpoint / "state.pt"
    state.write_text("")
    assert not checkpoints.forget_lost(made)
    state.remove()
    assert checkpoints.forget_lost(made)
    assert made == finished(0, "RUNNING", 3)
    assert not checkpoints.forget_lost(made)


def test_a_newer_checkpoint_replaces_the_one_before_or_the_whole_attempt_before(
    tmp_path: Path,
) -> None:
    first, second = "tune/run_001/000000", "tune/run_001/000000-1"
    names = [f"{first}/checkpoint_{i:06d}" for i in range(3)]
    for name in (*names, f"{second}/checkpoint_000000"):
        (tmp_path / name).mkdir(parents=True)
    checkpoints = Checkpoints(Location(tmp_path))
    checkpoints.remove_replaced(None, names[0])
    checkpoints.remove_replaced(names[0], names[0])
    assert all((tmp_path / name).exists() for name in names)
    checkpoints.remove_replaced(names[0], names[1])
    assert [(tmp_path / name).exists() for name in names] == [False, True, True]
    checkpoints.remove_replaced(names[2], f"{second}/checkpoint_000000")
    assert not (tmp_path / first).exists() and (tmp_path / second).exists()
    checkpoints.remove_attempt(None)
    checkpoints.remove_attempt(f"{second}/checkpoint_000000")
    assert not (tmp_path / second).exists()


def test_a_checkpoint_is_named_by_its_path_below_the_search(tmp_path: Path) -> None:
    checkpoints = Checkpoints(Location(tmp_path))
    path = f"{Location(tmp_path).path}/tune/run_001/000000/checkpoint_000000"
    assert checkpoints.relative(path) == "tune/run_001/000000/checkpoint_000000"
