"""The scores of a synthetic table together with what they are read against."""

import json
from typing import Any

import pandas as pd

from tabvae_ray.comparison.options import SCORES
from tabvae_ray.comparison.plan import PreparedComparison
from tabvae_ray.comparison.reference_levels import ReferenceLevels, reference_levels
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.storage import Location
from tabvae_ray.table.rules.counting import RuleCounts
from tabvae_ray.table.spec import TableSpec

__all__ = ["Assessment"]

# Names of columns that are listed for each kind.
_MOST_NAMES = 12


class Assessment:
    """The comparison of a synthetic table with its reference levels and its privacy.

    Args:
        prepared: The comparison, prepared with the real rows; its rules are checked.
        synthetic: The synthetic table.
        has_levels: Whether to compute the reference levels.
    """

    def __init__(
        self,
        prepared: PreparedComparison,
        synthetic: pd.DataFrame,
        *,
        has_levels: bool = True,
    ) -> None:
        self._options = prepared.plan.options
        self._spec = prepared.spec
        columns = prepared.reader.read(synthetic)
        self.rules = columns.rules or RuleCounts({}, {}, columns.n_rows, prepared.real.n_rows)
        self.levels = ReferenceLevels()
        if has_levels:
            self.levels = reference_levels(prepared, n_synthetic=columns.n_rows)
        self.comparison = prepared.compute_columns(columns, title=self.levels.title)
        self.privacy: Privacy = self.comparison.privacy or privacy(
            columns,
            prepared.training or prepared.real,
            prepared.held_out,
            most_rows=prepared.plan.options.privacy_max_rows,
        )

    def document(self) -> dict[str, Any]:
        """Return everything as one JSON object, with the scores at its top level."""
        comparison = self.comparison
        document: dict[str, Any] = dict(comparison.scores)
        for name, members in comparison.score_collections.items():
            # A score may have the same name, and is at the top level.
            document[f"{name}_per_column" if name in SCORES else name] = members
        if self.levels.n_rows:
            document["levels"] = self.levels.to_mapping()
        document["privacy"] = self.privacy.to_mapping()
        if comparison.usefulness is not None:
            document["usefulness"] = comparison.usefulness.to_mapping()
        if comparison.array_collections:
            document["arrays"] = comparison.arrays()
        document["rules"] = {"kept": self.rules.kept, "broken": self.rules.broken}
        document["warnings"] = list(comparison.warnings)
        return document

    def text(self) -> str:
        """Return a table of the scores and the verdicts, for people."""
        comparison, levels = self.comparison, self.levels
        lines = [*_kind_lines(self._spec), ""]
        for name, value in comparison.scores.items():
            better = f"{self._direction(name)}; " if levels.beside(name) else self._direction(name)
            lines.append(f"{name:<24}{value:>12.6f}   {better}{levels.beside(name)}")
        for collection, members in comparison.score_collections.items():
            width = min(max(map(len, members), default=0), 60) + 2
            lines += ["", f"{collection} per column"]
            for name, value in members.items():
                beside = levels.beside(f"{collection}/{name}")
                lines.append(f"  {name:<{width}}{value:>12.6f}   {beside}".rstrip())
        lines += self._rule_lines()
        verdicts = [*levels.verdicts(comparison.scores), self.privacy.verdict]
        if comparison.usefulness is not None:
            verdicts.append(comparison.usefulness.verdict)
        return "\n".join([*lines, "", *verdicts])

    def _direction(self, name: str) -> str:
        """Return which values of a score are better."""
        if name == "dcr_share":
            return "0.5 is chance, 1 is copying"
        higher = self._options.higher_is_better(name)
        return "higher is better" if higher else "lower is better"

    def _rule_lines(self) -> list[str]:
        """Return the rows that break each rule of the real table, the worst rule first."""
        rules = self.rules
        if not rules.broken:
            return []
        kept = "" if rules.kept is None else f"; {100 * rules.kept:.2f}% of them are kept"
        lines = ["", f"rules of the real table, and rows that break them{kept}"]
        for sentence, broken in rules.broken.items():
            real = rules.real[sentence]
            count = "cannot be checked" if broken is None else f"{broken:,} of {rules.n_rows:,}"
            aside = f"   (real: {real:,} of {rules.n_real:,})" if real else ""
            lines.append(f"  {sentence}: {count}{aside}")
        return lines

    def write(self, out: Location) -> None:
        """Write ``scores.json``, arrays and pictures to a directory."""
        text = json.dumps(self.document(), indent=1, ensure_ascii=False, allow_nan=False)
        files = {**self.comparison.files(), "scores.json": (text + "\n").encode()}
        for name, content in files.items():
            (out / name).write_bytes(content)


def _kind_lines(spec: TableSpec) -> list[str]:
    """Return what each column was taken for, a line per kind."""
    kinds = {
        "numbers": spec.continuous,
        "categories": spec.categorical,
        "dates": spec.datetime,
        "identifiers, not compared": spec.identifier,
    }
    lines = ["columns as inferred from the real table or declared"]
    for kind, names in kinds.items():
        if names:
            shown = ", ".join(names[:_MOST_NAMES])
            more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
            lines.append(f"  {kind} ({len(names):,}): {shown}{more}")
    return lines
