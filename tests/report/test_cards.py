"""The verdicts at the top of the page follow from the numbers below it."""

from types import SimpleNamespace

import pytest

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.comparison.score_words import score_in_words
from tabvae_ray.comparison.scores.membership.success import AttackSuccess, MembershipAttacks
from tabvae_ray.report.cards import Card, cards
from tabvae_ray.report.contents import ReportContents
from tabvae_ray.space.search_space import Constraint

LEVELS = ReferenceLevels(
    fresh={
        "correlation_distance": Level(0.04, 0.01),
        "mean_js_distance": Level(0.06, 0.01),
        "detection": Level(0.95, 0.01),
    },
    independent={
        "correlation_distance": Level(0.24, 0.01),
        "tstr": Level(0.5, 0.01),
        "detection": Level(0.1, 0.01),
    },
    higher_is_better=("tstr", "detection"),
)


def made(
    scores: dict[str, float],
    *,
    tstr: float | None = None,
    volumes: tuple[float, ...] = (),
    planned: int = 20,
    state: str = "finished",
    budget: float | None = None,
    attacks: dict[str, MembershipAttacks] | None = None,
    complete: bool = True,
    levels: ReferenceLevels = LEVELS,
    plan: dict[str, int] | None = None,
    trtr: float = 0.9,
    constraints: dict[str, Constraint] | None = None,
    target: str | None = None,
    has_model: bool = True,
    share: float | None = None,
) -> dict[str, Card]:
    """Return the cards of a search, by the last word of their titles."""
    useful = tstr is not None and SimpleNamespace(
        target="outcome", metric="AUC", tstr=tstr, trtr=trtr, n_tested=100
    )
    contents = SimpleNamespace(
        fresh_scores=scores,
        scores={"membership_attacks": {kind: part.to_mapping() for kind, part in attacks.items()}}
        if attacks
        else dict(scores),
        levels=levels,
        pictures=SimpleNamespace(
            comparison=SimpleNamespace(scores={}),
            privacy=SimpleNamespace(dcr_share=share, standard_error=0.01),
            usefulness=useful or None,
        )
        if has_model
        else None,
        target=target,
        records=[None] * max(len(volumes), 1),
        complete=[None] * max(len(volumes), 1) if complete else [],
        hypervolumes=lambda: list(enumerate(volumes, start=1)),
        space=SimpleNamespace(
            settings=SimpleNamespace(n_trials=planned, time_budget=budget),
            constraints=constraints or {},
        ),
        manifest=SimpleNamespace(state=state, plan=plan),
    )
    contents.late_gain = lambda: ReportContents.late_gain(contents)
    return {card.title.rstrip("?").rpartition(" ")[2]: card for card in cards(contents)}


@pytest.mark.parametrize(
    ("value", "tone", "position", "words"),
    [
        (0.03, "good", 1.0, "columns are as good as a fresh sample of the real table."),
        (0.06, "good", 0.9, "columns are close to a fresh sample"),
        (0.12, "fair", 0.6, "columns are between a fresh sample"),
        (0.18, "poor", 0.3, "columns are between a fresh sample"),
        (0.25, "poor", 0.0, "columns are as far from the real table as independent columns."),
    ],
)
def test_likeness_is_told_between_shuffled_and_fresh_rows(
    value: float, tone: str, position: float, words: str
) -> None:
    card = made({"correlation_distance": value, "mean_js_distance": 0.05})["table"]
    assert card.tone == tone
    assert card.position == pytest.approx(position)
    assert words in card.verdict
    assert card.verdict.endswith("Single columns are as good as a fresh sample of the real table.")
    assert "0.240" in card.floor
    assert "0.040" in card.ceiling


def test_usefulness_is_told_between_shuffled_and_real_rows() -> None:
    card = made({}, tstr=0.66)["useful"]
    assert card.tone == "poor"
    assert card.position == pytest.approx(0.4)
    assert "that predicts outcome, these rows are less useful than real rows" in card.verdict
    good = made({}, tstr=0.89)["useful"]
    assert good.tone == "good" and "these rows are as useful as real rows." in good.verdict


