"""Search spaces in YAML, checked as a whole before a search starts."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tabvae_ray.comparison.options import ComparisonOptions
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.documents import read_document, validation_messages
from tabvae_ray.errors import MAX_LINES, ConfigError, brief, closest
from tabvae_ray.space.parameters import (
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    Strict,
)
from tabvae_ray.space.private import check_private_space
from tabvae_ray.space.rules import (
    check_conditions,
    check_held_out,
    check_initial,
    check_name,
    check_scores,
    check_values,
    in_order,
)
from tabvae_ray.space.search_space import Constraint, SearchSettings, SearchSpace, WithTarget
from tabvae_ray.space.target_rules import check_selects, check_with_target
from tabvae_ray.storage import Location

__all__ = ["load_space", "parse_space"]

_KINDS: Mapping[object, type[FloatParameter | IntParameter | CategoricalParameter]] = {
    "float": FloatParameter,
    "int": IntParameter,
    "categorical": CategoricalParameter,
}
Part = TypeVar("Part", bound=BaseModel)
# In place of a key: the section is broken as a whole.
_WHOLE = object()


class _Rest(Strict):
    """All sections but ``base`` and ``parameters``."""

    data: str | None = Field(default=None, min_length=1)
    spec: str | None = Field(default=None, min_length=1)
    objectives: dict[str, Literal["minimize", "maximize"]] = Field(
        default={"mean_js_distance": "minimize", "correlation_distance": "minimize"}, min_length=1
    )
    with_target: WithTarget | None = None
    constraints: dict[str, Constraint] = Field(default={})
    initial: list[dict[str, Any]] = Field(default=[])
    search: SearchSettings = SearchSettings()
    comparison: ComparisonOptions = ComparisonOptions()


_SECTIONS = ("base", "parameters", *_Rest.model_fields)


def load_space(location: Location | str) -> SearchSpace:
    """Read a search space from a YAML or JSON file.

    Raises:
        ConfigError: With one line for each thing that is wrong in it.
        StorageError: If it cannot be read.
    """
    source = Location(location)
    return parse_space(read_document(source), str(source))


def parse_space(document: object, source: str = "search space") -> SearchSpace:
    """Check a search space that was read from YAML.

    Raises:
        ConfigError: With one line for each thing that is wrong in it.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(f"{source}: must be a mapping, but got {brief(document)}")
    errors = [
        f"{key}: no such key; known are {', '.join(_SECTIONS)}{closest(str(key), _SECTIONS)}"
        for key in document
        if key not in _SECTIONS
    ]
    base = _base(document.get("base"), errors)
    parameters, broken = _parameters(document, base, errors)
    file = _rest({k: v for k, v in document.items() if k in _Rest.model_fields}, errors)
    errors += check_conditions(parameters, base, broken)
    errors += check_initial(file.initial, parameters, broken)
    if base.training.dp is not None:
        errors += check_private_space(
            file.objectives, file.constraints, file.initial, file.search, [*parameters, *broken]
        )
        if file.with_target is not None:
            errors.append(
                "with_target: must not be given with training.dp: usefulness is measured on rows "
                "without noise"
            )
    else:
        errors += check_scores(
            file.objectives, file.constraints, [*parameters, *broken], file.comparison
        )
    measured = {*file.objectives, *file.constraints}
    if file.with_target is not None:
        searched = [*parameters, *broken]
        errors += check_with_target(file.with_target, file.objectives, searched, file.comparison)
        measured |= set(file.with_target.objectives)
    errors += check_held_out(measured, base.validation.holdout_fraction > 0)
    errors += check_selects(
        file.search.select,
        file.with_target,
        list(file.objectives),
        constrained=bool(file.constraints),
    )
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
        parameters=in_order(parameters),
        objectives=file.objectives,
        constraints=file.constraints,
        initial=file.initial,
        settings=file.search,
        comparison=file.comparison,
        data=file.data,
        spec=file.spec,
        with_target=file.with_target,
    )


