"""The files of an export: read with limits, written so that no reader meets half of one."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from tabvae_ray.command_line.similar_paths import similar_beside
from tabvae_ray.documents import parse_json
from tabvae_ray.errors import ExportError, brief, one_line
from tabvae_ray.storage import Location

__all__ = [
    "EXPORT_FILES",
    "copy_export",
    "loaded_files",
    "read_document",
    "read_provenance",
    "read_weights",
    "replace_export",
]

_DOCUMENT, _WEIGHTS = "synthesizer.json", "model.safetensors"
# What load_synthesizer does not need.
_OTHERS = ("scores.json", "README.md")
EXPORT_FILES = (_DOCUMENT, _WEIGHTS, *_OTHERS)
# While an export is replaced, synthesizer.json names its weights by this key.
_KEY = "weights"
_STAGED = re.compile(r"model-[0-9a-f]{16}\.safetensors")
# Far above any real model; docs/architecture.md names them.
_MAX_JSON_BYTES = 256 * 2**20
_MAX_WEIGHT_BYTES = 16 * 2**30
# The header of a larger file is looked at before the file is read.
_LARGE_BYTES = 64 * 2**20


def read_document(source: Location) -> dict[str, Any]:
    """Read ``synthesizer.json`` of an export.

    Args:
        source: The directory of the export.

    Raises:
        ExportError: If there is none, or it is not a JSON object of finite numbers, or breaks a
            bound of :func:`tabvae_ray.documents.parse_json`.
        StorageError: If it cannot be read, or is too large.
    """
    file = source / _DOCUMENT
    if not file.exists():
        raise ExportError(f"{source}: {_why_no_export(source)}")
    data = file.read_bytes(_MAX_JSON_BYTES)

    try:
        document = parse_json(data, only_finite=True)
    except ValueError as error:
        raise ExportError(f"{file}: cannot be read as JSON: {one_line(error)}") from None
    if not isinstance(document, dict):
        raise ExportError(f"{file}: must be a JSON object, but got {type(document).__name__}")
    return document


def read_provenance(source: Location) -> dict[str, Any]:
    """Return the provenance of an export; empty if it has none.

    Raises:
        ExportError: If it is not an export.
        StorageError: If it cannot be read.
    """
    found = read_document(source).get("provenance")
    return dict(found) if isinstance(found, Mapping) else {}


def read_weights(source: Location, document: Mapping[str, Any]) -> tuple[Location, bytes]:
    """Return the file of the weights that belong to a document, and its content.

    Raises:
        ExportError: If the document names no such file, or it is too large.
        StorageError: If it cannot be read.
    """
    name = document.get(_KEY, _WEIGHTS)
    # The document may come from anybody, and must not name files elsewhere.
    if name != _WEIGHTS and not (isinstance(name, str) and _STAGED.fullmatch(name)):
        raise ExportError(f"{source}: weights must be {_WEIGHTS}, but got {brief(name)}")
    file = source / name
    if _LARGE_BYTES < file.size() <= _MAX_WEIGHT_BYTES:
        _check_length(file)
    return file, file.read_bytes(_MAX_WEIGHT_BYTES)


def loaded_files(source: Location) -> dict[str, bytes]:
    """Return the files that an export is loaded from, by their usual names.

    So they are also where a replacement of the export goes on or was killed.

    Raises:
        ExportError: If it is not an export.
        StorageError: If a file cannot be read.
    """
    document = read_document(source)
    weights = read_weights(source, document)[1]
    if _KEY in document:
        content = _document_text(document).encode(errors="backslashreplace")
    else:
        content = (source / _DOCUMENT).read_bytes()
    return {_DOCUMENT: content, _WEIGHTS: weights}


def _check_length(file: Location) -> None:
    """Check that a large file of weights is as long as its header says, before it is read.

    Raises:
        ExportError: If it is not.
    """
    size = file.size()
    with file.open_input() as opened:
        n = int.from_bytes(opened.read(8), "little")
        text = opened.read(n) if n <= _LARGE_BYTES else b""
    try:
        parts = [part for name, part in parse_json(text).items() if name != "__metadata__"]
        end = 8 + n + max(part["data_offsets"][1] for part in parts)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise ExportError(f"{file}: not safetensors: has no header of tensors") from None
    if end != size:
        raise ExportError(
            f"{file}: not safetensors: has {size:,} bytes, but its tensors end after {brief(end)}"
        )


def replace_export(
    target: Location, document: Mapping[str, Any], weights: bytes, others: Mapping[str, bytes]
) -> None:
    """Write the files of an export so that at every moment the old or the new one can be loaded.

    ``synthesizer.json`` and the weights must change together, and a storage replaces one file at a
    time. The new weights therefore first have a name of their own, which the new
    ``synthesizer.json`` gives. Once it is there, they get their usual name.

    Args:
        target: The directory.
        document: The content of ``synthesizer.json``.
        weights: The content of ``model.safetensors``.
        others: Further files by name.

    Raises:
        ExportError: If the directory holds further files of these names, but no export. They are
            not replaced, because somebody else made them.
        StorageError: If a file cannot be written.
    """
    if not any((target / name).exists() for name in (_DOCUMENT, _WEIGHTS)):
        # Weights are written first, so that an export of which a part is missing has them.
        for name in others:
            if (target / name).exists():
                raise ExportError(
                    f"{target}: holds {name}, which the model would replace; give another directory"
                )
    staged = None
    if (target / _DOCUMENT).exists():
        staged = f"model-{hashlib.sha256(weights).hexdigest()[:16]}.safetensors"
        (target / staged).write_bytes(weights)
        (target / _DOCUMENT).write_text(_document_text(document, staged))
    (target / _WEIGHTS).write_bytes(weights)
    for name, content in others.items():
        (target / name).write_bytes(content)
    (target / _DOCUMENT).write_text(_document_text(document))
    if staged is not None:
        # Also those that a killed process has left.
        for file in target.children():
            if _STAGED.fullmatch(file.name):
                file.remove()


def copy_export(source: Location, target: Location) -> None:
    """Copy an export; one that is there is replaced as by :func:`replace_export`.

    Raises:
        ExportError: If ``source`` is no export.
        StorageError: If a file cannot be read or written.
    """
    document = read_document(source)
    weights = read_weights(source, document)[1]
    others = {name: (source / name).read_bytes() for name in _OTHERS if (source / name).exists()}
    replace_export(target, document, weights, others)


def _document_text(document: Mapping[str, Any], weights: str | None = None) -> str:
    """Return the content of ``synthesizer.json``, which names weights of an unusual name."""
    content = {name: value for name, value in document.items() if name != _KEY}
    if weights is not None:
        content[_KEY] = weights
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def _why_no_export(source: Location) -> str:
    if not source.exists():
        local = source.on_this_machine()
        return "there is no such directory" + ("" if local is None else similar_beside(local))
    if (source / "best" / _DOCUMENT).exists():
        return f"not an export, but the directory of a search; its export is {source / 'best'}"
    if (source / "search.json").exists():
        return "not an export, but the directory of a search that has chosen no model yet"
    return f"not an export: it has no {_DOCUMENT}"
