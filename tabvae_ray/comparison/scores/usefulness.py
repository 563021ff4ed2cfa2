"""Usefulness: a model that is trained on synthetic rows and tested on real rows."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns
from tabvae_ray.comparison.scores.features import filled, one_thread, tree_features, trees_for
from tabvae_ray.errors import DataError, closest

__all__ = [
    "Metric",
    "Usefulness",
    "check_target",
    "split_for_test",
    "trained_on_real",
    "usefulness",
]

Metric = Literal["AUC", "macro-F1", "R2"]
# A target of more categories has fewer trees for each, at least a few.
_MANY_CATEGORIES, _FEWEST_TREES = 30, 3


@dataclass(frozen=True)
class Usefulness:
    """Metric of two models on the same held-out real rows.

    Attributes:
        target: Column that they predict.
        metric: ``AUC`` for two categories, ``macro-F1`` for more, ``R2`` for numbers.
        tstr: Metric of the model trained on synthetic rows.
        trtr: Metric of the model trained on real rows, to compare ``tstr`` with.
        n_tested: Number of real rows tested on.
        held_out: True if no model was trained on these rows.
        spread: Standard deviation of ``tstr`` between samples of synthetic rows; 0 for one.
    """

    target: str
    metric: Metric
    tstr: float
    trtr: float
    n_tested: int
    held_out: bool = True
    spread: float = 0.0

    @property
    def verdict(self) -> str:
        """Meaning of the numbers, in words."""
        return (
            f"A model that learns {self.target} from synthetic rows reaches {self.metric} "
            f"{self.tstr:.3f} on {self.n_tested:,} {'held-out ' * self.held_out}real rows; one "
            f"that learns it from real rows {self.trtr:.3f}. Higher is better."
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers and the verdict for JSON."""
        return {**asdict(self), "verdict": self.verdict}


def usefulness(
    training: TableColumns,
    held_out: TableColumns,
    synthetic: TableColumns,
    target: str,
    *,
    most_rows: int = 20_000,
    n_trees: int = 100,
    n_draws: int = 1,
    rows_per_draw: int | None = None,
    seed: int = 0,
) -> Usefulness:
    """Train gradient-boosted trees on synthetic and on real rows, test both on held-out rows.

    One sample of rows, and the trees that learn from it, are partly luck. With several draws the
    metric is the mean of models that are trained on separate rows, as far as there are enough.

    Rows without the target are left out, as are rows with a target that the real table never has.
    If no row remains to train on, or only one category, the model is a constant, with an AUC of 0.5
    or the R2 of the mean.

    Args:
        training: Real rows to train on.
        held_out: Real rows to test on. The result of the real training rows is kept with them.
        synthetic: Synthetic rows to train on.
        target: Column to predict.
        most_rows: Number of rows drawn from a larger training table.
        n_trees: Number of trees, of a target of categories for each of them.
        n_draws: Most samples of rows, each with a model.
        rows_per_draw: Rows of a sample; as many as there are if None.
        seed: Seed of the rows drawn and of the trees.

    Raises:
        DataError: If the held-out rows cannot be tested on, see :func:`check_target`.
    """
    check_target(held_out, target)
    size = most_rows if rows_per_draw is None else min(most_rows, rows_per_draw)
    task = _Task(held_out, target, _metric(training, target), size, n_trees, n_draws, seed)
    trtr = trained_on_real(
        training,
        held_out,
        target,
        most_rows=most_rows,
        n_trees=n_trees,
        n_draws=n_draws,
        seed=seed,
    )
    n_tested = held_out.n_rows - held_out.n_missing(target)
    found = task.results(synthetic)
    spread = float(np.std(found, ddof=1)) if len(found) > 1 else 0.0
    return Usefulness(target, task.metric, float(np.mean(found)), trtr, n_tested, spread=spread)


def trained_on_real(
    training: TableColumns,
    held_out: TableColumns,
    target: str,
    *,
    most_rows: int,
    n_trees: int,
    n_draws: int,
    seed: int = 0,
) -> float:
    """Return the metric of models that are trained on real rows, computed once.

    It is kept with the held-out rows. The arguments are those of :func:`usefulness`.
    """
    task = _Task(held_out, target, _metric(training, target), most_rows, n_trees, n_draws, seed)
    key = ("trtr", target, f"{most_rows} rows, {n_trees} trees, {n_draws} draws")
    return held_out.keep(key, lambda: float(np.mean(task.results(training))))


def check_target(held_out: TableColumns, target: str) -> None:
    """Check that a target can be tested on rows.

    Raises:
        DataError: If the target is not a column, or does not vary.
    """
    if target not in held_out.names:
        known = ", ".join(map(repr, held_out.names))
        raise DataError(
            f"target: must be one of {known}, but got {target!r}{closest(target, held_out.names)}"
        )
    if target in held_out.codes:
        n_known = held_out.n_known[target]
        varies = bool(np.count_nonzero(held_out.counts(target)[:n_known]) > 1)
    else:
        values = held_out.sorted_numbers(target)
        varies = len(values) > 1 and bool(values[0] < values[-1])
    if not varies:
        raise DataError(
            f"target: must take at least 2 values in the real rows tested on, but {target!r} does "
            f"not in {held_out.n_rows:,} rows"
        )


