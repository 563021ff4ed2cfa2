"""The errors that users see.

Each carries one message that names the file, column or key, the rule and the value.
The command line prints that message without a traceback and exits with code 2.
"""

__all__ = [
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ExportError",
    "StorageError",
    "TabVAEError",
    "last_line",
    "one_line",
]

# Longer texts of other packages' errors are cut.
_MAX_LINE = 300


class TabVAEError(Exception):
    """An error that the user can fix; its message says how."""


class ConfigError(TabVAEError, ValueError):
    """An invalid configuration, search space or command-line option."""


class DataError(TabVAEError, ValueError):
    """An invalid table or spec."""


class StorageError(TabVAEError, OSError):
    """A path or URI that cannot be read or written."""


class ExportError(TabVAEError, ValueError):
    """A directory that is not an export, or not one that this version can load."""


class DivergenceError(TabVAEError, ArithmeticError):
    """A loss that became NaN or infinite in training."""


def last_line(error: BaseException | str) -> str:
    """Return the last line of an error's text, in which Ray's errors name the cause."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if lines:
        return lines[-1].strip()[:_MAX_LINE]
    return "no reason was given" if isinstance(error, str) else type(error).__name__


def one_line(error: BaseException | str) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split())[:_MAX_LINE]
