"""How well a classifier tells real rows from synthetic ones."""

from typing import Any, Literal

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.features import (
    filled,
    one_thread,
    tree_features,
    vector_features,
)

__all__ = ["Detector", "detection"]

Detector = Literal["boosted_trees", "logistic"]


def detection(
    real: TableColumns,
    synthetic: TableColumns,
    *,
    detector: Detector = "boosted_trees",
    most_rows: int = 10_000,
    n_folds: int = 3,
    seed: int = 0,
) -> float:
    """1 if the classifier does no better than chance, 0 if it tells every row.

    1 - (2 max(0.5, AUC) - 1), where AUC is the mean over cross-validation folds of the area under
    the ROC curve on rows not trained on.

    Args:
        real: The real table.
        synthetic: The synthetic one.
        detector: Logistic regression sees single columns only; independent columns fool it.
        most_rows: Rows drawn of a larger table.
        n_folds: Folds; fewer where a table has fewer rows. With one row there is nothing to learn.
        seed: Of the rows drawn, the folds and the trees.
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
        there = filled(rows[train])
        if not there.any():
            areas.append(0.5)
            continue
        model = _model(detector, features.categorical[there], seed)
        with one_thread():
            model.fit(rows[train][:, there], is_real[train])
            chance: Floats = model.predict_proba(rows[test][:, there])[:, 1]
        areas.append(roc_auc_score(is_real[test], chance))
    return 1.0 - (2.0 * max(0.5, float(np.mean(areas))) - 1.0)


def _model(detector: Detector, categorical: Any, seed: int) -> Any:
    if detector == "logistic":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=1000)
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would hold out rows, which small tables lack.
    return HistGradientBoostingClassifier(
        categorical_features=categorical, early_stopping=False, random_state=seed
    )