@pytest.mark.parametrize("share", [-0.5, 0.05, 0.1, 0.3, 0.6, 0.9, 1.2])
def test_report_and_comparison_place_a_score_alike(share: float) -> None:
    value = 0.04 + 0.2 * share
    said = score_in_words("correlation_distance", value, LEVELS)
    assert said is not None
    assert f"are {said}." in made({"correlation_distance": value})["table"].verdict


def test_what_was_not_measured_is_said() -> None:
    found = made({})
    assert {found[word].tone for word in ("table", "useful", "private")} == {"unknown"}
    assert all("Not measured" in found[word].verdict for word in ("table", "useful", "private"))


def test_privacy_promises_nothing() -> None:
    assert made({"dcr_share": 0.5})["private"].tone == "good"
    leaking = made({"dcr_share": 0.8})["private"]
    assert leaking.tone == "poor"
    assert "Leaks can pass this test" in leaking.verdict


def attacked(auc: float, half: float) -> MembershipAttacks:
    success = AttackSuccess(auc, 0.1, 0.05)
    return MembershipAttacks({"loss": success}, auc - half, auc + half, 600, 200)


def test_the_strongest_attack_on_membership_comes_before_the_nearest_rows() -> None:
    attacks = {"white_box": attacked(0.69, 0.04), "black_box": attacked(0.55, 0.04)}
    card = made({"dcr_share": 0.5}, attacks=attacks)["private"]
    assert card.verdict.startswith(
        "Some leak of membership: someone who has the trained model and two"
    )
    assert "picks the right one in 69 of 100 cases (95% interval 65 to 73); 50 is" in card.verdict
    assert "does not guarantee" in card.verdict and "nearer" not in card.verdict
    assert card.tone == "fair" and card.position == pytest.approx(0.62)
    only = made({}, attacks={"black_box": attacked(0.58, 0.03)})["private"]
    assert "someone who has only synthetic rows" in only.verdict


@pytest.mark.parametrize(
    ("auc", "half", "tone"),
    [(0.52, 0.04, "good"), (0.56, 0.15, "fair"), (0.56, 0.03, "fair"), (0.9, 0.05, "poor")],
)
def test_the_tone_of_an_attack_follows_from_its_interval(
    auc: float, half: float, tone: str
) -> None:
    attacks = {"white_box": attacked(auc, half)}
    assert made({}, attacks=attacks)["private"].tone == tone


@pytest.mark.parametrize(
    ("late", "gain"),
    [([5.0, 3.0, 1.5], 0.0), ([5.0, 0.5, 1.5], 0.5 / 5.5), ([0.0, 3.0, 1.5], 1 / 6)],
)
def test_where_a_loss_is_an_objective_its_best_values_tell_what_the_last_trials_brought(
    late: list[float], gain: float
) -> None:
    losses = [6.0, 4.0, 1.0, 2.0, 3.0, 2.0, 4.0, 5.0, 1.0, *late]

    def trial(i: int) -> SimpleNamespace:
        # The other objective is best at the start. Trials are not sorted by their end.
        values = [losses[i], 1.0 - 0.01 * i]
        return SimpleNamespace(rungs=[SimpleNamespace(order=i)], values=lambda names: values)

    contents = SimpleNamespace(
        hypervolumes=list,
        complete=[trial(i) for i in reversed(range(12))],
        objectives={"holdout_nats": "minimize", "tstr": "maximize"},
        space=SimpleNamespace(directions=("minimize", "maximize")),
    )
    found = ReportContents.late_gain(contents)  # type: ignore[arg-type]
    assert found == pytest.approx(gain)


