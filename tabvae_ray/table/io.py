"""Tables on disk and in object stores: CSV and Parquet, told apart by their suffix."""

import gzip
import hashlib
import io
import re
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabvae_ray.errors import DataError
from tabvae_ray.storage import Location

__all__ = ["TableWriter", "fingerprint", "read_table", "write_table"]

_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")


def read_table(location: Location | str) -> pd.DataFrame:
    """Read a CSV or Parquet file, as pandas infers its types; ISO 8601 text becomes datetimes.

    Raises:
        DataError: If it is neither, is empty, or a column's name occurs twice.
        StorageError: If it cannot be read.
    """
    source = Location(location)
    suffix = _suffix(source)
    content = source.read_bytes()
    if not content:
        raise DataError(f"{source}: is empty")
    if suffix == ".parquet":
        try:
            table = pd.read_parquet(io.BytesIO(content))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{source}: not Parquet: {_one_line(error)}") from None
    else:
        table = _read_csv(content, suffix, source)
    if len(table) == 0:
        raise DataError(f"{source}: has a header, but no rows")
    return table


def write_table(table: pd.DataFrame, location: Location | str) -> None:
    """Write a table, whole or not at all; CSV or Parquet by the suffix.

    Raises:
        DataError: If the suffix is another one.
        StorageError: If it cannot be written.
    """
    with TableWriter(location) as writer:
        writer.write(table)


class TableWriter:
    """Writes a table in parts; the file takes its name when all are there.

    Example:
        >>> with TableWriter("rows.parquet") as writer:
        ...     for part in parts:
        ...         writer.write(part)

    Args:
        location: The file, CSV or Parquet by its suffix.

    Raises:
        DataError: If the suffix is another one.
        StorageError: If it cannot be written.
    """

    def __init__(self, location: Location | str) -> None:
        self.location = Location(location)
        self._suffix = _suffix(self.location)
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._parquet: pq.ParquetWriter | None = None
        self._written = 0

    def __enter__(self) -> Self:
        file = self._stack.enter_context(self.location.open_output())
        self._file = file
        if self._suffix == ".csv.gz":
            # Without a name and a time in it, equal rows make equal bytes.
            zipped = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
            self._file = cast(IO[bytes], self._stack.enter_context(zipped))
        return self

    def write(self, part: pd.DataFrame) -> None:
        """Add rows; all parts have the same columns."""
        assert self._file is not None, "used outside of a with block"
        if self._suffix != ".parquet":
            text = part.to_csv(index=False, header=self._written == 0)
            self._file.write(text.encode())
        else:
            schema = None if self._parquet is None else self._parquet.schema
            rows = pa.Table.from_pandas(part, schema=schema, preserve_index=False)
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._file, rows.schema)
            self._parquet.write_table(rows)
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._parquet is not None:
            self._parquet.close()
        self._stack.__exit__(kind, error, traceback)


def fingerprint(table: pd.DataFrame) -> str:
    """A digest of names, dtypes, values and their order: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in table.columns:
        digest.update(f"{name}\0{table[name].dtype}\0".encode())
        hashed = pd.util.hash_pandas_object(table[name], index=False)
        digest.update(hashed.to_numpy(np.uint64).tobytes())
    return digest.hexdigest()


def _read_csv(content: bytes, suffix: str, source: Location) -> pd.DataFrame:
    try:
        text = gzip.decompress(content) if suffix == ".csv.gz" else content
        if b"\0" in text[:4096]:
            raise DataError(f"{source}: not CSV: it holds binary data")
        header = pd.read_csv(io.BytesIO(text), header=None, nrows=1, dtype=str).iloc[0]
        table: pd.DataFrame = pd.read_csv(io.BytesIO(text), low_memory=False)
    except pd.errors.EmptyDataError:
        raise DataError(f"{source}: is empty") from None
    except (ValueError, OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataError(f"{source}: not CSV: {_one_line(error)}") from None
    twice = header[header.duplicated() & header.notna()]
    if len(twice):
        raise DataError(f"{source}: column {twice.iloc[0]!r}: occurs more than once")
    for name in table.columns:
        if pd.api.types.is_string_dtype(table[name].dtype):
            table[name] = _parse_dates(table[name])
    return table


def _parse_dates(values: pd.Series) -> pd.Series:
    """The column as datetimes if all its text is ISO 8601, otherwise as it is."""
    present = values.dropna()
    if present.empty or not all(_ISO_DATE.fullmatch(str(v)) for v in present.head(100)):
        return values
    try:
        return pd.to_datetime(values, format="ISO8601")
    except (ValueError, TypeError):
        return values


def _suffix(location: Location) -> str:
    suffix = location.suffix
    if suffix not in _SUFFIXES:
        raise DataError(f"{location}: a table must end in {', '.join(_SUFFIXES)}")
    return suffix


def _one_line(error: Any) -> str:
    return " ".join(str(error).split())[:300]
