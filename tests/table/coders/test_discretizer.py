import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import ExportError
from tabvae_ray.table.coders.discretizer import Discretizer
from tabvae_ray.table.coders.truncation import truncate

STRATEGIES = ("uniform", "quantile", "atoms")


def fit(
    values: np.ndarray, strategy: str = "atoms", decimals: int | None = None, **options: object
) -> Discretizer:
    config = TransformersConfig.model_validate({"strategy": strategy, **options})
    low, high = float(values.min()), float(values.max())
    return Discretizer.fit(values, config, decimals=decimals, minimum=low, maximum=high)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def distance(left: np.ndarray, right: np.ndarray) -> float:
    """Kolmogorov-Smirnov: the largest difference of the two distribution functions."""
    points = np.union1d(left, right)
    shares = [np.searchsorted(np.sort(x), points, side="right") / len(x) for x in (left, right)]
    return float(np.abs(shares[0] - shares[1]).max())


def test_uniform_bins_are_those_of_the_demo() -> None:
    values = np.linspace(0, 10, 101)
    uniform = fit(values, "uniform", n_bins_cts=10)
    np.testing.assert_allclose(uniform.grid, [[i, i + 1] for i in range(10)])
    assert uniform.encode(np.array([0.0, 0.99, 1.0, 9.99, 10.0])).tolist() == [0, 0, 1, 9, 9]
    drawn = uniform.decode(np.full(10_000, 3, dtype=np.int32), rng())
    assert 3 <= drawn.min() and drawn.max() < 4
    assert drawn.mean() == pytest.approx(3.5, abs=0.02)


def test_a_column_with_few_values_is_all_atoms() -> None:
    values = np.repeat([0.1, 0.25, 7.0], [5, 1, 2])
    atoms = fit(values, decimals=2)
    assert atoms.n_codes == 3
    np.testing.assert_array_equal(atoms.decode(atoms.encode(values), rng()), values)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_value_is_one_code(strategy: str) -> None:
    constant = fit(np.full(50, 1.5), strategy, decimals=1)
    assert constant.n_codes == 1
    assert set(constant.decode(np.zeros(100, dtype=np.int32), rng())) == {1.5}


@pytest.mark.parametrize("decimals", [None, 2])
@pytest.mark.parametrize("strategy", ["quantile", "atoms"])
@pytest.mark.parametrize("n_bins", [4, 10, 64, 500])
def test_a_spike_at_zero_and_its_long_tail_both_come_back(
    strategy: str, n_bins: int, decimals: int | None
) -> None:
    random = rng()
    tail = random.lognormal(6, 2, 4000)
    values = np.where(random.random(4000) < 0.9, 0.0, tail)
    if decimals is not None:
        values = np.round(values, decimals)
    fitted = fit(values, strategy, decimals, n_bins_cts=n_bins)
    drawn = fitted.decode(fitted.encode(values), random)
    np.testing.assert_array_equal(drawn == 0, values == 0)
    assert distance(values, drawn) < 0.01
    assert distance(values[values > 0], drawn[drawn > 0]) < 0.06


@pytest.mark.parametrize("strategy", ["quantile", "atoms"])
@pytest.mark.parametrize("name", ["normal", "cauchy", "poisson", "hundredths"])
def test_encoded_and_decoded_values_have_the_distribution_of_the_values(
    strategy: str, name: str
) -> None:
    random = rng()
    values, decimals = {
        "normal": (random.normal(0, 1, 5000), None),
        "cauchy": (random.standard_cauchy(5000), None),
        "poisson": (random.poisson(300, 5000).astype(float), 0),
        "hundredths": (np.round(random.gamma(2, 3, 5000), 2), 2),
    }[name]
    fitted = fit(values, strategy, decimals, n_bins_cts=50)
    drawn = fitted.decode(fitted.encode(values), random)
    # A bootstrap of 5000 rows lies at 0.02.
    assert distance(values, drawn) < 0.006