def split_for_test(
    table: TableColumns, target: str, *, share: float = 0.25, seed: int = 0
) -> tuple[TableColumns, TableColumns]:
    """Split rows into training and test rows at random, with every category in both if possible.

    Raises:
        DataError: If the target is not a column.
    """
    if target not in table.names:
        check_target(table, target)
    rng = np.random.default_rng(seed)
    order = rng.permutation(table.n_rows)
    if target in table.codes:
        order = order[np.argsort(table.codes[target][order], kind="stable")]
    # Takes every fourth row in the order of categories.
    period = max(round(1 / share), 2)
    tested = np.zeros(table.n_rows, dtype=bool)
    tested[order[::period]] = True
    return table.take(np.flatnonzero(~tested)), table.take(np.flatnonzero(tested))


@dataclass
class _Task:
    held_out: TableColumns
    target: str
    metric: Metric
    most_rows: int
    n_trees: int
    n_draws: int
    seed: int

    def results(self, table: TableColumns) -> list[float]:
        """Compute the metric of models that are trained on separate samples of a table."""
        rng = np.random.default_rng(self.seed)
        usable = _labelled(table, self.target)
        n = min(self.n_draws, round(usable.n_rows / self.most_rows))
        if n < 2:
            return [self._result(usable.sample(self.most_rows, rng))]
        order, size = rng.permutation(usable.n_rows), min(self.most_rows, usable.n_rows // n)
        return [self._result(usable.take(order[i * size : (i + 1) * size])) for i in range(n)]

    def _result(self, train: TableColumns) -> float:
        test = _labelled(self.held_out, self.target)
        names = [name for name in test.names if name != self.target]
        features = tree_features(train, test, names)
        usable = filled(features.first) if train.n_rows else np.zeros(len(names), dtype=bool)
        x, x_test = features.first[:, usable], features.second[:, usable]
        compute = self._r2 if self.metric == "R2" else self._classes
        with one_thread():
            return compute(train, test, x, x_test, features.categorical[usable])

    def _iterations(self, n_columns: int, n_classes: int) -> int:
        """Return the number of trees for each category."""
        most = round(self.n_trees * min(1.0, _MANY_CATEGORIES / n_classes))
        fewest = min(self.n_trees, _FEWEST_TREES)
        return max(trees_for(most, n_columns, fewest), fewest)

    def _r2(
        self, train: TableColumns, test: TableColumns, x: Floats, x_test: Floats, categorical: Any
    ) -> float:
        from sklearn.ensemble import HistGradientBoostingRegressor

        truth = test.numbers[self.target]
        # Scaled by the test rows, so that no square overflows.
        scale = float(np.abs(truth).max())
        truth, y = truth / scale, np.clip(train.numbers[self.target] / scale, -1e9, 1e9)
        if len(y) < 2 or y.min() == y.max() or not x.shape[1]:
            predicted = np.full(len(truth), float(y.mean()) if len(y) else 0.0)
        else:
            model = HistGradientBoostingRegressor(
                max_iter=self._iterations(x.shape[1], 1),
                categorical_features=categorical,
                early_stopping=False,
                random_state=self.seed,
            )
            predicted = model.fit(x, y).predict(x_test)
        left = float(np.sum((truth - predicted) ** 2))
        return 1.0 - left / float(np.sum((truth - truth.mean()) ** 2))

    def _classes(
        self, train: TableColumns, test: TableColumns, x: Floats, x_test: Floats, categorical: Any
    ) -> float:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.metrics import f1_score, roc_auc_score

        truth, y = test.codes[self.target], train.codes[self.target]
        classes = np.unique(y)
        if len(classes) < 2 or not x.shape[1]:
            if self.metric == "AUC":
                return 0.5
            predicted = np.full(len(truth), _most_frequent(y))
            return float(f1_score(truth, predicted, average="macro", zero_division=0.0))
        model = HistGradientBoostingClassifier(
            max_iter=self._iterations(x.shape[1], len(classes)),
            categorical_features=categorical,
            early_stopping=False,
            random_state=self.seed,
        ).fit(x, y)
        if self.metric == "AUC":
            return float(roc_auc_score(truth == classes[1], model.predict_proba(x_test)[:, 1]))
        return float(f1_score(truth, model.predict(x_test), average="macro", zero_division=0.0))


def _labelled(table: TableColumns, target: str) -> TableColumns:
    """Select the rows with a target that the real table has."""
    if target in table.codes:
        codes = table.codes[target]
        kept = (codes >= 0) & (codes < table.n_known[target])
    else:
        kept = ~np.isnan(table.numbers[target])
    return table if kept.all() else table.take(np.flatnonzero(kept))


def _metric(table: TableColumns, target: str) -> Metric:
    if target in table.numbers:
        return "R2"
    return "AUC" if table.n_known[target] == 2 else "macro-F1"


def _most_frequent(codes: Integers) -> int:
    return int(np.bincount(codes).argmax()) if len(codes) else 0
