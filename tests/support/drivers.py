"""Searches as a user starts them, and what they leave."""

import contextlib
import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend

SECONDS = 240


def command(*options: object) -> list[str]:
    return [sys.executable, "-m", "tabvae_ray.search", *map(str, options)]


def search(*options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*options), capture_output=True, text=True, timeout=SECONDS, check=False
    )


@contextlib.contextmanager
def started(*options: object, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs; with the block it ends, too, whatever came of it."""
    pipe = subprocess.PIPE
    call = command(*options)
    with subprocess.Popen(call, stdout=pipe, stderr=pipe, text=True, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def trials_of(directory: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader((directory / "trials.csv").read_text().splitlines()))
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def study_of(directory: Path) -> optuna.Study:
    backend = JournalFileBackend(str(directory / "study.log"))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name=directory.name, storage=storage)


def workers_of(driver: int) -> list[int]:
    """Processes of trials below a driver's."""
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
