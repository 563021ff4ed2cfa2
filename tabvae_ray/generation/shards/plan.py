"""Rows by the million as a directory of Parquet shards: their plan, manifest and maker.

A room of its own, beside ``generate.py`` with the command and the single file, because shards have
a plan, a manifest and a resume, which a single file has not; ``shard_run.py`` has them made, by
this process or by many on a Ray cluster.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabvae_ray import __version__
from tabvae_ray.documents import validation_messages
from tabvae_ray.errors import ConfigError
from tabvae_ray.storage import Location

__all__ = ["MANIFEST", "Made", "ShardManifest", "ShardPlan", "ShardRecord", "versions"]

MANIFEST = "_manifest.json"
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


# Shards as they are finished: number, record, whether it was made now.
Made = Iterator[tuple[int, ShardRecord, bool]]


def versions() -> dict[str, str]:
    """Of the packages that determine the rows; CPU and CUDA builds of torch are one version."""
    return {"tabvae_ray": __version__, "torch": torch.__version__.partition("+")[0]}
