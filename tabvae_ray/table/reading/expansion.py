"""Bounds of what compressed tables may expand to, so that a small file cannot fill the memory."""

import gzip
import io
import os
from pathlib import Path

import pyarrow.parquet as pq

from tabvae_ray.errors import DataError

__all__ = ["check_parquet_size", "expanded", "machine_memory"]

# Parts of the memory of this machine. Short cells of CSV take several times their text.
_CSV_PART, _PARQUET_PART = 8, 2
_CHUNK = 2**20
_BYTES_OF_A_CELL = 8
_LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine_memory() -> int:
    """Return the bytes of memory that this machine, or this container, has."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in map(Path, _LIMIT_FILES):
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            found.append(int(text))
    return min(found)


def expanded(content: bytes, source: str) -> bytes:
    """Return the content of a gzip file.

    Raises:
        DataError: If it is larger than an eighth of the memory.
        OSError: If it is not gzip.
        EOFError: If it ends early.
        zlib.error: If it is damaged.
    """
    bound = machine_memory() // _CSV_PART
    parts, size = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while part := file.read(_CHUNK):
            size += len(part)
            if size > bound:
                raise DataError(
                    f"{source}: {_mib(len(content))} that expand to more than {_mib(bound)}, an "
                    "eighth of the memory of this machine; use a sample of its rows, or Parquet"
                )
            parts.append(part)
    return b"".join(parts)


def check_parquet_size(content: bytes, source: str) -> None:
    """Refuse a Parquet file whose table would take more than half of the memory.

    Raises:
        DataError: If it would.
        pyarrow.ArrowException: If it is not Parquet.
    """
    metadata = pq.read_metadata(io.BytesIO(content))
    groups = (metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    size = max(sum(groups), metadata.num_rows * metadata.num_columns * _BYTES_OF_A_CELL)
    bound = machine_memory() // _PARQUET_PART
    if size > bound:
        raise DataError(
            f"{source}: {metadata.num_rows:,} rows that take about {_mib(size)} of memory, which "
            f"is more than half of that of this machine, {_mib(bound)}; use a sample of its rows"
        )


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size < 2**30 else f"{size / 2**30:,.1f} GiB"
