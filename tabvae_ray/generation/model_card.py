"""Model card: the README.md of an export."""

from collections.abc import Mapping
from typing import Any

from tabvae_ray import __version__
from tabvae_ray.table.spec import TableSpec

__all__ = ["model_card", "one_line"]

_RULES = ("- the rules between columns, and the values that go together by them",)

_IDENTIFIERS = (
    "- the patterns of identifiers, and marks of hash cells that real ones fall into: they show "
    "that an identifier may be real, not that it is",
)


def model_card(spec: TableSpec, scores: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Return the text of the card.

    Args:
        spec: Types and categories of the columns.
        scores: Scores of the model; nested mappings become nested lists.
        provenance: Origin of the model.
    """
    lines = [
        "# Synthesizer",
        "",
        f"A tabular beta-VAE that generates rows of {len(spec.names)} columns "
        f"({len(spec.continuous)} continuous, {len(spec.categorical)} categorical). "
        f"tabvae_ray {__version__} exported it.",
        "",
        *_sentence(provenance.get("latent")),
        "```python",
        "from tabvae_ray import load_synthesizer",
        "",
        'rows = load_synthesizer("PATH OF THIS DIRECTORY").generate(1000, seed=0)',
        "```",
        "",
        "Or run `python -m tabvae_ray.generate --model PATH --rows 1000 --out synthetic.csv`.",
        "",
    ]
    origin = scores.get("scores_of")
    if origin is not None:
        lines += ["## Refit", "", one_line(origin), ""]
    of = "" if origin is None else " of the searched model"
    attacks = scores.get("membership_attacks")
    if isinstance(attacks, Mapping) and "verdict" in attacks:
        lines += [f"## Privacy{of}", "", one_line(attacks["verdict"]), ""]
    lines += [f"## Scores{of}", ""]
    lines += _bullets(scores) or ["- none recorded"]
    lines += ["", "## Provenance", ""]
    lines += _bullets(provenance) or ["- not recorded"]
    lines += [
        "",
        "## What the export retains of your table",
        "",
        "- the weights of the network",
        "- the names of the columns and the categories of categorical ones",
        "- the range of every continuous column",
        "- the quantiles and frequent values that its bins are made of",
        *_RULES[: len(spec.rules)],
        *_IDENTIFIERS[: sum(column.made_of is not None for column in spec.columns)],
        "",
        _rare_values(spec),
        "",
    ]
    return "\n".join(lines)


def _sentence(finding: object) -> list[str]:
    """Return a finding about the model as a paragraph; nothing if there is none."""
    if not isinstance(finding, str) or not finding:
        return []
    text = one_line(finding)
    return [f"{text[0].upper()}{text[1:]}.", ""]


def _rare_values(spec: TableSpec) -> str:
    if not spec.min_rows:
        return (
            "It retains no rows. Rare categories and extreme values do come from real rows: check "
            "`synthesizer.json` before you share the export."
        )
    counted = "rows" if spec.entity is None else f"different values of {one_line(spec.entity)}"
    return (
        f"It retains no rows. Every category, every frequent value and every value that a rule "
        f"keeps stands in at least {spec.min_rows} {counted} of the training table. The ends of a "
        f"range are reached by as many, and quantiles are means of as many. The weights of the "
        "network were fitted to all rows: this does not limit what can be learnt from them."
    )


def _bullets(mapping: Mapping[str, Any], indent: str = "") -> list[str]:
    """Return a Markdown list; a nested mapping becomes a list below its name."""
    lines: list[str] = []
    for name, value in mapping.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}- {name}", *_bullets(value, indent + "  ")]
        else:
            lines.append(f"{indent}- {name}: {one_line(value)}")
    return lines


def one_line(value: object) -> str:
    """Return a value as one line of Markdown."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("<", "&lt;")
