"""The tracker that writes to an MLflow server.

MLflow is an optional dependency, so it is imported inside functions.
"""

import io
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import torch

from tabvae_ray.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MlflowTracker", "Status", "default_store", "find_runs"]

# The states in which a run may end.
Status = Literal["FINISHED", "FAILED", "KILLED"]

# MLflow's limits of one request, and of the text of one value.
_MAX_METRICS, _MAX_PARAMETERS, _MAX_CHARACTERS = 1000, 100, 500


class MlflowTracker:
    """Writes to a run on an MLflow server; every call waits for the server's answer.

    Scores become metrics, with the epoch as their step. Files have the same layout as in
    :class:`DirectoryTracker`, such as ``artifacts/000060/plots/pca.png`` among the run's artifacts.

    Example:
        >>> tracker = MlflowTracker("patients", "first try", uri="http://localhost:5000")
        >>> vae = TabularVAE.build(spec, config, epoch_hooks=[CheckpointRoutine(10, tracker)])
        >>> vae.fit(table)
        >>> tracker.finish()

    Args:
        experiment: Name of the experiment, which is made if missing.
        run: Name of the run.
        uri: The server; if None, ``MLFLOW_TRACKING_URI`` or MLflow's default.
        parameters: Hyperparameters, by name.
        tags: Tags of the run, by which :func:`find_runs` finds it.

    Attributes:
        run_id: MLflow's identifier of the run.

    Raises:
        ConfigError: If mlflow is not installed.
        StorageError: If the server does not answer or refuses.
    """

    def __init__(
        self,
        experiment: str,
        run: str,
        *,
        uri: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._client = _client(uri)
        from mlflow.entities import Param

        values = [
            Param(_name(name), str(value)[:_MAX_CHARACTERS])
            for name, value in (parameters or {}).items()
        ]
        with _mlflow_errors():
            experiment_id = _experiment(self._client, experiment)
            made = self._client.create_run(experiment_id, run_name=run, tags=dict(tags or {}))
            self.run_id: str = made.info.run_id
            for start in range(0, len(values), _MAX_PARAMETERS):
                part = values[start : start + _MAX_PARAMETERS]
                self._client.log_batch(self.run_id, params=part)

    @classmethod
    def resume(cls, run_id: str, *, uri: str | None = None) -> "MlflowTracker":
        """Continue an existing run."""
        tracker = cls.__new__(cls)
        tracker._client, tracker.run_id = _client(uri), run_id
        return tracker

    def scores(self, scores: Mapping[str, float], step: int) -> None:
        """Keep scores by name."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_name(name), float(v), now, step) for name, v in scores.items()]
        with _mlflow_errors():
            for start in range(0, len(metrics), _MAX_METRICS):
                part = metrics[start : start + _MAX_METRICS]
                self._client.log_batch(self.run_id, metrics=part, synchronous=True)

    def artifact(self, name: str, content: bytes, step: int) -> None:
        """Keep a file."""
        self.file(f"artifacts/{step:06d}/{name}", content)

    def table(self, name: str, table: pd.DataFrame, step: int) -> None:
        """Keep rows."""
        content = table.to_csv(index=False).encode()
        self.file(f"tabular_data/{step:06d}/{name}.csv", content)

    def checkpoint(self, state: Mapping[str, Any], step: int) -> None:
        """Keep resumable state; ``torch.load(..., weights_only=True)`` reads it."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        self.file(f"torch_checkpoints/{step:06d}.pt", buffer.getvalue())

    def file(self, name: str, content: bytes) -> None:
        """Keep a file of the whole run, such as ``best/model.safetensors``."""
        parent, _, base = name.rpartition("/")
        with tempfile.TemporaryDirectory() as folder, _mlflow_errors():
            # MLflow uploads only files, under their own name.
            path = Path(folder) / base
            path.write_bytes(content)
            self._client.log_artifact(self.run_id, str(path), parent)

    def tag(self, name: str, value: str) -> None:
        """Set a tag of the run."""
        with _mlflow_errors():
            self._client.set_tag(self.run_id, name, value[:_MAX_CHARACTERS])

    def finish(self, status: Status = "FINISHED") -> None:
        """Mark the run as ended."""
        with _mlflow_errors():
            self._client.set_terminated(self.run_id, status)


def default_store() -> str | None:
    """Return where MLflow keeps runs if nobody has named a server; None if somebody has."""
    import mlflow

    return None if os.environ.get("MLFLOW_TRACKING_URI") else str(mlflow.get_tracking_uri())


def find_runs(experiment: str, tags: Mapping[str, str], *, uri: str | None = None) -> list[Any]:
    """Find the runs of an experiment that have all the tags; they are MLflow's own objects.

    Raises:
        ConfigError: If mlflow is not installed.
        StorageError: If the server does not answer or refuses.
    """
    client = _client(uri)
    query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    found: list[Any] = []
    with _mlflow_errors():
        experiment_id = _experiment(client, experiment)
        page = client.search_runs([experiment_id], query)
        found += page
        while page.token:
            page = client.search_runs([experiment_id], query, page_token=page.token)
            found += page
    return found


def _client(uri: str | None) -> "MlflowClient":
    # With its defaults, MLflow blocks for minutes if the server does not answer.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise ConfigError(
            "tracking with MLflow needs the package mlflow: pip install 'tabvae-ray[mlflow]'"
        ) from None
    with _mlflow_errors():
        return MlflowClient(uri)


@contextmanager
def _mlflow_errors() -> Iterator[None]:
    """Turn MLflow's exceptions into a StorageError."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise StorageError(f"MLflow: {error}") from error


def _experiment(client: "MlflowClient", name: str) -> str:
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(name)
    if known is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            # Another process may have created it in the meantime.
            known = client.get_experiment_by_name(name)
            if known is None:
                raise
    return str(known.experiment_id)


def _name(name: str) -> str:
    """Return a name that MLflow accepts: only these characters, at most 250."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]