def test_the_search_says_if_more_time_helps() -> None:
    few = made({}, volumes=(0.1, 0.2), budget=60, planned=20)["go"]
    assert "time budget of 60 s" in few.verdict
    assert "more time is likely to help" in few.verdict
    done = made({}, volumes=(0.1, *[0.2] * 11), planned=12)["go"]
    assert done.tone == "good"
    assert "brought nothing new" in done.verdict
    assert "ended" not in done.verdict
    rising = made({}, volumes=tuple(0.1 * n for n in range(1, 13)), planned=12)["go"]
    assert "still improved" in rising.verdict


@pytest.mark.parametrize(
    ("half", "tone", "words"),
    [
        (0.04, "good", "No leak found: someone"),
        (0.15, "fair", "No leak found, but with so few rows a considerable one cannot be excluded"),
    ],
)
def test_a_leak_that_was_not_found_is_told_with_what_cannot_be_excluded(
    half: float, tone: str, words: str
) -> None:
    card = made({}, attacks={"black_box": attacked(0.53, half)})["private"]
    assert card.tone == tone and card.verdict.startswith(words)


def test_rows_that_a_classifier_tells_apart_are_not_called_good() -> None:
    alike = {"correlation_distance": 0.04, "detection": 0.93}
    card = made(alike)["table"]
    assert card.tone == "good" and "classifier, are as good as a fresh sample" in card.verdict
    card = made({**alike, "detection": 0.2})["table"]
    assert card.tone == "fair" and "classifier, are close to independent columns." in card.verdict


def test_a_search_without_a_complete_trial_says_why_and_what_helps() -> None:
    card = made({"correlation_distance": 0.1}, budget=200, complete=False)["go"]
    assert card.tone == "poor"
    assert card.verdict == (
        "No trial has reached the full budget: the search ended by its time budget of 200 s. The "
        "model is as far as its trial came: more time is likely to help."
    )
    running = made({}, budget=200, complete=False, state="running")["go"]
    assert running.tone == "unknown"
    assert running.verdict == (
        "No trial has reached the full budget yet: the search is still running."
    )


# Its columns tell nothing of each other: shuffled ones are as good as a fresh sample.
UNRELATED = ReferenceLevels(
    fresh={"correlation_distance": Level(0.036, 0.01), "mean_js_distance": Level(0.06, 0.01)},
    independent={"correlation_distance": Level(0.049, 0.01), "tstr": Level(0.48, 0.03)},
    higher_is_better=("tstr",),
)


@pytest.mark.parametrize(("value", "tone"), [(0.04, "good"), (0.064, "fair"), (0.2, "poor")])
def test_unrelated_columns_are_told_alike_by_card_and_table(value: float, tone: str) -> None:
    said = score_in_words("correlation_distance", value, UNRELATED)
    card = made({"correlation_distance": value}, levels=UNRELATED)["table"]
    assert f"columns are {said}." in card.verdict
    assert card.tone == tone and card.position is None


def test_a_single_column_is_told_without_associations() -> None:
    levels = ReferenceLevels(
        fresh={"correlation_distance": Level(0.0, 0.0), "mean_js_distance": Level(0.1, 0.01)}
    )
    card = made({"correlation_distance": 0.0, "mean_js_distance": 0.4}, levels=levels)["table"]
    assert card.verdict == (
        "Single columns are 4.0 times as far from the real table as a fresh sample."
    )
    assert card.tone == "poor"


def test_columns_that_are_far_off_are_not_called_good() -> None:
    alike = {"correlation_distance": 0.04}
    assert made({**alike, "mean_js_distance": 0.0})["table"].tone == "good"
    card = made({**alike, "mean_js_distance": 0.3})["table"]
    assert card.tone == "fair" and "Single columns are 5.0 times as far" in card.verdict


def test_rows_are_not_called_useful_where_real_rows_are_not() -> None:
    card = made({}, tstr=0.75, trtr=0.51, levels=UNRELATED)["useful"]
    assert card.tone == "unknown" and card.position is None
    assert "Real rows hardly tell outcome (AUC 0.510; columns shuffled 0.480)" in card.verdict
    assert "as useful as" not in card.verdict


