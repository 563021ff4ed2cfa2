"""Search spaces in YAML, checked whole before anything starts."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from tabvae_ray.comparison.plan import ComparisonOptions
from tabvae_ray.config import TabularVAEConfig, validation_messages
from tabvae_ray.errors import ConfigError
from tabvae_ray.search.parameters import CategoricalParameter, Parameter, Strict, same
from tabvae_ray.search.pareto import parse_select
from tabvae_ray.search.space import Constraint, SearchSettings, SearchSpace
from tabvae_ray.storage import Location

__all__ = ["load_space", "parse_space"]


# What trials must have in common, or their scores could not be compared.
_SHARED = {
    "training.max_n_epochs": "is the budget of every trial",
    "training.device": "is where every trial trains",
    "validation.holdout_fraction": "is what every trial is measured on",
}


class _SpaceFile(Strict):
    data: str | None = None
    spec: str | None = None
    base: dict[str, Any] = Field(default={})
    parameters: dict[str, Parameter] = Field(min_length=1)
    objectives: dict[str, Literal["minimize", "maximize"]] = Field(
        default={"mean_js_distance": "minimize", "correlation_distance": "minimize"}, min_length=1
    )
    constraints: dict[str, Constraint] = Field(default={})
    initial: list[dict[str, Any]] = Field(default=[])
    search: SearchSettings = SearchSettings()
    comparison: ComparisonOptions = ComparisonOptions()


def load_space(location: Location | str) -> SearchSpace:
    """Read a search space from a YAML file.

    Raises:
        ConfigError: With one line for everything that is wrong in it.
        StorageError: If it cannot be read.
    """
    source = Location(location)
    text = source.read_text()
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{source}: not YAML: {reason}") from None
    return parse_space(document, str(source))


def parse_space(document: object, source: str = "search space") -> SearchSpace:
    """Check a search space as YAML gives it.

    Raises:
        ConfigError: With one line for everything that is wrong in it.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(f"{source}: must be a mapping, but got {type(document).__name__}")
    errors: list[str] = []
    shaped = _shape(document, errors)
    base = _base(shaped.get("base", {}), errors)
    parameters = _parameters(shaped.get("parameters"), base, errors)
    rest = {key: value for key, value in shaped.items() if key not in ("base", "parameters")}
    placeholder = {"type": "categorical", "choices": [0]}
    errors += _check_conditions(parameters)
    try:
        file = _SpaceFile.model_validate({**rest, "parameters": {"placeholder": placeholder}})
    except ValidationError as error:
        errors += [_as_number_hint(line, item) for line, item in _lines(error)]
        raise ConfigError("\n".join(f"{source}: {line}" for line in errors)) from None
    errors += _check_initial(file.initial, parameters)
    try:
        names, constrained = list(file.objectives), bool(file.constraints)
        parse_select(file.search.select, names, constrained=constrained)
    except ConfigError as error:
        errors.append(f"search.{error}")
    budget = base.training.max_n_epochs
    if (file.search.grace_period or 1) > budget:
        errors.append(
            f"search.grace_period: must be <= training.max_n_epochs ({budget}), "
            f"but got {file.search.grace_period}"
        )
    if errors:
        raise ConfigError("\n".join(f"{source}: {line}" for line in errors))
    return SearchSpace(
        source=source,
        base=base,
        parameters=_in_order(parameters),
        objectives=file.objectives,
        constraints=file.constraints,
        initial=file.initial,
        settings=file.search,
        comparison=file.comparison,
        data=file.data,
        spec=file.spec,
    )


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key may stand only once; PyYAML silently keeps the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys all differ."""
        merge = "tag:yaml.org,2002:merge"
        nodes = [key for key, _ in node.value if key.tag != merge]
        keys = [self.construct_object(key, deep=True) for key in nodes]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _shape(document: Mapping[Any, Any], errors: list[str]) -> dict[str, Any]:
    shaped = {}
    for key, value in document.items():
        if key in _SpaceFile.model_fields:
            shaped[key] = value
        else:
            known = ", ".join(_SpaceFile.model_fields)
            errors.append(f"{key}: no such key; known are {known}")
    if "parameters" not in shaped:
        errors.append("parameters: must be there")
    return shaped


def _base(mapping: object, errors: list[str]) -> TabularVAEConfig:
    try:
        return TabularVAEConfig.model_validate(mapping if mapping is not None else {})
    except ValidationError as error:
        errors += [_as_number_hint(f"base.{line}", item) for line, item in _lines(error)]
        return TabularVAEConfig()


def _parameters(mapping: object, base: TabularVAEConfig, errors: list[str]) -> dict[str, Parameter]:
    if mapping is None:
        return {}
    if not isinstance(mapping, Mapping) or not mapping:
        errors.append(f"parameters: must be a mapping of at least one name, but got {mapping!r}")
        return {}
    adapter: TypeAdapter[Any] = TypeAdapter(Parameter)
    parameters = {}
    known = {
        f"{section}.{leaf}"
        for section, leaves in base.model_dump().items()
        for leaf in leaves
        if section not in ("data", "tracking")
    }
    for name, value in mapping.items():
        if name not in known:
            close = _closest(str(name), known)
            errors.append(f"parameters.{name}: no such parameter{close}")
            continue
        if name in _SHARED:
            errors.append(f"parameters.{name}: {_SHARED[name]}; set it in base")
            continue
        try:
            parameter = adapter.validate_python(value)
        except ValidationError as error:
            for line, item in _lines(error):
                errors.append(_as_number_hint(f"parameters.{name}.{_untagged(line)}", item))
            continue
        parameters[str(name)] = parameter
        errors += _check_values(str(name), parameter, base)
    return parameters


def _check_values(name: str, parameter: Parameter, base: Any) -> list[str]:
    """Rules between the keys of a parameter, and the configuration's rules for its values."""
    where = f"parameters.{name}"
    if isinstance(parameter, CategoricalParameter):
        keys = [json.dumps(choice, sort_keys=True) for choice in parameter.choices]
        if len(set(keys)) != len(keys):
            return [f"{where}.choices: must all differ, but got {parameter.choices}"]
        tried = [("choices", choice) for choice in parameter.choices]
    else:
        if parameter.low > parameter.high:
            return [
                f"{where}: low must be <= high, but got low={parameter.low}, high={parameter.high}"
            ]
        if parameter.log and parameter.low <= 0:
            return [f"{where}: low must be > 0 where log is true, but got low={parameter.low}"]
        if parameter.log and parameter.step not in (None, 1):
            return [f"{where}: log and step cannot be had together, but got step={parameter.step}"]
        tried = [("low", parameter.low), ("high", parameter.high)]
    errors = []
    for key, value in tried:
        try:
            base.replace({name: value})
        except ConfigError as error:
            rule = str(error).partition(f"{name}")[2].lstrip(".0123456789").removeprefix(": ")
            errors.append(f"{where}.{key}: {rule}")
    return errors