def test_atoms_come_no_more_often_than_in_the_rows() -> None:
    random = rng()
    values = np.where(random.random(20_000) < 0.3, 500.0, random.integers(0, 1000, 20_000))
    fitted = fit(values, decimals=0)
    assert fitted.atoms.tolist() == [500.0]
    drawn = fitted.decode(fitted.encode(values), random)
    assert (drawn == 500).sum() == (values == 500).sum()


@pytest.mark.parametrize(
    ("n", "n_bins"), [(300_000, 256), pytest.param(10_000_000, 64, marks=pytest.mark.slow)]
)
def test_ten_million_distinct_values_take_no_more_codes_than_bins(n: int, n_bins: int) -> None:
    values = np.random.default_rng(1).permutation(n).astype(np.float64)
    fitted = fit(values, decimals=0, n_bins_cts=n_bins)
    assert fitted.n_codes == n_bins
    codes = fitted.encode(values[:100_000])
    assert np.bincount(codes).max() < 1.2 * 100_000 / n_bins
    drawn = fitted.decode(codes, rng())
    np.testing.assert_array_equal(fitted.encode(drawn), codes)


def test_no_training_value_between_the_ends_is_copied_where_values_hardly_repeat() -> None:
    values = rng().normal(0, 1, 2000)
    for strategy in ("quantile", "atoms"):
        inside = fit(values, strategy, n_bins_cts=64).grid[:, 1:-1]
        assert not np.isin(inside, values).any()


def test_a_table_whose_numbers_all_differ_is_not_copied_into_atoms() -> None:
    random = rng()
    incomes = np.round(random.lognormal(10, 0.5, 95), 2)
    for values, decimals in ((incomes, 2), (np.round(incomes), 0), (incomes * np.pi, None)):
        fitted = fit(values, decimals=decimals)
        assert len(fitted.atoms) == 0
        drawn = fitted.decode(fitted.encode(values), random)
        assert np.isin(drawn, values).mean() < 0.1
    # Values that repeat, and numbers of a short range, are as they were.
    few = np.repeat(np.unique(incomes)[:40], 3)
    np.testing.assert_array_equal(fit(few, decimals=2).atoms, np.unique(few))
    ages = random.permutation(90)[:60].astype(float)
    np.testing.assert_array_equal(fit(ages, decimals=0).atoms, np.sort(ages))


def fnlwgt(n: int) -> np.ndarray:
    """Whole numbers as in adult: a hump, and a tail of 13 standard deviations."""
    random = rng()
    return np.round(
        np.where(random.random(n) < 0.02, 2.2, 1) * random.gamma(3.3, 55_000, n) + 12_285
    )


@pytest.mark.parametrize("strategy", ["quantile", "atoms"])
@pytest.mark.parametrize("n_bins", [10, 50])
@pytest.mark.parametrize("name", ["lognormal", "negative lognormal", "fnlwgt"])
def test_long_tails_keep_mean_deviation_and_high_quantiles(
    strategy: str, n_bins: int, name: str
) -> None:
    n = 300_000
    values = {
        "lognormal": rng().lognormal(0, 2, n),
        "negative lognormal": -rng().lognormal(0, 2, n),
        "fnlwgt": fnlwgt(n),
    }[name]
    fitted = fit(values, strategy, 0 if name == "fnlwgt" else None, n_bins_cts=n_bins)
    # Ten draws of each, as one draw of so long a tail deviates by itself.
    drawn = fitted.decode(np.tile(fitted.encode(values), 10), np.random.default_rng(1))
    assert drawn.min() >= values.min() and drawn.max() <= values.max()
    assert drawn.mean() == pytest.approx(values.mean(), rel=0.02)
    assert drawn.std() == pytest.approx(values.std(), rel=0.06)
    for level in (0.001, 0.5, 0.999):
        assert np.quantile(drawn, level) == pytest.approx(np.quantile(values, level), rel=0.03)


