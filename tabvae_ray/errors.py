"""The errors that users see.

Each carries one message that names the file, column or key, the rule and the value.
The command line prints that message without a traceback and exits with the error's code. Messages
are bounded, because tables and files that strangers wrote may hold values of any size.
"""

import re
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

__all__ = [
    "MAX_LINES",
    "ClusterUnavailableError",
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ExportError",
    "StorageError",
    "StorageUnavailableError",
    "TabVAEError",
    "brief",
    "closest",
    "last_line",
    "one_line",
    "printable",
    "warn",
]

# Longer texts of other packages' errors are cut.
_MAX_LINE = 300
# Longer values are cut. Other text of a message is not from the user and is short.
_MAX_VALUE = 200
_MAX_MESSAGE_LINE = 1000
# Messages of more lines end after these.
MAX_LINES = 20
_TRY_LATER = 75
# Packages between a line of the user's and a warning: this one, and those that decorate functions.
_INSIDE = ("tabvae_ray", "contextlib", "torch")
# Control characters but for tabs and line ends, and marks that turn the direction of a text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ONE_WORD = re.compile(r"\S*[^\s?!;]")
_LONG_WORD = re.compile(rf"\S{{{_MAX_VALUE + 1},}}")
_LONG_QUOTE = re.compile(rf"'[^'\n]{{{_MAX_VALUE},}}'|\"[^\"\n]{{{_MAX_VALUE},}}\"")


class TabVAEError(Exception):
    """An error that the user can fix; its message says how.

    Long values in the message are cut, and so are messages of many lines. Control characters are
    shown as escapes.

    Attributes:
        exit_code: What a command that raises it ends with: 2, or 75 if the same command may
            succeed later (``EX_TEMPFAIL`` of sysexits.h).
    """

    exit_code = 2

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(_bounded(printable(a)) if isinstance(a, str) else a for a in arguments))


class ConfigError(TabVAEError, ValueError):
    """An invalid configuration, search space or command-line option."""


class DataError(TabVAEError, ValueError):
    """An invalid table or spec."""


class StorageError(TabVAEError, OSError):
    """A path or URI that cannot be read or written."""


class ClusterUnavailableError(ConfigError):
    """A Ray cluster that does not answer, or a Ray that does not start."""

    exit_code = _TRY_LATER


class StorageUnavailableError(StorageError):
    """Storage that does not answer, although it was asked again for a while."""

    exit_code = _TRY_LATER


class ExportError(TabVAEError, ValueError):
    """A directory that is not an export, or not one that this version can load."""


class DivergenceError(TabVAEError, ArithmeticError):
    """A loss that became NaN or infinite in training."""


def brief(value: object) -> str:
    """Return a value for a message, cut where it is long."""
    text = repr(_part(value))
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 3]}..."


def closest(name: object, known: Iterable[object]) -> str:
    """Return a question to end a message with, if a known name is similar to this one."""
    # Names of columns and keys of mappings may be of any type.
    names = [each for each in known if isinstance(each, str)]
    found = get_close_matches(name, names, n=1, cutoff=0.6) if isinstance(name, str) else []
    if not found:
        return ""
    # Quotes show where a name of several words ends, and that a space belongs to it.
    return f"; did you mean {found[0] if _ONE_WORD.fullmatch(found[0]) else repr(found[0])}?"


def last_line(error: BaseException | str) -> str:
    """Return the last line of an error's text, in which Ray's errors name the cause."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if lines:
        return lines[-1].strip()[:_MAX_LINE]
    return "no reason was given" if isinstance(error, str) else type(error).__name__


def one_line(error: BaseException | str) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split())[:_MAX_LINE]


def printable(text: str) -> str:
    """Return a text with control characters as escapes, so that it cannot steer a terminal."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def warn(text: str) -> None:
    """Warn of something, at the line of the user's that called this package."""
    level, frame = 2, sys._getframe(1)
    while (
        frame.f_back is not None
        and str(frame.f_globals.get("__name__")).partition(".")[0] in _INSIDE
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def _part(value: object) -> object:
    """Return as much of a value as a message may show, so that its text is made quickly."""
    if isinstance(value, str | bytes | list | tuple):
        return value[:_MAX_VALUE] if len(value) > _MAX_VALUE else value
    if isinstance(value, dict) and len(value) > _MAX_VALUE:
        return dict(islice(value.items(), _MAX_VALUE))
    return value


def _bounded(message: str) -> str:
    """Return a message without long values and with at most ``MAX_LINES`` lines."""
    if len(message) <= _MAX_VALUE:
        return message
    lines = message.split("\n", MAX_LINES)
    if len(lines) > MAX_LINES:
        lines[-1] = "and more lines like these"
    return "\n".join(map(_bounded_line, lines))


def _bounded_line(line: str) -> str:
    # A line may be of megabytes.
    line = _middle_cut(_LONG_WORD.sub(_shortened, line), 10 * _MAX_MESSAGE_LINE)
    return _middle_cut(_LONG_QUOTE.sub(_shortened, line), _MAX_MESSAGE_LINE)


def _shortened(found: re.Match[str]) -> str:
    return _middle_cut(found.group(), _MAX_VALUE)


def _middle_cut(text: str, size: int) -> str:
    """Cut the middle of a long text: names of files and keys stand at its ends."""
    if len(text) <= size:
        return text
    head, tail = size * 3 // 4, size // 4 - 3
    return f"{text[:head]}...{text[-tail:]}"
