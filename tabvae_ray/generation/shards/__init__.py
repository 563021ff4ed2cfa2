"""Rows by the million as a directory of Parquet shards."""
