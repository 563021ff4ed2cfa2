"""The rows of a large table as shuffled codes in Parquet files, written by Ray Data."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import ray

from tabvae_ray.documents import read_document, write_json
from tabvae_ray.errors import DataError, StorageError, brief
from tabvae_ray.refit.streamed.ray_data import ordered_execution
from tabvae_ray.storage import Location
from tabvae_ray.table.column import MARKERS
from tabvae_ray.table.dataset.packed import smallest
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.io import frame_from_files
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.spec import TableSpec

__all__ = ["EncodingTask", "column_name", "encode_table"]

# Written last, so that files of an encoding that was killed are not trained on. Names that begin
# with an underscore are no files of a table.
_DONE = "_encoded.json"
_PIECE_ROWS = 500_000


@dataclass(frozen=True)
class EncodingTask:
    """The encoding of any piece of a table.

    Args:
        table: The whole table.
        spec: Spec of its columns.
        encoder: The fitted encoder.
    """

    table: ParquetTable
    spec: TableSpec
    encoder: TableEncoder

    def pieces(self) -> list[tuple[int, list[int]]]:
        """Return the positions of files, each with some of its row groups."""
        found: list[tuple[int, list[int]]] = []
        for file, groups in enumerate(self.table.groups):
            size = _PIECE_ROWS
            for group, rows in enumerate(groups):
                if size >= _PIECE_ROWS:
                    found.append((file, []))
                    size = 0
                found[-1][1].append(group)
                size += rows
        return found

    def encoded(self, file: int, groups: list[int]) -> Iterator[pa.Table]:
        """Yield the codes of a piece, in integers of the smallest dtype.

        Raises:
            DataError: If a value is none of the spec; names the file, the column and the value.
        """
        declared = self.spec.as_declaration()
        source = self.table.files[file].location
        start = sum(self.table.groups[file][: groups[0]])
        for batch in self.table.batches(file, groups):
            with warnings.catch_warnings():
                # Those of the whole table have been shown with the sample.
                warnings.simplefilter("ignore")
                rows = frame_from_files(self.table.table([batch]), declared, source)
            # Messages count the rows of the file.
            rows.index = pd.RangeIndex(start, start + len(rows))
            start += len(rows)
            self._check_present(rows, source)
            try:
                codes = self.encoder.encode(as_declared(rows, self.spec.columns))
            except DataError as error:
                raise DataError(f"{source}: {str(error).removeprefix('table: ')}") from None
            columns = (smallest(codes[:, i], n) for i, n in enumerate(self.encoder.cardinalities))
            yield pa.table({column_name(i): part for i, part in enumerate(columns)})

    def _check_present(self, rows: pd.DataFrame, source: Location) -> None:
        """Refuse text that is read as a missing value in a column that has none in the spec.

        Of a whole column it would be; rows that the spec was made of did not have it.
        """
        for name in self.encoder.columns:
            column, odd = self.spec[name], rows.attrs.get(MARKERS, {}).get(name)
            if odd and not column.missing:
                wanted = "dates" if column.kind == "datetime" else "numbers"
                raise DataError(
                    f"{source}: column {name!r}: must be {wanted} as in the other rows, but has "
                    f"{brief(next(iter(odd)))}; correct it, or leave the cell empty"
                )


def column_name(position: int) -> str:
    """Return the name of a column of codes."""
    return f"c{position:04d}"


def encode_table(task: EncodingTask, target: Location, *, seed: int) -> int:
    """Write the codes of all rows in random order, and return the number of rows.

    An encoding that is complete already is left as it is.

    Args:
        task: What to encode.
        target: The directory to write.
        seed: Seed of the order.

    Raises:
        DataError: If a value is none of the spec.
        StorageError: If a file cannot be written.
    """
    done = target / _DONE
    if done.exists():
        found: Any = read_document(done)
        return int(found["rows"])
    target.remove_tree()
    target.make_dir()
    pieces = task.pieces()
    items = [{"file": file, "groups": groups} for file, groups in pieces]
    try:
        with ordered_execution():
            data: Any = ray.data.from_items(items, override_num_blocks=len(items))
            data = data.map_batches(
                _encoded, batch_size=1, batch_format="pyarrow", fn_kwargs={"task": task}
            )
            data.random_shuffle(seed=seed).write_parquet(target.path, filesystem=target.filesystem)
        write_json(done, {"rows": task.table.n_rows})
    except BaseException:
        # Another try makes them anew, and they may be what has filled a disk.
        with suppress(StorageError):
            target.remove_tree()
        raise
    return task.table.n_rows


def _encoded(batch: pa.Table, task: EncodingTask) -> Iterator[pa.Table]:
    for item in batch.to_pylist():
        yield from task.encoded(item["file"], item["groups"])
