"""Cards of usefulness and privacy say no more than what was measured."""

import pytest

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.comparison.score_words import score_in_words
from tabvae_ray.comparison.scores.membership.success import AttackSuccess, MembershipAttacks
from tabvae_ray.comparison.scores.privacy import Privacy, share_text
from tabvae_ray.comparison.scores.usefulness import Metric, Usefulness
from tabvae_ray.page.cards import Card, attack_card, nearer_share, usefulness_card


def levels_of(shuffled: float, fresh: float) -> ReferenceLevels:
    return ReferenceLevels(
        fresh={"tstr": Level(fresh, 0.01)},
        independent={"tstr": Level(shuffled, 0.01)},
        higher_is_better=("tstr",),
    )


def useful(
    metric: Metric,
    tstr: float,
    trtr: float,
    levels: ReferenceLevels,
    n_tested: int = 5_000,
) -> Card:
    found = Usefulness("price", metric, tstr, trtr, n_tested)
    return usefulness_card(found, levels, advice="", anchor="usefulness")


@pytest.mark.parametrize(("n_tested", "said"), [(5_000, True), (100, True), (12, False)])
def test_hardly_a_mistake_takes_more_than_a_few_rows(n_tested: int, said: bool) -> None:
    card = useful("R2", 0.9, 0.9996, levels_of(0.0, 0.99), n_tested)
    assert ("with hardly a mistake" in card.verdict) == said
    assert "without a mistake" not in card.verdict


@pytest.mark.parametrize(
    ("metric", "value", "words", "floor"),
    [
        ("R2", -0.9, "no more useful than always saying the mean", "always the mean 0.000"),
        ("R2", 0.3, "less useful than real rows, more than always saying the mean", None),
        ("AUC", 0.5, "no more useful than guessing", "guessing 0.500"),
    ],
)
def test_without_levels_rows_are_not_compared_with_shuffled_columns(
    metric: Metric, value: float, words: str, floor: str | None
) -> None:
    card = useful(metric, value, 0.6 if metric == "R2" else 0.9, ReferenceLevels())
    assert words in card.verdict and "independent" not in card.verdict
    assert floor is None or card.floor == floor
    assert useful("AUC", 0.7, 0.9, ReferenceLevels()).position == pytest.approx(0.5)


def test_without_a_floor_there_is_no_verdict() -> None:
    card = useful("macro-F1", 0.3, 0.33, ReferenceLevels())
    assert card.tone == "unknown" and card.position is None
    assert "macro-F1 0.300, real rows 0.330" in card.verdict
    unknown = ReferenceLevels(independent={"tstr": Level(float("nan"), 0.0)})
    assert useful("macro-F1", 0.3, 0.33, unknown).tone == "unknown"


def test_real_rows_that_tell_less_than_the_mean_praise_nothing() -> None:
    card = useful("R2", -0.03, -0.02, levels_of(-0.2, -0.02))
    assert card.tone == "unknown"
    assert "Real rows hardly tell price (R2 -0.020; always the mean 0.000)" in card.verdict
    chance = useful("AUC", 0.49, 0.5, levels_of(0.3, 0.5))
    assert chance.tone == "unknown" and "guessing 0.500" in chance.verdict


def test_shuffled_columns_that_are_worse_than_the_mean_are_no_floor() -> None:
    card = useful("R2", 0.0, 0.6, levels_of(-0.9, 0.6))
    assert card.tone == "poor" and card.position == 0.0
    assert "no more useful than always saying the mean" in card.verdict


def test_a_floor_of_two_repetitions_does_not_make_a_target_useless() -> None:
    levels = ReferenceLevels(
        fresh={"tstr": Level(0.7, 0.01)},
        independent={"tstr": Level(0.47, 0.12)},
        higher_is_better=("tstr",),
    )
    card = useful("AUC", 0.69, 0.7, levels)
    assert card.tone == "good" and "these rows are as useful as real rows." in card.verdict
    assert score_in_words("tstr", 0.69, levels) == "as useful as real rows"


def attacked(share: float, low: float, auc: float, high: float) -> Card:
    attacks = MembershipAttacks({"loss": AttackSuccess(auc, 0.0, 0.0)}, low, high, 1_000, 1_000)
    near = Privacy(share, 0.01, share, 0, 0.0, 0.0, 0.5, 0.5, 2_000, 1_000, 1_000)
    return attack_card("Private?", "only synthetic rows", attacks, near, anchor="privacy")


def test_the_worse_of_attacks_and_nearest_rows_is_the_verdict() -> None:
    some = attacked(0.8, 0.55, 0.6, 0.65)
    assert some.tone == "poor" and some.verdict.startswith("Some leak of membership: ")
    assert " The model repeats its training rows: 80% of the rows" in some.verdict
    strong = attacked(0.58, 0.85, 0.9, 0.95)
    assert strong.tone == "poor" and strong.number == "strongest attack, AUC 0.900"
    unsure = attacked(0.8, 0.4, 0.55, 0.7)
    assert unsure.verdict.startswith("The attacks found no leak, but the model repeats")
    assert "With so few rows a considerable leak cannot be excluded." in unsure.verdict


@pytest.mark.parametrize("share", [float("nan"), float("inf")])
def test_a_share_that_is_no_number_is_said_to_be_unknown(share: float) -> None:
    assert share_text(share) == share_text(share, places=0) == "unknown"
    assert nearer_share(None, share) is None
    card = attacked(share, 0.4, 0.5, 0.6)
    assert card.number == "strongest attack, AUC 0.500" and "nearer to" not in card.verdict
    # What is known counts beside it.
    near = Privacy(0.9, 0.01, 0.9, 0, 0.0, 0.0, 0.5, 0.5, 2_000, 1_000, 1_000)
    assert nearer_share(near, share) == (0.9, "poor")


def test_a_few_rows_are_not_none() -> None:
    assert [share_text(share) for share in (0.0, 0.00001, 0.1234)] == [
        "0.00%",
        "under 0.01%",
        "12.34%",
    ]
    shares = [share_text(share, places=0) for share in (0.0, 0.004, 0.006)]
    assert shares == ["0%", "under 1%", "1%"]
