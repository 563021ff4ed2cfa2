import json
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

import tabvae_ray
import tabvae_ray.search.__main__ as search_command
from tabvae_ray import _version, cli, generate, report
from tabvae_ray.command_line.input_path import InputPath
from tabvae_ray.command_line.json_log import JsonLog
from tabvae_ray.compare import main as compare_main
from tabvae_ray.errors import (
    ClusterUnavailableError,
    ConfigError,
    DataError,
    ExportError,
    StorageError,
    StorageUnavailableError,
)


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


@pytest.mark.parametrize("error", [ClusterUnavailableError, StorageUnavailableError])
def test_what_may_succeed_later_has_a_code_of_its_own(
    error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(raises(error("10.0.0.1:6379 does not answer"))) == 75
    assert capsys.readouterr().err == "error: 10.0.0.1:6379 does not answer\n"
    log = JsonLog()
    assert log.run(raises(error("10.0.0.1:6379 does not answer"))) == 75
    assert json.loads(capsys.readouterr().err)["exit_code"] == 75


def test_an_error_is_told_before_what_still_starts_is_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = []

    @contextmanager
    def starting() -> Iterator[None]:
        yield
        told.append(capsys.readouterr().err)

    @click.command()
    def fail() -> int:
        click.get_current_context().find_root().with_resource(starting())
        raise DataError("t.csv: has no rows")

    @click.group()
    def group() -> None:
        pass

    group.add_command(fail)
    assert (cli.run(fail, "fail", []), cli.run(group, "tabvae", ["fail"])) == (2, 2)
    assert told == 2 * ["error: t.csv: has no rows\n"]
    assert capsys.readouterr().err == ""


def test_a_warning_is_said_once_in_a_command_and_what_it_calls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def warn() -> int:
        for name in "aba":
            with cli.plain_warnings():
                warnings.warn(f"column {name}: odd", stacklevel=1)
        return 0

    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            assert cli.run_command(warn) == 0
        said = capsys.readouterr().err
        assert said == "warning: column a: odd\nwarning: column b: odd\n"


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
        ([], 2, "Usage: tabvae [OPTIONS] COMMAND"),
        (["--help"], 0, "Generate rows with an exported model."),
        (["serach"], 2, "error: No such command 'serach'. Did you mean 'search'?"),
        (["--version"], 0, f"tabvae {tabvae_ray.__version__}\n"),
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


# These have no module of their own name.
OTHERS = ("train", "private-search", "show", "spec", "space")
COMMANDS = {
    "search": search_command.main,
    "generate": generate.main,
    "compare": compare_main,
    "report": report.main,
}


@pytest.mark.parametrize("width", ["60", "100"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_page_shows_the_command_as_it_was_called_and_fits_the_terminal(
    name: str, width: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert cli.main([name, "--help"]) == 0
    as_tabvae = capsys.readouterr().out
    assert COMMANDS[name](["-h"]) == 0
    as_module = capsys.readouterr().out
    for page, program in (
        (as_tabvae, f"tabvae {name}"),
        (as_module, f"python -m tabvae_ray.{name}"),
    ):
        assert page.startswith(f"Usage: {program} [OPTIONS]")
        examples = page.partition("Examples:\n")[2]
        assert examples.count(f"  {program} ") == 2
        assert "`" not in page
        assert max(map(len, page.splitlines())) <= int(width)


def test_the_examples_of_the_help_pages_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    # The files of the examples do not exist.
    monkeypatch.setattr(InputPath, "convert", click.Path.convert)
    for name in (*COMMANDS, *OTHERS):
        command = cli._tabvae.get_command(click.Context(cli._tabvae), name)
        assert isinstance(command, cli.Command)
        for example in command.examples:
            command.make_context(name, shlex.split(example.partition(" > ")[0]))
        assert len(command.examples) == 2


@pytest.mark.parametrize("name", OTHERS)
def test_every_command_of_tabvae_has_a_help_page_with_examples(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert cli.main([name, "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(f"Usage: tabvae {name} [OPTIONS]")
    assert page.partition("Examples:\n")[2].count(f"  tabvae {name} ") == 2
    assert "`" not in page
    assert max(map(len, page.splitlines())) <= 60


def test_everything_wrong_with_the_options_is_reported_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = {
        "--trials": "0",
        "--seed": "x",
        "--time-budget": "nan",
        "--cpus-per-trial": "inf",
        "--gpus-per-trial": "-1",
        "--concurrency": "1.5",
        "--track": "mflow",
    }
    assert search_command.main([word for pair in wrong.items() for word in pair]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "error: --trials must be >= 1, but got 0",
        "--seed must be a whole number >= 0, but got x",
        "--time-budget must be > 0, but got nan",
        "--cpus-per-trial must be > 0, but got inf",
        "--gpus-per-trial must be >= 0, but got -1",
        "--concurrency must be a whole number >= 1, but got 1.5",
        "--track: 'mflow' is not one of 'mlflow', 'tensorboard'; did you mean mlflow?",
        "Try 'python -m tabvae_ray.search --help' for help.",
    ]


def test_an_unknown_option_is_told_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", "--tempreature", "2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: No such option")
    assert "--temperature" in error


def test_missing_options_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_main([]) == 2
    error = capsys.readouterr().err
    assert "Missing option '--real'" in error and "Missing option '--synthetic'" in error
    assert search_command.main(["--resume"]) == 2
    error = capsys.readouterr().err
    assert "--space: must be given, or --resume (or --resume-or-start) and --name" in error


def test_python_m_is_the_same_as_tabvae() -> None:
    command = [sys.executable, "-m", "tabvae_ray", "report", "--serach", "runs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such option")
    assert done.stderr.endswith("Try 'python -m tabvae_ray report --help' for help.\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    incomplete = {"COMP_WORDS": "tabvae search --tr", "COMP_CWORD": "2"}
    if shell == "fish":
        incomplete["COMP_CWORD"] = "--tr"
    for name, value in incomplete.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_TABVAE_COMPLETE", f"{shell}_complete")
    assert cli.main([]) == 0
    completed = capsys.readouterr().out
    assert "--track" in completed and "--trials" in completed and "--space" not in completed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tabvae search --space s", {"plain,small", "plain,smoke"}),
        ("tabvae space au", {"plain,auto"}),
        ("tabvae search --space search_spaces/b", {"file,search_spaces/b"}),
    ],
)
def test_shells_complete_names_of_spaces(
    words: str,
    expected: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    monkeypatch.setenv("_TABVAE_COMPLETE", "bash_complete")
    assert cli.main([]) == 0
    assert set(capsys.readouterr().out.split()) == expected


def test_tabvae_runs_a_command_with_its_arguments_and_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["generate", "--model", "/nothing", "--rows", "5", "--out", "/nothing/r.csv"]
    monkeypatch.setattr(sys, "argv", ["tabvae", *arguments])
    assert cli.main() == 2
    assert capsys.readouterr().err.startswith(
        "error: --model: /nothing: cannot be read: there is no such file or directory"
    )


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


def test_what_the_encoding_of_stdout_lacks_is_printed(tmp_path: Path) -> None:
    """Text has escapes; documents that become files have the encoding in which files are read."""
    table = tmp_path / "t.csv"
    table.write_text("größe,wert\n" + "".join(f"{i % 3},{i / 7}\n" for i in range(50)), "utf-8")
    code = (
        "import sys; from tabvae_ray import cli\n"
        "def command():\n    print('größe'); return 0\n"
        "cli.run(cli._tabvae, 'tabvae', ['spec', sys.argv[1]])\n"
        "cli.run_command(command)\n"
    )
    words = [sys.executable, "-c", code, str(table)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, env=environment, capture_output=True, check=True)
    assert done.stderr == b""
    spec, _, said = done.stdout.rpartition(b"gr\\xf6")
    assert said == b"\\xdfe\n"
    assert "größe:" in spec.decode("utf-8")


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


def test_help_usage_errors_and_completion_import_nothing_that_takes_long() -> None:
    script = (
        "import os, sys\n"
        "from tabvae_ray import cli\n"
        "names = ('search', 'train', 'generate', 'compare', 'report', 'show', 'spec', 'space')\n"
        "for name in names:\n"
        "    for word, code in (('--help', 0), ('--unknown', 2)):\n"
        "        assert cli.main([name, word]) == code\n"
        "for wrong in ([], ['--trials', '0'], ['--resume']):\n"
        "    assert cli.main(['search', *wrong]) == 2\n"
        "assert cli.main(['generate', '--rows', 'many']) == 2\n"
        "os.environ |= {'COMP_CWORD': '2', '_TABVAE_COMPLETE': 'bash_complete'}\n"
        "for name in names:\n"
        "    os.environ['COMP_WORDS'] = f'tabvae {name} --'\n"
        "    assert cli.main([]) == 0\n"
        "heavy = {'torch', 'ray', 'pandas', 'optuna', 'numpy', 'pyarrow', 'pydantic', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


PUBLIC = {
    "ComparisonPlan",
    "DirectoryTracker",
    "DryRun",
    "MlflowTracker",
    "MultiObjectiveASHA",
    "SearchResult",
    "SearchSpace",
    "TableSpec",
    "TabularVAE",
    "TabularVAEConfig",
    "TabularVAESynthesizer",
    "Tracker",
    "__version__",
    "compare",
    "dry_run",
    "load_search",
    "load_synthesizer",
    "read_table",
    "search",
    "write_table",
}


def test_every_public_name_is_there() -> None:
    assert set(tabvae_ray.__all__) == set(dir(tabvae_ray)) == PUBLIC
    for name in PUBLIC:
        assert getattr(tabvae_ray, name) is not None
    assert tabvae_ray.__version__ == _version.__version__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = tabvae_ray.nothing
