"""What the sections of a space file must be to mean anything; every rule gives lines of errors.

A room of its own because the file's shape is one thing, and what its values mean another.
"""

import difflib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tabvae_ray.comparison.plan import SCORES, ComparisonOptions
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError
from tabvae_ray.space.parameters import CategoricalParameter, FloatParameter, IntParameter, same
from tabvae_ray.space.search_space import LOSSES, Constraint

__all__ = [
    "check_conditions",
    "check_initial",
    "check_name",
    "check_scores",
    "check_values",
    "closest",
    "in_order",
    "leaves",
    "parse_select",
]

# What trials must have in common, or their scores could not be compared.
_SHARED = {
    "training.max_n_epochs": "is the budget of every trial",
    "training.device": "is where every trial trains",
    "validation.holdout_fraction": "is what every trial is measured on",
    "validation.generation_n_records": "is what every trial is measured on",
}
# What trials do not depend on: they report at rungs, and their models generate later.
_UNUSED_SECTIONS = ("data", "tracking", "generation")
_UNUSED = (
    "training.checkpoint_period",
    "validation.batch_routine_period",
    "validation.train_loader_routine_period",
    "validation.artifact_routine_period",
)
AnyParameter = FloatParameter | IntParameter | CategoricalParameter


def leaves(config: TabularVAEConfig) -> list[str]:
    """All dotted names of a configuration."""
    return [f"{section}.{leaf}" for section, values in config for leaf in type(values).model_fields]


def check_name(name: object, base: TabularVAEConfig) -> str | None:
    """What is wrong with searching a name; None if nothing is."""
    known = leaves(base)
    if name not in known:
        return f"no such parameter{closest(str(name), known)}"
    section, _, leaf = str(name).partition(".")
    if section in _UNUSED_SECTIONS or name in _UNUSED:
        return "is of no effect on the trials of a search"
    if name in _SHARED:
        return f"{_SHARED[str(name)]}; set it in base"
    if leaf in getattr(base, section).model_fields_set:
        return "stands in base, too: fix it there or search it here"
    return None


def check_values(name: str, parameter: AnyParameter, base: TabularVAEConfig) -> list[str]:
    """Rules between the keys of a parameter, and the configuration's rules for its values."""
    where = f"parameters.{name}"
    if isinstance(parameter, CategoricalParameter):
        keys = [json.dumps(choice, sort_keys=True) for choice in parameter.choices]
        if len(set(keys)) != len(keys):
            return [f"{where}.choices: must all differ, but got {parameter.choices}"]
        tried = [("choices", choice) for choice in parameter.choices]
    else:
        error = _check_range(parameter)
        if error is not None:
            return [f"{where}: {error}"]
        tried = [("low", parameter.low), ("high", parameter.high)]
    errors = []
    for key, value in tried:
        rule = _broken_rule(name, value, base)
        if rule is not None:
            errors.append(f"{where}.{key}: {rule}")
    if isinstance(parameter, FloatParameter) and not errors:
        # Between whole ends, a whole number's values are not.
        inside = parameter.low + (parameter.step or 0.381966 * (parameter.high - parameter.low))
        if parameter.low < inside < parameter.high and _broken_rule(name, inside, base):
            errors.append(f"{where}.type: must be int, as {name} takes whole numbers only")
    return errors


def check_conditions(
    parameters: Mapping[str, AnyParameter], base: TabularVAEConfig, broken: Collection[str] = ()
) -> list[str]:
    """Rules of ``when``.

    Args:
        parameters: The parameters, by dotted name.
        base: What is fixed.
        broken: Names of parameters with errors of their own, whose values are not known.
    """
    errors = []
    searched = [*parameters, *broken]
    for name, parameter in parameters.items():
        for parent, wanted in parameter.when.items():
            where = f"parameters.{name}.when.{parent}"
            accepted = wanted if isinstance(wanted, list) else [wanted]
            if parent == name:
                errors.append(f"{where}: a parameter cannot depend on itself")
            elif parent in parameters:
                if not accepted:
                    errors.append(f"{where}: must name a value, but got []")
                for value in accepted:
                    rule = _never_holds(parameters[parent], value)
                    errors += [f"{where}: {rule}"] if rule else []
            elif parent not in searched:
                errors.append(f"{where}: {_not_searched(name, parent, searched, base)}")
    try:
        in_order(parameters)
    except ConfigError as error:
        errors.append(str(error))
    return errors


def check_initial(
    initial: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, AnyParameter],
    broken: Collection[str] = (),
) -> list[str]:
    """Rules of the points that always run; ``broken`` as for conditions."""
    errors = []
    for i, point in enumerate(initial):
        for name, value in point.items():
            where = f"initial.{i}.{name}"
            if name in parameters:
                rule = _not_a_value(parameters[name], value)
                errors += [f"{where}: {rule}"] if rule else []
            elif name not in broken:
                errors.append(f"{where}: is no searched parameter{closest(name, parameters)}")
    return errors


