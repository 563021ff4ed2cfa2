"""The errors that users see.

Every error here carries one message that names the file, column or key, the rule and the value.
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
    """Something that the user can mend; its message says how."""


class ConfigError(TabVAEError, ValueError):
    """A configuration, a search space or a command-line option breaks a rule."""


class DataError(TabVAEError, ValueError):
    """A table, or the spec that describes it, breaks a rule."""


class StorageError(TabVAEError, OSError):
    """A path or URI cannot be read or written."""


class ExportError(TabVAEError, ValueError):
    """A directory is not an export that this version can load."""


class DivergenceError(TabVAEError, ArithmeticError):
    """Training met a loss that is NaN or infinite."""


def last_line(error: BaseException | str) -> str:
    """Return the last line of an error's text, in which Ray's errors name the cause."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if lines:
        return lines[-1].strip()[:_MAX_LINE]
    return "no reason was given" if isinstance(error, str) else type(error).__name__


def one_line(error: BaseException | str) -> str:
    """Return an error's text on one line."""
    return " ".join(str(error).split())[:_MAX_LINE]
