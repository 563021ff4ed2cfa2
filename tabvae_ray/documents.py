"""JSON and YAML, read within bounds and written.

Files come from users and from storage that others write to. A file that is damaged, or made to
exhaust memory, is refused with one message.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from tabvae_ray._version import __version__
from tabvae_ray.bounded_yaml import MAX_DEPTH, MAX_INTEGER, parse_yaml
from tabvae_ray.errors import ConfigError, StorageError, TabVAEError, brief, closest, one_line
from tabvae_ray.storage import Location

__all__ = [
    "broken_text",
    "finite",
    "is_finite_number",
    "parse_json",
    "read_document",
    "read_json",
    "read_versioned",
    "validated",
    "validation_messages",
    "write_json",
]

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)

# A larger YAML file takes longer than anybody waits; a spec of so many categories may be JSON.
_MAX_YAML_BYTES = 2**20
_MAX_JSON_BYTES = 16 * 2**20
# The files of a search: records, manifests.
_MAX_OWN_BYTES = 64 * 2**20
# Rules in words that do not presume pydantic's; all minimal lengths of this package are 1.
_RULES = {
    "dataclass_type": "be a mapping",
    "dict_type": "be a mapping",
    "model_attributes_type": "be a mapping",
    "model_type": "be a mapping",
    "list_type": "be a list",
    "tuple_type": "be a list",
    "too_short": "not be empty",
    "string_too_short": "not be empty",
}
# Parts that pydantic adds to the name of a key that may be of one of several types.
_SCALARS = ("bool", "int", "float", "str", "decimal")
_FINITE = "be a finite number"
_ONE_VALUE = "be a number, text or a truth value"
# Names in the text of an error about a set of them.
_QUOTED = re.compile(r"'([^']*)'")


def finite(value: Any) -> Any:
    """Return the value for JSON, which has no NaN and no infinity: they become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def is_finite_number(value: object) -> bool:
    """Return True for a number that is neither NaN nor infinite; booleans are no numbers."""
    # Numbers of numpy are real ones, too.
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def write_json(file: Location, document: Any) -> None:
    """Write a document as JSON in UTF-8; NaN and infinities become null.

    Raises:
        StorageError: If it cannot be written.
    """
    text = json.dumps(finite(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    # A lone surrogate, such as in a broken file name, becomes its JSON escape.
    file.write_bytes(text.encode(errors="backslashreplace"))


def read_json(file: Location) -> Any:
    """Read a JSON file of at most 64 MiB.

    Raises:
        ValueError: As :func:`parse_json` does.
        StorageError: If it cannot be read, or is larger.
    """
    return parse_json(file.read_bytes(_MAX_OWN_BYTES))


def parse_json(text: str | bytes, *, only_finite: bool = False) -> Any:
    """Parse JSON.

    Args:
        text: The JSON.
        only_finite: Whether NaN and infinities, which Python writes, are refused.

    Raises:
        ValueError: If it is not JSON, has a key twice or a number of absurd size, or is nested
            deeper than any file of this package.
    """
    try:
        document = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_int=_parse_integer,
            parse_constant=_refuse_constant if only_finite else None,
        )
    except RecursionError:
        raise ValueError(f"must be nested at most {MAX_DEPTH} deep") from None
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(MAX_DEPTH):
        inner = (part.values() if isinstance(part, dict) else part for part in level)
        level = [child for part in inner for child in part if isinstance(child, dict | list)]
        if not level:
            return document
    raise ValueError(f"must be nested at most {MAX_DEPTH} deep")


def read_versioned(
    file: Location, model: TypeAdapter[T], version: int, what: str, context: Any = None
) -> T:
    """Read a JSON file whose layout has a ``format_version``.

    Args:
        file: The file.
        model: Its content. Files without a ``format_version`` are of version 1.
        version: The newest version of the layout that this code reads.
        what: The kind of file, such as ``a trial record``.
        context: Passed to the validators of the model.

    Raises:
        StorageError: If it cannot be read, is of a newer version, or breaks a rule; the message
            names the file and the field.
    """
    try:
        document = read_json(file)
        found = document.get("format_version", 1) if isinstance(document, dict) else 1
        if type(found) is int and found > version:
            raise StorageError(
                f"{file}: format_version is {found}, but this tabvae_ray {__version__} reads up "
                f"to {version}: install a newer tabvae_ray"
            )
        return model.validate_python(document, context=context)
    except ValidationError as error:
        reason = "; ".join(validation_messages(error)[:3])
    except ValueError as error:
        reason = str(error)
    raise StorageError(f"{file}: is not {what}: {reason}")


def read_document(source: Location) -> Any:
    """Read a file that a user wrote: JSON if its name ends in ``.json``, otherwise YAML 1.2.

    Returns:
        Mappings, lists, text, numbers, booleans and None. Dates stay text.

    Raises:
        ConfigError: If it is not JSON or YAML, has a key twice, is too large, or is nested too
            deeply; in one line.
        StorageError: If it cannot be read.
    """
    kind = "JSON" if source.suffix == ".json" else "YAML"
    limit = _MAX_JSON_BYTES if kind == "JSON" else _MAX_YAML_BYTES
    if source.size() > limit:
        hint = "" if kind == "JSON" else "; a larger one may be JSON, in a file that ends in .json"
        raise ConfigError(f"{source}: must be at most {limit // 2**20} MiB of {kind}{hint}")
    text = source.read_text()
    try:
        # Editors on Windows put a byte order mark before the text.
        return parse_json(text.removeprefix("\ufeff")) if kind == "JSON" else parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{source}: cannot be read as {kind}: {one_line(error)}") from None


def validated(
    model: type[Model], mapping: object, source: str, kind: type[TabVAEError] = ConfigError
) -> Model:
    """Validate a mapping, as a file gives it, as a model.

    Args:
        model: The model.
        mapping: Its content.
        source: What the mapping is of, for messages.
        kind: The error to raise.

    Raises:
        ConfigError: Or another error of that kind, naming every key that breaks a rule, the rule,
            and the value.
    """
    try:
        return model.model_validate(mapping)
    except ValidationError as error:
        lines = [f"{source}: {line}" for line in validation_messages(error, model)]
        raise kind("\n".join(lines)) from None


def validation_messages(error: ValidationError, model: type[BaseModel] | None = None) -> list[str]:
    """Return one line per broken rule: dotted name, rule, value.

    Args:
        error: The error.
        model: The model that was validated, whose keys are suggested in place of unknown ones.
    """
    lines = []
    refused: dict[str, str] = {}
    for item in error.errors():
        place = item["loc"]
        of_union = bool(place) and place[-1] in _SCALARS
        name = ".".join(map(str, place[:-1] if of_union else place)) or "(top level)"
        if item["type"] == "extra_forbidden":
            *way, key = item["loc"]
            lines.append(f"{name}: no such key{closest(str(key), _keys(model, way))}")
        elif item["type"] == "missing":
            lines.append(f"{name}: is required")
        else:
            kind, message = item["type"], item["msg"].removeprefix("Value error, ")
            # pydantic says "Input should be", "List should have", or what a validator says.
            subject, should, rule = message.partition(" should ")
            if not should or " " in subject:
                rule = f"be {message}"
            rule = _RULES.get(kind, rule)
            if of_union:
                # One value that is of none of several types is one error.
                before = refused.get(name)
                if before is not None:
                    lines = [line for line in lines if not line.startswith(f"{name}: ")]
                    is_number = _FINITE in (before, rule)
                    rule = _FINITE if is_number else rule if rule == before else _ONE_VALUE
                refused[name] = rule
            # What a validator says may be a sentence of its own.
            said = message if " must " in f" {message}" else f"must {rule}"
            line = f"{name}: {said}, but got {brief(item['input'])}"
            if kind == "literal_error" and isinstance(item["input"], str):
                known = _QUOTED.findall(str(item.get("ctx", {}).get("expected", "")))
                line += closest(item["input"], known)
            lines.append(line)
    return lines


def _keys(model: Any, way: Sequence[int | str]) -> list[str]:
    """Return the keys of the model that lies below another one; none where it is not known."""
    for part in way:
        fields = getattr(model, "model_fields", None)
        if fields is None:
            model = _model_in(model)
        else:
            model = fields[part].annotation if part in fields else None
        if get_origin(model) in (Union, UnionType):
            model = _model_in(model)
    return list(getattr(model, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """Return the one model in the type of a mapping, list or union; otherwise None."""
    models = [part for part in get_args(annotation) if hasattr(part, "model_fields")]
    return models[0] if len(models) == 1 else None


def broken_text(document: Any, name: str = "") -> str | None:
    """Return which text of a document no UTF-8 file can hold, and why; None if there is none."""
    if isinstance(document, str):
        try:
            document.encode()
        except UnicodeEncodeError as error:
            rule = f"must be Unicode text, but has the lone surrogate {document[error.start]!a}"
            return f"{name or '(top level)'}: {rule}"
    elif isinstance(document, Mapping):
        for key, value in document.items():
            found = broken_text(key, name) or broken_text(value, f"{name}.{key}".lstrip("."))
            if found is not None:
                return found
    elif isinstance(document, list | tuple):
        for i, item in enumerate(document):
            found = broken_text(item, f"{name}.{i}".lstrip("."))
            if found is not None:
                return found
    return None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key stands twice: {twice[:200]}")
    return mapping


def _refuse_constant(text: str) -> float:
    raise ValueError(f"numbers must be finite, but got {text}")


def _parse_integer(text: str) -> int:
    # Python refuses integers of some thousand digits, and those of some hundred are no float.
    value = int(text) if len(text) < 100 else MAX_INTEGER
    if abs(value) >= MAX_INTEGER:
        raise ValueError(f"a whole number must be below 2**64, but one has {len(text)} digits")
    return value
