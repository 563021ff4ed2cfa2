"""Model card: the README.md of an export."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tabvae_ray import __version__
from tabvae_ray.comparison.html import better
from tabvae_ray.comparison.options import SCORES, ComparisonOptions
from tabvae_ray.comparison.score_words import OF_COLUMNS
from tabvae_ray.documents import is_finite_number
from tabvae_ray.generation.private_card import (
    guarantee_in_words,
    limit_of_privacy,
    privacy_of,
    retained_privately,
)
from tabvae_ray.table.column import Column
from tabvae_ray.table.composed.template import is_template
from tabvae_ray.table.spec import TableSpec

__all__ = ["file_name", "model_card"]

# Longer lists of columns are cut: synthesizer.json has them all.
_MOST_COLUMNS = 200

# Parts of the provenance that the card shows in another place.
_ELSEWHERE = ("versions", "parameters", "table", "latent", "privacy", "broken_constraints")

_LOSSES = ("loss", "reconstruction", "train_nats", "holdout_nats", "membership")

_LEGEND = (
    "",
    "Fresh real rows: the expected score of another sample of the same population, the best that "
    "can be hoped for. Independent columns: the real columns, each shuffled on its own, so that "
    "nothing between columns is left. Nats: what a row costs the model; lower is more probable.",
)

_TRAINING_ROWS = (
    "",
    "Training rows: what real rows of the training score in place of the generated ones, against "
    "the same real rows; nothing honest is better.",
)

_RULES = ("- the rules between columns, and the values that go together by them",)

_IDENTIFIERS = (
    "- the patterns of identifiers, and marks of the hash cells that real ones fall into, among "
    "many that none does: a mark hardly tells whether an identifier is real",
)

_USE = """\
## Intended use

Rows for development, tests, teaching and exploration, where the real rows must stay where they
are. Work that ends in a decision should be repeated on the real rows.

## Limits

- Rows are generated, not recorded: none is evidence about a person, even if it equals a real row.
- Errors and biases of the table are in the rows as well. Small groups and rare combinations are
  reproduced worst.
"""


def model_card(spec: TableSpec, scores: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Return the text of the card.

    Args:
        spec: Types and categories of the columns.
        scores: Scores of the model.
        provenance: Origin of the model.
    """
    versions, spent = provenance.get("versions"), privacy_of(provenance)
    lines = [
        f"# {_title(provenance)}",
        "",
        f"A tabular beta-VAE that generates rows of {len(spec.names)} columns.",
        "",
        *_table(("model card", ""), _overview(spec, scores, provenance)),
        "",
        *_sentence(provenance.get("latent")),
        "```python",
        "from tabvae_ray import load_synthesizer",
        "",
        'rows = load_synthesizer("PATH OF THIS DIRECTORY").generate(1000, seed=0)',
        "```",
        "",
        "Or run `tabvae generate --model PATH --rows 1000 --out synthetic.csv`.",
        "",
        *_refit(scores),
        f"## Scores{_whose(scores)}",
        "",
        *_scores(scores),
        "",
        _USE + limit_of_privacy(spent),
        *(_retained(spec) if spent is None else retained_privately(spent)),
        "",
        "## Columns",
        "",
        *_table(
            ("column", "kind", "type", "values", "may be missing"),
            [_column(column) for column in spec.columns[:_MOST_COLUMNS]],
        ),
    ]
    if len(spec.columns) > _MOST_COLUMNS:
        lines += ["", f"And {len(spec.columns) - _MOST_COLUMNS:,} more, see `synthesizer.json`."]
    origin = {k: v for k, v in provenance.items() if k not in _ELSEWHERE}
    table = provenance.get("table")
    if isinstance(table, Mapping) and "fingerprint" in table:
        origin["fingerprint of the table"] = table["fingerprint"]
    lines += ["", "## Provenance", ""]
    lines += [f"- {name}: {_one_line(value)}" for name, value in origin.items()] or [
        "- not recorded"
    ]
    for name, part in (("parameter", provenance.get("parameters")), ("package", versions)):
        if isinstance(part, Mapping) and part:
            heading = "value" if name == "parameter" else "version"
            lines += ["", *_table((name, heading), [(key, part[key]) for key in part])]
    return "\n".join([*lines, ""])


