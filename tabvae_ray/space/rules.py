"""Rules for the values of a space file, beyond its shape; every check returns lines of errors."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tabvae_ray.comparison.options import SCORES, ComparisonOptions
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import MAX_LINES, ConfigError, brief, closest
from tabvae_ray.space.parameters import (
    CategoricalParameter,
    FloatParameter,
    Parameter,
    range_error,
    value_error,
)
from tabvae_ray.space.search_space import LOSSES, Constraint

__all__ = [
    "check_conditions",
    "check_held_out",
    "check_initial",
    "check_name",
    "check_scores",
    "check_values",
    "closest",
    "in_order",
    "leaves",
]

# Trials must have these in common, or their scores could not be compared.
_SHARED = {
    "training.max_n_epochs": "is the budget of every trial",
    "training.device": "is where every trial trains",
    "training.dp": "is what every trial may spend",
    "validation.holdout_fraction": "is what every trial is measured on",
    "validation.generation_n_records": "is what every trial is measured on",
}
# Scores that compare training rows with held-out rows.
_OF_HELD_OUT = ("dcr_share", "membership", "membership_black_box")
# Trials do not depend on these: they report at rungs, and their models generate later.
_UNUSED_SECTIONS = ("data", "tracking", "generation")
_UNUSED = (
    "training.checkpoint_period",
    "validation.batch_routine_period",
    "validation.train_loader_routine_period",
    "validation.artifact_routine_period",
)


def leaves(config: TabularVAEConfig) -> list[str]:
    """Return all dotted names of a configuration."""
    return [f"{section}.{leaf}" for section, values in config for leaf in type(values).model_fields]


def check_name(name: object, base: TabularVAEConfig) -> str | None:
    """Return why a name cannot be searched; None if it can be."""
    known = leaves(base)
    if name not in known:
        return f"no such parameter{closest(str(name), known)}"
    section, _, leaf = str(name).partition(".")
    if section in _UNUSED_SECTIONS or name in _UNUSED:
        return "has no effect on the trials of a search"
    if name in _SHARED:
        return f"{_SHARED[str(name)]}; set it in base"
    if leaf in getattr(base, section).model_fields_set:
        return "is also in base: either fix it there or search it here"
    return None


def check_values(name: str, parameter: Parameter, base: TabularVAEConfig) -> list[str]:
    """Check the keys of a parameter, and its values against the configuration's rules."""
    where = f"parameters.{name}"
    if isinstance(parameter, CategoricalParameter):
        keys = [json.dumps(choice, sort_keys=True) for choice in parameter.choices]
        if len(set(keys)) != len(keys):
            return [f"{where}.choices: must all differ, but got {brief(parameter.choices)}"]
        tried = [("choices", choice) for choice in parameter.choices]
    else:
        error = range_error(parameter)
        if error is not None:
            return [f"{where}: {error}"]
        tried = [("low", parameter.low), ("high", parameter.high)]
    errors = []
    for key, value in tried:
        rule = _broken_rule(name, value, base)
        if rule is not None:
            errors.append(f"{where}.{key}: {rule}")
    if isinstance(parameter, FloatParameter) and not errors:
        # Whole low and high pass where only whole numbers do; what lies between them does not.
        inside = parameter.low + (parameter.step or 0.381966 * (parameter.high - parameter.low))
        if parameter.low < inside < parameter.high and _broken_rule(name, inside, base):
            errors.append(f"{where}.type: must be int, because {name} takes whole numbers only")
    return errors


def check_conditions(
    parameters: Mapping[str, Parameter], base: TabularVAEConfig, broken: Collection[str] = ()
) -> list[str]:
    """Check the conditions, ``when``.

    Args:
        parameters: The parameters, by dotted name.
        base: The fixed part of the configuration.
        broken: Names of parameters that have errors already, so that their values are not known.
    """
    errors: list[str] = []
    searched = [*parameters, *broken]
    for name, parameter in parameters.items():
        for parent, wanted in parameter.when.items():
            if len(errors) > MAX_LINES:
                return errors
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
    parameters: Mapping[str, Parameter],
    broken: Collection[str] = (),
) -> list[str]:
    """Check the points that always run; ``broken`` is as for conditions."""
    errors: list[str] = []
    for i, point in enumerate(initial):
        for name, value in point.items():
            if len(errors) > MAX_LINES:
                return errors
            where = f"initial.{i}.{name}"
            if name in parameters:
                rule = value_error(parameters[name], value)
                errors += [f"{where}: {rule}"] if rule else []
            elif name not in broken:
                errors.append(f"{where}: is not a searched parameter{closest(name, parameters)}")
    return errors


def check_scores(
    objectives: Mapping[str, str],
    constraints: Mapping[str, Constraint],
    parameters: Collection[str],
    options: ComparisonOptions,
) -> list[str]:
    """Check objectives and constraints."""
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
                f"objectives.{name}: must be {right}, because {better} is better, but got "
                f"{direction}"
            )
    if "loss" in objectives and "architecture.loss_beta" in parameters:
        errors.append(
            "objectives.loss: has no meaning if architecture.loss_beta is searched: the smallest "
            "loss_beta gives the smallest loss"
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


def check_held_out(names: Collection[str], has_held_out: bool) -> list[str]:
    """Check that there are held-out rows for the objectives and constraints that need them."""
    return [
        f"{name}: must have held-out rows to compare with, but got none; raise "
        "validation.holdout_fraction in base"
        for name in _OF_HELD_OUT
        if name in names and not has_held_out
    ]


def in_order(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Sort the parameters, each after those that its condition names.

    Raises:
        ConfigError: If there is no such order.
    """
    ordered: dict[str, Parameter] = {}
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


def _broken_rule(name: str, value: object, base: TabularVAEConfig) -> str | None:
    """Return the configuration's rule that a value breaks."""
    if (name, value) == ("training.early_stopping", "holdout"):
        if not base.validation.holdout_fraction:
            return "holdout needs held-out rows; raise validation.holdout_fraction in base"
    try:
        base.replace({name: value})
    except ConfigError as error:
        rule = str(error).splitlines()[0].partition(f"{name}")[2].lstrip(".0123456789")
        return rule.removeprefix(": ")
    return None


def _never_holds(parent: Parameter, value: object) -> str | None:
    """Return why the parent never has the value."""
    if isinstance(parent, FloatParameter) and parent.step is None:
        return f"is a continuous float and almost never equals {brief(value)}; give it a step"
    return value_error(parent, value)


def _not_searched(name: str, parent: str, searched: Collection[str], base: TabularVAEConfig) -> str:
    if parent in leaves(base):
        section, _, leaf = parent.partition(".")
        value = getattr(getattr(base, section), leaf)
        return f"is {brief(value)} in every trial: search it as well, or remove the condition"
    others = [other for other in [*searched, *leaves(base)] if other != name]
    return f"is not a searched parameter{closest(parent, others)}"
