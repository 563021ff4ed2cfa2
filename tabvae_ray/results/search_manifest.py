"""``search.json``: what a search is, and how far it has come."""

import os
import socket
import time
import uuid
from typing import Annotated, Any, Final, Literal, NotRequired, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict

from tabvae_ray._version import package_versions
from tabvae_ray.documents import read_versioned, write_json
from tabvae_ray.errors import ConfigError, DataError, StorageError, StorageUnavailableError
from tabvae_ray.results.missing_search import why_no_search
from tabvae_ray.results.trial_record import Count, Moment, Number
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration

__all__ = ["HEARTBEAT_SECONDS", "TABLE_FILE", "SearchManifest", "versions"]

# In the search's directory: the rows, if they came from memory.
TABLE_FILE = "table.parquet"

# A driver writes search.json at least this often while it lives.
HEARTBEAT_SECONDS = 10.0

_FORMAT_VERSION: Final = 1
_OPEN = ConfigDict(extra="allow", allow_inf_nan=False)
Seconds = Annotated[Number, Field(ge=0)]


@with_config(_OPEN)
class _Level(TypedDict):
    mean: Number | None
    spread: Number | None


@with_config(_OPEN)
class _Levels(TypedDict, total=False):
    resample: dict[str, _Level]
    fresh: dict[str, _Level]
    independent: dict[str, _Level]
    n_rows: Count
    n_synthetic: Count
    higher_is_better: list[str]


@with_config(_OPEN)
class _Candidate(TypedDict):
    trial: Count


@with_config(_OPEN)
class _Chosen(TypedDict):
    trial: Count
    reason: str
    candidates: list[_Candidate]


@with_config(_OPEN)
class _Plan(TypedDict):
    epochs: Annotated[int, Field(ge=1, strict=True)]
    wanted: Annotated[int, Field(ge=1, strict=True)]


@with_config(_OPEN)
class _Driver(TypedDict, total=False):
    host: str
    pid: Annotated[int, Field(ge=1, lt=2**31, strict=True)]


@with_config(_OPEN)
class _Table(TypedDict):
    fingerprint: str
    rows: Count
    whole_rows: NotRequired[Count]
    columns: Count


def _shaped_as(shape: Any) -> GetPydanticSchema:
    """Check a mapping against a typed one."""
    return GetPydanticSchema(lambda _, handler: handler(shape))


def _check_space(space: dict[str, Any]) -> dict[str, Any]:
    try:
        parse_space(space)
    except ConfigError as error:
        raise ValueError(f"a search space ({str(error).splitlines()[0]})") from None
    return _with_all_values(space)


def _with_all_values(space: dict[str, Any]) -> dict[str, Any]:
    """Return a space with keys that have no effect on searches from before they existed."""
    search = space.get("search", {})
    if "n_rescores" in search and "rows" not in search:
        space = {**space, "search": {**search, "rows": None}}
    base, name = space.get("base", {}), "min_rows"
    section = base.get("transformers", {})
    # A resolved space has all parameters.
    is_older = "max_categories" in section and name not in section
    if not is_older or f"transformers.{name}" in space.get("parameters", {}):
        return space
    return {**space, "base": {**base, "transformers": {**section, name: 0}}}


def _check_spec(spec: dict[str, Any]) -> dict[str, Any]:
    try:
        SpecDeclaration.from_mapping(spec)
    except DataError as error:
        raise ValueError(f"a table's spec ({str(error).splitlines()[0]})") from None
    return spec


class SearchManifest(BaseModel):
    """The content of ``search.json``.

    Args:
        format_version: Version of the file's layout.
        name: Name of the search.
        space: The resolved space, see :meth:`SearchSpace.to_mapping`.
        space_file: Where the space was read from.
        data: Where the table was read from, credentials masked.
        spec: The table's spec.
        table: Fingerprint, rows and columns of the table; ``whole_rows`` if these are a sample.
        left_out: Names of columns of the table that are not in the spec; None if unknown.
        rungs: Epochs after which trials report.
        sampler: The sampler, and why it is that one.
        resources: CPUs and GPUs per trial, and trials at once.
        plan: Epochs of all trials, if the time budget needed fewer than the user wanted.
        levels: Reference levels of the scores.
        id: Distinguishes searches of the same name.
        state: ``running``, ``interrupted``, ``finished`` or ``failed``.
        concluding: Whether its trials have ended and it chooses, exports and refits a model, while
            ``running``.
        runs: How often it was started or resumed.
        seconds: Time spent, over all runs.
        trials: Count of trials by state.
        front: Numbers of the trials on the Pareto front.
        study_storage: The Optuna storage that the study is kept in besides, credentials masked.
        chosen: The trial that was exported, why, and the scores of all candidates.
        versions: Of the packages that determine the numbers.
        driver: Host and process that run the search.
        updated: When this was written, seconds since 1970.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    format_version: Literal[1] = _FORMAT_VERSION
    name: str
    space: Annotated[dict[str, Any], AfterValidator(_check_space)]
    space_file: str
    data: str
    spec: Annotated[dict[str, Any], AfterValidator(_check_spec)]
    table: Annotated[dict[str, Any], _shaped_as(_Table)]
    left_out: list[str] | None = None
    rungs: list[Count] = Field(min_length=1)
    sampler: str
    resources: dict[str, Seconds]
    plan: Annotated[dict[str, Any], _shaped_as(_Plan)] | None = None
    levels: Annotated[dict[str, Any], _shaped_as(_Levels)] = {}
    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    state: str = Field("running", pattern="^(running|interrupted|finished|failed)$")
    concluding: bool = False
    runs: Count = 0
    seconds: Seconds = 0.0
    trials: dict[str, Count] = {}
    front: list[Count] = []
    study_storage: str | None = None
    chosen: Annotated[dict[str, Any], _shaped_as(_Chosen)] | None = None
    versions: dict[str, str] = Field(default_factory=lambda: versions())
    driver: Annotated[dict[str, Any], _shaped_as(_Driver)] = {}
    updated: Moment = 0.0

    @classmethod
    def read(cls, directory: Location) -> Self:
        """Read ``search.json``.

        Raises:
            StorageError: If it is not there, is of a newer version, or breaks a rule.
        """
        file, what = directory / "search.json", "a search manifest"
        try:
            return read_versioned(file, TypeAdapter(cls), _FORMAT_VERSION, what)
        except StorageUnavailableError:
            raise
        except StorageError:
            if file.exists():
                raise
            raise StorageError(f"{directory}: {why_no_search(directory)}") from None

    def write(self, directory: Location) -> None:
        """Write ``search.json``.

        Raises:
            StorageError: If it cannot be written.
        """
        self.updated = time.time()
        self.driver = {"host": socket.gethostname(), "pid": os.getpid()}
        write_json(directory / "search.json", self.model_dump(warnings=False))

    def table_location(self, directory: Location) -> Location:
        """Return the file of the table: that in the search's directory if rows are kept there."""
        own = directory / TABLE_FILE
        return own if own.exists() else Location(self.data)

    def search_space(self) -> SearchSpace:
        """Return the space as it was resolved when the search began."""
        return parse_space(self.space, self.space_file)


def versions() -> dict[str, str]:
    """Return the versions of the packages that determine the numbers."""
    return package_versions("python", "torch", "ray", "optuna", "pandas", "numpy", "pyarrow")
