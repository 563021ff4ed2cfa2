"""Searches of tables with more rows than trials see."""

import pickle
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.report.contents import gather
from tabvae_ray.report.page import _header
from tabvae_ray.search.display.table_summary import table_summary
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.table.io import fingerprint, write_table
from tests.support.spaces import TINY
from tests.support.tables import make_mixed

SAMPLED = {"rows": 100}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rows = make_mixed(300)
    rows["late"] = pd.Series([None] + [7, 8, 9] * 99 + [1, 2], dtype="Int64")
    rows["mixed"] = pd.Series([1, None] * 150, dtype=object)
    return rows


def test_rows_from_memory_are_sampled_as_those_of_the_file_that_keeps_them(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    inputs = prepare_inputs(space=TINY, data=table, out=tmp_path, name="a", settings=SAMPLED)
    assert (len(inputs.table), inputs.n_rows, inputs.kept is not None) == (100, 300, True)
    assert inputs.kept is not None and len(inputs.kept) == 300
    write_table(inputs.kept, inputs.data)
    again = prepare_inputs(
        space=TINY, data=str(inputs.data), out=tmp_path, name="b", settings=SAMPLED
    )
    assert fingerprint(again.table) == fingerprint(inputs.table)
    assert again.manifest(resources={}).table == inputs.manifest(resources={}).table


def test_the_output_and_the_report_say_that_it_is_a_sample(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    inputs = prepare_inputs(space=TINY, data=table, out=tmp_path, name="a", settings=SAMPLED)
    shown = next(iter(table_summary(inputs)))
    assert getattr(shown, "title", None) == "the table: a sample of 100 of 300 rows"
    manifest = inputs.manifest(resources={"cpus": 1.0, "gpus": 0.0})
    assert manifest.table["whole_rows"] == 300
    manifest.write(inputs.directory)
    assert "100 rows and " in (size := _header(gather(inputs.directory)).size)
    assert size.endswith("a sample of 300 rows")


def test_all_rows_are_seen_if_the_space_says_so(table: pd.DataFrame, tmp_path: Path) -> None:
    space = {**TINY, "search": {**TINY["search"], "rows": None}}
    inputs = prepare_inputs(space=space, data=table, out=tmp_path, name="a")
    assert len(inputs.table) == 300 and "whole_rows" not in inputs.manifest(resources={}).table


def test_a_task_is_sent_as_codes_and_comes_back_whole(tmp_path: Path) -> None:
    rows = make_mixed(20_000)
    inputs = prepare_inputs(space=TINY, data=rows, out=tmp_path, name="a")
    task = inputs.task()
    sent = pickle.dumps(task, 5)
    pd.testing.assert_frame_equal(pickle.loads(sent).table, task.table, check_exact=True)
    # Most of these columns are floats that occur once, of which codes save nothing.
    assert len(sent) < 1.2 * int(rows.memory_usage(deep=True).sum())
