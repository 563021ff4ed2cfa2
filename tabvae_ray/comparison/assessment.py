"""The scores of a synthetic table together with what they are read against."""

import json
from contextlib import suppress
from dataclasses import replace
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pandas as pd

from tabvae_ray.callable_module.python_words import in_python_words
from tabvae_ray.command_line.lines import in_one_line, listed_name
from tabvae_ray.comparison.html import html_table, score_table
from tabvae_ray.comparison.options import SCORES
from tabvae_ray.comparison.plan import Comparison, PreparedComparison
from tabvae_ray.comparison.plot_names import PLOTS, PlotName
from tabvae_ray.comparison.reference_levels import ReferenceLevels, reference_levels
from tabvae_ray.comparison.score_words import direction, score_in_words
from tabvae_ray.comparison.scores.disclosure.attacks import DisclosureAttacks, disclosure_attacks
from tabvae_ray.comparison.scores.disclosure.verdicts import (
    NOT_ATTACKED,
    disclosure_document,
    disclosure_verdict,
)
from tabvae_ray.comparison.scores.membership.verdicts import grade, membership_verdict
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.errors import ConfigError, StorageError, brief
from tabvae_ray.storage import Location
from tabvae_ray.table.rules.counting import RuleCounts
from tabvae_ray.table.rules.sentences import shortened
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.uri import no_empty_directories

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Assessment"]

# Names of columns that are listed for each kind.
_MOST_NAMES = 12


