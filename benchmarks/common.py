"""What the benchmarks share: where tables lie, and how results are printed."""

import json
from pathlib import Path

import pandas as pd

__all__ = ["DATA", "HEART", "adult", "show"]

ROOT = Path(__file__).parents[1]
HEART = str(ROOT / "assets" / "heart.csv")
# Larger tables than the one that ships, beside the checkout.
DATA = ROOT.parent / "shared" / "data"


def adult() -> pd.DataFrame | None:
    """The training part of adult, 32,561 x 15, or None where it is not."""
    folder = DATA / "adult"
    if not folder.exists():
        return None
    meta = json.loads((folder / "meta.json").read_text())
    return pd.read_csv(folder / meta["file"]).iloc[:32_561]


def show(title: str, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
