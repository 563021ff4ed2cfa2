"""Black-box attacks: the attacker has the synthetic rows, and real rows that are no members.

- ``nearest_synthetic``: how near the nearest synthetic row is.
- ``calibrated_distance``: the same, less the distance to the nearest reference row
  (Chen et al. 2020, GAN-Leaks).
- ``local_neighbourhood``: number of synthetic rows within a radius (Hilprecht et al. 2019).
- ``data_plagiarism_index``: synthetic rows among the nearest synthetic and reference rows (Ward et
  al. 2024, arXiv 2406.13012).
- ``density_ratio``: density of synthetic rows over that of reference rows (DOMIAS, van Breugel et
  al. 2023, arXiv 2302.12580), with a kernel estimate in place of a network.
- ``classifier``: probability that a classifier of synthetic against reference rows gives.

Distances are those of :mod:`~tabvae_ray.comparison.scores.nearest_rows`.
"""

import numpy as np

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.features import (
    MANY_COLUMNS,
    filled,
    one_thread,
    tree_features,
    trees_for,
)
from tabvae_ray.comparison.scores.membership.neighbours import look_around, measure_scales
from tabvae_ray.comparison.scores.membership.success import MembershipAttacks, evaluate_attacks
from tabvae_ray.comparison.scores.nearest_rows import Scaler
from tabvae_ray.errors import DataError

__all__ = ["black_box_attacks", "split_held_out"]

_MOST_TARGETS = 2_000
# The classifier has at most as many trees as small tables can fill.
_N_TREES = 60


def black_box_attacks(
    synthetic: TableColumns,
    training: TableColumns,
    held_out: TableColumns,
    reference: TableColumns | None = None,
    *,
    most_rows: int = 10_000,
    seed: int = 0,
) -> MembershipAttacks:
    """Attack training rows with the help of synthetic rows.

    Args:
        synthetic: The synthetic table.
        training: The rows that the model was trained on.
        held_out: Real rows that it was not trained on.
        reference: Real rows that the attacker has, and that are in neither table. Without them,
            one half of the held-out rows is attacked and the other half is the reference.
        most_rows: Largest number of synthetic and of reference rows, drawn at random. Of training
            and held-out rows at most 2,000 each are attacked.
        seed: Seed of the rows drawn.

    Raises:
        DataError: If there are no columns, or too few rows.
    """
    if not training.names:
        raise DataError("membership inference needs at least one column")
    if reference is None:
        held_out, reference = split_held_out(held_out)
    if not (training.n_rows and held_out.n_rows and reference.n_rows and synthetic.n_rows):
        raise DataError(
            "membership inference needs a training row, a synthetic row, and two held-out rows"
        )
    rng = np.random.default_rng(seed)
    members, others = (table.sample(_MOST_TARGETS, rng) for table in (training, held_out))
    synthetic, reference = (table.sample(most_rows, rng) for table in (synthetic, reference))
    scaler = Scaler([reference, synthetic])
    targets = scaler.rows(members, others)
    synthetic_rows, reference_rows = scaler.rows(synthetic), scaler.rows(reference)
    scales = measure_scales(synthetic_rows, reference_rows)
    seen = look_around(targets, synthetic_rows, reference_rows, scales)
    values = {
        "nearest_synthetic": -seen.nearest_synthetic,
        "calibrated_distance": seen.nearest_reference - seen.nearest_synthetic,
        "local_neighbourhood": seen.n_within,
        "data_plagiarism_index": seen.synthetic_share,
        "density_ratio": seen.log_density_ratio,
        "classifier": np.concatenate(_probabilities(synthetic, reference, members, others, seed)),
    }
    n = members.n_rows
    return evaluate_attacks(
        {name: found[:n] for name, found in values.items()},
        {name: found[n:] for name, found in values.items()},
        n_reference=reference.n_rows,
        seed=seed,
    )


def split_held_out(held_out: TableColumns) -> tuple[TableColumns, TableColumns]:
    """Split held-out rows into non-members and reference rows, always in the same way."""
    order = np.random.default_rng([0, held_out.n_rows]).permutation(held_out.n_rows)
    half = (held_out.n_rows + 1) // 2
    return held_out.take(np.sort(order[:half])), held_out.take(np.sort(order[half:]))


def _probabilities(
    synthetic: TableColumns,
    reference: TableColumns,
    members: TableColumns,
    others: TableColumns,
    seed: int,
) -> list[Floats]:
    """Return the classifier's probabilities of members and of non-members to be synthetic."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    features = tree_features(reference, synthetic, reference.names)
    rows = np.concatenate((features.first, features.second))
    is_synthetic = np.repeat([0, 1], [reference.n_rows, synthetic.n_rows])
    usable = filled(rows)
    if not usable.any():
        return [np.full(table.n_rows, 0.5) for table in (members, others)]
    n_usable = int(usable.sum())
    model = HistGradientBoostingClassifier(
        max_iter=trees_for(_N_TREES, n_usable),
        # Weighted quantiles of every column take most of the time of a wide table.
        max_bins=255 if n_usable <= MANY_COLUMNS else 32,
        categorical_features=features.categorical[usable],
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )
    with one_thread():
        model.fit(rows[:, usable], is_synthetic)
        return [
            model.predict_proba(tree_features(reference, table, reference.names).second[:, usable])[
                :, 1
            ]
            for table in (members, others)
        ]
