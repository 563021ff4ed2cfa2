import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import fs

from tabvae_ray import retries
from tabvae_ray.cli import main
from tabvae_ray.errors import StorageError, StorageUnavailableError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.storage import Location, check_writable
from tabvae_ray.table.io import read_table, write_table
from tabvae_ray.uri import masked_within
from tests.support.s3_server import GUEST_KEY, GUEST_SECRET, S3Server, free_ports


class Pauses:
    """The clock that retries wait by.

    Attributes:
        ends: Moments at which pauses have ended.
    """

    def __init__(self) -> None:
        self.ends: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
        self.ends.append(self.monotonic())


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    made = Pauses()
    monkeypatch.setattr(retries, "time", made)
    return made


# --- this machine -------------------------------------------------------------------------------


def test_what_is_written_comes_back_and_directories_are_made(tmp_path: Path) -> None:
    file = Location(tmp_path) / "a" / "b" / "Zürich, 1.txt"
    file.write_text("grüezi")
    assert file.read_text() == "grüezi"
    assert file.size() == len("grüezi".encode())
    assert file.exists() and file.parent.is_dir() and not file.is_dir()
    assert [child.name for child in file.parent.children()] == ["Zürich, 1.txt"]


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_a_path_must_not_be_empty_or_hold_a_zero_byte(text: str) -> None:
    with pytest.raises(StorageError, match="must not be empty or hold a zero byte"):
        Location(text)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/a/b", "/a/b"),
        ("/a/./b/../c", "/a/c"),
        ("file:///a/b%20c", "/a/b c"),
        ("/a?b#c%20", "/a?b#c%20"),
    ],
)
def test_paths_and_file_uris_lie_on_this_machine(value: str, path: str) -> None:
    assert Location(value).path == path == str(Location(value)) == Location(value).uri


def test_a_relative_path_and_a_home_directory_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert Location("runs").path == str(tmp_path / "runs")
    assert Location("~/runs").path == "/home/someone/runs"


