"""Repeat what failed with a transient error, and explain the errors that last."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tabvae_ray.errors import StorageError

__all__ = ["attempt", "is_transient", "reason", "storage_errors"]

T = TypeVar("T")

# Seconds before each further attempt; a restarting object store is back within half a minute.
_RETRY_AFTER = (0.5, 1.0, 2.0, *[4.0] * 8)
# No attempt begins after this many seconds: an attempt may take seconds of its own to fail.
_RETRY_FOR = 35.0
_TRANSIENT = (
    "network_connection",
    "connection refused",
    "could not connect",
    "couldn't connect",
    "connection reset",
    "timeout",
    "timed out",
    "slow_down",
    "slowdown",
    "internal_failure",
    "internal error",
    "service_unavailable",
    "service unavailable",
    *(
        f"http {word} {code}"
        for word in ("status", "response code:")
        for code in (500, 502, 503, 504)
    ),
    "stale file handle",
    # Google's client says this of a server that it cannot reach.
    "unavailable",
)
# Waiting does not help against these, even if the file's name looks like a transient error.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def attempt(action: Callable[[], T], path: str) -> T:
    """Run an action, and repeat it after a pause while its error is transient.

    Args:
        action: What to run; it may run several times.
        path: The path that it works on; an error's text may repeat it.

    Raises:
        ArrowException, OSError: The action's own error, if it is not transient or does not pass.
    """
    end = time.monotonic() + _RETRY_FOR
    for pause in _RETRY_AFTER:
        try:
            return action()
        except StorageError:
            raise
        except storage_errors() as error:
            if time.monotonic() + pause > end or not is_transient(error, path):
                raise
        time.sleep(pause)
    return action()


def storage_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the system, and of pyarrow where it is loaded."""
    # Commands read their small files without pyarrow, whose import takes as long as all the rest.
    pyarrow = sys.modules.get("pyarrow")
    return (OSError,) if pyarrow is None else (OSError, pyarrow.ArrowException)


def reason(error: BaseException) -> str:
    """Return the error's text on one line, explained where it is one that users often meet."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file or directory"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    text = " ".join(text.split())
    lowered = text.lower()
    if "access_denied" in lowered or "accessdenied" in lowered or "forbidden" in lowered:
        return f"access denied, check the credentials and the bucket's policy ({text})"
    if "invalid_access_key_id" in lowered or "invalidaccesskeyid" in lowered:
        return f"the access key is not known there ({text})"
    if "signature" in lowered:
        return f"the secret key does not fit the access key ({text})"
    if "no_such_bucket" in lowered or "nosuchbucket" in lowered:
        return f"there is no such bucket ({text})"
    return text


def is_transient(error: BaseException, path: str) -> bool:
    """Return True if the error may pass by itself; the path in its text is ignored."""
    if isinstance(error, _LASTING):
        return False
    text = str(error).replace(path.strip("/"), "").lower()
    return any(mark in text for mark in _TRANSIENT)
