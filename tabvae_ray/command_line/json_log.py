"""Logs as lines of JSON, for collectors of logs."""

import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial, wraps
from itertools import pairwise
from typing import Any

import click

from tabvae_ray.command_line.lines import line_width, wrapped
from tabvae_ray.command_line.standard_output import full_disk
from tabvae_ray.errors import TabVAEError

__all__ = ["JsonLog", "asks_for_json", "logged", "speaker", "usage_message"]


class JsonLog:
    """A log on stderr of one JSON object per line and event.

    Every line has ``time`` (UTC), ``level``, ``event``, and ``search`` once that is known.

    Args:
        quiet: Write only warnings and errors.

    Attributes:
        search: The name of the search.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.search: str | None = None
        self._quiet = quiet

    def event(self, event: str, *, level: str = "info", **values: Any) -> None:
        """Write a line.

        Args:
            event: What has happened.
            level: ``info``, ``warning`` or ``error``.
            values: More entries of the object, without NaN and infinities.
        """
        if self._quiet and level == "info":
            return
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
        """Run a command, write its warnings and its error as events, and return its exit code.

        The codes are those of :func:`tabvae_ray.cli.run_command`.
        """

        def warned() -> int:
            with self.taking_warnings():
                return command()

        return self.run_parsing(warned)

    def run_parsing(self, command: Callable[[], int]) -> int:
        """Do the same without warnings, around a command that may log them itself."""
        try:
            return command()
        except click.exceptions.Exit as end:
            return end.exit_code
        except click.UsageError as error:
            return self._failed(" ".join(usage_message(error).split()), 2)
        except TabVAEError as error:
            return self._failed(str(error), error.exit_code)
        except KeyboardInterrupt:
            return self._failed("interrupted", 130)
        except BrokenPipeError:
            raise
        except Exception as error:
            if (why := full_disk(error)) is not None:
                return self._failed(why, 2)
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
        log = JsonLog(quiet=options.get("quiet", False))
        return log.run(partial(command, log=log, **options))

    return run_logged


def speaker(log: JsonLog | None, *, quiet: bool = False) -> Callable[[str], None]:
    """Return a function that shows a sentence: as an event, or on stderr; ``quiet`` shows none."""
    if quiet:
        return lambda text: None
    return _say if log is None else log.message


def asks_for_json(words: Sequence[str]) -> bool:
    """Return True if options, which need not be right, ask for lines of JSON."""
    given = [after for before, after in pairwise(words) if before == "--log-format"]
    given += [word.partition("=")[2] for word in words if word.startswith("--log-format=")]
    return "json" in given


def usage_message(error: click.UsageError) -> str:
    """Return the message of an error, with the nearest option in place of all similar ones."""
    if not isinstance(error, click.NoSuchOption) or not error.possibilities:
        return error.format_message()
    near = get_close_matches(error.option_name, error.possibilities, n=1, cutoff=0)
    return f"{error.message} Did you mean '{near[0]}'?"


class _Handler(logging.Handler):
    def __init__(self, log: JsonLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self._log.message(record.getMessage(), level)


def _say(text: str) -> None:
    print(wrapped(text, line_width(sys.stderr)), file=sys.stderr)  # noqa: T201


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
