"""Smooth functions in rows of a whole model: conditions, given cells, rare values, exports."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TableSpec, TabularVAE, load_synthesizer
from tabvae_ray.errors import ExportError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.rules.counting import count_rules
from tabvae_ray.table.rules.forms.curves.smooth import Smooth
from tests.support.tables import small_config


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "east": rng.normal(0, 30, 1_200).round(1),
            "north": rng.normal(0, 30, 1_200).round(1),
            "kind": rng.choice(["a", "b"], 1_200),
        }
    )
    table["away"] = np.hypot(table["east"], table["north"]).round(2)
    odd = rng.random(len(table)) < 0.05
    table.loc[odd, "away"] = (table["away"] + rng.uniform(2, 9, len(table))).round(2)[odd]
    table.loc[rng.random(len(table)) < 0.1, "east"] = np.nan
    return table


@pytest.fixture(scope="module")
def synthesizer(real: pd.DataFrame) -> TabularVAESynthesizer:
    """One epoch: the network itself keeps no rule."""
    vae = TabularVAE.build(TableSpec.infer(real), small_config(**{"training.max_n_epochs": 1}))
    vae.fit(real)
    return vae.synthesizer()


def rule_of(synthesizer: TabularVAESynthesizer) -> Smooth:
    (rule,) = synthesizer.spec.rules
    assert isinstance(rule, Smooth) and str(rule) == "away is a smooth function of east and north"
    return rule


def share_broken(model: TabularVAESynthesizer, real: pd.DataFrame, rows: pd.DataFrame) -> float:
    """Share of the rows with all three values that break the rule."""
    rule = rule_of(model)
    rows = rows.dropna(subset=["east", "north", "away"])
    counts = count_rules([rule], model.spec.columns, real, rows)
    return (counts.broken[str(rule)] or 0) / len(rows)


def test_rows_keep_a_function_at_its_rate_with_conditions_and_without(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame
) -> None:
    # Rare values are not published, so that results beyond them stay as they were drawn.
    rows = synthesizer.generate(4_000, seed=1)
    assert 0.02 < share_broken(synthesizer, real, rows) < 0.12
    assert rows.dtypes.equals(real.dtypes) and 0.05 < rows["east"].isna().mean() < 0.2
    assert rows["away"].notna().all()
    assert rows["away"].round(2).equals(rows["away"])
    near = synthesizer.generate(400, seed=2, where={"away": (20, 40), "kind": "a"})
    assert near["away"].between(20, 40).all() and set(near["kind"]) == {"a"}
    assert share_broken(synthesizer, real, near) < 0.15
    far = synthesizer.generate(400, seed=2, where={"east": (10, 30)})
    assert far["east"].between(10, 30).all()
    assert share_broken(synthesizer, real, far) < 0.12


def test_given_cells_are_completed_and_imputed(
    synthesizer: TabularVAESynthesizer, real: pd.DataFrame
) -> None:
    given = real[["east", "kind"]].dropna().head(300)
    filled = synthesizer.complete(given, seed=1)
    assert filled["east"].equals(given["east"]) and filled["away"].notna().all()
    gaps = real.head(300)
    imputed = synthesizer.impute(gaps, seed=1)
    assert imputed.notna().all().all()
    assert imputed["away"].equals(gaps["away"])


def test_an_export_generates_the_same_rows(
    synthesizer: TabularVAESynthesizer, tmp_path: Path
) -> None:
    synthesizer.save(tmp_path)
    loaded = load_synthesizer(tmp_path)
    assert rule_of(loaded) == rule_of(synthesizer)
    assert loaded.generate(500, seed=3).equals(synthesizer.generate(500, seed=3))


def _short(rule: dict[str, Any]) -> None:
    rule["curve"]["coefficients"].pop()


def _not_finite(rule: dict[str, Any]) -> None:
    rule["curve"]["coefficients"][0] = float("nan")


def _text(rule: dict[str, Any]) -> None:
    rule["curve"]["coefficients"][0] = "many"


def _gone(rule: dict[str, Any]) -> None:
    rule["of"] = ["east", "gone"]


def _category(rule: dict[str, Any]) -> None:
    rule["of"] = ["east", "kind"]


def _no_curve(rule: dict[str, Any]) -> None:
    del rule["curve"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_short, "must have 9 coefficients for degree 2 and 2, but has 8"),
        (_not_finite, "numbers must be finite"),
        (_text, "coefficients"),
        (_gone, "there is no column 'gone'"),
        (_category, "'kind' must be a number"),
        (_no_curve, "has no curve"),
    ],
)
def test_an_export_with_an_impossible_function_is_refused(
    synthesizer: TabularVAESynthesizer,
    tmp_path: Path,
    spoil: Callable[[dict[str, Any]], None],
    message: str,
) -> None:
    synthesizer.save(tmp_path)
    path = tmp_path / "synthesizer.json"
    document = json.loads(path.read_text())
    spoil(document["spec"]["rules"][0])
    path.write_text(json.dumps(document))
    with pytest.raises(ExportError, match=message):
        load_synthesizer(tmp_path)
