import pytest

from tabvae_ray.comparison.reference_levels import Level, ReferenceLevels
from tabvae_ray.comparison.score_words import direction, score_in_words

LEVELS = ReferenceLevels(
    fresh={
        "correlation_distance": Level(0.05, 0.005),
        "mean_js_distance": Level(0.08, 0.005),
        "detection": Level(0.95, 0.02),
        "tstr": Level(0.9, 0.01),
        "dcr_share": Level(0.5, 0.0),
    },
    independent={
        "correlation_distance": Level(0.25, 0.005),
        "mean_js_distance": Level(0.06, 0.005),
        "detection": Level(0.35, 0.02),
        "tstr": Level(0.5, 0.02),
    },
    higher_is_better=("detection", "tstr"),
)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("correlation_distance", 0.04, "as good as a fresh sample of the real table"),
        ("correlation_distance", 0.08, "close to a fresh sample of the real table"),
        ("correlation_distance", 0.15, "between a fresh sample of the real table and indep"),
        ("correlation_distance", 0.23, "close to independent columns"),
        ("correlation_distance", 0.30, "as far from the real table as independent columns"),
        ("detection", 0.96, "as good as a fresh sample of the real table"),
        ("detection", 0.30, "as far from the real table as independent columns"),
        ("tstr", 0.91, "as useful as real rows"),
        ("tstr", 0.45, "no more useful than independent columns"),
        # Shuffled columns are no ceiling for columns alone.
        ("mean_js_distance", 0.085, "as good as a fresh sample of the real table"),
        ("mean_js_distance", 0.10, "close to a fresh sample of the real table"),
        ("mean_js_distance", 0.24, "3.0 times as far from the real table as a fresh sample"),
    ],
)
def test_a_score_has_a_place_between_its_floor_and_its_ceiling(
    name: str, value: float, words: str
) -> None:
    said = score_in_words(name, value, LEVELS)
    assert said is not None
    assert said.startswith(words)


def test_a_score_that_cannot_tell_shuffled_columns_says_so() -> None:
    levels = ReferenceLevels(
        fresh={"pair_trends": Level(0.83, 0.03)},
        independent={"pair_trends": Level(0.86, 0.03)},
        higher_is_better=("pair_trends",),
    )
    assert score_in_words("pair_trends", 0.78, levels) == (
        "as good as a fresh sample of the real table, but so are independent columns here"
    )
    said = score_in_words("mean_js_distance", 0.085, LEVELS)
    assert said == "as good as a fresh sample of the real table"


def test_shuffled_columns_are_told_apart_by_what_is_missing_to_the_best_score() -> None:
    levels = ReferenceLevels(
        fresh={"pair_trends": Level(0.964, 0.005)},
        independent={"pair_trends": Level(0.919, 0.005)},
        higher_is_better=("pair_trends",),
    )
    said = score_in_words("pair_trends", 0.94, levels)
    assert said == "between a fresh sample of the real table and independent columns"


def test_without_levels_there_are_no_words() -> None:
    assert score_in_words("detection", 0.5, ReferenceLevels()) is None
    assert score_in_words("dcr_share", 0.5, LEVELS) is None
    assert score_in_words("detection", float("nan"), LEVELS) is None


def test_directions() -> None:
    assert direction("dcr_share", higher_is_better=False) == "0.5 is chance, 1 is copying"
    assert direction("tstr", higher_is_better=True) == "higher is better"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.75, "as useful as real rows, but so are independent columns here"),
        (0.2, "less useful than real rows, but these are hardly more useful than independent"),
    ],
)
def test_a_target_that_real_rows_cannot_tell_has_words_of_usefulness(
    value: float, words: str
) -> None:
    levels = ReferenceLevels(
        fresh={"tstr": Level(0.51, 0.05)},
        independent={"tstr": Level(0.48, 0.05)},
        higher_is_better=("tstr",),
    )
    said = score_in_words("tstr", value, levels)
    assert said is not None and said.startswith(words)


@pytest.mark.parametrize(
    ("fresh", "independent"), [(0.9, None), (0.9, float("nan")), (-0.02, -0.2), (0.01, -0.2)]
)
def test_usefulness_has_no_words_without_something_to_compare_with(
    fresh: float, independent: float | None
) -> None:
    shuffled = {} if independent is None else {"tstr": Level(independent, 0.01)}
    levels = ReferenceLevels(
        fresh={"tstr": Level(fresh, 0.01)}, independent=shuffled, higher_is_better=("tstr",)
    )
    assert score_in_words("tstr", fresh - 0.01, levels) is None
    assert score_in_words("tstr", 0.6, levels) is None