def _check_conditions(parameters: Mapping[str, Any]) -> list[str]:
    errors = []
    for name, parameter in parameters.items():
        for parent, wanted in parameter.when.items():
            where = f"parameters.{name}.when.{parent}"
            if parent not in parameters:
                errors.append(f"{where}: is no searched parameter{_closest(parent, parameters)}")
                continue
            choices = getattr(parameters[parent], "choices", None)
            for value in wanted if isinstance(wanted, list) else [wanted]:
                if choices is not None and not any(same(value, choice) for choice in choices):
                    errors.append(f"{where}: {value!r} is none of its choices {choices}")
    try:
        _in_order(parameters)
    except ConfigError as error:
        errors.append(str(error))
    return errors


def _check_initial(
    initial: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
) -> list[str]:
    errors = []
    for i, point in enumerate(initial):
        for name, value in point.items():
            where = f"initial.{i}.{name}"
            if name not in parameters:
                errors.append(f"{where}: is no searched parameter{_closest(name, parameters)}")
                continue
            parameter = parameters[name]
            if isinstance(parameter, CategoricalParameter):
                if not any(same(value, choice) for choice in parameter.choices):
                    errors.append(f"{where}: {value!r} is none of its choices {parameter.choices}")
            elif isinstance(value, bool | str) or not isinstance(value, int | float):
                errors.append(f"{where}: must be a number, but got {value!r}")
            elif not parameter.low <= value <= parameter.high:
                errors.append(
                    f"{where}: must be within {parameter.low} and {parameter.high}, but got {value}"
                )
    return errors


def _in_order(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter after those that its condition names."""
    ordered: dict[str, Any] = {}
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


def _lines(error: ValidationError) -> list[tuple[str, Any]]:
    lines = validation_messages(error)
    return list(zip(lines, (item["input"] for item in error.errors()), strict=True))


def _untagged(line: str) -> str:
    """The line without the tag that pydantic puts before the key of a union's member."""
    if "does not match any of the expected tags" in line:
        return "type: must be float, int or categorical" + line[line.rindex(", but got") :]
    if "Unable to extract tag" in line:
        return "type: must be there: float, int or categorical"
    for tag in ("float.", "int.", "categorical."):
        if line.startswith(tag):
            return line.removeprefix(tag)
    return line.removeprefix("(top level): ")


def _as_number_hint(line: str, value: object) -> str:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return line
        return f"{line}; YAML reads {value} as text, write {_plain(number)}"
    return line


def _plain(number: float) -> str:
    """The number as YAML reads numbers: with a point before an exponent."""
    text = repr(number)
    mantissa, e, exponent = text.partition("e")
    if e and "." not in mantissa:
        return f"{mantissa}.0e{exponent}"
    return text


def _closest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""
