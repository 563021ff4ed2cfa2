"""The parameters of a search space: which values they take, and how Optuna sees them."""

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.errors import brief

if TYPE_CHECKING:
    import optuna

__all__ = [
    "CategoricalParameter",
    "FloatParameter",
    "IntParameter",
    "Parameter",
    "Strict",
    "Value",
    "distribution",
    "encode",
    "range_error",
    "same",
    "suggest",
    "takes",
    "value_at",
    "value_error",
]

Value = bool | int | float | str | None | list[Any]


class Strict(ShortRepr):
    """A part of a search space: no unknown keys, no conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class FloatParameter(Strict):
    """A number in ``[low, high]``, optionally on a logarithmic scale or in steps."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = False
    step: float | None = Field(None, gt=0)
    when: dict[str, Any] = Field(default_factory=dict)


class IntParameter(Strict):
    """A whole number in ``[low, high]``, optionally on a logarithmic scale or in steps."""

    type: Literal["int"]
    low: int
    high: int
    log: bool = False
    step: int = Field(1, ge=1)
    when: dict[str, Any] = Field(default_factory=dict)


class CategoricalParameter(Strict):
    """One of several values, which may be lists."""

    type: Literal["categorical"]
    choices: list[Any] = Field(min_length=1, max_length=1000)
    when: dict[str, Any] = Field(default_factory=dict)


Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")
]


def suggest(trial: "optuna.Trial", name: str, parameter: Parameter) -> Value:
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


def distribution(parameter: Parameter) -> "optuna.distributions.BaseDistribution":
    """Return Optuna's distribution of a parameter."""
    # A space file is checked without Optuna, which is slow to import.
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(parameter, FloatParameter):
        return FloatDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    if isinstance(parameter, IntParameter):
        return IntDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    return CategoricalDistribution([encode(parameter, choice) for choice in parameter.choices])


def encode(parameter: Parameter, value: Any) -> Any:
    """Return a value as Optuna sees it.

    Optuna takes scalars only: if a choice is a list, all choices are passed as JSON text.
    """
    return json.dumps(value) if _as_text(parameter) else value


def _decode(parameter: Parameter, value: Any) -> Value:
    decoded: Value = json.loads(value) if _as_text(parameter) else value
    return decoded


def _as_text(parameter: Parameter) -> bool:
    choices = parameter.choices if isinstance(parameter, CategoricalParameter) else []
    return any(isinstance(choice, list) for choice in choices)


def value_at(parameter: Parameter, position: float) -> Value:
    """Return the value at a position in [0, 1) of the parameter's range."""
    if isinstance(parameter, CategoricalParameter):
        chosen: Value = parameter.choices[int(position * len(parameter.choices))]
        return chosen
    if isinstance(parameter, FloatParameter):
        low, high = parameter.low, parameter.high
        if parameter.step is not None:
            steps = int((high - low) / parameter.step + 1e-9)
            # 0.1 + 2 * 0.1 is above 0.3.
            return min(low + parameter.step * int(position * (steps + 1)), high)
        if parameter.log:
            inside = math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
            return min(max(inside, low), high)
        return low + position * (high - low)
    first, last = parameter.low, parameter.high
    if parameter.log:
        span = math.log(last + 0.5) - math.log(first - 0.5)
        return min(max(round(math.exp(math.log(first - 0.5) + position * span)), first), last)
    return first + parameter.step * int(position * ((last - first) // parameter.step + 1))


def range_error(parameter: FloatParameter | IntParameter) -> str | None:
    """Return what is wrong with the keys of a parameter; None if nothing is."""
    low, high, step = parameter.low, parameter.high, parameter.step
    if low > high:
        return f"low must be <= high, but got low={low}, high={high}"
    if parameter.log and low <= 0:
        return f"low must be > 0 if log is true, but got low={low}"
    if "step" not in parameter.model_fields_set or step is None:
        return None
    if parameter.log and (step != 1 or isinstance(parameter, FloatParameter)):
        return f"log and step cannot be combined, but got step={step}"
    if low < high and step > high - low and not _on_grid(low, high, step):
        return f"step must be <= high - low ({high - low:g}), but got step={step}"
    if not _on_grid(low, high, step):
        return (
            "high must be low plus a whole number of steps, but got "
            f"low={low}, high={high}, step={step}"
        )
    return None


def value_error(parameter: Parameter, value: object) -> str | None:
    """Return why a parameter does not take a value."""
    if isinstance(parameter, CategoricalParameter):
        if not any(same(value, choice) for choice in parameter.choices):
            return f"{brief(value)} is not among its choices {brief(parameter.choices)}"
        return None
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return f"must be a number, but got {brief(value)}"
    if not parameter.low <= value <= parameter.high:
        return f"must be within {parameter.low} and {parameter.high}, but got {value}"
    if isinstance(parameter, IntParameter) and not isinstance(value, int):
        return f"must be a whole number, but got {value}"
    if parameter.step is not None and not _on_grid(parameter.low, value, parameter.step):
        return (
            f"must be {parameter.low} plus a whole number of steps of {parameter.step}, but got "
            f"{value}"
        )
    return None


def same(a: object, b: object) -> bool:
    """Return True if two values of a YAML file are the same; 1, 1.0 and true are not."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def takes(parameter: Parameter, value: Value, wanted: object) -> bool:
    """Return True if a value of a parameter is the one that a condition names.

    Steps add up to values such as 0.30000000000000004, and a file may say 1 for 1.0.
    """
    if isinstance(parameter, FloatParameter) and parameter.step is not None:
        assert isinstance(value, int | float) and isinstance(wanted, int | float)
        return abs(value - wanted) < parameter.step / 2
    return same(value, wanted)


def _on_grid(low: float, value: float, step: float) -> bool:
    """Return True if a value is ``low`` plus a whole number of steps, as written in decimals."""
    difference = Fraction(str(value)) - Fraction(str(low))
    return difference % Fraction(str(step)) == 0
