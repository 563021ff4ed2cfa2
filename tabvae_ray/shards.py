"""Rows by the million as a directory of Parquet shards: their plan, manifest and maker.

A room of its own, beside ``generate.py`` with the command and the single file, because shards have
a plan, a manifest and a resume, which a single file has not; ``shard_run.py`` has them made, by
this process or by many on a Ray cluster.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabvae_ray.config import validation_messages
from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.storage import Location
from tabvae_ray.synthesizer import BLOCK_ROWS, TabularVAESynthesizer

__all__ = ["MANIFEST", "ShardMaker", "ShardManifest", "ShardPlan", "ShardRecord"]

MANIFEST = "_manifest.json"
_CHUNK_BYTES = 8 * 2**20
# Key in a shard's own metadata of what it was made as.
_MADE_AS = b"tabvae_ray.shard"
_DIGEST = r"^[0-9a-f]{64}$"


@dataclass(frozen=True)
class ShardPlan:
    """Which rows go into which shard.

    Args:
        rows: Rows of all shards, >= 0.
        shard_rows: Rows of each but the last, >= 1. Multiples of ``BLOCK_ROWS`` are cheapest: a
            block that spans two shards is made for each.

    Raises:
        ConfigError: If a number breaks its rule.
    """

    rows: int
    shard_rows: int

    def __post_init__(self) -> None:
        if self.rows < 0:
            raise ConfigError(f"--rows must be >= 0, but got {self.rows}")
        if self.shard_rows < 1:
            raise ConfigError(f"--shard-rows must be >= 1, but got {self.shard_rows}")

    def __len__(self) -> int:
        return max(1, -(-self.rows // self.shard_rows))

    def name(self, index: int) -> str:
        """The shard's file name; sorted by name, shards are in the order of their rows."""
        return f"part-{index:0{max(5, len(str(len(self) - 1)))}}.parquet"

    def first_row(self, index: int) -> int:
        """Number of the shard's first row among all."""
        return index * self.shard_rows

    def n_rows(self, index: int) -> int:
        """Rows of the shard."""
        return min(self.shard_rows, self.rows - self.first_row(index))


