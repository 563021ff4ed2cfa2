"""The inputs of a search as a user may give them: files, names, or Python objects."""

import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd

from tabvae_ray.errors import ConfigError, warn
from tabvae_ray.search.directory import name_of_space
from tabvae_ray.space.named_spaces import find_space
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import load_space, parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.arrow_types import ARROW_TYPES, typed_schema
from tabvae_ray.table.dataset.sample import Sample, sample_frame
from tabvae_ray.table.declaration import SpecDeclaration, SpecSource
from tabvae_ray.table.io import read_sample
from tabvae_ray.table.reading.frames import as_frame, is_location, parquet_form
from tabvae_ray.table.reading.markers import read_markers
from tabvae_ray.table.values.object_types import OBJECT_TYPES

__all__ = ["SpaceSource", "SpecSource", "read_rows", "read_space", "space_name"]

SpaceSource = str | PurePath | Mapping[str, Any] | SearchSpace


def read_space(given: SpaceSource) -> SearchSpace:
    """Return a search space that is given as a file, by name, as a mapping, or as it is.

    Raises:
        ConfigError: With one line for each thing that is wrong in it.
        StorageError: If it cannot be read.
    """
    if isinstance(given, SearchSpace):
        return given
    if isinstance(given, Mapping):
        return parse_space(given, "space")
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(
            "space: must be a path, the name of a space, a mapping or a SearchSpace, but got "
            f"{type(given).__name__}"
        )
    return load_space(find_space(os.fspath(given)))


def space_name(given: SpaceSource) -> str:
    """Return the name that a search gets from its space: that of the file, or ``search``."""
    if isinstance(given, SearchSpace):
        given = given.source
    elif isinstance(given, Mapping):
        return "search"
    return name_of_space(os.fspath(given))


def read_rows(
    data: object, where: Location, declared: SpecDeclaration | None, *, rows: int | None, seed: int
) -> tuple[Sample, pd.DataFrame | None]:
    """Return the rows of a search, and the whole table if it comes from memory.

    Args:
        data: Rows in memory, or anything else for those of the file.
        where: The file, or a directory or glob pattern of Parquet files.
        declared: Declaration of some or all columns.
        rows: The most rows to return: of more, a sample. All rows if None.
        seed: Seed of the sample.

    Raises:
        DataError: If they are not a table.
        StorageError: If the file cannot be read.
    """
    if data is None or is_location(data):
        return read_sample(where, declared, rows=rows, seed=seed), None
    whole = as_frame(data)
    if rows is None or len(whole) <= rows:
        # A search that goes on reads the file that these rows are written to.
        read = _with_markers(parquet_form(whole), declared)
        return Sample(read, len(read)), read
    # The types are those of the whole table, which the file will have.
    known = whole.attrs.get(ARROW_TYPES, {})
    types = {field.name: str(field.type) for field in typed_schema(whole, known)}
    part = sample_frame(whole, rows, seed).rows
    part.attrs = {ARROW_TYPES: types, OBJECT_TYPES: whole.attrs.get(OBJECT_TYPES, {})}
    return Sample(_with_markers(parquet_form(part), declared), len(whole)), whole


def _with_markers(table: pd.DataFrame, declared: SpecDeclaration | None) -> pd.DataFrame:
    read = read_markers(
        table,
        declared or SpecDeclaration(),
        lambda text: warn(f"table: {text}"),
    )
    made = parquet_form(read)
    made.attrs = {**read.attrs, **made.attrs}
    return made
