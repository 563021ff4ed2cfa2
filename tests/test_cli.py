import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest

import tabvae_ray
from tabvae_ray import cli
from tabvae_ray.errors import ConfigError, DataError, ExportError, StorageError


def raises(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_command_returns_is_the_exit_code(code: int) -> None:
    assert cli.run_command(lambda: code) == code


@pytest.mark.parametrize("error", [ConfigError, DataError, ExportError, StorageError])
def test_an_error_of_the_users_is_one_message_and_code_2(
    error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(raises(error("n_bins must be >= 2"))) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "error: n_bins must be >= 2\n")


def test_a_warning_is_one_line_without_the_place_in_the_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> int:
        warnings.warn("column 'a': 900 of 918\nvalues differ", stacklevel=1)
        return 0

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.run_command(command) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "warning: column 'a': 900 of 918 values differ\n")


def test_an_interrupt_is_code_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(raises(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bug_is_a_traceback_and_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(raises(ValueError("a bug"))) == 1
    error = capsys.readouterr().err
    assert error.startswith("Traceback") and error.endswith("ValueError: a bug\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "usage: tabvae COMMAND"),
        (["--help"], 0, "make rows with an exported model"),
        (["serach"], 2, "error: no such command: serach"),
    ],
)
def test_tabvae_names_its_commands(
    arguments: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["tabvae", *arguments])
    assert cli.main() == code
    captured = capsys.readouterr()
    assert said in (captured.err if code else captured.out)
    assert not (captured.out if code else captured.err)


def test_tabvae_runs_a_command_with_its_arguments_and_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["generate", "--model", "/nothing", "--rows", "5", "--out", "/nothing/r.csv"]
    monkeypatch.setattr(sys, "argv", ["tabvae", *arguments])
    assert cli.main() == 2
    assert capsys.readouterr().err.startswith("error: /nothing: there is no such directory")


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    script = (
        "import sys; from tabvae_ray.cli import run_command\n"
        "def command():\n    for i in range(10**6):\n        print(i)\n    return 0\n"
        "sys.exit(run_command(command))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_importing_the_package_loads_neither_torch_nor_ray() -> None:
    script = (
        "import sys, tabvae_ray\n"
        "import tabvae_ray.errors, tabvae_ray.config, tabvae_ray.storage, tabvae_ray.table.io\n"
        "import tabvae_ray.table.encoding, tabvae_ray.cli, tabvae_ray.generate\n"
        "heavy = {'torch', 'ray', 'optuna', 'sklearn', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from tabvae_ray import TabularVAE, load_synthesizer\n"
        "assert 'torch' in sys.modules and 'ray' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_is_there() -> None:
    assert set(tabvae_ray.__all__) == set(dir(tabvae_ray))
    for name in tabvae_ray.__all__:
        assert getattr(tabvae_ray, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = tabvae_ray.nothing
