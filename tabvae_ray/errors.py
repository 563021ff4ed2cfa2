"""Errors for the user.

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
]


class TabVAEError(Exception):
    """An error that the user can fix; its message says how."""


class ConfigError(TabVAEError, ValueError):
    """A configuration, a search space or a command-line option breaks a rule."""


class DataError(TabVAEError, ValueError):
    """A table, or the spec that describes it, breaks a rule."""


class StorageError(TabVAEError, OSError):
    """A path or URI cannot be read or written."""


class ExportError(TabVAEError, ValueError):
    """A directory is not an export that this version can load."""


class DivergenceError(TabVAEError, ArithmeticError):
    """The loss of a training run became NaN or infinite."""
