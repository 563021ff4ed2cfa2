"""How soon a search trains, and how much of its time is not training.

    python -m benchmarks.start --runs 3            # the whole search of beta.yaml
    python -m benchmarks.start --runs 3 --trials 2 # its start only

Each search is a command of its own. CPU seconds are those of all its processes.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.common import ROOT, show

SPACE = ROOT / "search_spaces" / "beta.yaml"


def main() -> None:
    """Run searches one after another, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trials", type=int, default=16)
    options = parser.parse_args()
    found = [searched(options.trials) for _ in range(options.runs)]
    show(
        f"A search of {options.trials} trials on heart, medians of {options.runs}",
        [tuple(f"{median(values):.2f}" for values in zip(*found, strict=True))],
        ("first trial trains after, s", "CPU s before", "wall s", "CPU s", "overhead"),
    )


def searched(n_trials: int) -> tuple[float, ...]:
    """Run a search; return the values of a row."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "tabvae_ray.search", "--space", str(SPACE), "--quiet"]
        command += ["--trials", str(n_trials), "--out", home, "--name", "beta"]
        started = time.time()
        search = psutil.Popen(command, cwd=ROOT)
        seconds: dict[int, float] = {}
        known: list[tuple[float, float]] = []
        while search.poll() is None:
            note_cpu_seconds(search, seconds)
            known.append((time.time(), sum(seconds.values())))
            time.sleep(0.1)
        wall = time.time() - started
        directory = Path(home) / "beta"
        records = [json.loads(file.read_text()) for file in (directory / "trials").glob("*.json")]
        lines = (directory / "progress.jsonl").read_text().splitlines()
        # Its seconds are those of training and scoring.
        first = min(record["ended"] - record["seconds"] for record in records)
        before = max(cpu for moment, cpu in known if moment <= first)
        overhead = json.loads(lines[-1])["overhead"]
        return first - started, before, wall, sum(seconds.values()), overhead


def note_cpu_seconds(search: psutil.Process, seconds: dict[int, float]) -> None:
    """Write down what each process of a search has used so far."""
    try:
        for process in [search, *search.children(recursive=True)]:
            used = process.cpu_times()
            seconds[process.pid] = used.user + used.system
    except psutil.NoSuchProcess:
        # It has ended since it was listed.
        pass


if __name__ == "__main__":
    main()
