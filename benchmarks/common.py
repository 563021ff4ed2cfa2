"""Code that the benchmarks share: paths of tables, other Pythons, and printing of results."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["DATA", "HEART", "ReferenceFailed", "adult", "covertype", "run_reference", "show"]

ROOT = Path(__file__).parents[1]
HEART = str(ROOT / "assets" / "heart.csv")
# Tables that do not ship with the project lie beside the checkout.
DATA = ROOT.parent / "shared" / "data"


def adult() -> pd.DataFrame | None:
    """Read the training part of adult, 32,561 x 15; None if the file is missing."""
    folder = DATA / "adult"
    if not folder.exists():
        return None
    meta = json.loads((folder / "meta.json").read_text())
    return pd.read_csv(folder / meta["file"]).iloc[:32_561]


def covertype() -> pd.DataFrame | None:
    """Read 10,000 x 55 rows of covertype; None if the file is missing."""
    folder = DATA / "covertype_10k"
    if not folder.exists():
        return None
    meta = json.loads((folder / "meta.json").read_text())
    return pd.read_csv(folder / meta["file"])


class ReferenceFailed(SystemExit):
    """A script that ran in another environment failed; the message is the end of its errors.

    A benchmark that does not catch it ends with the message.
    """


def run_reference(python: str, script: str, *arguments: object, given: object) -> dict[str, Any]:
    """Run a script of the benchmarks in another environment, on one thread; return its answer.

    Args:
        python: The Python of the environment.
        script: Name of the script; it prints JSON as its last line.
        arguments: Its arguments. Paths must be absolute, or from the root of the repository.
        given: What it reads on stdin, as JSON.

    Raises:
        ReferenceFailed: If the script fails.
    """
    done = subprocess.run(
        [python, f"benchmarks/{script}", *map(str, arguments)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"},
        check=False,
    )
    if done.returncode:
        raise ReferenceFailed(done.stderr.strip()[-2000:])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def show(title: str, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