def test_fewer_epochs_than_wanted_are_said_and_not_called_good() -> None:
    volumes = (0.1, *[0.2] * 11)
    card = made({}, volumes=volumes, budget=60, plan={"epochs": 23, "wanted": 100})["go"]
    assert "The time was enough for 23 of 100 epochs each." in card.verdict
    assert card.tone == "fair"


@pytest.mark.parametrize("complete", [True, False])
def test_broken_constraints_are_told_at_the_top(complete: bool) -> None:
    bounds = {"dcr_share": Constraint(max=0.2), "detection": Constraint(min=0.99)}
    scores = {"dcr_share": 0.515, "detection": 0.4}
    card = made(scores, constraints=bounds, volumes=(0.1, *[0.2] * 11), complete=complete)["go"]
    assert card.tone == "poor"
    assert (
        "The chosen model breaks the constraints dcr_share at most 0.2 (0.515) and detection at "
        "least 0.99 (0.400)." in card.verdict
    )
    kept = made({"dcr_share": 0.1}, constraints=bounds, volumes=(0.1, *[0.2] * 11))["go"]
    assert "breaks" not in kept.verdict and kept.tone == "good"


def test_without_a_model_no_other_reason_is_given() -> None:
    cards = made({}, has_model=False, complete=False, state="interrupted", target="outcome")
    for word in ("table", "useful", "private"):
        assert (
            cards[word].verdict
            == "Not measured: there is no model yet, or its table cannot be read."
        )
    assert cards["go"].verdict == (
        "No trial has reached the full budget yet: the search was interrupted, and goes on by "
        "--resume."
    )
    assert "--target" in made({}, has_model=False)["useful"].verdict
    some = made({}, volumes=(0.1, 0.2), state="interrupted")["go"]
    assert some.verdict.startswith(
        "2 of 20 trials, 2 to the end; interrupted, and goes on by --resume. "
    )


@pytest.mark.parametrize(
    ("share", "tone", "words"),
    [
        (0.5, "good", None),
        (0.2, "fair", "only 20% of the rows are nearer to a training row"),
        (0.58, "fair", "there is some memorising: 58% of the rows"),
        (0.8, "poor", "the model repeats its training rows: 80% of the rows"),
    ],
)
def test_a_share_of_nearer_rows_has_one_colour(share: float, tone: str, words: str | None) -> None:
    attacks = {"black_box": attacked(0.52, 0.04)}
    fresh, page = {"dcr_share": share}, share
    found = made(fresh)["private"], made({}, share=page)["private"]
    beside = (
        made(fresh, attacks=attacks)["private"],
        made({}, share=page, attacks=attacks)["private"],
    )
    assert {card.tone for card in (*found, *beside)} == {tone}
    for card in beside:
        opening = "No leak found: " if words is None else f"The attacks found no leak, but {words}"
        assert card.verdict.startswith(opening)
    if words is not None:
        for card in (*found, *beside):
            assert card.number == f"nearer to training {share:.3f}"
            assert card.position == pytest.approx(1 - 2 * abs(share - 0.5))


def test_fewer_trials_asked_for_than_have_ended_are_no_goal() -> None:
    card = made({}, volumes=(0.1, 0.2), planned=1)["go"]
    assert card.verdict.startswith("2 of 2 trials, 2 to the end.") and card.ceiling == "2 trials"
    assert made({}, volumes=(0.1,), planned=1)["go"].ceiling == "1 trial"


def test_few_rows_without_a_fresh_sample_have_a_card() -> None:
    levels = ReferenceLevels(
        resample={"correlation_distance": Level(0.1, 0.01)},
        independent={"correlation_distance": Level(0.3, 0.01)},
    )
    card = made({"correlation_distance": 0.2}, levels=levels)["table"]
    assert card.ceiling == "resampled rows 0.100" and card.position == pytest.approx(0.5)