def _base(mapping: object, errors: list[str]) -> TabularVAEConfig:
    """Return the fixed part of the configuration, with defaults for what is broken."""
    if mapping is None:
        return TabularVAEConfig()
    if not isinstance(mapping, Mapping):
        errors.append(f"base: must be a mapping, but got {brief(mapping)}")
        return TabularVAEConfig()
    return _sound_part(TabularVAEConfig, mapping, "base.", errors)


def _rest(mapping: Mapping[str, Any], errors: list[str]) -> _Rest:
    return _sound_part(_Rest, mapping, "", errors)


def _parameters(
    document: Mapping[Any, Any], base: TabularVAEConfig, errors: list[str]
) -> tuple[dict[str, Parameter], list[str]]:
    """Return the parameters without errors, and the names of the others."""
    if "parameters" not in document:
        errors.append("parameters: is required")
        return {}, []
    mapping = document["parameters"]
    if not isinstance(mapping, Mapping) or not mapping:
        errors.append(
            f"parameters: must be a mapping of at least one name, but got {brief(mapping)}"
        )
        return {}, []
    parameters: dict[str, Parameter] = {}
    broken = []
    for name, value in mapping.items():
        # To look for the nearest names of thousands takes seconds.
        if len(errors) > MAX_LINES:
            broken.append(str(name))
            continue
        wrong = check_name(name, base)
        found = [f"parameters.{name}: {wrong}"] if wrong else []
        parameter = None if wrong else _parameter(f"parameters.{name}", value, found)
        if parameter is not None:
            found += check_values(str(name), parameter, base)
        if parameter is None or found:
            broken.append(str(name))
        else:
            parameters[str(name)] = parameter
        errors += found
    return parameters, broken


def _parameter(where: str, value: object, errors: list[str]) -> Parameter | None:
    kinds = "float, int or categorical"
    if not isinstance(value, Mapping):
        errors.append(
            f"{where}: must be a mapping such as {{type: float, low: 0.1, high: 1.0}}, "
            f"but got {brief(value)}"
        )
    elif "type" not in value:
        errors.append(f"{where}.type: is required: {kinds}")
    elif value["type"] not in list(_KINDS):
        errors.append(f"{where}.type: must be {kinds}, but got {brief(value['type'])}")
    else:
        try:
            return _KINDS[value["type"]].model_validate(value)
        except ValidationError as error:
            errors += _lines(error, f"{where}.", _KINDS[value["type"]])
    return None


def _sound_part(
    model: type[Part], mapping: Mapping[str, Any], prefix: str, errors: list[str]
) -> Part:
    """Build the model from the valid part of a mapping, with an error line for each other part.

    This way one broken section does not hide errors in another one.
    """
    try:
        return model.model_validate(mapping)
    except ValidationError as error:
        errors += _lines(error, prefix, model)
        sound = dict(mapping)
        broken: dict[str, set[object]] = {}
        for item in error.errors(include_url=False, include_context=False):
            section, *inner = item["loc"]
            broken.setdefault(str(section), set()).update(inner[:1] or [_WHOLE])
        for section, inside in broken.items():
            part = sound.get(section)
            if isinstance(part, Mapping) and _WHOLE not in inside and len(part) > len(inside):
                sound[section] = {k: v for k, v in part.items() if k not in inside}
            elif isinstance(part, list) and _WHOLE not in inside:
                sound[section] = [{} if i in inside else v for i, v in enumerate(part)]
            else:
                sound.pop(section, None)
    try:
        return model.model_validate(sound)
    except ValidationError:
        return model()


def _lines(error: ValidationError, prefix: str, model: type[BaseModel]) -> list[str]:
    """Return a line per broken rule."""
    lines = []
    for line, item in zip(validation_messages(error, model), error.errors(), strict=True):
        if item["type"] == "bool_type" and item["input"] in ("yes", "no", "on", "off"):
            # Text in YAML 1.2, a boolean in YAML 1.1.
            line += "; write true or false"
        lines.append(f"{prefix}{line}")
    return lines