class ShardRecord(BaseModel):
    """A finished shard, as the manifest lists it.

    Args:
        name: Its file name.
        first_row: Number of its first row among all.
        rows: Its rows.
        bytes: Its size.
        sha256: Digest of its bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    first_row: int = Field(ge=0)
    rows: int = Field(ge=0)
    bytes: int = Field(ge=1)
    sha256: str = Field(pattern=_DIGEST)


class ShardManifest(BaseModel):
    """``_manifest.json``: what the rows are, and which shards are finished.

    Args:
        format: Names the kind of file.
        format_version: Version of its layout.
        state: ``running`` until all shards are there.
        rows: Rows of all shards.
        shard_rows: Rows of each but the last.
        seed: The seed of the rows.
        options: How they are drawn: temperature, use_mean, sample, device.
        model: Where the export was read from, credentials masked.
        fingerprint: Digest of the export's bytes.
        versions: Of the packages that determine the rows.
        shards: The finished shards, in the order of their rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["tabvae_ray shards"] = "tabvae_ray shards"
    format_version: Literal[1] = 1
    state: Literal["running", "complete"] = "running"
    rows: int = Field(ge=0)
    shard_rows: int = Field(ge=1)
    seed: int = Field(ge=0)
    options: dict[str, float | bool | str]
    model: str
    fingerprint: str = Field(pattern=_DIGEST)
    versions: dict[str, str]
    shards: tuple[ShardRecord, ...] = ()

    @property
    def plan(self) -> ShardPlan:
        """Which rows go into which shard."""
        return ShardPlan(self.rows, self.shard_rows)

    @property
    def identity(self) -> str:
        """Digest of all that determines the rows of the shards."""
        known = {**_flat(self), "model fingerprint": self.fingerprint}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, out: Location) -> "ShardManifest | None":
        """The manifest of a directory, or None if it has none.

        Raises:
            ConfigError: If there is something that is no manifest, or shards without one.
            StorageError: If it cannot be read.
        """
        source = out / MANIFEST
        if not source.exists():
            if any(child.name.startswith("part-") for child in out.children()):
                raise ConfigError(
                    f"{out}: has shards, but no {MANIFEST} that says what they are: choose another "
                    "--out or remove it"
                )
            return None
        try:
            return cls.model_validate_json(source.read_bytes())
        except ValidationError as error:
            what = "; ".join(validation_messages(error)[:3])
            raise ConfigError(f"{source}: not a manifest of shards: {what}") from None

    def write(self, out: Location) -> None:
        """Write it into the directory, whole or not at all.

        Raises:
            StorageError: If it cannot be written.
        """
        (out / MANIFEST).write_text(self.model_dump_json(indent=1) + "\n")

    def with_shards(
        self, shards: Mapping[int, ShardRecord], *, complete: bool = False
    ) -> "ShardManifest":
        """The same with these shards, given by their number."""
        records = tuple(shards[index] for index in sorted(shards))
        return self.model_copy(
            update={"shards": records, "state": "complete" if complete else "running"}
        )

    def check_resumes(self, before: "ShardManifest", out: Location) -> None:
        """Refuse to mix rows of two kinds in one directory.

        Raises:
            ConfigError: If what was begun there differs from this; it names what differs.
        """
        mine, theirs = _flat(self), _flat(before)
        differing = [
            f"{name}={theirs.get(name)} and not {name}={mine.get(name)}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]
        if differing:
            raise ConfigError(
                f"{out}: was begun with {', '.join(differing)}: choose another --out, remove it, "
                "or go on with what it was begun with"
            )


class ShardMaker:
    """Makes shards one by one, in the memory of a block.

    A shard says in its own metadata what it was made as, so that one that is there, but that nobody
    came to write down, need not be made again.

    Args:
        synthesizer: The model.
        manifest: What the rows are.
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
        """Make a shard unless it is there.

        Args:
            index: The shard's number.
            known: What the manifest says of it; it is made again unless its bytes agree with that.

        Returns:
            Its record, and whether it was made.

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
            found = _adopted(self.out / name, made_as)
            if found is not None:
                return ShardRecord(**place, bytes=found[0], sha256=found[1]), False
        schema = self._schema.with_metadata({**self._schema.metadata, _MADE_AS: made_as})
        with (self.out / name).open_output() as file:
            sink = _HashingFile(file)
            with pq.ParquetWriter(sink, schema, write_page_checksum=True) as writer:
                for rows in self._rows(plan.first_row(index), plan.n_rows(index)):
                    writer.write_table(
                        pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
                    )
        record = ShardRecord(**place, bytes=sink.size, sha256=sink.digest.hexdigest())
        return record, True

    def _rows(self, first: int, n: int) -> Iterator[pd.DataFrame]:
        """The rows from ``first`` on, block by block; one empty part for 0 rows."""
        for block in range(first // BLOCK_ROWS, max(first + n - 1, first) // BLOCK_ROWS + 1):
            start = block * BLOCK_ROWS
            made = self._block(block)
            yield made.iloc[max(first - start, 0) : first + n - start]

    def _block(self, block: int) -> pd.DataFrame:
        """A whole block. The latest is kept for the next shard, which may begin in its midst."""
        if self._latest is None or self._latest[0] != block:
            rows = min(BLOCK_ROWS, self.plan.rows - block * BLOCK_ROWS)
            blocks = self.synthesizer.generate_blocks(
                rows, seed=self._seed, first_block=block, **self._options
            )
            self._latest = block, next(blocks)
        return self._latest[1]


class _HashingFile:
    """A file that is only written to; it counts and digests what goes through."""

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
        """Leave closing to whoever opened the file."""


def _schema(synthesizer: TabularVAESynthesizer) -> pa.Schema:
    """The Parquet schema of the rows, the same for all shards.

    It is that of rows in which every code occurs: those of one shard may lack all values of a
    column.
    """
    cardinalities = np.array(synthesizer.encoder.cardinalities)
    codes = np.arange(cardinalities.max())[:, None] % cardinalities
    rows = synthesizer.encoder.decode(codes, np.random.default_rng(0))
    return pa.Table.from_pandas(rows, preserve_index=False).schema


def _holds(shard: Location, record: ShardRecord) -> bool:
    """Whether the file is there, with the bytes of the record."""
    return shard.size() == record.bytes and _digest(shard) == (record.bytes, record.sha256)


def _adopted(shard: Location, made_as: bytes) -> tuple[int, str] | None:
    """Bytes and digest of a shard that is there whole and was made as this one, or None.

    It took its name when all of it was there; checksums of its pages say that it still is.
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
    """Bytes and digest of a file; None if it cannot be read."""
    size, digest = 0, hashlib.sha256()
    try:
        with shard.open_input() as file:
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                digest.update(chunk)
                size += len(chunk)
    except (StorageError, OSError):
        return None
    return size, digest.hexdigest()


def _flat(manifest: ShardManifest) -> dict[str, Any]:
    """All that must not change between runs, by the name that the user knows it by."""
    return {
        "rows": manifest.rows,
        "shard-rows": manifest.shard_rows,
        "seed": manifest.seed,
        "model fingerprint": manifest.fingerprint[:16],
        **manifest.options,
        **manifest.versions,
    }
