"""The parameters of a search space: what values they take, and how Optuna sees those."""

import json
import math
from typing import Annotated, Any, Literal

import optuna
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CategoricalParameter",
    "FloatParameter",
    "IntParameter",
    "Parameter",
    "Strict",
    "Value",
    "distribution",
    "encode",
    "same",
    "suggest",
    "value_at",
]

Value = bool | int | float | str | None | list[Any]


class Strict(BaseModel):
    """A part of a search space: no unknown keys, no conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class FloatParameter(Strict):
    """A number in ``[low, high]``, on a logarithmic scale or in steps if asked for."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = False
    step: float | None = Field(None, gt=0)
    when: dict[str, Any] = {}


class IntParameter(Strict):
    """A whole number in ``[low, high]``, on a logarithmic scale or in steps if asked for."""

    type: Literal["int"]
    low: int
    high: int
    log: bool = False
    step: int = Field(1, ge=1)
    when: dict[str, Any] = {}


class CategoricalParameter(Strict):
    """One of some values, which may be lists."""

    type: Literal["categorical"]
    choices: list[Any] = Field(min_length=1)
    when: dict[str, Any] = {}


Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")
]


def suggest(trial: optuna.Trial, name: str, parameter: Parameter) -> Value:
    """Let Optuna choose a value."""
    if isinstance(parameter, FloatParameter):
        return trial.suggest_float(
            name, parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    if isinstance(parameter, IntParameter):
        return trial.suggest_int(
            name, parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    chosen = trial.suggest_categorical(name, [encode(parameter, c) for c in parameter.choices])
    return _decode(parameter, chosen)


def distribution(parameter: Parameter) -> optuna.distributions.BaseDistribution:
    """The parameter as Optuna's distribution."""
    if isinstance(parameter, FloatParameter):
        return optuna.distributions.FloatDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    if isinstance(parameter, IntParameter):
        return optuna.distributions.IntDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    return optuna.distributions.CategoricalDistribution(
        [encode(parameter, choice) for choice in parameter.choices]
    )


def encode(parameter: Parameter, value: Any) -> Any:
    """The value as Optuna sees it.

    Optuna takes scalars: where a choice is a list, every choice travels as JSON text.
    """
    return json.dumps(value) if _as_text(parameter) else value


def _decode(parameter: Parameter, value: Any) -> Value:
    decoded: Value = json.loads(value) if _as_text(parameter) else value
    return decoded


def _as_text(parameter: Parameter) -> bool:
    choices = parameter.choices if isinstance(parameter, CategoricalParameter) else []
    return any(isinstance(choice, list) for choice in choices)


def value_at(parameter: Parameter, level: float) -> Value:
    """The value at a level in [0, 1) of the parameter's range."""
    if isinstance(parameter, CategoricalParameter):
        chosen: Value = parameter.choices[int(level * len(parameter.choices))]
        return chosen
    if isinstance(parameter, FloatParameter):
        low, high = parameter.low, parameter.high
        if parameter.step is not None:
            steps = int((high - low) / parameter.step + 1e-9)
            return low + parameter.step * int(level * (steps + 1))
        if parameter.log:
            inside = math.exp(math.log(low) + level * (math.log(high) - math.log(low)))
            return min(max(inside, low), high)
        return low + level * (high - low)
    first, last = parameter.low, parameter.high
    if parameter.log:
        span = math.log(last + 0.5) - math.log(first - 0.5)
        return min(max(round(math.exp(math.log(first - 0.5) + level * span)), first), last)
    return first + parameter.step * int(level * ((last - first) // parameter.step + 1))


def same(a: object, b: object) -> bool:
    """Whether two values of a YAML file are the same; 1, 1.0 and true are not."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
