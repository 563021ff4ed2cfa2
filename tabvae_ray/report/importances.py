"""How much each parameter matters for an objective."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabvae_ray.results.trial_record import TrialRecord

__all__ = ["Importances", "importances"]

_LEAST_TRIALS = 8
_N_SHUFFLES = 10

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Importances:
    """How much each parameter matters for an objective, between trials that got as far.

    Args:
        shares: By objective, then by parameter: a share of all, adding to 1.
        n_trials: Trials that they are measured on.
        epoch: After how many epochs these were measured.
    """

    shares: dict[str, dict[str, float]]
    n_trials: int
    epoch: int


def importances(
    records: Sequence[TrialRecord], space: Mapping[str, Any], rungs: Sequence[int]
) -> Importances | None:
    """By permuting a parameter's values and asking a forest that has learnt the objective's rank.

    Trials are compared at the last rung that enough of them reached: scores after different
    numbers of epochs say more of the epochs than of the parameters.

    Args:
        records: Finished trials.
        space: The search space, as ``search.json`` has it.
        rungs: Epochs after which trials report.
    """
    names, parameters = list(space["objectives"]), dict(space["parameters"])
    for epoch in reversed(rungs):
        reached: list[tuple[TrialRecord, Mapping[str, float | None]]] = []
        for record in records:
            for rung in record.rungs:
                if rung.epoch == epoch:
                    reached.append((record, rung.values))
        reached = [(r, at) for r, at in reached if all(at.get(n) is not None for n in names)]
        if len(reached) >= max(_LEAST_TRIALS, 2 * len(parameters)) or (
            epoch == rungs[0] and len(reached) >= _LEAST_TRIALS
        ):
            features = _features(parameters, [record for record, _ in reached])
            shares = {}
            for name in names:
                values = np.array([at[name] for _, at in reached], dtype=np.float64)
                shares[name] = _permuted(features, values)
            return Importances(shares, len(reached), epoch)
    return None


def _features(
    parameters: Mapping[str, Mapping[str, Any]], records: Sequence[TrialRecord]
) -> dict[str, Floats]:
    """Parameters as numbers: on their scale, choices by position, -1 where they do not apply."""
    features = {}
    for name, parameter in parameters.items():
        column = np.full(len(records), -1.0)
        for i, record in enumerate(records):
            if name in record.parameters:
                column[i] = _position(parameter, record.parameters[name])
        features[name] = column
    return features


def _position(parameter: Mapping[str, Any], value: Any) -> float:
    """Where a value lies in its parameter's range, in [0, 1]; choices by their number."""
    if parameter["type"] == "categorical":
        choices = parameter["choices"]
        return float(choices.index(value)) if value in choices else 0.0
    low, high = float(parameter["low"]), float(parameter["high"])
    if parameter.get("log"):
        low, high, value = math.log(low), math.log(high), math.log(float(value))
    return (float(value) - low) / (high - low) if high > low else 0.0


def _permuted(
    features: Mapping[str, Floats],
    values: Floats,
) -> dict[str, float]:
    from scipy.stats import rankdata
    from sklearn.ensemble import RandomForestRegressor

    matrix = np.column_stack(list(features.values()))
    ranks = rankdata(values)
    forest = RandomForestRegressor(100, random_state=0).fit(matrix, ranks)
    # All shuffled copies (P, R, N, P) are asked at once: a question to a forest costs milliseconds.
    n_parameters, rng = matrix.shape[1], np.random.default_rng(0)
    copies = np.tile(matrix, (n_parameters, _N_SHUFFLES, 1, 1))
    for i in range(n_parameters):
        copies[i, :, :, i] = rng.permuted(copies[i, :, :, i], axis=1)
    predicted = forest.predict(copies.reshape(-1, n_parameters)).reshape(copies.shape[:3])
    errors = ((predicted - ranks) ** 2).mean(axis=(1, 2))
    means = np.maximum(errors - ((forest.predict(matrix) - ranks) ** 2).mean(), 0.0)
    total = float(means.sum()) or 1.0
    return {name: float(mean) / total for name, mean in zip(features, means, strict=True)}
