"""Rows as shards: planned, made here and on a cluster, and resumed after interruptions."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.cluster_utils import Cluster
from rich.console import Console

import tabvae_ray.generation.shards.maker
import tabvae_ray.generation.synthesizer
from tabvae_ray.errors import ClusterUnavailableError, ConfigError, StorageError
from tabvae_ray.generate import main
from tabvae_ray.generation.shards.maker import ShardMaker
from tabvae_ray.generation.shards.manifest import ShardManifest
from tabvae_ray.generation.shards.plan import ShardPlan
from tabvae_ray.generation.shards.run import generate_shards
from tabvae_ray.generation.synthesizer import BLOCK_ROWS, TabularVAESynthesizer
from tabvae_ray.storage import Location
from tests.support.clusters import listens, wait_for
from tests.support.drivers import GENERATE, SECONDS, Driver, started
from tests.support.s3_server import free_ports

BLOCK = 100
OPTIONS = {"temperature": 1.0, "use_mean": False, "sample": True, "device": "cpu"}


@pytest.fixture(scope="module")
def model(synthesizer: TabularVAESynthesizer, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model")
    synthesizer.save(path)
    return str(path)


def use_small_blocks(patch: pytest.MonkeyPatch) -> None:
    """Make blocks so small that they take no time."""
    for module in (tabvae_ray.generation.shards.maker, tabvae_ray.generation.synthesizer):
        patch.setattr(module, "BLOCK_ROWS", BLOCK)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_blocks(monkeypatch)


def sums(directory: Path) -> dict[str, str]:
    """Return the digests of the shards by name; check that the manifest has the same."""
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.glob("part-*"))
    }
    manifest = json.loads((directory / "_manifest.json").read_text(encoding="utf-8"))
    assert {shard["name"]: shard["sha256"] for shard in manifest["shards"]} == found
    assert manifest["state"] == "complete"
    assert sorted(path.name for path in directory.iterdir()) == ["_manifest.json", *found]
    return found


def rows_of(directory: Path) -> pd.DataFrame:
    parts = [pd.read_parquet(path) for path in sorted(directory.glob("part-*"))]
    return pd.concat(parts, ignore_index=True)


def manifest_of(plan: ShardPlan, **changes: Any) -> ShardManifest:
    known: dict[str, Any] = {
        "rows": plan.rows, "shard_rows": plan.shard_rows, "seed": 1, "options": OPTIONS,
        "model": "", "fingerprint": "0" * 64, "versions": {},
    }  # fmt: skip
    return ShardManifest(**{**known, **changes})


def silent() -> Console:
    return Console(quiet=True)


@settings(deadline=None)
@given(rows=st.integers(0, 10_000), shard_rows=st.integers(1, 2_000))
def test_a_plan_covers_all_rows_once_and_in_order(rows: int, shard_rows: int) -> None:
    plan = ShardPlan(rows, shard_rows)
    ends = [plan.first_row(index) + plan.n_rows(index) for index in range(len(plan))]
    assert [0, *ends[:-1]] == [plan.first_row(index) for index in range(len(plan))]
    assert ends[-1] == rows
    names = [plan.name(index) for index in range(len(plan))]
    assert names == sorted(set(names))


@pytest.mark.parametrize(("rows", "shard_rows", "rule"), [(-1, 5, "rows must"), (5, 0, "shard-")])
def test_a_plan_refuses_what_cannot_be(rows: int, shard_rows: int, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        ShardPlan(rows, shard_rows)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shard_rows", [BLOCK, 3 * BLOCK, 250, 37, 10_000])
def test_shards_hold_the_rows_of_one_file(
    synthesizer: TabularVAESynthesizer, model: str, tmp_path: Path, shard_rows: int
) -> None:
    whole = synthesizer.generate(730, seed=3)
    manifest = generate_shards(
        model, 730, tmp_path, seed=3, shard_rows=shard_rows, console=silent()
    )
    pd.testing.assert_frame_equal(rows_of(tmp_path), whole)
    assert [shard.rows for shard in manifest.shards[:-1]] == [shard_rows] * (729 // shard_rows)
    sums(tmp_path)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_shard_does_not_depend_on_what_was_made_before_it(
    synthesizer: TabularVAESynthesizer, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_small_blocks(patch)
        plan = ShardPlan(data.draw(st.integers(1, 500)), data.draw(st.integers(20, 300)))
        order = data.draw(st.permutations(range(len(plan))))
        records = []
        for indices in (range(len(plan)), order):
            out = Location(tmp_path_factory.mktemp("out"))
            maker = ShardMaker(synthesizer, manifest_of(plan), out)
            records.append({index: maker.make(index)[0] for index in indices})
        assert records[0] == records[1]


def test_no_rows_make_one_empty_shard_with_all_columns(
    synthesizer: TabularVAESynthesizer, model: str, tmp_path: Path
) -> None:
    generate_shards(model, 0, tmp_path, console=silent())
    assert list(rows_of(tmp_path)) == list(synthesizer.spec.names)
    assert len(rows_of(tmp_path)) == 0


@pytest.mark.usefixtures("small_blocks")
def test_all_shards_have_one_schema_even_where_a_column_lacks_all_values(
    model: str, tmp_path: Path
) -> None:
    generate_shards(model, 60, tmp_path, shard_rows=1, console=silent())
    parts = [pq.read_table(path) for path in tmp_path.glob("part-*")]
    assert any(part["grade"].null_count for part in parts)
    assert len({part.schema.to_string(show_schema_metadata=False) for part in parts}) == 1


@pytest.mark.usefixtures("small_blocks")
def test_only_what_is_missing_or_broken_is_made_again(model: str, tmp_path: Path) -> None:
    def run() -> None:
        generate_shards(model, 500, tmp_path, shard_rows=BLOCK, console=silent())

    run()
    before = sums(tmp_path)
    parts = sorted(tmp_path.glob("part-*"))
    content = parts[3].read_bytes()
    parts[1].unlink()
    parts[3].write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    (tmp_path / ".part-00001.parquet.0.tmp").write_bytes(b"left by a process that was killed")
    kept = {path: path.stat().st_mtime_ns for path in (parts[0], parts[2], parts[4])}
    run()
    assert sums(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.usefixtures("small_blocks")
def test_shards_that_nobody_came_to_write_down_are_not_made_again(
    model: str, tmp_path: Path
) -> None:
    generate_shards(model, 500, tmp_path, shard_rows=BLOCK, console=silent())
    before = sums(tmp_path)
    file = tmp_path / "_manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**manifest, "state": "running", "shards": manifest["shards"][:1]}))
    parts = sorted(tmp_path.glob("part-*"))
    content = parts[3].read_bytes()
    middle = len(content) // 3
    parts[3].write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    kept = {path: path.stat().st_mtime_ns for path in parts}
    generate_shards(model, 500, tmp_path, shard_rows=BLOCK, console=silent())
    assert sums(tmp_path) == before
    changed = [path for path in parts if path.stat().st_mtime_ns != kept[path]]
    assert changed == [parts[3]]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"fingerprint": "1" * 64},
        {"rows": 400},
        {"options": {**OPTIONS, "sample": False}},
    ],
)
def test_a_shard_of_something_else_is_made_again(
    synthesizer: TabularVAESynthesizer, tmp_path: Path, change: dict[str, Any]
) -> None:
    plan, out = ShardPlan(300, BLOCK), Location(tmp_path)
    ShardMaker(synthesizer, manifest_of(plan), out).make(1)
    assert not ShardMaker(synthesizer, manifest_of(plan), out).make(1)[1]
    assert ShardMaker(synthesizer, manifest_of(plan, **change), out).make(1)[1]


@pytest.mark.usefixtures("small_blocks")
def test_what_was_begun_with_something_else_is_not_mixed(
    synthesizer: TabularVAESynthesizer, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    generate_shards(model, 200, out, shard_rows=BLOCK, console=silent())
    before = sums(out)
    other = tmp_path / "other"
    synthesizer.save(other, provenance={"trial": 7})
    changes: list[tuple[str, dict[str, Any]]] = [
        ("seed=0 and not seed=1", {"seed": 1}),
        ("rows=200 and not rows=300", {"rows": 300}),
        ("shard-rows=100 and not shard-rows=50", {"shard_rows": 50}),
        ("temperature=1.0 and not temperature=2.0", {"temperature": 2.0}),
        ("sample=True and not sample=False", {"sample": False}),
        ("model fingerprint", {"model": str(other)}),
    ]
    for message, change in changes:
        asked: dict[str, Any] = {"model": model, "rows": 200, "shard_rows": BLOCK, **change}
        with pytest.raises(ConfigError, match=message):
            generate_shards(out=out, console=silent(), **asked)
    assert sums(out) == before


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "another"}', "[" * 10_000])
def test_what_is_no_manifest_is_refused(model: str, tmp_path: Path, content: str) -> None:
    (tmp_path / "_manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="not a manifest of shards"):
        generate_shards(model, 10, tmp_path, console=silent())


def test_shards_of_unknown_origin_are_not_overwritten(model: str, tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet").write_bytes(b"precious")
    with pytest.raises(ConfigError, match=r"no _manifest\.json"):
        generate_shards(model, 10, tmp_path, console=silent())
    assert (tmp_path / "part-00000.parquet").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "rows.csv", "--shard-rows", "5"], "names a file"),
        (["--out", "rows", "--shard-rows", "0"], "--shard-rows must be >= 1"),
        (["--out", "rows", "--workers", "2"], "needs --address"),
        (["--out", "rows", "--shard-rows", "5", "--seed", "-1"], "--seed must be >= 0"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--model", model, "--rows", "10", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_cluster_that_is_not_there_is_told_and_nothing_is_written(
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["--model", model, "--rows", "10", "--out", "rows", "--address", "127.0.0.1:1"]
    assert main(asked) == ClusterUnavailableError.exit_code
    assert "cannot connect to Ray at 127.0.0.1:1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_writes_shards_and_says_how_far_it_is(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows"
    asked = ["--model", model, "--rows", "10", "--out", str(out), "--shard-rows", "4"]
    assert main(asked) == 0
    assert "3/3 shards, 10 rows" in capsys.readouterr().err
    assert [len(pd.read_parquet(path)) for path in sorted(out.glob("*.parquet"))] == [4, 4, 2]
    assert main(asked) == 0
    assert "3 from an earlier run" in capsys.readouterr().err


@pytest.mark.usefixtures("small_blocks")
def test_shards_in_an_object_store_are_the_same(model: str, tmp_path: Path, s3: Location) -> None:
    for out in (Location(tmp_path), s3):
        generate_shards(model, 250, out, shard_rows=BLOCK, console=silent())
    here = sums(tmp_path)
    assert {child.name for child in s3.children()} == {*here, "_manifest.json"}
    (s3 / "part-00001.parquet").remove()
    again = generate_shards(model, 250, s3, shard_rows=BLOCK, console=silent())
    assert {shard.name: shard.sha256 for shard in again.shards} == here
    content = (s3 / "part-00001.parquet").read_bytes()
    assert hashlib.sha256(content).hexdigest() == here["part-00001.parquet"]
    assert "tabvae-secret" not in (s3 / "_manifest.json").read_text()


def test_a_directory_that_cannot_be_written_is_named(model: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/rows"):
        generate_shards(model, 10, tmp_path / "file" / "rows", console=silent())


N_SHARDS = 12
ROWS = N_SHARDS * BLOCK_ROWS - 1000


@pytest.fixture(scope="module")
def expected(model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make the shards in one process without any disturbance; return their digests."""
    out = tmp_path_factory.mktemp("expected")
    generate_shards(model, ROWS, out, seed=2, shard_rows=BLOCK_ROWS, console=silent())
    return sums(out)


