"""Detection score: a classifier that separates real rows from synthetic ones."""

from typing import Any

import numpy as np

from tabvae_ray.comparison.options import Detector
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.features import (
    filled,
    one_thread,
    tree_features,
    trees_for,
    vector_features,
)

__all__ = ["detection"]


def detection(
    real: TableColumns,
    synthetic: TableColumns,
    *,
    detector: Detector = "boosted_trees",
    most_rows: int = 10_000,
    n_folds: int = 3,
    seed: int = 0,
) -> float:
    """Score a classifier: 1 if it is no better than chance, 0 if it separates all rows.

    The score is 1 - (2 max(0.5, AUC) - 1), where AUC is the area under the ROC curve on held-out
    rows, averaged over the folds of a cross-validation.

    Args:
        real: The real table.
        synthetic: The synthetic table.
        detector: Logistic regression sees single columns only; independent columns fool it.
        most_rows: Number of rows drawn from a larger table.
        n_folds: Number of folds, at most the number of rows of a table. The score is 1 for tables
            with a single row.
        seed: Seed of the rows drawn, the folds and the trees.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    rng = np.random.default_rng(seed)
    real, synthetic = (table.sample(most_rows, rng) for table in (real, synthetic))
    n_folds = min(n_folds, real.n_rows, synthetic.n_rows)
    if n_folds < 2:
        return 1.0
    if detector == "boosted_trees":
        features = tree_features(real, synthetic, real.names)
    else:
        features = vector_features(real, synthetic)
    rows = np.concatenate((features.first, features.second))
    is_real = np.repeat([1, 0], [real.n_rows, synthetic.n_rows])
    areas = []
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for train, test in folds.split(rows, is_real):
        usable = filled(rows[train])
        if not usable.any():
            areas.append(0.5)
            continue
        model = _model(detector, features.categorical[usable], seed)
        with one_thread():
            model.fit(rows[train][:, usable], is_real[train])
            probability: Floats = model.predict_proba(rows[test][:, usable])[:, 1]
        areas.append(roc_auc_score(is_real[test], probability))
    return 1.0 - (2.0 * max(0.5, float(np.mean(areas))) - 1.0)


def _model(detector: Detector, categorical: Any, seed: int) -> Any:
    if detector == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=1000)
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would hold out rows, of which small tables have too few.
    return HistGradientBoostingClassifier(
        max_iter=trees_for(100, len(categorical)),
        categorical_features=categorical,
        early_stopping=False,
        random_state=seed,
    )
