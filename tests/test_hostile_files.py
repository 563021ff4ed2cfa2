"""Files that strangers wrote, and files of other kinds in place of them, end in short messages."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tabvae_ray.cli import main
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reference_levels import ReferenceLevels
from tabvae_ray.documents import read_document, read_json
from tabvae_ray.errors import ConfigError, DataError, StorageError, TabVAEError, brief
from tabvae_ray.generation.export import read_export
from tabvae_ray.generation.shards.manifest import MANIFEST, ShardManifest
from tabvae_ray.model.prior import GaussianMixturePrior
from tabvae_ray.report import write_report
from tabvae_ray.results.claims.claim import claimed
from tabvae_ray.space.space_file import load_space, parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table


def load_plan(path: str) -> ComparisonPlan:
    return ComparisonPlan.from_mapping(read_document(Location(path)), path)


READERS: dict[str, Callable[[str], object]] = {
    "space": load_space,
    "spec": SpecDeclaration.load,
    "plan": load_plan,
}
MANY = range(20_000)
DOCUMENTS: dict[str, object] = {
    "keys": {f"key{i}": i for i in MANY},
    "parameters": {"parameters": {f"architecture.x{i}": {"type": "int", "low": 1} for i in MANY}},
    "columns": {"columns": {f"c{i}": {"kind": "numbr"} for i in MANY}},
    "conditions": {
        "parameters": {
            "architecture.latent_dim": {
                "type": "int",
                "low": 1,
                "high": 2,
                "when": {f"x{i}": 1 for i in MANY},
            }
        }
    },
    "search": {"search": {f"k{i}": 1 for i in MANY}, "scores": {f"k{i}": 1 for i in MANY}},
    "long key": {"x" * 100_000: 1},
    "long value": {"parameters": "x " * 50_000, "columns": "x " * 50_000, "scores": "x " * 9_000},
}


@pytest.mark.parametrize("suffix", ["yaml", "json"])
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_huge_document_is_refused_in_few_words(
    name: str, reader: str, suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / f"file.{suffix}"
    # JSON is YAML.
    file.write_text(json.dumps(DOCUMENTS[name]))
    with pytest.raises(TabVAEError) as caught:
        READERS[reader](str(file))
    message = str(caught.value)
    assert len(message.splitlines()) <= 21 and len(message) < 10_000
    assert "x" * 201 not in message and "x " * 101 not in message


def test_a_message_is_bounded_whatever_is_put_into_it() -> None:
    long = "abc" * 1000
    for message in (f"{long}: wrong", f"column {long!r}: {'a b' * 300!r} is none", "a b " * 5000):
        assert len(str(DataError(message))) <= 1000
    assert len(str(ConfigError("line\n" * 50)).splitlines()) == 21
    short = "s3://bucket/a: must be 1, but got 2"
    assert str(StorageError(short)) == short and StorageError(short).args == (short,)
    for value in (long, [1] * 1000, dict.fromkeys(range(1000)), {"a": long}):
        assert len(brief(value)) <= 200
    assert brief([1, "a"]) == "[1, 'a']"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def directory(path: Path) -> None:
    path.mkdir()


def endpoint(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


@pytest.fixture(params=[pipe, device, directory, endpoint])
def put(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], None]]:
    yield request.param


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.csv", read_table),
        ("a.csv.gz", read_table),
        ("a.parquet", read_table),
        ("a.yaml", load_space),
        ("a.json", load_space),
        ("a.yaml", SpecDeclaration.load),
        ("a.yaml", load_plan),
        ("search.json", lambda path: read_json(Location(path))),
        (MANIFEST, lambda path: ShardManifest.read(Location(path).parent)),
        ("synthesizer.json", lambda path: read_export(Location(path).parent)),
    ],
)
def test_only_files_are_read(
    name: str, read: Callable[[str], object], put: Callable[[Path], None], tmp_path: Path
) -> None:
    put(tmp_path / name)
    with pytest.raises(TabVAEError, match=r"is a (named pipe|device|directory|socket)"):
        read(str(tmp_path / name))


def test_a_claim_is_a_file(put: Callable[[Path], None], tmp_path: Path) -> None:
    put(tmp_path / "driver.json")
    refused = pytest.raises(StorageError, match=r"is a (named pipe|device|directory|socket)")
    with refused, claimed(Location(tmp_path)):
        pass
    assert (tmp_path / "driver.json").exists()


@pytest.mark.parametrize("written", ["%d/%m/%Y%Y", "mixed", "%Q", "%", "\ud800"])
def test_a_format_reads_what_it_writes(written: str) -> None:
    columns = {"a": {"kind": "datetime", "format": written}}
    with pytest.raises(DataError, match=r"^spec: columns\.a\.format: must be "):
        SpecDeclaration.from_mapping({"columns": columns})


def test_text_that_no_file_holds_is_refused_by_its_place() -> None:
    specs: list[object] = [{"missing_values": ["?", "\ud800"]}, {"columns": {"\ud800": {}}}]
    for spec in specs:
        with pytest.raises(DataError, match="must be Unicode text, but has the lone surrogate"):
            SpecDeclaration.from_mapping(spec)


def test_a_range_of_many_steps_is_checked() -> None:
    parameter = {"type": "float", "low": 1e-9, "high": 1e20, "step": 1e-9}
    with pytest.raises(ConfigError, match=r"architecture\.loss_beta\.high: must be less than"):
        parse_space({"parameters": {"architecture.loss_beta": parameter}})


def test_levels_that_are_not_known_are_no_verdict() -> None:
    level = {"mean": 0.1, "spread": None}
    kinds = {kind: {"correlation_distance": level} for kind in ("fresh", "independent")}
    assert ReferenceLevels.from_mapping(kinds).verdicts({"correlation_distance": 0.9}) == []


def test_a_file_above_its_size_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "synthesizer.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TabVAEError, match=r"must be at most .*, but has 1,048,576\.0 MiB"):
        read_export(Location(tmp_path))
    (tmp_path / "synthesizer.json").rename(tmp_path / "a.json")
    for read in (load_space, lambda path: read_json(Location(path))):
        with pytest.raises(TabVAEError, match=r"must be at most (16|64) MiB"):
            read(str(tmp_path / "a.json"))


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "there" / "rows.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    for content in (b"1", b"2"):
        Location(link).write_bytes(content)
        with Location(tmp_path / "other").open_output() as file:
            file.write(content)
        assert link.is_symlink() and target.read_bytes() == content
    with Location(link).open_output() as file:
        file.write(b"3")
    assert link.is_symlink() and target.read_bytes() == b"3"
    assert [path.name for path in target.parent.iterdir()] == ["rows.csv"]
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(StorageError, match="is a symbolic link to itself"):
        Location(circle).write_bytes(b"")


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe(tmp_path / "out.csv")
    with pytest.raises(StorageError, match="cannot be written: is a named pipe"):
        Location(tmp_path / "out.csv").write_bytes(b"1")
    assert (tmp_path / "out.csv").is_fifo()


@pytest.mark.parametrize("secret", ["x", "ab", "a.b", "abc", "a%2Fb", "long-secret"])
def test_secrets_of_any_length_are_masked_in_errors(secret: str) -> None:
    location = Location(f"s3://{secret}:{secret}@bucket/table.csv?session_token={secret}")

    def fail() -> None:
        raise OSError(f"no key ({secret}), secret '{secret}', token={secret}: access to the bucket")

    with pytest.raises(StorageError) as caught:
        location.attempt("read", fail)
    wanted = "no key (***), secret '***', token=***: access to the bucket"
    assert str(caught.value).endswith(wanted)


def test_a_fitted_prior_draws_no_rows_when_none_are_asked_for() -> None:
    prior = GaussianMixturePrior(torch.ones(1), torch.zeros(1, 3), torch.eye(3)[None])
    assert prior.sample(0, torch.Generator()).shape == (0, 3)


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--dry-run", "--data", "{real}", "--space", "{}"],
        ["search", "--dry-run", "--data", "{real}", "--name", "{}"],
        ["compare", "--real", "{real}", "--synthetic", "{real}", "--html", "{}.html"],
        ["compare", "--real", "{real}", "--synthetic", "{real}", "--out", "{}"],
        ["report", "{}"],
        ["show", "{}"],
        ["generate", "--model", "{}", "--rows", "1", "--out", "rows.csv"],
    ],
    ids=lambda words: " ".join(words[:1] + words[-2:]),
)
def test_a_name_that_is_too_long_for_a_file_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = tmp_path / "real.csv"
    real.write_text("a,b\n" + "1,2\n2,4\n3,1\n" * 20, encoding="utf-8")
    assert main([word.format("n" * 300, real=real) for word in words]) == 2
    said = capsys.readouterr().err
    assert "nnn" in said and len(said) < 2000


def test_a_page_that_cannot_be_written_is_told_before_the_search_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match=r"file is not a directory"):
        write_report(str(tmp_path / "no-search"), str(tmp_path / "file" / "page.html"))