def test_a_tail_does_not_give_away_the_rows_that_it_is_made_of() -> None:
    values = rng().lognormal(0, 2, 100_000)
    last = fit(values, n_bins_cts=50).grid[-1]
    assert not np.isin(last[1:-1], values).any()
    ranks = np.searchsorted(np.sort(values), last)
    assert (np.diff(ranks)[:-1] >= 2).all()


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_between_two_ends_a_discretizer_draws_what_it_draws_there_otherwise(
    strategy: str, decimals: int | None
) -> None:
    random = rng()
    values = np.where(random.random(3000) < 0.2, 3.0, random.gamma(2, 3, 3000))
    if decimals is not None:
        values = np.round(values, decimals)
    fitted = fit(values, strategy, decimals, n_bins_cts=7)
    low, high = 2.5, 4.4
    part, shares = truncate(fitted, low, high)
    free = np.repeat(np.arange(fitted.n_codes, dtype=np.int32), 20_000)
    drawn = fitted.decode(free, random)
    inside = (drawn >= low) & (drawn <= high)
    counted = np.bincount(free[inside], minlength=fitted.n_codes) / 20_000
    np.testing.assert_allclose(shares, counted, atol=0.015)
    for code in np.flatnonzero(shares):
        asked = part.decode(np.full(5000, code, dtype=np.int32), random)
        assert asked.min() >= low and asked.max() <= high
        assert distance(asked, drawn[inside & (free == code)]) < 0.05
    assert truncate(fitted, -100, -50)[1].sum() == 0


def test_values_outside_the_range_go_to_the_nearest_code() -> None:
    values = rng().normal(0, 1, 1000)
    for strategy in STRATEGIES:
        fitted = fit(values, strategy)
        codes = fitted.encode(np.array([-1e9, 1e9]))
        assert codes.tolist() == [0, fitted.n_codes - 1]
    atoms = fit(np.array([1.0, 2.0, 4.0]), decimals=0)
    assert atoms.encode(np.array([-5.0, 1.4, 1.6, 3.5, 99.0])).tolist() == [0, 0, 1, 2, 2]


def test_quantiles_ascend_across_all_bins_of_whole_numbers_with_many_ties() -> None:
    config = TransformersConfig(n_bins_cts=50, atom_share=0.005)
    for seed in range(300):
        values = np.round(np.random.default_rng(seed).gamma(0.7, 60, 3000)) - 20
        ends = {"minimum": values.min(), "maximum": values.max()}
        grid = Discretizer.fit(values, config, decimals=0, **ends).grid
        assert (np.diff(grid.reshape(-1)) >= 0).all(), seed


def test_held_out_rows_may_have_all_the_values() -> None:
    for strategy in STRATEGIES:
        config = TransformersConfig.model_validate({"strategy": strategy})
        fitted = Discretizer.fit(np.empty(0), config, decimals=1, minimum=2.0, maximum=3.0)
        drawn = fitted.decode(fitted.encode(np.array([2.0, 2.5, 3.0])), rng())
        assert ((drawn >= 2) & (drawn <= 3)).all()


def some_values() -> st.SearchStrategy[tuple[np.ndarray, int | None]]:
    """Columns with ties, gaps and tails; with decimals or without."""

    def scaled(parts: tuple[list[int], int, int | None]) -> tuple[np.ndarray, int | None]:
        whole, power, decimals = parts
        if decimals is None:
            return np.array(whole) * np.pi * 10.0**power, None
        return np.round(np.array(whole) / 10.0**decimals, decimals), decimals

    numbers = st.integers(-(10**6), 10**6) | st.integers(-3, 3)
    return st.tuples(
        st.lists(numbers, min_size=1, max_size=300),
        st.integers(-200, 200),
        st.none() | st.integers(0, 6),
    ).map(scaled)