def generating(model: str, out: Path | str, *more: str) -> AbstractContextManager[Driver]:
    """Run the command in a forked process."""
    options = ["--model", model, "--rows", ROWS, "--seed", 2, "--shard-rows", BLOCK_ROWS]
    return started(*options, "--out", out, *more, module=GENERATE)


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended_goes_on(
    model: str, tmp_path: Path, expected: dict[str, str], end: signal.Signals
) -> None:
    with generating(model, tmp_path) as first:
        wait_for(lambda: (tmp_path / "part-00000.parquet").exists())
        first.send_signal(end)
        _, said = first.communicate(timeout=SECONDS)
    assert first.returncode == (130 if end == signal.SIGINT else -9)
    if end == signal.SIGINT:
        assert f"of {N_SHARDS} shards are done" in said
    assert not (tmp_path / f"part-{N_SHARDS - 1:05}.parquet").exists()
    there = {path: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")}
    with generating(model, tmp_path) as second:
        _, said = second.communicate(timeout=SECONDS)
    assert second.returncode == 0, said
    assert f"{len(there)} from an earlier run" in said
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert sums(tmp_path) == expected


@pytest.mark.nightly
@pytest.mark.slow
def test_any_number_of_workers_makes_the_same_shards(
    model: str, tmp_path: Path, expected: dict[str, str], cluster: Cluster
) -> None:
    for workers in (1, None):
        out = tmp_path / str(workers)
        generate_shards(
            model, ROWS, out, seed=2, shard_rows=BLOCK_ROWS, address=cluster.address,
            workers=workers, console=silent(),
        )  # fmt: skip
        assert sums(out) == expected
    (out / "part-00002.parquet").unlink()
    with generating(model, out, "--address", cluster.address) as command:
        _, said = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, said
    assert f"{N_SHARDS}/{N_SHARDS} shards" in said
    assert f"{N_SHARDS - 1} from an earlier run" in said
    assert sums(out) == expected


@pytest.fixture
def client_address(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """Start a server for clients beside the cluster, as ``ray start`` does on a head."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "ray.util.client.server", "--host=127.0.0.1"]
    command += [f"--port={port}", f"--address={cluster.address}"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: server.poll() is not None or listens(port))
        assert server.poll() is None, (tmp_path / "log").read_text()
        yield f"ray://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(SECONDS)


@pytest.mark.nightly
@pytest.mark.slow
def test_a_client_has_the_same_shards_made_in_an_object_store(
    model: str, expected: dict[str, str], client_address: str, s3: Location
) -> None:
    """Ask for shards from outside of the cluster, with only the store in common."""
    with generating(model, s3.uri, "--address", client_address) as command:
        _, said = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, said
    assert f"{N_SHARDS}/{N_SHARDS} shards" in said
    assert "tabvae-secret" not in said
    made = ShardManifest.read(s3)
    assert made is not None and made.state == "complete"
    assert {shard.name: shard.sha256 for shard in made.shards} == expected
    assert {child.name for child in s3.children()} == {*expected, "_manifest.json"}


def workers_of(node: Any) -> list[int]:
    """Find the processes below a node's raylet that make shards."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == raylet and (entry / "cmdline").read_text().startswith("ray::_Worker"):
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def disturbed(
    model: str, out: Path, cluster: Cluster, disturb: Callable[[], None]
) -> tuple[str, bool]:
    """Make the shards, and disturb the cluster once the first is there."""
    n_shards_then: list[int] = []

    def wait_and_disturb() -> None:
        wait_for(lambda: (out / "part-00000.parquet").exists())
        disturb()
        n_shards_then.append(len(list(out.glob("part-*"))))

    thread = threading.Thread(target=wait_and_disturb)
    thread.start()
    with generating(model, out, "--address", cluster.address) as command:
        _, said = command.communicate(timeout=SECONDS)
    thread.join()
    assert command.returncode == 0, said
    return said, bool(n_shards_then) and n_shards_then[0] < N_SHARDS


@pytest.mark.nightly
@pytest.mark.slow
def test_a_killed_worker_is_replaced(
    model: str, tmp_path: Path, expected: dict[str, str], cluster: Cluster
) -> None:
    def kill() -> None:
        (pid, *_) = [pid for node in cluster.worker_nodes for pid in workers_of(node)]
        os.kill(pid, signal.SIGKILL)

    said, in_time = disturbed(model, tmp_path, cluster, kill)
    assert in_time
    assert "a worker died" in said
    assert sums(tmp_path) == expected


@pytest.mark.nightly
@pytest.mark.slow
def test_a_lost_node_is_done_without(
    model: str, tmp_path: Path, expected: dict[str, str], cluster: Cluster
) -> None:
    lost = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    said, in_time = disturbed(
        model, tmp_path, cluster, lambda: cluster.remove_node(lost, allow_graceful=False)
    )
    # Its worker may not have been up yet, and then there is nothing to say of it.
    assert in_time, said
    assert sums(tmp_path) == expected


@pytest.mark.slow
def test_an_output_that_the_nodes_do_not_see_is_named(
    model: str, tmp_path: Path, cluster: Cluster
) -> None:
    # All nodes are this machine, so the directory is taken away while the workers start.
    with generating(model, tmp_path / "out", "--address", cluster.address) as command:
        wait_for(lambda: (tmp_path / "out" / "_manifest.json").exists())
        (tmp_path / "out").rename(tmp_path / "elsewhere")
        _, said = command.communicate(timeout=SECONDS)
    assert command.returncode == 2
    assert "give --out a directory that all nodes share" in said


@pytest.mark.slow
def test_one_machine_needs_no_ray(model: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from tabvae_ray.generate import main\n"
        f"sys.exit(main(['--model', {model!r}, '--rows', '9', '--shard-rows', '5', "
        f"'--out', {str(tmp_path)!r}]))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(rows_of(tmp_path)) == 9
