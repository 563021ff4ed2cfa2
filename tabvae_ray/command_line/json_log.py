"""Logs as lines of JSON, for collectors of logs."""

import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any

import click

from tabvae_ray.errors import TabVAEError

__all__ = ["JsonLog", "logged"]


class JsonLog:
    """A log on stderr of one JSON object per line and event.

    Every line has ``time`` (UTC), ``level``, ``event``, and ``search`` once that is known.

    Attributes:
        search: The name of the search.
    """

    def __init__(self) -> None:
        self.search: str | None = None

    def event(self, event: str, *, level: str = "info", **values: Any) -> None:
        """Write a line.

        Args:
            event: What has happened.
            level: ``info``, ``warning`` or ``error``.
            values: More entries of the object, without NaN and infinities.
        """
        entry = {"time": _now(), "level": level, "event": event}
        if self.search is not None:
            entry["search"] = self.search
        # One call, so that lines of several threads do not mix.
        sys.stderr.write(json.dumps({**entry, **values}, allow_nan=False, default=str) + "\n")
        sys.stderr.flush()

    def message(self, text: str, level: str = "info") -> None:
        """Write a sentence as an event of its own; a blank text writes nothing."""
        line = " ".join(text.split())
        if line:
            self.event("message", level=level, message=line)

    @contextmanager
    def taking_warnings(self) -> Iterator[None]:
        """Write Python's warnings, and what modules log as one, as events."""

        def show(message: Warning | str, *_: object, **__: object) -> None:
            self.message(str(message), "warning")

        handler = _Handler(self)
        with warnings.catch_warnings():
            warnings.showwarning = show
            logging.getLogger().addHandler(handler)
            try:
                yield
            finally:
                logging.getLogger().removeHandler(handler)

    def run(self, command: Callable[[], int]) -> int:
        """Run a command, write an event if it ends with an error, and return its exit code.

        The codes are those of :func:`tabvae_ray.cli.run_command`.
        """
        try:
            with self.taking_warnings():
                return command()
        except click.UsageError as error:
            return self._failed(error.format_message(), 2)
        except TabVAEError as error:
            return self._failed(str(error), error.exit_code)
        except KeyboardInterrupt:
            return self._failed("interrupted", 130)
        except BrokenPipeError:
            raise
        except Exception as error:
            return self._failed(repr(error), 1, traceback=traceback.format_exc())

    def _failed(self, message: str, code: int, **values: Any) -> int:
        self.event("failed", level="error", message=message, exit_code=code, **values)
        return code


def logged(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the ``log`` that its option ``--log-format`` asks for; None for text.

    The log also takes its warnings and errors.
    """

    @wraps(command)
    def run_logged(*, log_format: str, **options: Any) -> int:
        if log_format == "text":
            return command(log=None, **options)
        log = JsonLog()
        return log.run(partial(command, log=log, **options))

    return run_logged


class _Handler(logging.Handler):
    def __init__(self, log: JsonLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self._log.message(record.getMessage(), level)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
