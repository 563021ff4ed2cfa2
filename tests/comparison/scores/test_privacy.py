"""Distances to the closest record, against what a loop over all pairs says."""

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.reading.table_columns import TableColumns
from tabvae_ray.comparison.scores import nearest_rows
from tabvae_ray.comparison.scores.privacy import Privacy, privacy
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec


def _table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "y": pd.Series(rng.exponential(size=n)).mask(rng.random(n) < 0.1),
            "c": rng.choice(["a", "b", "c"], n),
            "d": pd.Series(rng.choice(["u", "v"], n)).mask(rng.random(n) < 0.1),
        }
    )


def _sides(n: int, held: int) -> tuple[ColumnReader, TableColumns, TableColumns]:
    real = _table(n, 0)
    reader = ColumnReader(TableSpec.infer(real), real)
    order = np.random.default_rng(1).permutation(n)
    return reader, reader.real.take(order[held:]), reader.real.take(order[:held])


def _by_hand(one: TableColumns, other: TableColumns, ranges: dict[str, float]) -> np.ndarray:
    total = np.zeros((one.n_rows, other.n_rows))
    for i in range(one.n_rows):
        for j in range(other.n_rows):
            for name in one.numbers:
                a, b = one.numbers[name][i], other.numbers[name][j]
                if np.isnan(a) or np.isnan(b):
                    total[i, j] += np.isnan(a) != np.isnan(b)
                else:
                    total[i, j] += abs(a - b) / ranges[name]
            for name in one.codes:
                total[i, j] += one.codes[name][i] != other.codes[name][j]
    return total / len(one.names)


@pytest.mark.parametrize("block", [1, 97, 2**18])
def test_shares_and_percentiles_are_those_of_all_pairs(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest_rows, "_BLOCK", block)
    reader, training, held_out = _sides(60, 20)
    synthetic = reader.read(_table(50, 5))
    found = privacy(synthetic, training, held_out)
    ranges = {n: float(np.ptp(reader.real.sorted_numbers(n))) for n in reader.real.numbers}
    to_training = _by_hand(synthetic, training, ranges).min(axis=1)
    to_held_out = _by_hand(synthetic, held_out, ranges).min(axis=1)
    assert np.abs(to_training - to_held_out).min() > 1e-6
    share = float(np.mean(to_training < to_held_out))
    assert found.raw_share == pytest.approx(share)
    expected = 40 / 60
    corrected = 0.5 + 0.5 * (share - expected) / (1 - expected)
    if share < expected:
        corrected = 0.5 * share / expected
    assert found.dcr_share == pytest.approx(corrected)
    assert found.fifth_percentile == pytest.approx(np.quantile(to_training, 0.05), rel=1e-4)
    between = _by_hand(held_out, training, ranges).min(axis=1)
    assert found.held_out_fifth_percentile == pytest.approx(np.quantile(between, 0.05), rel=1e-4)


@pytest.mark.parametrize("held", [30, 150])
def test_rows_of_the_population_score_one_half_whatever_is_held_out(held: int) -> None:
    real = _table(300, 0)
    reader = ColumnReader(TableSpec.infer(real), real)
    synthetic = reader.read(_table(300, 9))
    rng = np.random.default_rng(2)
    found = []
    for _ in range(60):
        order = rng.permutation(300)
        found.append(
            privacy(synthetic, reader.real.take(order[held:]), reader.real.take(order[:held]))
        )
    raw = [result.raw_share for result in found]
    assert np.mean(raw) == pytest.approx(1 - held / 300, abs=0.02)
    # Its standard error is what it says: the spread over choices of held-out rows.
    above = [r for r in found if r.dcr_share is not None and r.dcr_share > 0.5]
    errors = [r.standard_error / (0.5 / (held / 300)) for r in above if r.standard_error]
    assert np.mean(errors) == pytest.approx(np.std(raw), rel=0.35)


def test_a_model_that_copies_a_share_of_its_rows_gets_half_of_it_more() -> None:
    reader, training, held_out = _sides(600, 100)
    fresh = reader.read(_table(300, 8))
    copies = training.take(np.arange(300))
    alone, copied = (privacy(side, training, held_out).dcr_share for side in (fresh, copies))
    assert copied == 1.0
    assert alone == pytest.approx(0.5, abs=0.15)


def test_copies_are_counted_and_the_verdict_says_so() -> None:
    _, training, held_out = _sides(200, 50)
    found = privacy(training, training, held_out)
    assert found.exact_copies == training.n_rows
    assert found.fifth_percentile == 0
    assert "repeats its training rows" in found.verdict
    assert "(100.00%) are exact copies" in found.verdict


def test_rows_of_the_held_out_part_are_noticed() -> None:
    _, training, held_out = _sides(200, 50)
    assert (
        "was the model trained on the held-out rows?"
        in privacy(held_out, training, held_out).verdict
    )


def test_without_held_out_rows_real_rows_are_compared_with_each_other() -> None:
    reader, *_ = _sides(100, 10)
    found = privacy(reader.real, reader.real)
    assert found.dcr_share is None
    assert found.held_out_fifth_percentile > 0
    assert "look for copies" in found.verdict
    assert isinstance(found, Privacy)


def test_a_table_of_repeated_rows_is_no_copy_of_anything_special() -> None:
    table = pd.DataFrame({"c": ["a", "b"] * 50, "d": ["u", "v"] * 50})
    reader = ColumnReader(TableSpec.infer(table), table)
    training, held_out = reader.real.take(np.arange(90)), reader.real.take(np.arange(90, 100))
    found = privacy(reader.real, training, held_out)
    assert found.dcr_share == pytest.approx(0.5)
    assert found.held_out_copies_share == 1.0


def test_copies_are_found_in_wide_tables_with_missing_values() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame(rng.normal(size=(60, 400))).rename(columns="x{}".format)
    real = real.mask(rng.random(real.shape) < 0.1)
    spec = TableSpec.infer(real, declared=SpecDeclaration.from_mapping({"rules": {"find": False}}))
    reader = ColumnReader(spec, real)
    changed = real.assign(x7=real["x7"].where(real.index >= 20, 5.0))
    assert privacy(reader.read(changed), reader.real).exact_copies == 40


@pytest.mark.parametrize(
    ("noise", "words", "is_close"),
    [
        (0.0, "lie closer to real rows than real rows lie to each other: look for copies", True),
        (0.02, "lie closer to real rows than real rows lie to each other: look for copies", True),
        (0.25, "lie somewhat closer to real rows than real rows to each other", False),
        (3.0, "lie no closer to real rows than real rows to each other", False),
    ],
)
def test_how_close_rows_lie_is_told_by_degrees(noise: float, words: str, is_close: bool) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    reader = ColumnReader(TableSpec.infer(table), table)
    found = privacy(reader.read(table + noise * rng.normal(size=table.shape)), reader.real, None)
    assert words in found.verdict
    assert found.is_close == is_close


def test_distances_tell_nothing_where_real_rows_repeat_each_other() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    table = pd.concat([table, table.head(40)], ignore_index=True)
    reader = ColumnReader(TableSpec.infer(table), table)
    for rows in (table, table + 3.0 * rng.normal(size=table.shape)):
        found = privacy(reader.read(rows), reader.real, None)
        assert "distances do not tell copies" in found.verdict
        assert "closer" not in found.verdict