def file_name(location: object) -> str:
    """Return the last part of a path or URI: a card must not show where a private table lies."""
    return str(location).replace("\\", "/").rstrip("/").rpartition("/")[2].partition("?")[0]


def _title(provenance: Mapping[str, Any]) -> str:
    for key in ("search", "data"):
        if provenance.get(key):
            return f"Synthesizer of {_one_line(file_name(provenance[key]))}"
    return "Synthesizer"


def _overview(
    spec: TableSpec, scores: Mapping[str, Any], provenance: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    """Yield the lines of the table at the top."""
    table = provenance.get("table")
    table = table if isinstance(table, Mapping) else {}
    if broken := _broken(provenance):
        yield f"constraints{_whose(scores)}", broken
    if "data" in provenance:
        yield "table", file_name(provenance["data"])
    if "rows" in table:
        about = "" if privacy_of(provenance) is None else "about "
        size = f"{about}{table['rows']:,} rows"
        size += f" x {table['columns']:,} columns" if "columns" in table else ""
        yield "size of the table", size
    refit = provenance.get("refit")
    n_trained = refit.get("rows") if isinstance(refit, Mapping) else table.get("training_rows")
    if n_trained is not None:
        yield "rows to train on", f"{n_trained:,}"
    yield "columns", ", ".join(_kinds(spec))
    if "epochs" in provenance:
        yield "epochs", provenance["epochs"]
    spent = privacy_of(provenance)
    if spent is not None:
        yield "differential privacy", guarantee_in_words(spent)
        yield "rare values", "left out by noisy counts, unless the spec declares them"
        yield "exported", f"{datetime.now(UTC):%Y-%m-%d}, by tabvae_ray {__version__}"
        return
    attacks = scores.get("membership_attacks")
    verdict = attacks.get("verdict") if isinstance(attacks, Mapping) else None
    yield f"privacy{_whose(scores)}", verdict or "attacks on membership were not measured"
    disclosure = scores.get("disclosure_attacks")
    if isinstance(disclosure, Mapping) and disclosure.get("verdict"):
        yield f"known and secret columns{_whose(scores)}", disclosure["verdict"]
    if spec.min_rows:
        counted = "rows" if spec.entity is None else f"different values of {spec.entity}"
        yield "rare values", f"left out if fewer than {spec.min_rows} {counted} have them"
    else:
        yield "rare values", "kept"
    yield "exported", f"{datetime.now(UTC):%Y-%m-%d}, by tabvae_ray {__version__}"


def _broken(provenance: Mapping[str, Any]) -> str:
    """Return which constraints of its search the model breaks; empty if it keeps all."""
    broken, reason = provenance.get("broken_constraints"), provenance.get("chosen")
    if isinstance(broken, Sequence) and not isinstance(broken, str) and broken:
        return f"broken: {', '.join(map(str, broken))}"
    # Older exports have no names.
    return reason if isinstance(reason, str) and reason.startswith("breaks the constr") else ""


def _kinds(spec: TableSpec) -> Iterator[str]:
    kinds = [column.kind for column in spec.columns]
    for kind in dict.fromkeys(kinds):
        yield f"{kinds.count(kind)} {kind}"


def _scores(scores: Mapping[str, Any]) -> list[str]:
    """Return the scores beside those of real rows, and of independent columns if known."""
    levels = scores.get("reference_levels")
    levels = levels if isinstance(levels, Mapping) else {}
    headings = {"fresh": "fresh real rows", "independent": "independent columns"}
    kinds = [kind for kind in headings if levels.get(kind)]
    numbers = sorted(_numbers(scores), key=lambda number: _rank(number[0]))
    if not numbers:
        return ["None were recorded."]
    heading = ["score", "this model", *(headings[kind] for kind in kinds)]
    # A private model may be measured beside its own training rows.
    with_real = any(real is not None for _, _, real in numbers)
    heading += ["training rows", "better"] if with_real else ["better"]
    rows = []
    for name, value, real in numbers:
        found = [
            # Shuffled columns are no worse in these than real rows.
            None if kind == "independent" and name in OF_COLUMNS else _mean(levels[kind], name)
            for kind in kinds
        ]
        rows.append((name, value, *found, *([real] if with_real else []), _better(name)))
    legend = [*(_LEGEND if kinds else ()), *(_TRAINING_ROWS if with_real else ())]
    return [*_table(heading, rows), *legend, *_quick_attack(scores)]


def _quick_attack(scores: Mapping[str, Any]) -> Sequence[str]:
    """Return why the score ``membership`` is not that of the verdict, if it is not."""
    attacks = scores.get("membership_attacks")
    hard = attacks.get("white_box") if isinstance(attacks, Mapping) else None
    quick = scores.get("membership")
    if quick is None or not isinstance(hard, Mapping) or hard.get("auc") == quick:
        return ()
    return (
        "",
        "Membership: a quick attack with the model, as on every trial. The verdict on privacy is "
        "of the strongest of several harder attacks, so that the two may differ.",
    )


def _rank(name: str) -> int:
    """Return the place of a score in the table: what compares rows comes before losses."""
    order = (*SCORES, "membership")
    return order.index(name) if name in order else len(order)


def _better(name: str) -> str | None:
    if name in SCORES or name in _LOSSES:
        return better(name, ComparisonOptions())
    return None


def _numbers(scores: Mapping[str, Any]) -> Iterator[tuple[str, float, object]]:
    """Yield name and value of each score, and the value of training rows if it was measured."""
    real = scores.get("real")
    for name, value in scores.items():
        if is_finite_number(value) and name != "epochs":
            yield name, value, None
        elif name == "held_out" and isinstance(value, Mapping):
            for part, found in value.items():
                if is_finite_number(found):
                    yield part, found, real.get(part) if isinstance(real, Mapping) else None


def _mean(found: object, name: str) -> object:
    level = found.get(name) if isinstance(found, Mapping) else None
    return level.get("mean") if isinstance(level, Mapping) else None


def _column(column: Column) -> tuple[object, ...]:
    values: object = ""
    if column.kind == "categorical":
        values = f"{len(column.categories):,} categories"
    elif column.kind == "identifier":
        values = {"drop": "left out", "number": "numbered", "generate": "new ones"}[column.fill]
        if is_template(column.pattern):
            values = f"put together as `{column.pattern}`"
    elif column.digits is not None:
        values = f"{column.digits} significant digits"
    elif column.decimals is not None:
        places = "decimal" if column.decimals == 1 else "decimals"
        values = f"{column.decimals} {places}" if column.decimals else "whole numbers"
        if column.unit is not None:
            values += f", products of {column.unit:.15g}"
    missing = "yes" if column.missing else "no"
    return column.name, column.kind, column.dtype, values, missing


def _retained(spec: TableSpec) -> list[str]:
    return [
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
    ]


def _refit(scores: Mapping[str, Any]) -> list[str]:
    """Return what a model trained on all rows has in common with the one that was scored."""
    found = scores.get("scores_of")
    return [] if found is None else ["## Refit", "", _one_line(found), ""]


def _whose(scores: Mapping[str, Any]) -> str:
    return "" if scores.get("scores_of") is None else " of the searched model"


def _sentence(finding: object) -> list[str]:
    """Return a finding about the model as a paragraph; nothing if there is none."""
    if not isinstance(finding, str) or not finding:
        return []
    text = _one_line(finding)
    return [f"{text[0].upper()}{text[1:]}.", ""]


def _rare_values(spec: TableSpec) -> str:
    if not spec.min_rows:
        return (
            "It retains no rows. Rare categories and extreme values do come from real rows: check "
            "`synthesizer.json` before you share the export."
        )
    counted = "rows" if spec.entity is None else f"different values of {_one_line(spec.entity)}"
    return (
        f"It retains no rows. Every category, every frequent value and every value that a rule "
        f"keeps stands in at least {spec.min_rows} {counted} of the training table. The ends of a "
        "range, or of a run of numbers that a rule keeps, are reached by as many, and quantiles "
        "are means of as many. The weights of the network were fitted to all training rows: this "
        "does not limit what can be learnt from them."
    )


def _table(heading: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table."""
    lines = [" | ".join(map(_cell, heading)), " | ".join("---" for _ in heading)]
    lines += [" | ".join(map(_cell, row)) for row in rows]
    return [f"| {line} |" for line in lines]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:.4g}" if isinstance(value, float) else _one_line(value)
    return text.replace("|", "\\|")


def _one_line(value: object) -> str:
    """Return a value as one line of Markdown."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("<", "&lt;")
