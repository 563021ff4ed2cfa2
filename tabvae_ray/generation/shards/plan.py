"""Divide rows into shards."""

from dataclasses import dataclass

from tabvae_ray.errors import ConfigError

__all__ = ["ShardPlan"]


@dataclass(frozen=True)
class ShardPlan:
    """The division of rows into shards.

    Args:
        rows: Rows of all shards, >= 0.
        shard_rows: Rows of each shard but the last, >= 1. Multiples of ``BLOCK_ROWS`` are cheapest:
            a block that spans two shards may be made for each of them.

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
        """Return the shard's file name; names sort in the order of the rows."""
        return f"part-{index:0{max(5, len(str(len(self) - 1)))}}.parquet"

    def first_row(self, index: int) -> int:
        """Return the index of the shard's first row among all rows."""
        return index * self.shard_rows

    def n_rows(self, index: int) -> int:
        """Return the number of rows of the shard."""
        return min(self.shard_rows, self.rows - self.first_row(index))
