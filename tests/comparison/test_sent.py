"""What of a prepared comparison is sent to every node, and how much that is."""

import pickle

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.plan import SCORES, ComparisonPlan
from tabvae_ray.table.spec import TableSpec
from tests.support.tables import make_mixed

BY_COLUMN = ("mean_js_distance", "correlation_distance", "column_shapes")


def bytes_sent(value: object) -> int:
    """As Ray puts it into its object store: arrays beside the pickle, each once."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return len(head) + sum(buffer.raw().nbytes for buffer in buffers)


@pytest.mark.parametrize("scores", [BY_COLUMN, tuple(SCORES)])
def test_what_is_sent_scores_as_what_was_prepared(
    mixed: pd.DataFrame, mixed_spec: TableSpec, scores: tuple[str, ...]
) -> None:
    plan = ComparisonPlan.from_mapping({"scores": scores, "options": {"target": "age"}})
    prepared = plan.prepare(mixed, mixed_spec, held_out=np.arange(80))
    sent = pickle.loads(pickle.dumps(prepared.for_scores()))
    synthetic = make_mixed(seed=8)
    expected = prepared.compute(synthetic)
    found = sent.compute(synthetic)
    assert found.scores == expected.scores
    assert found.warnings == expected.warnings


def test_a_table_and_what_its_scores_ask_for_are_twice_the_table_at_most() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(20_000, 12)), columns=[f"x{i}" for i in range(12)])
    table["kind"] = rng.choice(["a", "b", "c"], len(table))
    table.loc[::7, "x3"] = np.nan
    prepared = ComparisonPlan(scores=BY_COLUMN).prepare(
        table, TableSpec.infer(table), held_out=np.arange(4_000)
    )
    alone = bytes_sent(table)
    assert bytes_sent((table, prepared.for_scores())) <= 2 * alone
    assert bytes_sent((table, prepared)) > 2.5 * alone
