"""Exports hold no value that fewer than ``min_rows`` rows have, in any file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import load_synthesizer
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config

ROWS = 300


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return a table with one row of rare values, which no other row has."""
    rng = np.random.default_rng(0)
    city = rng.integers(0, 4, ROWS)
    made = pd.DataFrame(
        {
            "job": rng.choice(["clerk", "nurse", "cook"], ROWS),
            "city": np.array(["Oslo", "Bergen", "Bodø", "Moss"])[city],
            "county": np.array(["Oslo", "Vestland", "Nordland", "Østfold"])[city],
            "level": rng.choice(["low", "high"], ROWS),
            "pay": rng.integers(200, 900, ROWS) * 100,
            "rate": rng.normal(1, 0.1, ROWS),
            "born": pd.Timestamp("1980-01-01") + pd.to_timedelta(rng.integers(0, 9000, ROWS), "D"),
            "key": [f"K{i * 7919 % 10**6:06}" for i in range(ROWS)],
        }
    )
    rare: dict[str, str | int | float] = {
        "job": "astronaut-x", "city": "Hell-x", "county": "Trøndelag-x", "level": "secret-x",
        "pay": 987654321, "rate": 77.12345678, "key": "NASA-x/1",
    }  # fmt: skip
    for name, value in rare.items():
        made.loc[7, name] = value
    made.loc[7, "born"] = pd.Timestamp("1901-02-03")
    made["level"] = pd.Categorical(made["level"], categories=["low", "high", "never-x", "secret-x"])
    return made


@pytest.mark.parametrize("strategy", ["uniform", "quantile", "atoms"])
def test_no_file_of_an_export_names_a_rare_value(
    table: pd.DataFrame, tmp_path: Path, strategy: str
) -> None:
    declared = SpecDeclaration(identifier=("key",), target="job")
    spec = TableSpec.infer(table, declared=declared)
    assert any("county is determined by city" in str(rule) for rule in spec.rules)
    leaves = {"transformers.strategy": strategy, "training.max_n_epochs": 1}
    vae = TabularVAE.build(spec, small_config(**leaves))
    vae.fit(table)
    vae.synthesizer().save(tmp_path / "best", scores={}, provenance={})
    for file in (tmp_path / "best").iterdir():
        if file.suffix == ".safetensors":
            # Numbers, whose bytes may spell anything.
            continue
        content = file.read_text(encoding="utf-8")
        for rare in ("-x", "987654321", "77.123", "NASA"):
            assert rare not in content, (file.name, rare)
    card = (tmp_path / "best" / "README.md").read_text(encoding="utf-8")
    assert "stands in at least 5 rows" in card
    made = load_synthesizer(tmp_path / "best").generate(500, seed=1)
    assert not made.astype(str).map(lambda cell: "-x" in cell).any(axis=None)
    assert made["pay"].max() < 90_000 and made["rate"].max() < 3
    assert made["born"].min() >= pd.Timestamp("1980-01-01")
    # The scores are those against the real table, which has the rare values.
    plan = ComparisonPlan(scores=("mean_js_distance", "pair_trends"))
    scores = plan.prepare(table, spec).compute(made).scores
    assert all(np.isfinite(value) for value in scores.values())


def test_a_declared_label_can_be_scored_and_is_kept_by_an_export(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    columns = {"job": {"kind": "categorical", "rare_label": "other"}}
    declared = SpecDeclaration.from_mapping({"columns": columns, "target": "job"})
    spec = TableSpec.infer(table.drop(columns="key"), declared=declared)
    vae = TabularVAE.build(spec, small_config())
    vae.fit(table)
    vae.synthesizer().save(tmp_path)
    loaded = load_synthesizer(tmp_path)
    assert loaded.spec["job"].categories == ("clerk", "cook", "nurse", "other")
    made = loaded.generate(20, where={"job": "other"})
    assert set(made["job"]) == {"other"}
    rows = pd.concat([loaded.generate(280), made], ignore_index=True)
    plan = ComparisonPlan(scores=("mean_js_distance", "pair_trends", "tstr"))
    assert all(np.isfinite(v) for v in plan.prepare(table, spec).compute(rows).scores.values())


def test_an_export_from_before_is_read_and_makes_the_same_rows(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    spec = TableSpec.infer(table[["job", "pay", "rate"]])
    vae = TabularVAE.build(spec, small_config(**{"transformers.min_rows": 0}))
    vae.fit(table)
    vae.synthesizer().save(tmp_path)
    file = tmp_path / "synthesizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["format_version"] == 1 and "astronaut-x" in str(document["spec"])
    assert not document["encoder"]["job"] and "min_rows" not in document["spec"]
    del document["config"]["transformers"]["min_rows"]
    file.write_text(json.dumps(document), encoding="utf-8")
    loaded = load_synthesizer(tmp_path)
    pd.testing.assert_frame_equal(loaded.generate(100, seed=2), vae.generate(100, seed=2))
    assert len(loaded.generate(3, where={"job": "astronaut-x"})) == 3
