"""Times of day and durations as text: recognised, and written as they were read."""

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import ConfigError
from tabvae_ray.generation.written_values import as_written
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.formats.clock import clock_format, clock_moments, clock_texts, is_clock
from tabvae_ray.table.io import TableWriter, read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.where_option import parse_where

SECONDS = np.random.default_rng(0).integers(0, 86_400, 200).tolist()
NO_RULES = SpecDeclaration.from_mapping({"rules": {"find": False}})


def times(written: str) -> list[str]:
    start = datetime.datetime(2000, 1, 1)
    return [(start + datetime.timedelta(seconds=s)).strftime(written) for s in SECONDS]


# Format, its texts, and the dtype of a column of them.
TEXTS: dict[str, tuple[list[str], str]] = {
    "%H:%M:%S": (times("%H:%M:%S"), "time64[us][pyarrow]"),
    "%-H:%M:%S": (times("%-H:%M:%S"), "time64[us][pyarrow]"),
    "%H:%M": (times("%H:%M"), "time64[us][pyarrow]"),
    "%I:%M %p": (times("%I:%M %p"), "time64[us][pyarrow]"),
    "%-I:%M%P": (times("%-I:%M%P"), "time64[us][pyarrow]"),
    "%H:%M:%S,%3f": (
        [f"{text},{i:03}" for i, text in enumerate(times("%H:%M:%S"))],
        "time64[us][pyarrow]",
    ),
    "%H:%M:%S.%3f": (
        [f"{text}.{i:03}" for i, text in enumerate(times("%H:%M:%S"))],
        "time64[us][pyarrow]",
    ),
    "%-D days %H:%M:%S": (
        [str(pd.Timedelta(s * 5 - 100_000, "s")) for s in SECONDS],
        "timedelta64[us]",
    ),
    "%-D days, %-H:%M:%S": (
        [str(datetime.timedelta(seconds=s * 5 - 3)) for s in SECONDS],
        "timedelta64[us]",
    ),
    "%-D days": ([f"{s % 400 + 2} days" for s in SECONDS], "timedelta64[us]"),
    "%H:%M:%S of 100 hours": ([f"{s % 120:02}:{s % 60:02}:00" for s in SECONDS], "timedelta64[us]"),
    "%H:%M:%S below zero": (
        [f"{'-' * (s % 2)}{s % 12 + 1:02}:{s % 60:02}:00" for s in SECONDS],
        "timedelta64[us]",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_format_of_times_is_found_and_written_again(name: str) -> None:
    texts = pd.Series(TEXTS[name][0], dtype=object).drop_duplicates()
    written = clock_format(texts)
    assert written is not None
    assert written == name.partition(" of ")[0].partition(" below ")[0]
    assert is_clock(written)
    assert clock_texts(clock_moments(texts), written) == texts.tolist()


@pytest.mark.parametrize(
    "texts", [["16:10", "4:30"], ["08:30", "nope"], ["13:30 PM", "01:20 PM"], ["08:61:00"], ["3:1"]]
)
def test_other_text_is_no_time(texts: list[str]) -> None:
    assert clock_format(pd.Series(texts, dtype=object)) is None


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_times_that_nobody_declared_are_times_and_come_back_in_their_format(
    tmp_path: Path, suffix: str
) -> None:
    real = pd.DataFrame({name: cells for name, (cells, _) in TEXTS.items()})
    real.iloc[::9, 0] = None
    file, out = tmp_path / f"t{suffix}", tmp_path / f"o{suffix}"
    (real.to_csv if suffix == ".csv" else real.to_parquet)(file, index=False)
    table = read_table(str(file), NO_RULES)
    spec = TableSpec.infer(table, declared=NO_RULES)
    assert {c.name: c.dtype for c in spec.columns} == {n: d for n, (_, d) in TEXTS.items()}
    # A search that goes on reads its table by its spec.
    known = SpecDeclaration.from_mapping(spec.to_mapping())
    assert TableSpec.infer(str(file), declared=known) == spec
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    rows = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    with TableWriter(str(out), as_written(encoder.example(), spec, as_text=False)) as writer:
        writer.write(as_written(rows, spec, as_text=suffix == ".csv"))
    if suffix == ".parquet":
        assert {str(kind) for kind in pq.read_schema(out).types} <= {"string", "large_string"}
    made = pd.read_csv(out, dtype=str) if suffix == ".csv" else pd.read_parquet(out)
    for name, (cells, _) in TEXTS.items():
        written = clock_format(pd.Series(made[name].dropna().unique(), dtype=object))
        assert written == clock_format(pd.Series(cells, dtype=object).drop_duplicates())
    again = read_table(str(out), SpecDeclaration.from_mapping(spec.to_mapping()))
    assert TableSpec.infer(again, declared=NO_RULES).datetime == spec.datetime


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [
        ("%H:%M:%S=08:00..09:00", "08:00:00", "09:00:00"),
        ("%I:%M %p=8:00 AM..", "08:00:00", "24:00:00"),
        ("%-D days=30 days..60 days", "30 days", "60 days"),
    ],
)
def test_conditions_read_times(condition: str, low: str, high: str) -> None:
    table = pd.DataFrame({name: cells for name, (cells, _) in TEXTS.items()})
    spec = TableSpec.infer(table, declared=NO_RULES)
    encoder = TableEncoder.fit(table, spec, TransformersConfig(min_rows=0))
    asked = RowConditions.of(parse_where([condition], spec), encoder)
    kept = clock_moments(table[asked.hold(table)][condition.partition("=")[0]])
    assert len(kept)
    start = pd.Timestamp(0)
    assert kept.between(start + pd.Timedelta(low), start + pd.Timedelta(high)).all()
    with pytest.raises(ConfigError, match="write a time such as 08:30"):
        RowConditions.of(parse_where(["%H:%M=noon"], spec), encoder)
