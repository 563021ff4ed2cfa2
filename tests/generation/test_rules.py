"""Rules in rows of a whole model: with conditions, in blocks, from an export."""

from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray import TableSpec, TabularVAE, load_synthesizer
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.rules.counting import count_rules
from tests.support.rules import table_with_rules
from tests.support.tables import small_config


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return table_with_rules(1_000)[0]


@pytest.fixture(scope="module")
def synthesizer(real: pd.DataFrame) -> TabularVAESynthesizer:
    """One epoch: the network itself keeps hardly any rule."""
    vae = TabularVAE.build(TableSpec.infer(real), small_config(**{"training.max_n_epochs": 1}))
    vae.fit(real)
    return vae.synthesizer()


def broken(synthesizer: TabularVAESynthesizer, real: pd.DataFrame, rows: pd.DataFrame) -> int:
    spec = synthesizer.spec
    found = count_rules(spec.rules, spec.columns, real, rows).broken
    assert len(found) == 12
    return sum(count or 0 for count in found.values())


def test_every_row_keeps_every_rule(synthesizer: TabularVAESynthesizer, real: pd.DataFrame) -> None:
    rows = synthesizer.generate(3_000, seed=1)
    assert broken(synthesizer, real, rows) == 0
    assert rows.dtypes.equals(real.dtypes)
    assert synthesizer.generate(3_000, seed=1).equals(rows)


def test_conditions_on_computed_columns_hold_in_rows_that_keep_the_rules(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame
) -> None:
    where = {"total": (200, 600), "season": "summer", "origin": ["A", "C"]}
    rows = synthesizer.generate(200, seed=2, where=where)
    assert rows["total"].between(200, 600).all()
    assert set(rows["season"]) == {"summer"} and set(rows["origin"]) <= {"A", "C"}
    assert set(rows["month"]) <= {6, 7, 8}
    assert broken(synthesizer, real, rows) == 0


def test_an_export_keeps_the_rules_as_the_model_does(
    synthesizer: TabularVAESynthesizer, tmp_path: Path
) -> None:
    synthesizer.save(tmp_path)
    loaded = load_synthesizer(tmp_path)
    assert loaded.generate(500, seed=3).equals(synthesizer.generate(500, seed=3))
    assert '"format_version": 4' in (tmp_path / "synthesizer.json").read_text()
    assert "rules between columns" in (tmp_path / "README.md").read_text()


def test_rules_do_not_depend_on_the_number_of_rows_asked_for(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame
) -> None:
    assert broken(synthesizer, real, synthesizer.generate(1, seed=4)) == 0
    assert len(synthesizer.generate(0)) == 0
