"""The encoding of a large table names what it refuses, as one message."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ray.exceptions import RayTaskError
from ray.train import WorkerGroupError

from tabvae_ray.errors import DataError, DivergenceError, StorageError, TabVAEError
from tabvae_ray.refit.streamed.encoding import EncodingTask
from tabvae_ray.refit.streamed.run import _cause
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.coverage import rare_rows
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.refit.conftest import copied, make_search
from tests.support.drivers import SECONDS, started
from tests.support.tables import make_mixed, small_config

ROWS, FITTED = 600, 300


def priced(rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=rows, freq="D")
    return pd.DataFrame(
        {
            "price": [f"{price:,.2f} EUR" for price in rng.uniform(500, 5_000, rows)],
            "sold": days.strftime("%d/%m/%Y"),
            "size": rng.normal(0, 1, rows),
            "shop": rng.choice(list("abc"), rows),
        }
    )


def encode(rows: pd.DataFrame, home: Path) -> int:
    """Encode a table in two files, with an encoder of the first rows; return how many rows."""
    home.mkdir()
    for i, part in enumerate((rows.iloc[:FITTED], rows.iloc[FITTED:])):
        part.to_parquet(home / f"{i}.parquet", index=False, row_group_size=50)
    fitted = priced().head(FITTED)
    vae = TabularVAE.build(TableSpec.infer(fitted), small_config(), device="cpu")
    vae.prepare(fitted)
    task = EncodingTask(ParquetTable.open(Location(home)), vae.spec, vae.encoder)
    return sum(len(part) for piece in task.pieces() for part in task.encoded(*piece))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("size", np.inf, "must be finite, but row 200 is inf"),
        ("size", np.nan, "has missing values"),
        # Odd among so few rows of a group that it is not taken for a missing value.
        ("sold", "31/02/2020", "must be datetimes: '31/02/2020' is none in the format %d/%m/%Y"),
        ("sold", "?", "must be dates as in the other rows, but has '?'; correct it, or leave"),
        ("price", "?", "must be numbers as in the other rows, but has '?'; correct it, or leave"),
        # All other texts of the column are numbers in its format, and none is named.
        ("price", "about 3 EUR", "must be numbers to be continuous, but has 'about 3 EUR'"),
        ("price", "x" * 900, "must be numbers as in the other rows, but has 'xxx"),
    ],
)
def test_a_value_that_the_encoder_does_not_know_is_named_with_file_and_column(
    tmp_path: Path, column: str, value: Any, rule: str
) -> None:
    rows = priced()
    rows.loc[500, column] = value
    home = tmp_path / "odd"
    with pytest.raises(DataError) as raised:
        encode(rows, home)
    message = str(raised.value)
    assert message.startswith(f"{home / '1.parquet'}: column {column!r}: {rule}")
    assert len(message) < 600 and "\n" not in message


def test_other_texts_in_the_formats_of_the_columns_are_encoded(tmp_path: Path) -> None:
    rows = priced()
    rows.loc[500, ["price", "sold"]] = "9,999.00 EUR", "01/01/1999"
    assert encode(rows, tmp_path / "fine") == ROWS


def test_rows_of_nan_are_looked_for_like_rows_of_null(tmp_path: Path) -> None:
    sizes = pa.array([0.5, 1.5, float("nan"), 2.5], from_pandas=False)
    # Unlike pandas, other programs write it so.
    assert not sizes.null_count
    pa.parquet.write_table(pa.table({"size": sizes}), tmp_path / "nan.parquet")
    table = ParquetTable.open(Location(tmp_path / "nan.parquet"))
    positions = np.array([0, 1])
    found = rare_rows(table, table.take(positions), positions, categorical=[], least=5)
    assert len(found) == 1 and np.isnan(found["size"][0].as_py())


@pytest.mark.slow
def test_a_refit_of_it_ends_with_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    search = copied(make_search(tmp_path, {"max_n_epochs": 1}, rows=100), tmp_path / "other").path
    before = set(search.rglob("*"))
    rows = make_mixed(1_200, seed=3).astype({"visited": "str"})
    rows.loc[1_199, "visited"] = "not known yet"
    data = tmp_path / "big"
    data.mkdir()
    for i in range(4):
        part = rows.iloc[300 * i : 300 * (i + 1)]
        part.to_parquet(data / f"{i}.parquet", index=False, row_group_size=100)
    options = ["--data", str(data), "--workers", "1", "--epochs", "1"]
    # In a process of its own: Ray Data warns of its own deprecations.
    arguments = ("refit", search, *options, "--out", tmp_path / "model")
    with started(*arguments, module="tabvae_ray.cli") as process:
        _, errors = process.communicate(2 * SECONDS)
    assert process.returncode == 2
    *shown, last = errors.splitlines()
    assert last.startswith(f"error: {data / '3.parquet'}: column 'visited': must be dates")
    assert "'not known yet'" in last
    # No traceback of a task.
    assert len(shown) <= 3, shown
    assert set(search.rglob("*")) == before
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (DataError("a.parquet: odd"), DataError, "^a.parquet: odd$"),
        (OSError(28, "No space left on device"), StorageError, "^/x: cannot be .* No space left"),
        (DivergenceError("loss is nan"), DivergenceError, "^loss is nan$"),
        (ConnectionError("gone"), TabVAEError, "^the training failed: ConnectionError"),
    ],
)
def test_an_error_of_a_task_is_told_without_its_traceback(
    error: Exception, kind: type[TabVAEError], message: str
) -> None:
    failed = RayTaskError("map", f"Traceback\n  {error!r}", error).as_instanceof_cause()
    # As Ray raises it: of both classes.
    assert isinstance(failed, RayTaskError) and isinstance(failed, type(error))
    for raised in (failed, WorkerGroupError(repr(error), {0: failed})):
        found = _cause(raised, Location("/x"))
        assert type(found) is kind and re.search(message, str(found))
