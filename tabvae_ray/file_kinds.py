"""Kinds of files that are neither read nor replaced."""

import stat
from pathlib import Path

__all__ = ["special_kind"]

_SPECIAL_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def special_kind(path: Path) -> str | None:
    """Return what stands at a path in place of a file; None for a file or nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        # Opening it says why.
        return None
    return _SPECIAL_KINDS.get(stat.S_IFMT(mode))
