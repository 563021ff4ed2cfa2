"""Make shards one by one, and check those that exist."""

import hashlib
import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabvae_ray.errors import StorageError
from tabvae_ray.generation.shards.manifest import ShardManifest, ShardRecord
from tabvae_ray.generation.synthesizer import BLOCK_ROWS, TabularVAESynthesizer
from tabvae_ray.generation.written_values import as_written, in_object_types
from tabvae_ray.storage import Location
from tabvae_ray.table.arrow_types import as_arrow, typed_schema

__all__ = ["MadeShards", "ShardMaker"]

# Finished shards: index, record, and True if it was made now.
MadeShards = Iterator[tuple[int, ShardRecord, bool]]

_CHUNK_BYTES = 8 * 2**20
# Key in a shard's own metadata: the identity of its rows.
_MADE_AS = b"tabvae_ray.shard"


class ShardMaker:
    """Makes shards one by one, in the memory of one block.

    A shard holds the identity of its rows in its own metadata. A finished shard that the manifest
    does not list yet, because the run was killed, is therefore recognised and kept.

    Args:
        synthesizer: The model.
        manifest: The manifest of the rows.
        out: The directory to write to.
    """

    def __init__(
        self, synthesizer: TabularVAESynthesizer, manifest: ShardManifest, out: Location
    ) -> None:
        self.synthesizer, self.plan, self.out = synthesizer, manifest.plan, out
        self._seed, self._identity = manifest.seed, manifest.identity
        self._options: dict[str, Any] = {
            key: manifest.options[key] for key in ("temperature", "use_mean", "sample")
        }
        self._schema = _schema(synthesizer)
        self._latest: tuple[int, pd.DataFrame] | None = None

    def make(self, index: int, known: ShardRecord | None = None) -> tuple[ShardRecord, bool]:
        """Make a shard unless it exists.

        Args:
            index: The shard's index.
            known: Its record in the manifest; it is made again unless its bytes match the record.

        Returns:
            Its record, and True if it was made now.

        Raises:
            StorageError: If it cannot be written.
        """
        plan, name = self.plan, self.plan.name(index)
        place = {"name": name, "first_row": plan.first_row(index), "rows": plan.n_rows(index)}
        if known is not None and known.model_dump(include=set(place)) == place:
            if _holds(self.out / name, known):
                return known, False
        made_as = json.dumps({**place, "made_as": self._identity}).encode()
        if known is None:
            found = _find_same(self.out / name, made_as)
            if found is not None:
                return ShardRecord(**place, bytes=found[0], sha256=found[1]), False
        schema = self._schema.with_metadata({**self._schema.metadata, _MADE_AS: made_as})
        with (self.out / name).open_output() as file:
            sink = _HashingFile(file)
            with pq.ParquetWriter(sink, schema, write_page_checksum=True) as writer:
                for rows in self._rows(plan.first_row(index), plan.n_rows(index)):
                    dated = as_written(rows, self.synthesizer.spec, as_text=False)
                    writer.write_table(as_arrow(dated, schema))
        record = ShardRecord(**place, bytes=sink.size, sha256=sink.digest.hexdigest())
        return record, True

    def _rows(self, first: int, n: int) -> Iterator[pd.DataFrame]:
        """Yield ``n`` rows from ``first`` on, block by block; 0 rows are one empty part."""
        for block in range(first // BLOCK_ROWS, max(first + n - 1, first) // BLOCK_ROWS + 1):
            start = block * BLOCK_ROWS
            made = self._block(block)
            yield made.iloc[max(first - start, 0) : first + n - start]

    def _block(self, block: int) -> pd.DataFrame:
        """Return a whole block; the latest is cached, as the next shard may start in the middle."""
        if self._latest is None or self._latest[0] != block:
            rows = min(BLOCK_ROWS, self.plan.rows - block * BLOCK_ROWS)
            blocks = self.synthesizer.generate_blocks(
                rows, seed=self._seed, first_block=block, **self._options
            )
            self._latest = block, next(blocks)
        return self._latest[1]


class _HashingFile:
    """A file to write to that counts and hashes the bytes."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        content = memoryview(data)
        self._file.write(content)
        self.digest.update(content)
        self.size += content.nbytes
        return content.nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file open: its opener closes it."""


def _schema(synthesizer: TabularVAESynthesizer) -> pa.Schema:
    """Return the Parquet schema of the rows, the same for all shards.

    It is inferred from rows in which every code occurs, because a column of one shard may have
    missing values only.
    """
    cardinalities = np.array(synthesizer.encoder.cardinalities)
    codes = np.arange(cardinalities.max())[:, None] % cardinalities
    rows = synthesizer.encoder.decode(codes, np.random.default_rng(0))
    rows = in_object_types(rows, synthesizer.spec)
    return typed_schema(rows, synthesizer.spec.arrow_types)


def _holds(shard: Location, record: ShardRecord) -> bool:
    """Return True if the file exists and has the bytes of the record."""
    return shard.size() == record.bytes and _digest(shard) == (record.bytes, record.sha256)


def _find_same(shard: Location, made_as: bytes) -> tuple[int, str] | None:
    """Return size and digest of an existing shard with the same rows, or None.

    Files are written atomically, so it is complete; its page checksums show that it is intact.
    """
    if not shard.exists():
        return None
    try:
        with shard.open_input() as file:
            content = pq.ParquetFile(file, page_checksum_verification=True)
            if (content.schema_arrow.metadata or {}).get(_MADE_AS) != made_as:
                return None
            for _ in content.iter_batches(use_threads=False):
                pass
    except (StorageError, OSError, pa.ArrowException):
        return None
    return _digest(shard)


def _digest(shard: Location) -> tuple[int, str] | None:
    """Return size and digest of a file; None if it cannot be read."""
    size, digest = 0, hashlib.sha256()
    try:
        with shard.open_input() as file:
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                digest.update(chunk)
                size += len(chunk)
    except (StorageError, OSError):
        return None
    return size, digest.hexdigest()