def check_scores(
    objectives: Mapping[str, str],
    constraints: Mapping[str, Constraint],
    parameters: Collection[str],
    options: ComparisonOptions,
) -> list[str]:
    """Rules of objectives and constraints."""
    known = [*SCORES, *LOSSES]
    errors = [
        f"{key}.{name}: no such score; known are {', '.join(known)}"
        for key, names in (("objectives", objectives), ("constraints", constraints))
        for name in names
        if name not in known
    ]
    for name, direction in objectives.items():
        right = "maximize" if name in SCORES and options.higher_is_better(name) else "minimize"
        if name in known and direction != right:
            better = "more" if right == "maximize" else "less"
            errors.append(
                f"objectives.{name}: must be {right}, as {better} is better, but got {direction}"
            )
    if "loss" in objectives and "architecture.loss_beta" in parameters:
        errors.append(
            "objectives.loss: means nothing where architecture.loss_beta is searched: the least "
            "loss_beta has the least loss"
        )
    for name, bounds in constraints.items():
        if bounds.min is None and bounds.max is None:
            errors.append(f"constraints.{name}: must have min or max")
        elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            errors.append(
                f"constraints.{name}: min must be <= max, but got min={bounds.min}, "
                f"max={bounds.max}"
            )
    return errors


def in_order(parameters: Mapping[str, AnyParameter]) -> dict[str, AnyParameter]:
    """Every parameter after those that its condition names.

    Raises:
        ConfigError: If there is no such order.
    """
    ordered: dict[str, AnyParameter] = {}
    waiting = dict(parameters)
    while waiting:
        ready = [
            name
            for name, parameter in waiting.items()
            if all(parent in ordered or parent not in parameters for parent in parameter.when)
        ]
        if not ready:
            raise ConfigError(f"parameters: the conditions of {', '.join(waiting)} form a circle")
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered


def closest(name: str, known: Iterable[str]) -> str:
    """A question to end a message with, if one of the known names is like this one."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def _check_range(parameter: FloatParameter | IntParameter) -> str | None:
    low, high, step = parameter.low, parameter.high, parameter.step
    if low > high:
        return f"low must be <= high, but got low={low}, high={high}"
    if parameter.log and low <= 0:
        return f"low must be > 0 where log is true, but got low={low}"
    if "step" not in parameter.model_fields_set or step is None:
        return None
    if parameter.log and (step != 1 or isinstance(parameter, FloatParameter)):
        return f"log and step cannot be had together, but got step={step}"
    if low < high and step > high - low and not _on_grid(low, high, step):
        return f"step must be <= high - low ({high - low:g}), but got step={step}"
    if not _on_grid(low, high, step):
        return f"high must be low and some steps, but got low={low}, high={high}, step={step}"
    return None


def _broken_rule(name: str, value: object, base: TabularVAEConfig) -> str | None:
    """The configuration's rule that a value breaks."""
    try:
        base.replace({name: value})
    except ConfigError as error:
        rule = str(error).splitlines()[0].partition(f"{name}")[2].lstrip(".0123456789")
        return rule.removeprefix(": ").replace("a valid tuple", "a list")
    return None


def _never_holds(parent: AnyParameter, value: object) -> str | None:
    """Why the parent never has the value."""
    if isinstance(parent, FloatParameter) and parent.step is None:
        return "is a number of any digits, which a condition would hardly ever meet; give it a step"
    return _not_a_value(parent, value)


def _not_a_value(parameter: AnyParameter, value: object) -> str | None:
    """Why a parameter does not take a value."""
    if isinstance(parameter, CategoricalParameter):
        if not any(same(value, choice) for choice in parameter.choices):
            return f"{value!r} is none of its choices {parameter.choices}"
        return None
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return f"must be a number, but got {value!r}"
    if not parameter.low <= value <= parameter.high:
        return f"must be within {parameter.low} and {parameter.high}, but got {value}"
    if isinstance(parameter, IntParameter) and not isinstance(value, int):
        return f"must be a whole number, but got {value}"
    if parameter.step is not None and not _on_grid(parameter.low, value, parameter.step):
        return f"must be {parameter.low} and some steps of {parameter.step}, but got {value}"
    return None


def _not_searched(name: str, parent: str, searched: Collection[str], base: TabularVAEConfig) -> str:
    if parent in leaves(base):
        section, _, leaf = parent.partition(".")
        value = getattr(getattr(base, section), leaf)
        return f"is {value!r} in every trial: search it, too, or leave the condition out"
    others = [other for other in [*searched, *leaves(base)] if other != name]
    return f"is no searched parameter{closest(parent, others)}"


def _on_grid(low: float, value: float, step: float) -> bool:
    """Whether a value is ``low`` and a whole number of steps, as written in decimals."""
    difference = Decimal(str(value)) - Decimal(str(low))
    return difference % Decimal(str(step)) == 0


def parse_select(
    text: str, names: Sequence[str], *, constrained: bool = False
) -> str | int | list[float]:
    """``ideal``, ``knee``, ``constraint``, an objective's number, or one weight per objective.

    Args:
        text: The rule.
        names: The objectives.
        constrained: Whether there are constraints.

    Raises:
        ConfigError: If it is none of them, or ``constraint`` without constraints.
    """
    if text == "constraint" and text not in names:
        if not constrained:
            raise ConfigError("select: constraint needs constraints in the space file, it has none")
        return text
    if text in ("ideal", "knee"):
        return text
    if text in names:
        return list(names).index(text)
    kind, _, rest = text.strip().partition(" ")
    if kind == "weights":
        try:
            weights = [float(part) for part in rest.split(",")]
        except ValueError:
            weights = []
        if len(weights) == len(names) and all(w >= 0 for w in weights) and sum(weights) > 0:
            return weights
        raise ConfigError(
            f"select: weights must be {len(names)} numbers >= 0, one for each of "
            f"{', '.join(names)}, as in 'weights {','.join('1' for _ in names)}', but got {text!r}"
        )
    known = ", ".join(["ideal", "knee", "constraint", *names, "weights A,B"])
    raise ConfigError(f"select: must be one of {known}, but got {text!r}")
