"""``python -m tabvae_ray.compare``: scores any synthetic table against the real one."""

import argparse
import json
import sys
from collections.abc import Sequence

from tabvae_ray.cli import run_command
from tabvae_ray.comparison.plan import Comparison, ComparisonPlan
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 if done, 2 if a table is not there or does not fit."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    declared = SpecDeclaration.load(options.spec) if options.spec else None
    real = read_table(options.real)
    spec = TableSpec.infer(real, declared=declared, source=options.real)
    plan = ComparisonPlan(score_collections=("js_distance",))
    comparison = plan.prepare(real, spec).compute(read_table(options.synthetic))
    for warning in comparison.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    print(_json(comparison) if options.json else _tables(comparison))  # noqa: T201
    return 0


def _json(comparison: Comparison) -> str:
    return json.dumps({**comparison.scores, **comparison.score_collections}, ensure_ascii=False)


def _tables(comparison: Comparison) -> str:
    lines = [f"{name:<24}{value:>12.6f}" for name, value in comparison.scores.items()]
    for collection, members in comparison.score_collections.items():
        width = max(map(len, members), default=0) + 2
        lines += ["", f"{collection} per column"]
        lines += [f"  {name:<{width}}{value:>12.6f}" for name, value in members.items()]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tabvae_ray.compare", description=__doc__)
    parser.add_argument(
        "--real", required=True, metavar="FILE", help="real table: CSV or Parquet, path or URI"
    )
    parser.add_argument(
        "--synthetic", required=True, metavar="FILE", help="synthetic table, whoever made it"
    )
    parser.add_argument(
        "--spec", metavar="FILE", help="what the columns are (YAML or JSON); inferred if left out"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line of stdout"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
