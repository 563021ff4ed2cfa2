"""What the benchmarks share: where tables lie, and how results are printed."""

from pathlib import Path

__all__ = ["DATA", "HEART", "show"]

ROOT = Path(__file__).parents[1]
HEART = str(ROOT / "assets" / "heart.csv")
# Larger tables than the one that ships, beside the checkout.
DATA = ROOT.parent / "shared" / "data"


def show(title: str, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
