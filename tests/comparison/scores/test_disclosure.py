"""Attacks on named columns: a planted leak, fresh rows, and agreement with Anonymeter."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.assessment import Assessment
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.scores.disclosure.attacks import DisclosureAttacks, disclosure_attacks
from tabvae_ray.comparison.scores.disclosure.risk import DisclosureRisk, wilson_rate
from tabvae_ray.comparison.scores.disclosure.singling_out import size_correction
from tabvae_ray.comparison.scores.disclosure.verdicts import disclosure_verdict, risk_in_words
from tabvae_ray.table.attacked.columns import AttackedColumns
from tabvae_ray.table.spec import TableSpec

EXPECTED = Path(__file__).parents[1] / "disclosure_expected"
ANONYMETER = json.loads((EXPECTED / "expected.json").read_text())


def _attack(
    synthetic: pd.DataFrame, training: pd.DataFrame, held_out: pd.DataFrame, **columns: list[str]
) -> DisclosureAttacks:
    reader = ColumnReader(TableSpec.infer(training), training)
    named = AttackedColumns(known=tuple(columns["known"]), secret=tuple(columns["secret"]))
    return disclosure_attacks(reader.read(synthetic), reader.real, reader.read(held_out), named)


@pytest.fixture(scope="module")
def leaked() -> DisclosureAttacks:
    """Return the attacks on the tables that Anonymeter was run on."""
    parts = (pd.read_csv(EXPECTED / f"{name}.csv") for name in ("synthetic", "training", "control"))
    return _attack(*parts, known=ANONYMETER["known"], secret=ANONYMETER["secret"])


@pytest.mark.parametrize("secret", ANONYMETER["secret"])
def test_guesses_are_those_of_anonymeter(leaked: DisclosureAttacks, secret: str) -> None:
    found, expected = leaked.inference[secret], ANONYMETER["inference"][secret]
    # Anonymeter scales numbers to the range of each pair of tables, so a few of 300 rows have other
    # nearest ones. Its interval is five times as wide as the differences allowed here.
    assert found.n_success == pytest.approx(expected["n_success"], abs=5)
    assert found.n_control_success == pytest.approx(expected["n_control"], abs=5)
    width = expected["risk"][2] - expected["risk"][1]
    assert found.value == pytest.approx(expected["risk"][0], abs=width / 5)
    assert found.interval == pytest.approx(expected["risk"][1:], abs=width / 5)


def test_links_are_those_of_anonymeter(leaked: DisclosureAttacks) -> None:
    found, expected = leaked.linkability, ANONYMETER["linkability"]
    assert found.n_success == pytest.approx(expected["n_success"], abs=3)
    assert found.n_control_success == pytest.approx(expected["n_control"], abs=3)
    assert found.value == pytest.approx(expected["risk"][0], abs=0.02)
    assert found.interval == pytest.approx(expected["risk"][1:], abs=0.02)


def test_singling_out_is_that_of_anonymeter_within_its_noise(leaked: DisclosureAttacks) -> None:
    found, expected = leaked.singling_out, ANONYMETER["singling_out"]
    assert found is not None
    assert found.attack_rate == pytest.approx(expected["n_success"] / 300, abs=0.08)
    assert found.control_rate == pytest.approx(expected["n_control"] / 300, abs=0.08)


def test_the_risk_is_the_excess_over_held_out_rows() -> None:
    # The formulas of Anonymeter, written out for numbers that are easy to follow.
    risk = DisclosureRisk(400, 200, 400, 100)
    (a, da), (c, dc) = wilson_rate(400, 200), wilson_rate(400, 100)
    assert a == pytest.approx(0.5) and da == pytest.approx(0.0488, abs=1e-4)
    assert risk.value == pytest.approx((a - c) / (1 - c))
    half = np.hypot(da / (1 - c), dc * (1 - a) / (1 - c) ** 2)
    assert risk.interval == pytest.approx((risk.value - half, risk.value + half))
    assert DisclosureRisk(400, 100, 400, 200).value == 0.0
    assert DisclosureRisk.from_mapping(risk.to_mapping()) == risk


def _people(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    table = pd.DataFrame(
        {
            "age": np.round(40 + 10 * level),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "income": np.round(np.exp(8 + 0.5 * level + 0.3 * rng.normal(size=n)), 2),
            "illness": np.where(level + rng.normal(size=n) > 0, "flu", "cold"),
        }
    )
    table.loc[rng.random(n) < 0.1, ["age", "illness"]] = None
    return table


def test_fresh_rows_bring_no_risk_and_copies_do() -> None:
    training, held_out = _people(300, 0), _people(300, 1)
    columns = {"known": ["age", "seen"], "secret": ["income", "illness"]}
    fresh = _attack(_people(300, 2), training, held_out, **columns)
    copies = _attack(training, training, held_out, **columns)
    for name, risk in fresh.risks.items():
        assert risk.interval[0] <= 0.02, name
    assert "no added risk shown" in disclosure_verdict(fresh)
    assert min(risk.interval[0] for risk in copies.risks.values()) > 0.3
    assert copies.inference["income"].attack_rate > 0.9
    said = disclosure_verdict(copies)
    assert "knows age and seen of a person guesses income rightly in" in said
    assert "an added risk" in said
    assert DisclosureAttacks.from_mapping(json.loads(json.dumps(copies.to_mapping()))) == copies


def test_a_secret_that_nothing_tells_is_guessed_as_often_as_blindly() -> None:
    rng = np.random.default_rng(0)
    tables = [
        pd.DataFrame({"a": rng.normal(size=400), "s": rng.choice(["x", "y"], 400)})
        for _ in range(3)
    ]
    found = _attack(*tables, known=["a"], secret=["s"]).inference["s"]
    assert found.baseline == pytest.approx(0.5, abs=0.01)
    assert found.attack_rate == pytest.approx(0.5, abs=0.08)
    weak = DisclosureAttacks(
        AttackedColumns(known=("a",), secret=("s",)),
        DisclosureRisk(100, 1, 100, 1, 0.01),
        {"s": DisclosureRisk(100, 40, 100, 40, 0.5)},
        None,
    )
    assert "Blind guesses are right in 50 of 100, so this attack is too weak" in (
        disclosure_verdict(weak)
    )


def test_success_on_fewer_held_out_rows_is_corrected_for_their_number() -> None:
    rng = np.random.default_rng(0)
    weights = rng.gamma(0.5, 0.004, 20_000)
    few, many = rng.poisson(100 * weights), rng.poisson(400 * weights)
    wanted = np.mean(many == 1) / np.mean(few == 1)
    assert size_correction(few, 100, 400) == pytest.approx(wanted, rel=0.1)
    assert size_correction(few, 100, 100) == pytest.approx(1)


def test_a_correction_for_very_few_held_out_rows_is_said_to_be_rough() -> None:
    columns = {"known": ["age", "seen"], "secret": ["income"]}
    found = _attack(_people(200, 2), _people(200, 0), _people(50, 1), **columns).singling_out
    assert found is not None and found.is_rough
    assert "a rough estimate" in risk_in_words(found)


def test_categories_that_only_synthetic_and_only_held_out_rows_have_are_not_equal() -> None:
    real = pd.DataFrame({"town": list("abcd") * 10, "ill": ["yes", "no"] * 20})
    held_out, synthetic = real.assign(ill="maybe"), real.assign(ill="unknown")
    spec = TableSpec.infer(real)
    named = AttackedColumns(known=("town",), secret=("ill",))
    spec = spec.model_copy(update={"privacy": named})
    plan = ComparisonPlan(scores=("mean_js_distance",))
    found = Assessment(plan.prepare(real, spec, held_out=held_out), synthetic, has_levels=False)
    assert found.disclosure is not None
    assert found.disclosure.inference["ill"].n_control_success == 0
    assert found.privacy.held_out_fifth_percentile == 0.5
    assert found.privacy.raw_share == 0.5
