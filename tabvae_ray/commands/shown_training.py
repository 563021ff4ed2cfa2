"""Pieces that the commands which train one model share: checks and progress."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tabvae_ray.errors import ConfigError, ExportError, StorageError, printable

# What a training needs takes seconds to import; help and usage errors need none of it.
if TYPE_CHECKING:
    from tabvae_ray.storage import Location
    from tabvae_ray.training.trainer import TabularVAETrainer

__all__ = ["ShownEpochs", "new_export", "say", "whole_or_nothing"]


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
    """Prints the loss after every tenth part of the epochs, and at the end.

    Args:
        last: The last epoch.
    """

    def __init__(self, last: int) -> None:
        self._last = last

    def __call__(self, trainer: "TabularVAETrainer") -> None:
        """Print the loss, if it is time to."""
        n, ends = trainer.epoch, trainer.stopped is not None
        if n % max(1, self._last // 10) == 0 or n == self._last or ends:
            # A private training has no loss to show.
            loss = trainer.history[-1].get("loss")
            shown = "" if loss is None else f": loss {loss:.4g} nats per row"
            say(f"epoch {n} of {self._last}{shown}")


def say(text: str) -> None:
    """Print a line to stderr."""
    print(printable(text), file=sys.stderr)  # noqa: T201
