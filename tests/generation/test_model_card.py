"""The model card, as the README.md of an export shows it."""

import pandas as pd
import pytest

from tabvae_ray.generation.model_card import file_name, model_card
from tabvae_ray.table.spec import TableSpec

SPEC = TableSpec.infer(pd.DataFrame({"a|b": ["x", "y"] * 20, "n": [*range(40)]}))


def test_scores_stand_beside_fresh_rows_and_independent_columns() -> None:
    level = {"mean": 0.0412345, "spread": 0.001}
    scores = {
        "pair_trends": 0.912345678,
        "correlation_distance": 0.05,
        "spread": {"pair_trends": 0.01},
        "membership_attacks": {"verdict": "Some leak.", "white_box": {"auc": 0.61}},
        "reference_levels": {
            "fresh": {"correlation_distance": level},
            "independent": {"correlation_distance": {"mean": 0.3, "spread": 0.0}},
        },
    }
    card = model_card(SPEC, scores, {"search": "beta", "parameters": {"a.b": 0.123456}})
    assert card.startswith("# Synthesizer of beta\n")
    assert "| score | this model | fresh real rows | independent columns |" in card
    assert "| pair_trends | 0.9123 | - | - |" in card
    assert "| correlation_distance | 0.05 | 0.04123 | 0.3 |" in card
    assert "| privacy | Some leak. |" in card
    assert "| a.b | 0.1235 |" in card
    assert "| 0.9123 | - | - | higher |" in card and "| 0.04123 | 0.3 | lower |" in card
    assert "Fresh real rows: the expected score" in card
    assert "0.912345" not in card and "spread" not in card


def test_scores_that_compare_rows_come_before_losses() -> None:
    fresh = {"mean_js_distance": {"mean": 0.07, "spread": 0.0}}
    # Shuffled columns are nearer to the real rows than a fresh sample: no ceiling.
    levels = {"fresh": fresh, "independent": {"mean_js_distance": {"mean": 0.05, "spread": 0.0}}}
    scores = {"loss": 19.0, "kl": 1.0, "membership": 0.52, "mean_js_distance": 0.08}
    card = model_card(SPEC, {**scores, "reference_levels": levels}, {})
    rows = card[card.index("## Scores") : card.index("Fresh real rows:")].splitlines()[4:-1]
    assert rows == [
        "| mean_js_distance | 0.08 | 0.07 | - | lower |",
        "| membership | 0.52 | - | - | near 0.5 |",
        "| loss | 19 | - | - | lower |",
        "| kl | 1 | - | - | - |",
    ]


def test_a_card_without_scores_and_origin_says_so() -> None:
    card = model_card(SPEC, {}, {})
    assert "None were recorded." in card and "- not recorded" in card
    assert "| privacy | attacks on membership were not measured |" in card
    assert "| a\\|b | categorical | str | 2 categories | no |" in card


def test_the_place_of_a_table_is_left_out() -> None:
    for place in ("/home/me/t.csv", "s3://bucket/x/t.csv", "C:\\secret\\t.csv", "t.csv"):
        assert file_name(place) == "t.csv"


def top_of(card: str) -> str:
    return card[: card.index("```")]


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (
            {
                "chosen": "breaks the constraints least; no candidate keeps them",
                "broken_constraints": ["detection at least 0.99 (0.400)"],
            },
            "| constraints | broken: detection at least 0.99 (0.400) |",
        ),
        (
            {"chosen": "breaks the constraints; there was time to score only one of 3 again"},
            "| constraints | breaks the constraints; there was time",
        ),
        ({"chosen": "the only one there is"}, None),
    ],
)
def test_broken_constraints_are_told_at_the_top(
    origin: dict[str, object], said: str | None
) -> None:
    top = top_of(model_card(SPEC, {}, origin))
    assert "| constraints" not in top if said is None else said in top
    refitted = model_card(SPEC, {"scores_of": "Those of the searched model."}, origin)
    assert ("| constraints of the searched model |" in top_of(refitted)) == (said is not None)


@pytest.mark.parametrize(("quick", "said"), [(0.581, True), (0.55, False)])
def test_a_quick_attack_beside_the_verdict_is_explained(quick: float, said: bool) -> None:
    scores = {"membership": quick, "membership_attacks": {"white_box": {"auc": 0.55}}}
    assert ("Membership: a quick attack" in model_card(SPEC, scores, {})) == said


@pytest.mark.parametrize(
    ("epsilon", "promise", "right"),
    [(0.5, "a strong promise", 62.3), (3.0, "a limited promise", 95.3), (10.0, "a weak", 100.0)],
)
def test_a_private_model_promises_what_its_epsilon_does(
    epsilon: float, promise: str, right: float
) -> None:
    card = model_card(SPEC, {}, {"privacy": {"epsilon": epsilon, "delta": 1e-6}})
    text = " ".join(card.split())
    assert f"Epsilon {epsilon:g} is {promise}" in text and f"at most {right} of 100" in text
    assert ("nearly the same" in text) == (epsilon <= 1)
