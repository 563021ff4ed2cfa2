"""Seconds and peak memory of each process while a large table is searched and refitted.

    python -m benchmarks.streamed                      # 2,000,000 x 15 rows, one worker
    python -m benchmarks.streamed --rows 100000000 --workers 2
    python -m benchmarks.streamed --rows 9000000 --layers 256 256   # a wider model

The table is adult, tiled, with its numbers jittered, in Parquet files of a million rows. The search
trains one model on a sample, a small one if no layers are given. The refit trains it for one epoch
on all rows; its rows per second are those between the first checkpoint and the last one, so that
the start, the encoding and the end do not count.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import show
from benchmarks.scale import make_table
from tabvae_ray.refit.streamed.training import BLOCKS_PER_CHECKPOINT
from tabvae_ray.training.blocks import BLOCK_ROWS

PART_ROWS = 1_000_000
# Seconds between two looks at the processes; their peaks are kept by the kernel.
PERIOD = 0.5


def space(layers: list[int]) -> dict[str, Any]:
    """Return a space whose search trains one model.

    Args:
        layers: Widths of the decoder, and reversed those of the encoder.
    """
    architecture = {"encoder_layer_sizes": layers[::-1], "decoder_layer_sizes": layers}
    return {
        "base": {
            "training": {"max_n_epochs": 1, "batch_size": 2048},
            "architecture": architecture,
        },
        "parameters": {"architecture.latent_dim": {"type": "int", "low": 4, "high": 8}},
        "search": {"n_trials": 1, "n_startup_trials": 1, "n_rescores": 1, "seed": 0},
    }


def write_parts(rows: int, folder: Path) -> None:
    """Write the table in parts, each with its own seed."""
    folder.mkdir()
    for part in range(0, rows, PART_ROWS):
        number = part // PART_ROWS
        make_table(min(PART_ROWS, rows - part), folder / f"{number:04d}.parquet", seed=number)


def descendants(root: int) -> list[int]:
    """Return a process and all that it has started, directly or not."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may have spaces.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children[parent].append(int(stat.parent.name))
    found = [root]
    for process in found:
        found += children[process]
    return found


def peak_of(process: int) -> tuple[str, float]:
    """Return the name of a process, and its peak memory in GiB."""
    home = Path("/proc") / str(process)
    words = (home / "cmdline").read_text().split("\0")
    name = words[0] if words[0].startswith("ray::") else Path(words[0]).name
    if "tabvae_ray" in words:
        name = "driver"
    status = dict(line.split(":", 1) for line in (home / "status").read_text().splitlines())
    return name, int(status.get("VmHWM", "0 kB").split()[0]) / 2**20


def measured(*arguments: object, run: Path) -> tuple[float, dict[str, float], list[datetime]]:
    """Run a command; return its seconds, the peak memory by name, and when checkpoints were kept.

    Args:
        arguments: The command and its options.
        run: The directory of the run.
    """
    command = [sys.executable, "-m", "tabvae_ray", *map(str, arguments)]
    peaks: dict[str, float] = {}
    checkpoints: set[str] = set()
    started = time.perf_counter()
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            for one in descendants(process.pid):
                try:
                    name, peak = peak_of(one)
                except (OSError, ValueError):
                    continue
                peaks[name] = max(peak, peaks.get(name, 0.0))
            checkpoints |= {kept.name for kept in run.glob("refit/streamed-*/checkpoint_2*")}
            time.sleep(PERIOD)
    if process.returncode:
        raise SystemExit(process.returncode)
    # Ray Train names them by the moment.
    moments = [datetime.strptime(name, "checkpoint_%Y-%m-%d_%H-%M-%S.%f") for name in checkpoints]
    return time.perf_counter() - started, peaks, sorted(moments)


def rows_per_second(checkpoints: list[datetime], workers: int) -> float:
    """Return the rate of all workers between the first checkpoint and the last but one.

    The last one ends the epoch, after fewer blocks.
    """
    spent = (checkpoints[-2] - checkpoints[0]).total_seconds()
    return (len(checkpoints) - 2) * BLOCKS_PER_CHECKPOINT * BLOCK_ROWS * workers / spent


def main() -> None:
    """Run the search and the refit, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--layers", type=int, nargs="+", default=[64])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_parts(options.rows, home / "table")
        (home / "one.yaml").write_text(yaml.safe_dump(space(options.layers)))
        data = ("--data", home / "table")
        search = ("search", *data, "--space", home / "one.yaml", "--out", home, "--name", "run")
        refit = ("refit", home / "run", *data, "--epochs", 1, "--workers", options.workers)
        for what, command in (("search on a sample", search), ("refit, one epoch", refit)):
            seconds, peaks, checkpoints = measured(*command, run=home / "run")
            largest = sorted(peaks.items(), key=lambda item: -item[1])[:8]
            rate = ""
            if len(checkpoints) > 2:
                rate = f"; {rows_per_second(checkpoints, options.workers):,.0f} rows/s"
            show(
                f"{what}, {options.rows:,} x 15 rows: {seconds:,.0f} s{rate}",
                [(name, f"{gib:.2f}") for name, gib in largest],
                ("process", "peak memory, GiB"),
            )


if __name__ == "__main__":
    main()
