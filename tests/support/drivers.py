"""Commands as processes of their own, and the searches that they leave.

The processes are forked by a server that has imported the package once, because imports take
several seconds of CPU in every new interpreter. Each has its own process ID, environment and
working directory, and takes signals like one that a shell has started.
"""

import atexit
import contextlib
import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from ray._private.authentication_test_utils import reset_auth_token_state

from tests.support.clocks import SECONDS

SEARCH = "tabvae_ray.search.__main__"
GENERATE = "tabvae_ray.generate"

# Imports only: neither Ray nor PyTorch may have threads before a process is forked.
_PRELOADED = [
    *(SEARCH, "tabvae_ray.search.run", "tabvae_ray.search.replay", GENERATE),
    *("tabvae_ray.report", "tabvae_ray.search.display.summary", "tabvae_ray.comparison.pictures"),
    *("sklearn.ensemble", "matplotlib.backends.backend_agg"),
]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_PRELOADED)


class Driver:
    """A command that runs in a forked process, with the interface of ``subprocess.Popen``.

    Args:
        run: What the process runs; it returns the exit code.
        arguments: Handed to it.
        environment: Environment variables; those of this process if not given.
        directory: Working directory; that of this process if not given.
    """

    def __init__(
        self,
        run: Callable[..., int],
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        directory: str | Path | None = None,
    ) -> None:
        # Files, not pipes: processes of Ray that outlive a driver would hold a pipe open.
        self._ended: int | None = None
        self._home = tempfile.TemporaryDirectory(prefix="driver-")
        _start_server()
        self._process: BaseProcess = _CONTEXT.Process(
            target=_run_apart,
            args=(
                self._home.name,
                dict(os.environ if environment is None else environment),
                str(directory or Path.cwd()),
                run,
                arguments,
            ),
        )
        self._process.start()
        assert self._process.pid is not None
        # Known after the end as well.
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the number of the signal that has ended the process."""
        return self.poll()

    def poll(self) -> int | None:
        """Return the exit code if the process has ended."""
        if self._ended is None:
            self._ended = self._process.exitcode
        return self._ended

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end and return what was written to stdout and stderr.

        Raises:
            TimeoutError: If it does not end in time.
        """
        self._process.join(timeout)
        stdout, stderr = (
            Path(self._home.name, name).read_text(encoding="utf-8") for name in ("out", "err")
        )
        if self.poll() is None:
            raise TimeoutError(f"no end within {timeout} s; stderr so far:\n{stderr}")
        return stdout, stderr

    def close(self) -> None:
        """End the process if it still runs, and remove its files."""
        self.kill()
        self._process.join()
        self.poll()
        self._process.close()
        self._home.cleanup()


@contextlib.contextmanager
def started(
    *options: object,
    module: str = SEARCH,
    page: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> Iterator[Driver]:
    """Run a command in a process that ends with the block.

    Args:
        options: Options of the command.
        module: The module of the command; its ``main`` is called.
        page: Draw a search's page, which costs more CPU than the rest of a small search.
        env: Environment variables; those of this process if not given.
        cwd: Working directory; that of this process if not given.
    """
    run = _search_without_page if module == SEARCH and not page else _main_of
    process = Driver(run, module, [str(o) for o in options], environment=env, directory=cwd)
    try:
        yield process
    finally:
        process.close()


def completed(
    run: Callable[..., int],
    *arguments: object,
    timeout: float = SECONDS,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a function in a forked process to its end."""
    process = Driver(run, *arguments, environment=env)
    try:
        stdout, stderr = process.communicate(timeout)
        assert process.returncode is not None
        return subprocess.CompletedProcess([], process.returncode, stdout, stderr)
    finally:
        process.close()


def search(*options: object) -> subprocess.CompletedProcess[str]:
    """Run a search in a forked process to its end; it draws no page."""
    return completed(_search_without_page, SEARCH, [str(option) for option in options])


@contextlib.contextmanager
def without_page() -> Iterator[None]:
    """Have searches of this process draw no page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabvae_ray.search.api.perform.draw_report", lambda _: None)
        yield


def fresh_search(*options: object) -> subprocess.CompletedProcess[str]:
    """Run a search as users start it, by a new interpreter, to its end."""
    command = [sys.executable, "-m", "tabvae_ray.search", *map(str, options)]
    # As users have it: Ray decides on tokens.
    env = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=env
    )


def trials_of(directory: Path) -> list[dict[str, str]]:
    """Read the table of trials, without the seconds that they have taken."""
    rows = list(csv.DictReader((directory / "trials.csv").read_text().splitlines()))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def study_of(directory: Path) -> optuna.Study:
    """Load the Optuna study of a search."""
    backend = JournalFileBackend(str(directory / "study.log"))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name=directory.name, storage=storage)


def workers_of(driver: int) -> list[int]:
    """Find the processes of trials below the process of a driver."""
    parents, names = {}, {}
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            parents[int(process.name)] = int(fields[1])
            names[int(process.name)] = (process / "cmdline").read_text()

    def is_below(pid: int) -> bool:
        while pid in parents and pid != driver:
            pid = parents[pid]
        return pid == driver

    return [
        pid for pid, name in names.items() if name.startswith("ray::VAETrial") and is_below(pid)
    ]


def _run_apart(
    home: str,
    environment: Mapping[str, str],
    directory: str,
    run: Callable[..., int],
    arguments: tuple[object, ...],
) -> None:
    """Run in the forked process."""
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(Path(home, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    # Ray has read the environment when the server imported it.
    reset_auth_token_state()
    # Shells start what runs in the background with interrupts ignored, tests included.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(directory)
    code = 1
    try:
        code = run(*arguments)
    finally:
        # multiprocessing ends the process without them.
        atexit._run_exitfuncs()
    sys.exit(code)


def _start_server() -> None:
    """Start the server that forks, with an environment that does not depend on who is first."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*filter(_configures_imports, os.environ)]:
            patch.delenv(name)
        forkserver.ensure_running()


def _configures_imports(name: str) -> bool:
    return name.startswith(("RAY_", "MLFLOW_", "AWS_", "TUNE_"))


def _search_without_page(module: str, options: list[str]) -> int:
    with without_page():
        return _main_of(module, options)


def _main_of(module: str, options: list[str]) -> int:
    main: Callable[[list[str]], int] = import_module(module).main
    return main(options)
