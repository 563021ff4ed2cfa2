"""Code that the benchmarks share: paths of tables, and printing of results."""

import json
from pathlib import Path

import pandas as pd

__all__ = ["DATA", "HEART", "adult", "covertype", "show"]

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


def show(title: str, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
