"""README.md of an export: what it is, how good, how to use it, what it keeps of the table."""

from collections.abc import Mapping
from typing import Any

from tabvae_ray import __version__
from tabvae_ray.table.spec import TableSpec

__all__ = ["model_card"]


def model_card(spec: TableSpec, scores: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """The card's text.

    Args:
        spec: What the columns are.
        scores: How good it is; mappings within become lists of their own.
        provenance: Where the model comes from.
    """
    lines = [
        "# Synthesizer",
        "",
        f"A tabular beta-VAE that makes rows of {len(spec.names)} columns "
        f"({len(spec.continuous)} continuous, {len(spec.categorical)} categorical), "
        f"made by tabvae_ray {__version__}.",
        "",
        "```python",
        "from tabvae_ray import load_synthesizer",
        "",
        'rows = load_synthesizer("PATH OF THIS DIRECTORY").generate(1000, seed=0)',
        "```",
        "",
        "or `python -m tabvae_ray.generate --model PATH --rows 1000 --out synthetic.csv`.",
        "",
        "## Scores",
        "",
    ]
    lines += _bullets(scores) or ["- none kept"]
    lines += ["", "## Where it comes from", ""]
    lines += _bullets(provenance) or ["- not said"]
    lines += [
        "",
        "## What it keeps of the table",
        "",
        "Weights, the names and categories of the columns, the range of every continuous column, "
        "and the quantiles and frequent values that its bins are made of. No row is kept. Rare "
        "categories and extreme values are values of real rows: look at `synthesizer.json` before "
        "you hand it on.",
        "",
    ]
    return "\n".join(lines)


def _bullets(mapping: Mapping[str, Any], indent: str = "") -> list[str]:
    """A Markdown list; what is a mapping itself becomes a list below its name."""
    lines: list[str] = []
    for name, value in mapping.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}- {name}", *_bullets(value, indent + "  ")]
        else:
            lines.append(f"{indent}- {name}: {_plain(value)}")
    return lines


def _plain(value: object) -> str:
    """One line of Markdown, whatever the value holds."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("<", "&lt;")
