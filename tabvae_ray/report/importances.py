"""Importance of each parameter for each objective."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.space.parameters import CategoricalParameter, Parameter, Value
from tabvae_ray.space.search_space import SearchSpace

__all__ = ["Importances", "importances"]

_LEAST_TRIALS = 8
_N_TREES, _N_SHUFFLES = 100, 5

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Importances:
    """Importance of each parameter for each objective.

    Args:
        shares: Shares that add up to 1, by objective and then by parameter.
        n_trials: Number of trials that they are measured on.
        epoch: Epochs after which the scores of these trials were taken.
    """

    shares: dict[str, dict[str, float]]
    n_trials: int
    epoch: int


def importances(
    records: Sequence[TrialRecord], space: SearchSpace, rungs: Sequence[int]
) -> Importances | None:
    """Compute permutation importances with a forest that predicts the rank of each objective.

    Trials are compared at the last rung that enough of them reached, because scores after
    different numbers of epochs depend more on the epochs than on the parameters.

    Args:
        records: Finished trials.
        space: The search space.
        rungs: Epochs after which trials report.

    Returns:
        The importances; None with fewer than eight trials.
    """
    names, parameters = list(space.objectives), space.parameters
    for epoch in reversed(rungs):
        reached = [
            (record, rung.values)
            for record in records
            for rung in record.rungs
            if rung.epoch == epoch and all(rung.values.get(name) is not None for name in names)
        ]
        wanted = _LEAST_TRIALS if epoch == rungs[0] else max(_LEAST_TRIALS, 2 * len(parameters))
        if len(reached) >= wanted:
            features = _features(parameters, [record for record, _ in reached])
            shares = {}
            for name in names:
                scores = np.array([values[name] for _, values in reached], dtype=np.float64)
                shares[name] = dict(zip(parameters, _shares(features, scores), strict=True))
            return Importances(shares, len(reached), epoch)
    return None


def _features(parameters: Mapping[str, Parameter], records: Sequence[TrialRecord]) -> Floats:
    """Return parameter values as numbers (N, P); -1 where a parameter does not apply."""
    features = np.full((len(records), len(parameters)), -1.0)
    for column, (name, parameter) in enumerate(parameters.items()):
        for row, record in enumerate(records):
            if name in record.parameters:
                features[row, column] = _position(parameter, record.parameters[name])
    return features


def _position(parameter: Parameter, value: Value) -> float:
    """Return the position of a value in its range, in [0, 1]; the index of a choice."""
    if isinstance(parameter, CategoricalParameter):
        return float(parameter.choices.index(value)) if value in parameter.choices else 0.0
    low, high, number = float(parameter.low), float(parameter.high), float(value)  # type: ignore[arg-type]
    if parameter.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    return (number - low) / (high - low) if high > low else 0.0


def _shares(features: Floats, scores: Floats) -> list[float]:
    from scipy.stats import rankdata
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    ranks = rankdata(scores)
    forest = RandomForestRegressor(_N_TREES, random_state=0).fit(features, ranks)
    found = permutation_importance(
        forest,
        features,
        ranks,
        scoring="neg_mean_squared_error",
        n_repeats=_N_SHUFFLES,
        random_state=0,
    )
    means = np.maximum(found.importances_mean, 0.0)
    shares: list[float] = (means / (means.sum() or 1.0)).tolist()
    return shares
