"""``_manifest.json``: what the rows of a directory are, and which shards are finished."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tabvae_ray._version import package_versions
from tabvae_ray.documents import read_json, validation_messages
from tabvae_ray.errors import ConfigError, one_line
from tabvae_ray.generation.shards.plan import ShardPlan
from tabvae_ray.storage import Location

__all__ = ["MANIFEST", "ShardManifest", "ShardRecord", "versions"]

MANIFEST = "_manifest.json"
# Raised whenever one seed gives other rows than before.
_DRAWS = "2"
_DIGEST = r"^[0-9a-f]{64}$"


class ShardRecord(BaseModel):
    """A finished shard in the manifest.

    Args:
        name: Its file name.
        first_row: Index of its first row among all rows.
        rows: Its number of rows.
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
    """The content of ``_manifest.json``.

    Args:
        format: The kind of file.
        format_version: Version of its layout.
        state: ``running`` until all shards are finished.
        rows: Rows of all shards.
        shard_rows: Rows of each shard but the last.
        seed: The seed of the rows.
        options: Options of generation: temperature, use_mean, sample, device.
        model: Path or URI of the export, credentials masked.
        fingerprint: Digest of the export's bytes.
        versions: Versions of the packages that determine the rows.
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
        """The division of the rows into shards."""
        return ShardPlan(self.rows, self.shard_rows)

    @property
    def identity(self) -> str:
        """Digest of everything that determines the rows of the shards."""
        known = {**_flat(self), "model fingerprint": self.fingerprint}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, out: Location) -> "ShardManifest | None":
        """Read the manifest of a directory; None if it has none.

        Raises:
            ConfigError: If the file is not a manifest, or the directory has shards without one.
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
            return cls.model_validate(read_json(source))
        except ValidationError as error:
            what = "; ".join(validation_messages(error)[:3])
        except ValueError as error:
            what = one_line(error)
        raise ConfigError(f"{source}: not a manifest of shards: {what}")

    def write(self, out: Location) -> None:
        """Write the manifest into the directory, atomically.

        Raises:
            StorageError: If it cannot be written.
        """
        (out / MANIFEST).write_text(self.model_dump_json(indent=1) + "\n")

    def with_shards(
        self, shards: Mapping[int, ShardRecord], *, complete: bool = False
    ) -> "ShardManifest":
        """Return a copy with these finished shards, by their index."""
        records = tuple(shards[index] for index in sorted(shards))
        return self.model_copy(
            update={"shards": records, "state": "complete" if complete else "running"}
        )

    def check_resumes(self, before: "ShardManifest", out: Location) -> None:
        """Check that a run may continue an earlier one in the same directory.

        Raises:
            ConfigError: If their rows would differ; it names the options that differ.
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
                "or give the same options as before"
            )


def _flat(manifest: ShardManifest) -> dict[str, Any]:
    """Return everything that must not change between runs, under the names that users know."""
    return {
        "rows": manifest.rows,
        "shard-rows": manifest.shard_rows,
        "seed": manifest.seed,
        "model fingerprint": manifest.fingerprint[:16],
        **manifest.options,
        **manifest.versions,
    }


def versions() -> dict[str, str]:
    """Return the versions of what determines the rows."""
    return {**package_versions("torch", builds=False), "draws": _DRAWS}
