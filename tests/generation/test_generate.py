import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray import generate
from tabvae_ray.errors import ConfigError, DataError, ExportError, StorageError
from tabvae_ray.generate import main
from tabvae_ray.generation.rejection import MAX_DRAWS
from tabvae_ray.generation.shards.run import SHARD_ROWS
from tabvae_ray.generation.single_file import GenerateOptions, generate_to_file
from tabvae_ray.generation.synthesizer import BLOCK_ROWS, TabularVAESynthesizer
from tabvae_ray.storage import Location
from tabvae_ray.table.io import read_table
from tests.support.clocks import SECONDS


@pytest.fixture(scope="session")
def export(synthesizer: TabularVAESynthesizer, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("generate") / "best"
    synthesizer.save(path)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_a_file_holds_the_rows_that_the_synthesizer_makes(
    export: str, synthesizer: TabularVAESynthesizer, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / "deep" / f"rows{suffix}"
    assert generate_to_file(export, 300, str(out), GenerateOptions(seed=3, device="cpu")) == 300
    rows = synthesizer.generate(300, seed=3)
    pd.testing.assert_frame_equal(read_table(str(out)), rows)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    export: str, tmp_path: Path, suffix: str
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = str(tmp_path / f"{name}{suffix}")
        assert main(["--model", export, "--rows", "50", "--out", out, "--seed", str(seed)]) == 0
    a, b, c = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "abc")
    assert a == b != c


def test_rows_go_to_stdout(
    export: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "rows.csv"
    assert main(["--model", export, "--rows", "20", "--out", str(file)]) == 0
    capfdbinary.readouterr()
    assert main(["--model", export, "--rows", "20", "--out", "-"]) == 0
    found = capfdbinary.readouterr()
    assert found.out == file.read_bytes() and b"20 rows written to stdout" in found.err
    assert main(["--model", export, "--rows", "20", "--out", "-", "--where", "age=900.."]) == 2
    assert main(["--model", export, "--rows", "20", "--out", "-", "--shard-rows", "5"]) == 2
    assert capfdbinary.readouterr().out == b""


def test_more_rows_than_anyone_stores_are_refused(
    export: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.csv"
    assert main(["--model", export, "--rows", str(10**20), "--out", str(out)]) == 2
    assert "--rows must be <= 1,000,000,000,000" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_of_more_than_one_block_is_the_table_of_all_of_them(
    export: str, synthesizer: TabularVAESynthesizer, tmp_path: Path
) -> None:
    out = str(tmp_path / "rows.parquet")
    n = BLOCK_ROWS + 100
    assert generate_to_file(export, n, out, GenerateOptions(device="cpu")) == n
    pd.testing.assert_frame_equal(pd.read_parquet(out), synthesizer.generate(n))


def test_options_reach_the_synthesizer(
    export: str, synthesizer: TabularVAESynthesizer, tmp_path: Path
) -> None:
    out = str(tmp_path / "rows.parquet")
    common = ["--model", export, "--rows", "40", "--out", out, "--device", "cpu"]
    for flags, options in (
        (["--temperature", "2.5"], {"temperature": 2.5}),
        (["--use-mean"], {"use_mean": True}),
        (["--likeliest"], {"sample": False}),
    ):
        assert main([*common, *flags]) == 0
        pd.testing.assert_frame_equal(pd.read_parquet(out), synthesizer.generate(40, **options))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_no_rows_are_a_file_with_the_names_and_types(
    export: str, synthesizer: TabularVAESynthesizer, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"rows{suffix}"
    assert generate_to_file(export, 0, str(out)) == 0
    if suffix == ".csv":
        assert out.read_text(encoding="utf-8") == ",".join(synthesizer.spec.names) + "\n"
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(out), synthesizer.generate(0))


@pytest.mark.parametrize(
    ("rows", "name", "options", "error", "message"),
    [
        (-1, "r.csv", {}, ConfigError, "--rows must be >= 0, but got -1"),
        (5, "r.txt", {}, DataError, r"r\.txt: a table must end in"),
        (
            5,
            "r.csv",
            {"temperature": 0.0},
            ConfigError,
            "must be a number from 1e-06 to 1e6",
        ),
        (5, "r.csv", {"seed": -1}, ConfigError, "the seed must be a whole number >= 0"),
    ],
)
def test_what_cannot_be_done_leaves_nothing(
    export: str,
    tmp_path: Path,
    rows: int,
    name: str,
    options: dict,
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        generate_to_file(export, rows, str(tmp_path / name), GenerateOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_cannot_be_written_is_an_error_and_leaves_nothing(
    export: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "there.csv").mkdir()
    for out in (tmp_path / "file" / "rows.csv", tmp_path / "there.csv"):
        with pytest.raises(StorageError, match="cannot be written"):
            generate_to_file(export, 10, str(out))
    assert (tmp_path / "file").read_text() == "mine"
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "there.csv"}


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="not an export"):
        generate_to_file(str(tmp_path), 10, str(tmp_path / "rows.csv"))
    assert list(tmp_path.iterdir()) == []


def test_the_directory_of_a_search_is_refused_with_where_its_export_is(
    tmp_path: Path, synthesizer: TabularVAESynthesizer
) -> None:
    (tmp_path / "search.json").write_text("{}")
    with pytest.raises(ExportError, match="of a search that has chosen no model yet"):
        generate_to_file(str(tmp_path), 10, str(tmp_path / "rows.csv"))
    synthesizer.save(tmp_path / "best")
    with pytest.raises(ExportError, match=f"of a search; its export is {tmp_path / 'best'}$"):
        generate_to_file(str(tmp_path), 10, str(tmp_path / "rows.csv"))


def test_the_command_says_what_it_wrote_on_stderr_and_ends_with_0(
    export: str, tmp_path: Path
) -> None:
    out = tmp_path / "rows.csv"
    command = [sys.executable, "-m", "tabvae_ray.generate", "--model", export]
    command += ["--rows", "1200", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"1,200 rows written to {out} in ")
    assert len(pd.read_csv(out)) == 1200


def test_the_command_ends_with_2_and_one_line_where_the_input_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.csv"
    assert main(["--model", str(tmp_path / "no"), "--rows", "5", "--out", str(out)]) == 2
    written = capsys.readouterr()
    assert (written.out, out.exists()) == ("", False)
    assert f"--model: {tmp_path / 'no'}: cannot be read: there is no such file" in written.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "5", "--out", "r.csv"], "Missing option '--model'"),
        (
            ["--model", "m", "--rows", "many", "--out", "r.csv"],
            "--rows must be a whole number >= 0, but got many",
        ),
        (
            ["--model", "m", "--rows", "5", "--out", "r.csv", "--device", "x"],
            "--device: 'x' is not one of 'auto', 'cpu', 'cuda'",
        ),
        (
            ["--model", "m", "--rows", "5", "--out", "r.csv", "--temperature", "inf"],
            "--temperature must be > 0, but got inf",
        ),
    ],
)
def test_arguments_that_do_not_parse_end_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_the_defaults_on_the_help_page_are_those_of_the_library() -> None:
    assert generate._MAX_DRAWS == MAX_DRAWS
    assert generate._SHARD_ROWS == SHARD_ROWS


def test_a_missing_gpu_is_said(
    export: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    out = str(tmp_path / "r.csv")
    assert main(["--model", export, "--rows", "5", "--out", out, "--device", "cuda"]) == 2
    assert "--device cuda: torch finds no CUDA device here" in capsys.readouterr().err


@pytest.mark.slow
def test_rows_go_to_an_object_store(
    export: str, s3: Location, synthesizer: TabularVAESynthesizer
) -> None:
    synthesizer.save(s3 / "best")
    model, out = (s3 / "best").uri, (s3 / "rows.parquet").uri
    assert main(["--model", model, "--rows", "70", "--out", out, "--device", "cpu"]) == 0
    pd.testing.assert_frame_equal(read_table(out), synthesizer.generate(70))