def test_a_path_that_no_library_can_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not UTF-8, and a relative one where the working directory has been removed."""
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    for value in (odd / "t.csv", odd.as_uri() + "/t.csv"):
        with pytest.raises(StorageError, match=r"caf\\udce9/t.csv': a path must be UTF-8"):
            Location(value)
    monkeypatch.chdir(odd)
    with pytest.raises(StorageError, match=r"caf\\udce9/t.csv': a path must be UTF-8"):
        Location("t.csv")
    odd.rmdir()
    with pytest.raises(StorageError, match=r"t.csv: the working directory has been removed"):
        Location("t.csv")
    assert Location(tmp_path / "t.csv").path == str(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.CSV", ".csv"), ("a.b.csv.gz", ".csv.gz"), ("a.b.parquet", ".parquet"), ("a", "")],
)
def test_the_suffix_tells_compressed_files_apart(name: str, suffix: str) -> None:
    assert Location(f"/x/{name}").suffix == suffix


def test_a_missing_file_is_said_to_be_missing_at_once(tmp_path: Path, pauses: Pauses) -> None:
    # Numbers and words in the name must not be read as signs of an error that passes.
    file = Location(tmp_path) / "timeout-503-slow_down"
    with pytest.raises(
        StorageError, match=r"slow_down: cannot be read: there is no such file or directory"
    ):
        file.read_bytes()
    assert pauses.ends == []
    assert not file.exists()
    assert file.children() == []


def test_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = Location(tmp_path) / "latin.txt"
    file.write_bytes("Zürich".encode("latin-1"))
    with pytest.raises(StorageError, match="is not UTF-8 text"):
        file.read_text()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = Location(tmp_path) / "file"
    file.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), file.open_output() as out:
        out.write(b"half of the ne")
        raise RuntimeError("half way")
    assert file.read_text() == "old"
    assert [child.name for child in file.parent.children()] == ["file"]


def test_a_write_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    file = Location(tmp_path) / "file"
    with file.open_output() as out:
        out.write(b"all")
        out.flush()
        assert not file.exists()
    assert file.read_bytes() == b"all"


def test_what_is_renamed_is_on_the_disk_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        order.append("fsync")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    (Location(tmp_path) / "file").write_text("x")
    assert order == ["fsync", "replace"]


def test_many_writers_of_one_file_leave_one_whole_version(tmp_path: Path) -> None:
    file = Location(tmp_path) / "file"
    contents = [bytes([i]) * 200_000 for i in range(8)]
    threads = [threading.Thread(target=file.write_bytes, args=(each,)) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_bytes() in contents
    assert len(file.parent.children()) == 1


def test_a_directory_or_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    directory = Location(tmp_path) / "there"
    directory.make_dir()
    with pytest.raises(StorageError, match=r"there: cannot be written: is a directory"):
        directory.write_text("x")
    (Location(tmp_path) / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"):
        (Location(tmp_path) / "file" / "below").write_text("x")
    with pytest.raises(StorageError, match="cannot be written"):
        check_writable(Location(tmp_path) / "file")


def test_an_error_from_another_place_keeps_its_own_message(tmp_path: Path) -> None:
    out, missing = Location(tmp_path) / "out", Location(tmp_path) / "missing"
    with pytest.raises(StorageError, match=r"missing: cannot be read"), out.open_output():
        missing.read_bytes()


def test_removing_is_quiet_about_what_is_not_there(tmp_path: Path) -> None:
    base = Location(tmp_path) / "base"
    base.remove()
    base.remove_tree()
    (base / "file").write_text("x")
    check_writable(base)
    assert [child.name for child in base.children()] == ["file"]
    (base / "file").remove()
    assert not (base / "file").exists()
    base.remove_tree()
    assert not base.exists()


# --- URIs ---------------------------------------------------------------------------------------


def test_credentials_are_masked_for_people_and_kept_for_opening() -> None:
    uri = "s3://some-key:some%2Fsecret@bucket/a%20b?region=eu&session_token=hidden-token"
    location = Location(uri) / "c"
    assert str(location) == repr(location)[len("Location('") : -2]
    assert str(location) == "s3://***@bucket/a%20b/c?region=eu"
    assert "some%2Fsecret" in location.uri and "hidden-token" in location.uri
    assert pickle.loads(pickle.dumps(location)) == location


@pytest.mark.parametrize("start", ["s3:/", "s3//", "gs:/", "GS:/"])
@pytest.mark.parametrize("option", ["--model", "--out"])
def test_a_uri_that_has_lost_a_sign_is_no_path(
    start: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--model": "best", "--out": "rows.csv", option: f"{start}key:secret@bucket/a.csv"}
    assert (
        main(["generate", "--rows", "1", *(word for pair in given.items() for word in pair)]) == 2
    )
    said = capsys.readouterr().err
    assert "secret" not in said
    if option == "--out":
        with pytest.raises(StorageError, match=r"\*\*\*: a URI must begin with (s3|gs|GS)://"):
            Location(given[option])


def test_credentials_of_an_unknown_scheme_are_masked() -> None:
    assert str(Location("my-s3+x://key:secret@bucket/a")) == "my-s3+x://***@bucket/a"


def test_secrets_in_an_error_of_the_filesystem_are_masked() -> None:
    location = Location("s3://ab:some%2Fsecret@bucket/a")

    def fail() -> None:
        raise OSError("a bad thing about some/secret and some%2Fsecret")

    with pytest.raises(StorageError, match=r"read: a bad thing about \*\*\* and \*\*\*$"):
        location.attempt("read", fail)


def test_all_of_a_query_is_shown_but_secrets() -> None:
    harmless = "tls_verify_certificates=false&project_id=mine&retry_limit_seconds=5&scheme=http"
    location = Location(f"gs://bucket/a?{harmless}&session_token=hidden&sse_customer_key=hidden")
    assert str(location) == f"gs://bucket/a?{harmless}"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://key:hidden/hidden@bucket/a",
        "s3://key:hidden?hidden@bucket/a",
        "s3://key:hidden#hidden@bucket/a",
        "s3://key:123/hidden@bucket/a",
        "s3://key:hidden[hidden@bucket/a",
        "s3://key:hidden",
    ],
)
def test_credentials_that_end_the_authority_too_early_are_refused_unseen(uri: str) -> None:
    with pytest.raises(StorageError, match=r"must be percent-encoded \(%2F") as caught:
        Location(uri)
    assert "hidden" not in str(caught.value)
    assert "key" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["hdfs://host:8020/a", "s3://bucket/a%40b%3Ac", "s3://***@bucket/a%40b"]
)
def test_ports_and_signs_in_a_path_are_no_credentials(uri: str) -> None:
    assert str(Location(uri)) == uri


def test_a_uri_without_a_bucket_or_with_a_fragment_is_refused() -> None:
    with pytest.raises(StorageError, match="must name a bucket or host"):
        Location("s3:///a/b")
    with pytest.raises(StorageError, match=r"write %23 for the sign #") as caught:
        Location("s3://key:secret-word@bucket/rows#1.csv")
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--out s3://key:hidden-word@bucket/a b", "--out s3://***@bucket/a b"),
        ("see https://example.com/a?b=c", "see https://example.com/a?b=c"),
        ("s3://key:hidden/word@bucket/a", "***"),
    ],
)
def test_credentials_are_masked_within_a_text(text: str, shown: str) -> None:
    assert masked_within(text) == shown


def test_a_scheme_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(StorageError, match=r"nonsense://host/a: cannot be opened"):
        Location("nonsense://host/a").exists()


def test_storage_that_does_not_answer_may_do_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_RETRY_FOR", 0.0)
    location = Location("/nowhere/a")

    def fail() -> None:
        raise OSError("curlCode: 28, Timeout was reached")

    with pytest.raises(StorageUnavailableError, match="cannot be read: curlCode: 28"):
        location.attempt("read", fail)
    with pytest.raises(StorageError) as found:
        location.read_bytes()
    assert (found.value.exit_code, StorageUnavailableError.exit_code) == (2, 75)


# --- an object store ----------------------------------------------------------------------------


@pytest.mark.slow
def test_an_object_store_reads_writes_lists_and_removes(s3: Location) -> None:
    names = ["a b", "ü,東", "a#b", "a?b", "a+b", "a%20b", "x&y=z"]
    for name in names:
        (s3 / "odd" / name).write_text(name)
        assert Location((s3 / "odd" / name).uri).read_text() == name
    assert sorted(child.name for child in (s3 / "odd").children()) == sorted(names)
    assert (s3 / "odd").is_dir()
    (s3 / "odd" / "a b").remove()
    assert not (s3 / "odd" / "a b").exists()
    (s3 / "odd").remove_tree()
    assert (s3 / "odd").children() == []
    check_writable(s3)
    assert (s3 / "nothing").children() == []
    with pytest.raises(StorageError, match="there is no such file or directory"):
        (s3 / "nothing").read_bytes()


@pytest.mark.slow
def test_objects_of_many_parts_come_back_whole_or_are_not_there(s3: Location) -> None:
    content = os.urandom(23 * 2**20)
    (s3 / "large").write_bytes(content)
    with (s3 / "spooled").open_output() as out:
        out.write(content)
        assert not (s3 / "spooled").exists()
    assert (s3 / "large").read_bytes() == (s3 / "spooled").read_bytes() == content
    with pytest.raises(RuntimeError, match="half way"), (s3 / "half").open_output() as out:
        out.write(content)
        raise RuntimeError("half way")
    assert not (s3 / "half").exists()


@pytest.mark.slow
def test_wrong_credentials_are_named_without_being_shown(s3_server: S3Server) -> None:
    wrong_secret = Location(s3_server.uri("tests/a", secret="not-the-secret"))
    with pytest.raises(StorageError, match="the secret key does not fit the access key") as caught:
        wrong_secret.write_text("x")
    assert "not-the-secret" not in str(caught.value)
    with pytest.raises(StorageError, match="the access key is not known there") as caught:
        Location(s3_server.uri("tests/a", key="not-the-key")).write_text("x")
    assert "not-the-key" not in str(caught.value)
    with pytest.raises(StorageError, match="access denied, check the credentials"):
        wrong_secret.read_bytes()


@pytest.mark.slow
def test_a_wrong_bucket_is_an_error_at_once(s3_server: S3Server, pauses: Pauses) -> None:
    guest = {"key": GUEST_KEY, "secret": GUEST_SECRET}
    Location(s3_server.uri("tests/guest", **guest)).write_text("x")
    with pytest.raises(StorageError, match="access denied, check the credentials and the bucket"):
        Location(s3_server.uri("others/a", **guest)).write_text("x")
    with pytest.raises(StorageError, match=r"others2/a\S+ cannot be read"):
        Location(s3_server.uri("others2/a")).read_bytes()
    assert pauses.ends == []


@pytest.mark.nightly
@pytest.mark.slow
def test_a_server_that_comes_back_within_seconds_is_waited_for(tmp_path: Path) -> None:
    server = S3Server(tmp_path / "store").start()
    try:
        make = "&allow_bucket_creation=true"
        file = Location(server.uri("bucket/file", options=make))
        file.parent.make_dir()
        file.write_text("before")
        server.stop()
        assert not server.answers()
        restart = threading.Timer(2.0, server.start)
        restart.start()
        assert file.read_text() == "before"
        file.write_text("after")
        assert Location(file.uri).read_text() == "after"
        restart.join()
    finally:
        server.stop()


@pytest.mark.nightly
@pytest.mark.slow
def test_a_server_that_is_not_there_is_an_error_within_a_minute(pauses: Pauses) -> None:
    (port,) = free_ports(1)
    started = time.monotonic()

    def seconds_until_an_error(bucket: str) -> float:
        nobody = Location(f"{bucket}/a?endpoint_override=127.0.0.1:{port}&scheme=http")
        with pytest.raises(StorageError, match="cannot be read"):
            nobody.read_bytes()
        return time.monotonic() - started

    buckets = ["s3://key:secret@bucket", "gs://anonymous@bucket"]
    with ThreadPoolExecutor() as pool:
        assert all(seconds > 10 for seconds in pool.map(seconds_until_an_error, buckets))
    # An attempt takes up to 20 seconds of its own, and the last one begins within 35.
    assert pauses.ends
    assert max(pauses.ends) - started < 36


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet"])
def test_tables_go_through_an_object_store(s3: Location, mixed: pd.DataFrame, name: str) -> None:
    write_table(mixed, s3 / name)
    back = read_table((s3 / name).uri)
    if name == "rows.parquet":
        pd.testing.assert_frame_equal(back, mixed)
    else:
        pd.testing.assert_frame_equal(back, mixed, check_dtype=False)


@pytest.mark.slow
def test_an_export_goes_through_an_object_store(
    s3: Location, synthesizer: TabularVAESynthesizer
) -> None:
    synthesizer.save(s3 / "best")
    loaded = load_synthesizer((s3 / "best").uri)
    pd.testing.assert_frame_equal(loaded.generate(50, seed=3), synthesizer.generate(50, seed=3))


def test_a_directory_that_appears_while_it_is_listed_is_listed(tmp_path: Path) -> None:
    class Late:
        """Says once that the directory is not there, as pyarrow does if it is being made."""

        late = True

        def get_file_info(self, selector: fs.FileSelector) -> object:
            if self.late:
                self.late = False
                raise FileNotFoundError(2, "Cannot list directory")
            return fs.LocalFileSystem().get_file_info(selector)

    location = Location(tmp_path)
    (tmp_path / "file").write_text("")
    location.__dict__["_resolved"] = (Late(), str(tmp_path))
    assert [child.name for child in location.children()] == ["file"]
