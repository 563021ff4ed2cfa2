"""Pieces that the commands which train one model share: checks and progress."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tabvae_ray.command_line.json_log import JsonLog, speaker
from tabvae_ray.errors import ConfigError, ExportError, StorageError

# What a training needs takes seconds to import; help and usage errors need none of it.
if TYPE_CHECKING:
    from tabvae_ray.storage import Location
    from tabvae_ray.training.trainer import TabularVAETrainer

__all__ = ["ShownEpochs", "new_export", "whole_or_nothing"]


def new_export(out: str) -> "Location":
    """Return the directory of a model that is to be exported.

    Raises:
        ConfigError: If it holds a model already, or a file that the model would replace.
    """
    from tabvae_ray.generation.export_files import EXPORT_FILES
    from tabvae_ray.storage import Location

    target = Location(out)
    document, *others = EXPORT_FILES
    if (target / document).exists():
        raise ConfigError(f"--out {target}: holds a model already; give another directory")
    for name in others:
        if (target / name).exists():
            raise ConfigError(
                f"--out {target}: holds {name}, which the model would replace; give another "
                "directory"
            )
    return target


@contextmanager
def whole_or_nothing(target: "Location") -> Iterator[None]:
    """Leave nothing in the directory of a new export, nor the directory, if the block raises."""
    from tabvae_ray.generation.export_files import EXPORT_FILES
    from tabvae_ray.uri import no_empty_directories

    with no_empty_directories(target.on_this_machine()):
        try:
            yield
        except ExportError:
            # Somebody else has written there meanwhile.
            raise
        except BaseException:
            # None of them was there before, see new_export.
            for name in EXPORT_FILES:
                with suppress(StorageError):
                    (target / name).remove()
            raise


class ShownEpochs:
    """Shows the loss after every tenth part of the epochs, and at the end.

    Args:
        last: The last epoch.
        log: Where it is an event; without a log it is a line on stderr.
    """

    def __init__(self, last: int, log: JsonLog | None = None) -> None:
        self._last, self._log = last, log

    def __call__(self, trainer: "TabularVAETrainer") -> None:
        """Show the loss, if it is time to."""
        n, ends = trainer.epoch, trainer.stopped is not None
        if n % max(1, self._last // 10) != 0 and n != self._last and not ends:
            return
        # A private training has no loss to show.
        loss = trainer.history[-1].get("loss")
        if self._log is not None:
            self._log.event("epoch_ended", epoch=n, epochs=self._last, loss=loss)
            return
        shown = "" if loss is None else f": loss {loss:.4g} nats per row"
        speaker(None)(f"epoch {n} of {self._last}{shown}")
