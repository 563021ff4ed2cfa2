"""``search.json``: what a search is, and how far it has come."""

import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tabvae_ray._version import package_versions
from tabvae_ray.documents import plain, read_json
from tabvae_ray.errors import StorageError
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location

__all__ = ["HEARTBEAT_SECONDS", "SearchManifest", "versions"]

# A driver that lives writes search.json so often at least.
HEARTBEAT_SECONDS = 10.0


@dataclass
class SearchManifest:
    """The content of ``search.json``.

    Args:
        name: Name of the search.
        space: The resolved space, see :meth:`SearchSpace.to_mapping`.
        space_file: Where the space was read from.
        data: Where the table was read from, credentials masked.
        spec: The table's spec.
        table: Fingerprint, rows and columns of the table.
        rungs: Epochs after which trials report.
        sampler: The sampler, and why it is that one.
        resources: CPUs and GPUs per trial, and trials at once.
        levels: Reference levels of the scores.
        id: Distinguishes searches of the same name.
        state: ``running``, ``interrupted``, ``finished`` or ``failed``.
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

    name: str
    space: dict[str, Any]
    space_file: str
    data: str
    spec: dict[str, Any]
    table: dict[str, Any]
    rungs: list[int]
    sampler: str
    resources: dict[str, float]
    levels: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: str = "running"
    runs: int = 0
    seconds: float = 0.0
    trials: dict[str, int] = field(default_factory=dict)
    front: list[int] = field(default_factory=list)
    study_storage: str | None = None
    chosen: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=lambda: versions())
    driver: dict[str, Any] = field(default_factory=dict)
    updated: float = 0.0

    @classmethod
    def read(cls, directory: Location) -> Self:
        """Read ``search.json``.

        Raises:
            StorageError: If it is not there, or is not that of a search.
        """
        file = directory / "search.json"
        try:
            document = read_json(file)
            return cls(**{key: document[key] for key in cls.__dataclass_fields__})
        except (ValueError, TypeError, KeyError) as error:
            raise StorageError(f"{file}: is not that of a search: {error!r}") from None

    def write(self, directory: Location) -> None:
        """Write ``search.json``."""
        self.updated = time.time()
        self.driver = {"host": socket.gethostname(), "pid": os.getpid()}
        text = json.dumps(plain(asdict(self)), indent=1, allow_nan=False, ensure_ascii=False)
        (directory / "search.json").write_text(text + "\n")

    def search_space(self) -> SearchSpace:
        """The space, as it was resolved when the search began."""
        return parse_space(self.space, self.space_file)

    def is_driven_from_here(self) -> bool:
        """Whether the driver that has written this last was a process of this machine."""
        return bool(self.driver.get("host") == socket.gethostname())

    def is_driver_alive(self) -> bool:
        """Whether that process, of this machine, is there and another one than ours."""
        pid = int(self.driver["pid"])
        if pid == os.getpid():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True


def versions() -> dict[str, str]:
    """Return the versions of the packages that determine the numbers."""
    return package_versions("python", "torch", "ray", "optuna", "pandas", "numpy", "pyarrow")
