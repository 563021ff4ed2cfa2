"""Plan of a comparison by names of scores and pictures, and its execution."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.callable_module.arguments import whole_number
from tabvae_ray.comparison.options import SCORES, STATISTICS, ComparisonOptions, ScoreName
from tabvae_ray.comparison.pictures.projections import PROJECTIONS, has_plane
from tabvae_ray.comparison.plan_document import PlanDocument
from tabvae_ray.comparison.plot_names import PICTURES
from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.reading.table_columns import Integers, TableColumns
from tabvae_ray.comparison.result import Comparison
from tabvae_ray.comparison.scores.usefulness import check_target, split_for_test, trained_on_real
from tabvae_ray.comparison.table_pair import TablePair, table_associations
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.table.reading.frames import Frame, Source, is_frame, is_location
from tabvae_ray.table.rules.counting import RuleCounter
from tabvae_ray.table.spec import TableSpec, checked_spec

__all__ = ["SCORES", "Comparison", "ComparisonOptions", "ComparisonPlan", "PreparedComparison"]

# Scores that need no row of the real table once it is prepared.
_WITHOUT_ROWS = {"mean_js_distance", "correlation_distance", "column_shapes", "rules_kept"}
# Scores that depend on the held-out rows.
_OF_HELD_OUT = {"dcr_share", "membership_black_box", "tstr"}
# Scores that compare synthetic rows with training rows and with held-out rows.
_OF_BOTH: tuple[ScoreName, ...] = ("dcr_share", "membership_black_box")


class ComparisonPlan(PlanDocument):
    """Names of the scores, statistics and plots that a comparison computes.

    ``plan.prepare(real, spec).compute(synthetic)`` computes them. The prepared comparison can be
    pickled and used for any number of synthetic tables.

    Example:
        >>> plan = ComparisonPlan(scores=("mean_js_distance", "detection"), plots=("pdf", "pca"))
        >>> comparison = plan.prepare(real, spec).compute(synthetic)
        >>> comparison.scores["detection"]

    Args:
        scores: Numbers for the table.
        score_collections: A number per column.
        array_collections: A statistic per continuous column, of the real and the synthetic table.
        plots: Pictures of the table.
        plot_collections: A picture per column, or per table.
        options: Options of the scores and plots.
    """

    @classmethod
    def complete(cls) -> Self:
        """Return the plan of everything but t-SNE that needs neither held-out rows nor a target."""
        return cls(
            scores=(
                "mean_js_distance",
                "correlation_distance",
                "column_shapes",
                "pair_trends",
                "detection",
                "rules_kept",
            ),
            score_collections=("js_distance", "column_shapes"),
            array_collections=STATISTICS,
            plots=(*PICTURES, "truncated_svd"),
            plot_collections=("pdf", "cdf", "correlation_heatmaps"),
        )

    def prepare(
        self,
        real: Source | Frame,
        spec: TableSpec,
        *,
        held_out: Source | Frame | npt.ArrayLike | None = None,
    ) -> "PreparedComparison":
        """Read the real table, and compute everything in the plan that concerns it alone.

        Args:
            real: The real rows: a path or URI, a DataFrame of pandas or polars, or an Arrow table.
            spec: Spec of their columns.
            held_out: Rows that no model is trained on: their positions in ``real``, or a table of
                other real rows. ``dcr_share`` and ``membership_black_box`` need them. Without them
                ``tstr`` tests on a quarter of the real rows.

        Raises:
            ConfigError: If a score of the plan needs held-out rows or a target.
            DataError: If the table lacks columns of the spec, or holds infinite values.
        """
        real = checked_spec(spec).read(real, "the real table")
        prepared = PreparedComparison(self, spec, ColumnReader(spec, real))
        if "rules_kept" in self.scores:
            prepared.check_rules(real)
        prepared.hold_out(held_out)
        return prepared.warm()


@dataclass
class PreparedComparison:
    """Plan with everything computed that concerns the real table alone.

    Attributes:
        plan: The plan.
        spec: Spec of the real table.
        reader: Reader of synthetic tables, which holds the real table.
        training: Real rows that models are trained on, if known and needed.
        held_out: Held-out rows, if known and needed.
        tested: Training rows and test rows of ``tstr``, if it is in the plan.
    """

    plan: ComparisonPlan
    spec: TableSpec
    reader: ColumnReader
    training: TableColumns | None = None
    held_out: TableColumns | None = None
    tested: tuple[TableColumns, TableColumns] | None = None
    _warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.plan!r}, {self.spec!r}, {self.real!r})"

    @property
    def real(self) -> TableColumns:
        """Columns of the real table."""
        return self.reader.real

    @property
    def target(self) -> str | None:
        """Column that usefulness is measured on."""
        return self.plan.options.target or self.spec.target

    def hold_out(self, held_out: Source | Frame | npt.ArrayLike | None) -> None:
        """Set the real rows that no model is trained on; see :meth:`ComparisonPlan.prepare`.

        Raises:
            ConfigError: If a score of the plan needs held-out rows or a target.
            DataError: If they do not fit, or the target does not vary among them.
        """
        if is_location(held_out) or is_frame(held_out):
            what = "the held-out table"
            self.training = self.real
            self.held_out = self.reader.read(self.spec.read(held_out, what), what)
            self._warnings = self.held_out.warnings
        elif held_out is not None:
            rows = _split(self.real.n_rows, np.asarray(held_out))
            if _OF_HELD_OUT & set(self.plan.scores):
                # Only if needed, because these are copies.
                self.training, self.held_out = map(self.real.take, rows)
        for name in _OF_BOTH:
            if name in self.plan.scores and self.held_out is None:
                raise ConfigError(f"{name}: must have held-out rows to compare with, but got none")
        if "tstr" not in self.plan.scores:
            return
        if self.target is None:
            raise ConfigError(
                "tstr: must have a target; name a column in the spec, as `target: ...`"
            )
        if self.training is not None and self.held_out is not None:
            self.tested = self.training, self.held_out
        else:
            self.tested = split_for_test(self.real, self.target)
            self._warnings = (
                f"tstr: tested on {self.tested[1].n_rows:,} of the real rows, which the synthetic "
                "table may have been made from; give held-out rows for a fair number",
            )
        check_target(self.tested[1], self.target)

    def check_rules(self, real: pd.DataFrame) -> None:
        """Count from now on the rows of each table that break the rules of the real one.

        Args:
            real: The real rows.
        """
        self.reader.counter = RuleCounter.fit(self.spec.rules, self.spec.columns, real)

    def warm(self) -> Self:
        """Compute all intermediate results of the real table that comparisons need."""
        for name in self.real.numbers:
            self.real.sorted_numbers(name)
        for name in self.real.codes:
            self.real.counts(name)
        options = self.plan.options
        if "correlation_distance" in self.plan.scores:
            table_associations(self.real, options)
        if self.tested is not None and self.target is not None:
            training, tested = self.tested
            trained_on_real(training, tested, self.target, **options.usefulness_models)
        return self

    def for_scores(self) -> Self:
        """Return a copy with only what the scores of the plan need, to send to other processes."""
        scores, reader = set(self.plan.scores), copy.copy(self.reader)
        if scores <= _WITHOUT_ROWS:
            reader.real = self.real.without_rows()
        return replace(
            self,
            plan=ComparisonPlan(scores=self.plan.scores, options=self.plan.options),
            reader=reader,
            training=self.training if scores & set(_OF_BOTH) else None,
            held_out=self.held_out if scores & set(_OF_BOTH) else None,
            tested=self.tested if "tstr" in scores else None,
        )

    def n_rows_to_generate(self, n_rows: int) -> int:
        """Return how many rows to generate for scores of ``n_rows``; ``tstr`` may draw from more.

        Its samples are separate, each of as many rows as a model is trained on.
        """
        options = self.plan.options
        if "tstr" not in self.plan.scores or options.usefulness_draws == 1:
            return n_rows
        return max(n_rows, options.usefulness_draws * min(n_rows, options.usefulness_max_rows))

    def compute(self, synthetic: Source | Frame, *, n_rows: int | None = None) -> Comparison:
        """Compare a synthetic table with the real one.

        Args:
            synthetic: The synthetic rows, a path or a table as for :meth:`ComparisonPlan.prepare`.
            n_rows: The first rows, which scores are computed of; all if None. Only ``tstr`` and
                the counts of broken rules look at the others.

        Raises:
            ConfigError: If ``n_rows`` is no whole number from 1 on.
            DataError: If the table is empty, lacks a column, or holds infinite values.
        """
        if n_rows is not None:
            n_rows = whole_number("n_rows", n_rows, least=1)
        rows = self.spec.read(synthetic, "the synthetic table")
        columns = self.reader.read(rows)
        if n_rows is None or n_rows >= columns.n_rows:
            return self.compute_columns(columns)
        first = columns.take(np.arange(n_rows))
        first = replace(first, warnings=columns.warnings, rules=columns.rules)
        return self.compute_columns(first, further=columns)

    def compute_columns(
        self,
        synthetic: TableColumns,
        *,
        title: Callable[[str, float], str] | None = None,
        further: TableColumns | None = None,
    ) -> Comparison:
        """Compare a synthetic table that :attr:`reader` has read with the real one.

        Args:
            synthetic: The synthetic rows.
            title: Function of the name and the JS distance of a column that returns the title of
                its pictures. By default the title is the distance.
            further: The same table with more rows for ``tstr``.
        """
        plan = self.plan
        pair = self.pair_with(synthetic, further)
        if plan.plots or plan.plot_collections:
            title = title or (lambda _, distance: f"JS {distance:.3f}")
            pair.notes = {name: title(name, value) for name, value in pair.js_distances.items()}
        skipped = {
            name: f"{name}: not drawn, because a single number per row has no second component"
            for name in plan.plots
            if name in PROJECTIONS and not has_plane(self.real)
        }
        return Comparison(
            scores={name: pair.score(name) for name in plan.scores},
            score_collections={
                name: pair.score_collection(name) for name in plan.score_collections
            },
            array_collections={
                name: pair.array_collection(name) for name in plan.array_collections
            },
            plots={name: pair.plot(name) for name in plan.plots if name not in skipped},
            plot_collections={name: pair.plot_collection(name) for name in plan.plot_collections},
            privacy=pair.privacy if "dcr_share" in plan.scores else None,
            membership=pair.membership if "membership_black_box" in plan.scores else None,
            usefulness=pair.usefulness if "tstr" in plan.scores else None,
            rules=synthetic.rules,
            warnings=(
                *synthetic.warnings,
                *self._warnings,
                *pair.sampling_notes(plan.scores),
                *skipped.values(),
            ),
        )

    def pair_with(self, synthetic: TableColumns, further: TableColumns | None = None) -> TablePair:
        """Return the pair of the real table and a synthetic one, which computes the scores."""
        return TablePair(
            self.real,
            synthetic,
            self.plan.options,
            self.training,
            self.held_out,
            self.target,
            self.tested,
            further,
        )

    def draw_columns(
        self,
        synthetic: TableColumns,
        kind: Literal["pdf", "cdf"],
        columns: Sequence[str],
        notes: Mapping[str, str],
    ) -> dict[str, bytes]:
        """Draw pictures of some columns for a page: without a legend in each, in few colours."""
        pair = TablePair(self.real, synthetic, self.plan.options, notes=notes)
        return pair.plot_collection(kind, columns, for_page=True)


def _split(n_rows: int, positions: npt.NDArray[Any]) -> tuple[Integers, Integers]:
    """Return the row numbers of the training rows and of the held-out rows."""
    is_held = np.zeros(n_rows, dtype=bool)
    if positions.size and not (
        np.issubdtype(positions.dtype, np.integer)
        and 0 <= positions.min()
        and positions.max() < n_rows
    ):
        raise DataError(f"held_out: must be positions of rows, 0 to {n_rows - 1}")
    is_held[positions.astype(np.intp)] = True
    if not 0 < is_held.sum() < n_rows:
        raise DataError(
            f"held_out: must be some but not all of {n_rows:,} rows, but got {is_held.sum():,}"
        )
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