class Assessment:
    """The comparison of a synthetic table with its reference levels and its privacy.

    A score is also an attribute: ``assessment.detection`` is ``assessment.scores["detection"]``.

    Args:
        prepared: The comparison, prepared with the real rows; its rules are checked.
        synthetic: The synthetic table.
        has_levels: Whether to compute the reference levels.

    Attributes:
        prepared: The comparison, prepared with the real rows.
        synthetic: The synthetic table.
        levels: The reference levels; empty without them.
        comparison: The scores.
        privacy: How near the synthetic rows come to real rows.
        disclosure: Attacks on the columns that the spec names under ``privacy``; None without any,
            or without held-out rows.
        rules: How far the synthetic table keeps the rules of the real one.
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
        self.prepared = prepared
        self.synthetic = columns = prepared.reader.read(synthetic)
        self.rules = columns.rules or RuleCounts({}, {}, columns.n_rows, prepared.real.n_rows)
        self.levels = ReferenceLevels()
        if has_levels:
            self.levels = reference_levels(prepared, n_synthetic=columns.n_rows)
        self.comparison = prepared.compute_columns(columns, title=self.levels.title)
        training, held_out = prepared.training, prepared.held_out
        if held_out is not None:
            held_out = held_out.beside(columns)
        most_rows = self._options.privacy_max_rows
        self.privacy: Privacy = self.comparison.privacy or privacy(
            columns, training or prepared.real, held_out, most_rows=most_rows
        )
        self.disclosure: DisclosureAttacks | None = None
        if self._spec.privacy is not None and training is not None and held_out is not None:
            self.disclosure = disclosure_attacks(
                columns, training, held_out, self._spec.privacy, most_rows=most_rows
            )

    @property
    def scores(self) -> dict[str, float]:
        """The scores by name."""
        return dict(self.comparison.scores)

    @property
    def columns(self) -> pd.DataFrame:
        """The scores of each column, by its name."""
        return pd.DataFrame(self.comparison.score_collections).rename_axis("column")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Facts that the scores do not show, one sentence each."""
        return self.comparison.warnings

    @property
    def verdicts(self) -> list[str]:
        """Sentences on what the scores and their levels show."""
        found = [
            *self.levels.verdicts(self.comparison.scores),
            membership_verdict(None, self.comparison.membership),
            *self._disclosure_verdicts,
            self.privacy.verdict,
        ]
        usefulness = self.comparison.usefulness
        return found if usefulness is None else [*found, usefulness.verdict]

    @property
    def _disclosure_verdicts(self) -> list[str]:
        if self._spec.privacy is None:
            return []
        return [NOT_ATTACKED if self.disclosure is None else disclosure_verdict(self.disclosure)]

    def __getattr__(self, name: str) -> float:
        # Only for scores: copying and pickling look for other names before there are any.
        if name in SCORES and name in self.comparison.scores:
            return self.comparison.scores[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.comparison.scores]

    def figure(
        self,
        plot: PlotName,
        column: str | None = None,
    ) -> "Figure":
        """Draw a plot as a figure of matplotlib.

        Args:
            plot: Its name.
            column: For ``pdf`` and ``cdf`` the column, for ``correlation_heatmaps``
                ``real``, ``synthetic`` or ``difference``; all of them in one figure if None.

        Raises:
            ConfigError: If there is no such plot or column.
        """
        if plot not in PLOTS:
            raise ConfigError(f"plot: must be some of {', '.join(PLOTS)}, but got {brief(plot)}")
        pair = self.prepared.pair_with(self.synthetic)
        pair.notes = {
            name: self.levels.title(name, value) for name, value in pair.js_distances.items()
        }
        return pair.figure(plot, column)

    def __repr__(self) -> str:
        levels, scores = self.levels, self.comparison.scores
        n = self.synthetic.n_rows
        real = f"{levels.n_rows:,} real" if levels.n_rows else "the real ones"
        lines = [f"{n:,} synthetic {'row' if n == 1 else 'rows'} compared with {real}"]
        return "\n".join(lines + [f"  {n} {levels.describe(n, v)}" for n, v in scores.items()])

    def _repr_html_(self) -> str:
        table = score_table(self.comparison.scores, self.levels, self._options)
        said = map(in_python_words, [*self.verdicts, *self.warnings])
        notes = "".join(f"<div>{escape(note)}</div>" for note in said)
        broken = [[shortened(rule), f"{n:,}"] for rule, n in self.rules.broken.items() if n]
        rules = html_table(["rule of the real table", "rows that break it"], broken)
        return f"<div>{table}{notes}{rules if broken else ''}</div>"

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
        if comparison.membership is not None:
            document["membership_attacks"] = {
                "verdict": membership_verdict(None, comparison.membership),
                "black_box": comparison.membership.to_mapping(),
            }
        if self.disclosure is not None:
            document["disclosure_attacks"] = disclosure_document(self.disclosure)
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
            lines.append(f"{name:<22}{value:>8.3f}   {self.meaning(name)}")
            if beside := levels.beside(name):
                lines.append(f"{'':<33}{beside}")
        for collection, members in comparison.score_collections.items():
            width = min(max(map(len, members), default=0), 60) + 2
            lines += ["", f"{collection} per column"]
            for name, value in members.items():
                beside = levels.beside(f"{collection}/{name}")
                lines.append(f"  {in_one_line(name):<{width}}{value:>8.3f}   {beside}".rstrip())
        lines += self.rule_lines()
        return "\n".join([*lines, "", *self.verdicts])

    def meaning(self, name: str) -> str:
        """Return which values of a score are better, and what this value means.

        Raises:
            ConfigError: If there is no such score.
        """
        if name not in self.comparison.scores:
            known = ", ".join(self.comparison.scores)
            raise ConfigError(f"score: must be some of {known}, but got {brief(name)}")
        better = direction(name, higher_is_better=self._options.higher_is_better(name))
        if name == "membership_black_box" and self.comparison.membership is not None:
            words: str | None = grade(self.comparison.membership).lower()
        else:
            words = score_in_words(name, self.comparison.scores[name], self.levels)
        return better if words is None else f"{better}: {words}"

    def with_column_distances(self) -> Comparison:
        """Return the comparison with the JS distance of every column, whatever the plan says."""
        known = self.comparison.score_collections
        if "js_distance" in known:
            return self.comparison
        distances = dict(self.prepared.pair_with(self.synthetic).js_distances)
        return replace(self.comparison, score_collections={**known, "js_distance": distances})

    def kind_lines(self) -> list[str]:
        """Return what each column was taken for, a line per kind."""
        return _kind_lines(self._spec)[1:]

    def rule_lines(self) -> list[str]:
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
            lines.append(f"  {shortened(sentence)}: {count}{aside}")
        return lines

    def write(self, out: Location | str | PurePath) -> None:
        """Write ``scores.json``, arrays and pictures to a directory; nothing new if it raises."""
        out = Location(out)
        text = json.dumps(self.document(), indent=1, ensure_ascii=False, allow_nan=False)
        files = {**self.comparison.files(), "scores.json": (text + "\n").encode()}
        before = {child.name for child in out.children()}
        with no_empty_directories(out.on_this_machine()):
            try:
                for name, content in files.items():
                    (out / name).write_bytes(content)
            except BaseException:
                for name in {name.partition("/")[0] for name in files} - before:
                    with suppress(StorageError):
                        (out / name).remove_tree()
                        (out / name).remove()
                raise


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
            shown = ", ".join(map(listed_name, names[:_MOST_NAMES]))
            more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
            lines.append(f"  {kind} ({len(names):,}): {shown}{more}")
    return lines
