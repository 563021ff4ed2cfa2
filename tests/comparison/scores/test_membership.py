"""Membership inference from synthetic rows, on planted leaks and against the papers' formulas."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gaussian_kde
from sklearn.metrics import roc_auc_score

from tabvae_ray.comparison.reading.reader import ColumnReader
from tabvae_ray.comparison.scores.membership.black_box import black_box_attacks, split_held_out
from tabvae_ray.comparison.scores.membership.success import (
    AttackSuccess,
    MembershipAttacks,
    evaluate_attacks,
)
from tabvae_ray.comparison.scores.membership.verdicts import NOT_MEASURED, membership_verdict
from tabvae_ray.table.spec import TableSpec

# What Synth-MIA and domias find in the tables beside it; make_expected.py says how.
EXPECTED = Path(__file__).parents[1] / "membership_expected"
PUBLIC = json.loads((EXPECTED / "expected.json").read_text())


def _table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=n)
    return pd.DataFrame({name: level + rng.normal(size=n) for name in "abcd"})


def _attack(synthetic: pd.DataFrame, n_held_out: int = 200) -> MembershipAttacks:
    real = _table(400, 0)
    reader = ColumnReader(TableSpec.infer(real), real)
    return black_box_attacks(
        reader.read(synthetic), reader.real, reader.read(_table(n_held_out, 1))
    )


def test_success_is_that_of_scikit_learn_and_of_counting() -> None:
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 30, 300) + 3.0, rng.integers(0, 30, 200) * 1.0
    found = evaluate_attacks({"a": inside}, {"a": outside})
    labels = np.repeat([1, 0], [300, 200])
    assert found.auc == pytest.approx(roc_auc_score(labels, np.concatenate((inside, outside))))
    threshold = np.sort(outside)[-3]
    assert found.attacks["a"].tpr_at_1_percent == np.mean(inside > threshold)
    assert found.attacks["a"].tpr_at_01_percent == np.mean(inside > outside.max())
    assert found.low < found.auc < found.high
    assert MembershipAttacks.from_mapping(found.to_mapping()) == found


def test_the_interval_of_the_strongest_of_many_attacks_holds_chance() -> None:
    rng = np.random.default_rng(1)
    holds = 0
    for _ in range(40):
        sides = [{f"{i}": rng.normal(size=40) for i in range(6)} for _ in range(2)]
        holds += evaluate_attacks(*sides).low <= 0.5
    assert holds >= 36


def test_copies_are_found_and_fresh_rows_are_not() -> None:
    copied, fresh = _attack(_table(400, 0)), _attack(_table(400, 2))
    assert copied.auc > 0.95
    assert copied.attacks["nearest_synthetic"].tpr_at_1_percent > 0.9
    assert "Strong leak of membership" in membership_verdict(None, copied)
    assert fresh.low <= 0.5
    said = membership_verdict(None, fresh)
    assert said.startswith("No leak found: someone who has only synthetic rows and two real rows")
    assert "400 training rows and 100 held-out rows, with 100 other real rows" in said
    assert _attack(_table(400, 2)) == fresh


def test_the_strongest_attack_comes_first_and_few_rows_are_said_to_be_few() -> None:
    weak, strong = _attack(_table(400, 2), n_held_out=20), _attack(_table(400, 0))
    said = membership_verdict(strong, weak)
    assert said.startswith("Strong leak of membership: someone who has the trained model")
    assert "With only synthetic rows it is" in said
    assert "only large leaks" in membership_verdict(None, weak)
    assert membership_verdict(None, None) == NOT_MEASURED


def test_a_leak_that_is_sure_is_told_before_a_larger_one_that_may_be_luck() -> None:
    success = AttackSuccess(0.6, 0.1, 0.05)
    sure = MembershipAttacks({"loss": replace(success, auc=0.58)}, 0.51, 0.66, 800, 90)
    luck = MembershipAttacks({"density_ratio": success}, 0.49, 0.71, 800, 45)
    said = membership_verdict(sure, luck)
    assert said.startswith("Some leak of membership: someone who has the trained model")
    assert "With only synthetic rows it is 60 of 100 (49 to 71)." in said


@pytest.mark.parametrize(
    ("auc", "low", "high", "words"),
    [
        (
            0.6,
            0.49,
            0.71,
            "No leak found, but with so few rows a considerable one cannot be excluded: someone",
        ),
        (0.6, 0.49, 0.71, "60 of 100 cases. Guessing gives 50, and the difference may be luck"),
        (0.52, 0.49, 0.55, "the 95% interval, 49 to 55, includes 50."),
        (0.48, 0.4, 0.56, "48 of 100 cases, no more than by guessing (95% interval 40 to 56)."),
        (0.524, 0.503, 0.534, "52.4 of 100 cases (95% interval 50.3 to 53.4); 50 is chance."),
        (0.6, 0.55, 0.65, "60 of 100 cases (95% interval 55 to 65); 50 is chance."),
    ],
)
def test_a_success_that_may_be_luck_is_said_to_be(
    auc: float, low: float, high: float, words: str
) -> None:
    attacks = MembershipAttacks({"loss": AttackSuccess(auc, 0.1, 0.05)}, low, high, 800, 90)
    assert words in membership_verdict(attacks, None)


def test_attacks_agree_with_the_papers_formulas() -> None:
    """Half of the training rows leak, with noise; formulas with Euclidean distances and KDE.

    The kernel estimate is the one of the package domias (``scipy.stats.gaussian_kde`` of the
    synthetic rows over that of the reference rows); k is 20, as in Synth-MIA.
    """
    real, outside = _table(400, 0), _table(400, 1)
    synthetic = pd.concat([real.iloc[:200] + 0.01, _table(200, 3)], ignore_index=True)
    reader = ColumnReader(TableSpec.infer(real), real)
    held = reader.read(outside)
    found = black_box_attacks(reader.read(synthetic), reader.real, held).attacks
    others, reference = (
        np.column_stack(list(side.numbers.values())) for side in split_held_out(held)
    )
    rows = np.concatenate((real.to_numpy(), others))
    labels = np.repeat([1, 0], [len(real), len(others)])
    to_synthetic, to_reference = (
        np.linalg.norm(rows[:, None] - table[None], axis=2)
        for table in (synthetic.to_numpy(), reference)
    )
    nearest = np.argsort(np.hstack((to_synthetic, to_reference)), axis=1)[:, :20]
    synthetic_near = (nearest < len(synthetic)).sum(axis=1)
    ratio = gaussian_kde(synthetic.to_numpy().T)(rows.T) / gaussian_kde(reference.T)(rows.T)
    expected = {
        "nearest_synthetic": -to_synthetic.min(axis=1),
        "calibrated_distance": to_reference.min(axis=1) - to_synthetic.min(axis=1),
        "data_plagiarism_index": synthetic_near,
    }
    for name, values in expected.items():
        assert found[name].auc == pytest.approx(roc_auc_score(labels, values), abs=0.06), name
    # The local kernel finds at least what the wide one of scipy finds.
    assert found["density_ratio"].auc > roc_auc_score(labels, ratio) - 0.03


@pytest.fixture(scope="module")
def on_public_inputs() -> MembershipAttacks:
    """Return the attacks on the rows that the public implementations attacked."""
    names = ("members", "others", "reference", "synthetic")
    tables = {name: pd.read_csv(EXPECTED / f"{name}.csv") for name in names}
    reader = ColumnReader(TableSpec.infer(tables["members"]), tables["members"])
    others, reference, synthetic = (reader.read(tables[name]) for name in names[1:])
    return black_box_attacks(synthetic, reader.real, others, reference)


@pytest.mark.parametrize("attack", PUBLIC["same_distance"])
def test_an_attack_agrees_with_a_public_implementation(
    on_public_inputs: MembershipAttacks, attack: str
) -> None:
    # Distances here are float32, so a few ties fall to the other side.
    found = on_public_inputs.attacks[attack].auc
    assert found == pytest.approx(PUBLIC["same_distance"][attack], abs=0.002)


@pytest.mark.parametrize("case", PUBLIC["own_distance"])
def test_an_attack_agrees_with_public_ones_of_other_distances_within_their_noise(
    on_public_inputs: MembershipAttacks, case: str
) -> None:
    # An AUC of 300 rows on each side has a standard error of 0.024.
    found, public = on_public_inputs.attacks[case.partition(",")[0]].auc, PUBLIC["own_distance"]
    if case.startswith("density_ratio"):
        # The kernel here is narrower, and finds more.
        assert public[case] - 0.024 <= found <= public[case] + 0.1
    else:
        assert found == pytest.approx(public[case], abs=0.024)


@pytest.mark.parametrize("n_non_members", [10, 99, 100, 1000])
def test_chance_at_few_false_alarms_is_what_guessing_finds(n_non_members: int) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        sides = ({"guess": rng.random(size)} for size in (200, n_non_members))
        attacks = evaluate_attacks(*sides, n_bootstraps=0)
        found.append(attacks.attacks["guess"].tpr_at_1_percent)
    assert attacks.chance_at(0.01) == pytest.approx(np.mean(found), rel=0.15)
