"""Messages about options in the words of Python, for callers who typed no command."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tabvae_ray.errors import TabVAEError

__all__ = ["in_python_words", "python_words"]

_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
# Options without a value.
_FLAGS = ("resume", "resume_or_start", "refit")


def in_python_words(text: str) -> str:
    """Return a message with arguments instead of options: ``resume=True`` for ``--resume``."""
    return _OPTION.sub(_argument, text).replace("the same command", "the same call")


@contextmanager
def python_words() -> Iterator[None]:
    """Raise the errors of a block with messages in the words of Python."""
    try:
        yield
    except TabVAEError as error:
        error.args = tuple(
            in_python_words(part) if isinstance(part, str) else part for part in error.args
        )
        raise


def _argument(option: re.Match[str]) -> str:
    name = option.group(1).replace("-", "_")
    return f"{name}=True" if name in _FLAGS else name
