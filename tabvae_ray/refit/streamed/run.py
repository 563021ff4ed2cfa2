"""The streamed refit from the encoding of the table to the trained model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ray.exceptions import RayError
from ray.train import TrainingFailedError

from tabvae_ray.cluster.connection import connected, through_client
from tabvae_ray.errors import (
    ConfigError,
    DivergenceError,
    StorageError,
    TabVAEError,
    last_line,
)
from tabvae_ray.refit.plan import RefitPlan
from tabvae_ray.refit.streamed.encoding import EncodingTask, encode_table
from tabvae_ray.refit.streamed.ray_data import errors_unlogged
from tabvae_ray.refit.streamed.training import StreamedTask, train_on_codes
from tabvae_ray.refit.training import keep_state, kept_state, untrained
from tabvae_ray.retries import reason
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.trainer import EpochHook
from tabvae_ray.uri import no_empty_directories

__all__ = ["StreamedTraining"]


@dataclass(frozen=True)
class StreamedTraining:
    """The training of a refit on a table that does not fit in memory.

    Args:
        table: The whole table.
        workers: Workers that train the model together.
        address: The Ray cluster; a Ray on this machine if None.
        say: Shows a message.
    """

    table: ParquetTable
    workers: int = 1
    address: str | None = None
    say: Callable[[str], None] = lambda _: None

    def __call__(self, plan: RefitPlan, hooks: Sequence[EpochHook] = ()) -> TabularVAE:
        """Train the model of a plan to its last epoch, and return it.

        Codes and checkpoints lie beside the plan's checkpoint until the training has ended. A
        training that was killed continues from them; a finished one is only loaded.

        Args:
            plan: The plan, whose table is what the encoder is fitted to.
            hooks: Called once, after the last epoch.

        Raises:
            ConfigError: If the address is one of a Ray client.
            DataError: If a value of the table is none of the spec.
            DivergenceError: If the loss becomes NaN or infinite.
            StorageError: If a file cannot be read or written.
            TabVAEError: If the training fails for another reason.
        """
        name = f"streamed-{plan.identity[:16]}"
        home = plan.checkpoint.parent
        task = StreamedTask(plan, self.table.n_rows, home / f"{name}-codes", self.workers)
        if through_client(self.address):
            raise ConfigError(
                "--address: a refit of a large table runs on a node of the cluster (auto or "
                "host:port), not through a client (ray://)"
            )
        vae = untrained(plan, "cpu")
        state = kept_state(plan)
        if state is None:
            _remove_others(plan, name)
            kept = no_empty_directories(home.on_this_machine())
            with errors_unlogged(), kept, connected(self.address):
                try:
                    self.say(f"encoding {self.table.n_rows:,} rows")
                    encoding = EncodingTask(self.table, plan.spec, vae.encoder)
                    encode_table(encoding, task.codes, seed=plan.seed)
                    self.say(f"training on {_workers(self.workers)}")
                    state = train_on_codes(task, home, name)
                except (RayError, TrainingFailedError) as error:
                    raise _cause(error, home) from None
            keep_state(plan, state)
            _remove_others(plan, "")
        vae.load_state_dict(state)
        for hook in hooks:
            hook(vae.trainer)
        return vae


def _remove_others(plan: RefitPlan, name: str) -> None:
    """Remove codes and checkpoints of other refits."""
    for child in plan.checkpoint.parent.children():
        if child.name.startswith("streamed-") and not (name and child.name.startswith(name)):
            child.remove_tree()


def _is_of_storage(error: object) -> bool:
    """Return True for an error of a file; those of Ray's connections have no number."""
    return isinstance(error, OSError) and error.errno is not None


def _workers(n: int) -> str:
    return "1 worker" if n == 1 else f"{n} workers"


def _cause(error: BaseException, home: Location) -> TabVAEError:
    """Return the error of this package that made Ray fail, or one that quotes Ray's.

    Args:
        error: Ray's error.
        home: The directory of the codes and checkpoints.
    """
    found: BaseException | None = error
    while found is not None:
        inner = [found, *getattr(found, "worker_failures", {}).values()]
        # Ray's error is of the class of its cause, too, but its text is a traceback.
        causes = [getattr(part, "cause", part) for part in inner]
        own = next((part for part in causes if isinstance(part, TabVAEError)), None)
        if own is not None:
            return own
        of_system = next((part for part in causes if _is_of_storage(part)), None)
        if of_system is not None:
            return StorageError(
                f"{home}: cannot be read or written: {reason(of_system)}; the same command goes on "
                "from what is there"
            )
        if "DivergenceError" in str(found):
            return DivergenceError(last_line(found))
        found = found.__cause__
    return TabVAEError(
        f"the training failed: {last_line(error)}; the same command continues from the last "
        "checkpoint"
    )