@settings(max_examples=150, deadline=None)
@given(
    some_values(),
    st.sampled_from(["quantile", "atoms"]),
    st.integers(2, 64),
    st.integers(0, 20),
)
def test_what_is_drawn_from_a_code_is_encoded_as_that_code(
    column: tuple[np.ndarray, int | None], strategy: str, n_bins: int, max_atoms: int
) -> None:
    values, decimals = column
    fitted = fit(values, strategy, decimals, n_bins_cts=n_bins, max_atoms=max_atoms)
    assert fitted.n_codes <= n_bins + max(max_atoms, 100)
    codes = fitted.encode(values)
    assert codes.min() >= 0 and codes.max() < fitted.n_codes
    drawn = fitted.decode(codes, rng())
    if decimals is not None:
        np.testing.assert_array_equal(fitted.encode(drawn), codes)
        np.testing.assert_array_equal(np.round(drawn, decimals), drawn)
    else:
        # The end of a bin is where the next begins: the last of 2**53 draws may hit it.
        assert ((fitted.encode(drawn) - codes) <= 1).all()
    assert drawn.min() >= values.min() and drawn.max() <= values.max()


@settings(max_examples=100, deadline=None)
@given(some_values(), st.sampled_from(STRATEGIES), st.integers(2, 64))
def test_any_code_gives_a_value_of_the_real_range_and_its_decimals(
    column: tuple[np.ndarray, int | None], strategy: str, n_bins: int
) -> None:
    values, decimals = column
    fitted = fit(values, strategy, decimals, n_bins_cts=n_bins)
    drawn = fitted.decode(np.repeat(np.arange(fitted.n_codes, dtype=np.int32), 20), rng())
    assert drawn.min() >= values.min() and drawn.max() <= values.max()
    if decimals is not None:
        np.testing.assert_array_equal(np.round(drawn, decimals), drawn)


@settings(max_examples=50, deadline=None)
@given(some_values(), st.sampled_from(STRATEGIES))
def test_json_keeps_a_discretizer_to_the_bit(
    column: tuple[np.ndarray, int | None], strategy: str
) -> None:
    values, decimals = column
    fitted = fit(values, strategy, decimals)
    loaded = Discretizer.from_mapping(
        json.loads(json.dumps(fitted.to_mapping())),
        decimals=decimals,
        minimum=fitted.minimum,
        maximum=fitted.maximum,
    )
    codes = fitted.encode(values)
    np.testing.assert_array_equal(loaded.encode(values), codes)
    np.testing.assert_array_equal(loaded.decode(codes, rng()), fitted.decode(codes, rng()))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, "must have atoms, a grid and tails"),
        ({"grid": "x"}, "must have atoms, a grid and tails"),
        ({"atoms": [10**400]}, "must have atoms, a grid and tails"),
        ({"atoms": [], "grid": []}, "must be finite, ascending and not empty"),
        ({"atoms": [1.0, 0.5]}, "must be finite, ascending and not empty"),
        ({"grid": [[0.0, 0.5], [0.25, 1.0]]}, "must be finite, ascending"),
        ({"grid": [[0.0], [1.0]]}, "must be finite, ascending"),
        ({"atoms": [float("inf")]}, "must be finite, ascending"),
        ({"atoms": [1e300]}, "must lie between 0.0 and 1.0, but go from 0.0 to 1e.300"),
        ({"tails": [[0.0, 1.0]]}, "tails must be the CDF points of the first and last bin"),
        ({"tails": [[0.0, 1.0], [0.0, 0.5]]}, "tails must ascend from 0 to 1"),
        ({"tails": [[float("nan"), 1.0], [0.0, 1.0]]}, "tails must ascend from 0 to 1"),
    ],
)
def test_what_no_fit_can_give_is_refused(mapping: dict, message: str) -> None:
    sound = {"atoms": [0.75], "grid": [[0.0, 0.5], [0.5, 1.0]], "tails": [[0.0, 1.0], [0.0, 1.0]]}
    Discretizer.from_mapping(sound, decimals=None, minimum=0.0, maximum=1.0)
    mapping = {**sound, **mapping} if mapping else {}
    with pytest.raises(ExportError, match=message):
        Discretizer.from_mapping(mapping, decimals=None, minimum=0.0, maximum=1.0)
