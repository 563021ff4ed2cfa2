"""Values that fewer than ``min_rows`` rows, or entities, have are neither stored nor generated."""

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import ConfigError, DataError
from tabvae_ray.table.coders.discretizer import Discretizer
from tabvae_ray.table.column_values import column_range, restored
from tabvae_ray.table.conditions import RowConditions
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.spec import TableSpec

STRATEGIES = ("uniform", "quantile", "atoms")


def fitted(
    table: pd.DataFrame, declared: dict[str, Any] | None = None, **options: Any
) -> TableEncoder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping(declared or {}))
        return TableEncoder.fit(table, spec, TransformersConfig.model_validate(options))


def loaded(encoder: TableEncoder) -> TableEncoder:
    """Return an encoder as an export keeps it."""
    spec, own, kept = json.loads(
        json.dumps(
            [encoder.spec.to_mapping(), encoder.to_mapping(), encoder.keeper.to_mapping()],
            allow_nan=False,
        )
    )
    return TableEncoder.from_mapping(own, TableSpec.from_mapping(spec), kept)


def random_table(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Make a table of each kind of column, with frequent and rare values in each."""

    def skewed(n: int) -> np.ndarray[Any, Any]:
        return np.minimum(rng.geometric(0.3, rows) - 1, n - 1) + (rng.random(rows) < 0.1) * n

    text = np.array([f"text{i}" for i in range(40)])
    place = skewed(12)
    levels = [f"level{i}" for i in range(30)]
    moments = pd.Timestamp("2020-01-01") + pd.to_timedelta(skewed(20), unit="D")
    table = pd.DataFrame(
        {
            "text": pd.Series(text[skewed(15)]).mask(rng.random(rows) < 0.1),
            "place": np.array([f"place{i}" for i in range(40)])[place],
            "region": np.array([f"region{i}" for i in range(20)])[place // 2],
            "level": pd.Categorical([levels[i] for i in skewed(10)], categories=levels),
            "code": skewed(5),
            "flag": rng.random(rows) < 0.1,
            "whole": skewed(20) * 3,
            "wide": rng.integers(0, 10_000, rows),
            "nullable": pd.Series(skewed(20), dtype="Int64").mask(rng.random(rows) < 0.2),
            "tenths": np.round(skewed(30) / 10, 1),
            "real": rng.lognormal(0, 2, rows),
            "price": np.where(rng.random(rows) < 0.5, 0.0, np.round(rng.lognormal(3, 1, rows), 2)),
            "day": moments,
            "moment": moments.tz_localize("Europe/Berlin")
            + pd.to_timedelta(rng.integers(0, 9999, rows), unit="s"),
        }
    )
    band = np.digitize(table["real"], [0.5, 2.0, 200.0])
    table["band"] = np.array(["low", "middle", "high", "top"])[band]
    return table


def n_holding(table: pd.DataFrame, entity: str | None, mask: np.ndarray[Any, Any]) -> int:
    return int(mask.sum()) if entity is None else table.loc[mask, entity].nunique()


def check_stored(encoder: TableEncoder, table: pd.DataFrame, min_rows: int) -> None:
    """Check that each stored value stands in enough rows or entities."""
    entity = encoder.spec.entity

    def is_shared(mask: Any) -> bool:
        return n_holding(table, entity, pd.array(mask).to_numpy(bool, na_value=False)) >= min_rows

    mapping = encoder.to_mapping()
    for column in encoder.spec.columns:
        if column.kind == "identifier":
            continue
        values = table[column.name]
        if column.kind == "categorical":
            assert column.levels == ()
            for category in column.categories:
                assert is_shared(values == category) or category in ("other", 0, False)
            continue
        _, low, high = column_range(column)
        if low < high:
            ends = pd.Series(restored(np.array([low, high]), column))
            assert is_shared(values <= ends[0]) and is_shared(values >= ends[1])
        exact = mapping[column.name]["atoms"]
        for atom in pd.Series(restored(np.array(exact, dtype=np.float64), column)) if exact else ():
            assert is_shared(values == atom) or low == high
        # A mean of rows with few decimals may be the value of another row by chance.
        coder = encoder.coder(column.name)
        assert isinstance(coder, Discretizer)
        if coder.decimals is None:
            inner = np.array(mapping[column.name]["grid"])[:, 1:-1].reshape(-1)
            for number in np.intersect1d(inner, values.dropna()):
                assert is_shared(values == number) or number in (low, high)


# Shrinking a failure takes minutes.
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(6, 150),
    min_rows=st.integers(1, 6),
    n_entities=st.none() | st.integers(6, 40),
    strategy=st.sampled_from(STRATEGIES),
    n_bins=st.sampled_from([2, 10, 100]),
    max_categories=st.sampled_from([3, 1000]),
)
def test_no_stored_or_generated_value_stands_in_too_few_rows(
    seed: int,
    rows: int,
    min_rows: int,
    n_entities: int | None,
    strategy: str,
    n_bins: int,
    max_categories: int,
) -> None:
    rng = np.random.default_rng(seed)
    table = random_table(rng, rows)
    declared = {"categorical": ["text", "place", "region", "band"]}
    if n_entities is not None:
        who = np.append(np.arange(6), rng.integers(0, n_entities, rows))[:rows]
        table["who"] = [f"who-{i:04}" for i in who]
        declared |= {"entity": "who"}
    encoder = loaded(
        fitted(
            table,
            declared,
            min_rows=min_rows,
            strategy=strategy,
            n_bins_cts=n_bins,
            max_categories=max_categories,
        )
    )
    check_stored(encoder, table, min_rows)
    codes = encoder.encode(table)
    random = rng.integers(0, 2**31, (300, codes.shape[1])) % np.array(encoder.cardinalities)
    made = encoder.decode(np.concatenate([codes, random]).astype(np.int32), rng, first_row=None)
    for column in encoder.spec.columns:
        if column.kind == "categorical":
            assert set(made[column.name].dropna()) <= set(column.categories)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_number_of_few_rows_between_frequent_ones_is_not_generated(strategy: str) -> None:
    table = pd.DataFrame(
        {"x": [1] * 30 + [3] * 30 + [4] + [17] * 30 + [40] * 2 + [*range(50, 60)] * 9}
    )
    encoder = fitted(table, {"continuous": ["x"]}, strategy=strategy, n_bins_cts=100)
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))["x"]
    assert made.isin([1, 3, 17, *range(50, 60)]).all() or strategy == "uniform"
    assert not made.isin([4, 40]).any() or strategy == "uniform"
    assert len(made) == len(table) and abs(made.mean() - table["x"].mean()) < 2


@pytest.mark.parametrize("declared", [{"continuous": ["x"]}, {}])
def test_a_tail_of_rare_numbers_does_not_pile_up_at_the_nearest_atom(
    declared: dict[str, Any],
) -> None:
    x = np.array([0] * 900 + [1] * 50 + [2] * 20 + [*range(10, 50)])
    table = pd.DataFrame({"x": x, "y": np.arange(len(x)) % 7})
    encoder = loaded(fitted(table, declared))
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))["x"]
    assert np.corrcoef(x, made)[0, 1] > 0.95
    assert (made[:970] == x[:970]).all() and made[970:].nunique() > 15
    assert made.max() == encoder.spec["x"].maximum == 45
    check_stored(encoder, table, 5)


def test_a_rare_number_between_atoms_becomes_the_nearest_one() -> None:
    table = pd.DataFrame({"month": np.repeat(np.arange(1, 13), [60, 4, *[60] * 8, 3, 60])})
    encoder = fitted(table)
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))["month"]
    assert not made.isin([2, 11]).any() and (made - table["month"]).abs().max() == 1


def test_a_column_that_becomes_constant_is_named_with_what_to_do() -> None:
    table = pd.DataFrame({"hours": [0] * 90 + [1, 1, 2, 2, 3, 3, 4, 7, 9, 12], "x": [1, 2] * 50})
    advice = r"'hours': only 0 is shared by 5 rows .* every generated value is 0; .* continuous"
    with pytest.warns(UserWarning, match=advice):
        TableEncoder.fit(table, TableSpec.infer(table), TransformersConfig())
    encoder = fitted(table, {"continuous": ["hours"]})
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))["hours"]
    assert (made[:90] == 0).all() and made[90:].mean() > 2


def test_what_is_drawn_in_place_of_rare_categories_follows_the_others() -> None:
    table = pd.DataFrame({"x": ["a"] * 600 + ["b"] * 300 + [f"rare{i}" for i in range(100)]})
    encoder = fitted(table, {"categorical": ["x"]})
    assert encoder.spec["x"].categories == ("a", "b") and encoder.cardinalities == (3,)
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))["x"]
    assert (made.head(900) == table["x"].head(900)).all()
    assert (made.tail(100) == "a").mean() == pytest.approx(2 / 3, abs=0.12)


def test_a_declared_label_is_generated_in_place_of_rare_categories() -> None:
    table = pd.DataFrame({"x": ["a"] * 60 + ["b"] * 4, "y": ["c", "d"] * 32})
    label = {"kind": "categorical", "rare_label": "other"}
    encoder = loaded(fitted(table, {"columns": {"x": label, "y": label}}))
    assert encoder.spec["x"].categories == ("a", "other")
    # Without rare values the label is not needed.
    assert encoder.spec["y"].categories == ("c", "d")
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))["x"]
    assert made.tolist() == ["a"] * 60 + ["other"] * 4
    with pytest.raises(DataError, match="rare_label must be of the type of the categories"):
        fitted(table, {"columns": {"x": {"kind": "categorical", "rare_label": 3}}})
    with pytest.raises(DataError, match="rare_label: is not for continuous columns"):
        SpecDeclaration.from_mapping({"columns": {"x": {"kind": "continuous", "rare_label": 3}}})


def test_a_condition_counts_what_is_drawn_in_place_of_rare_categories() -> None:
    table = pd.DataFrame({"x": ["a"] * 60 + ["b"] * 40 + ["rare"]})
    encoder = fitted(table)
    conditions = RowConditions.of({"x": "b"}, encoder)
    assert conditions.allowed[0].tolist() == [0, 1, 0.4]
    made = conditions.encoder.decode(np.full((50, 1), 2), np.random.default_rng(0))["x"]
    assert (made == "b").all()
    with pytest.raises(ConfigError, match="never 'rare': no row of the table has it, or fewer th"):
        RowConditions.of({"x": "rare"}, encoder)


def test_rows_of_one_entity_count_once() -> None:
    table = pd.DataFrame(
        {
            "who": [f"p{i}" for i in range(40)] + ["p0"] * 30,
            "job": ["clerk"] * 40 + ["astronaut"] * 30,
            "pay": [*range(40)] + [9000] * 30,
        }
    )
    alone = fitted(table, {"entity": "who", "continuous": ["pay"]})
    assert alone.spec["who"].kind == "identifier"
    assert alone.spec["job"].categories == ("clerk",)
    assert alone.spec["pay"].maximum == 36
    every = fitted(table, {"identifier": ["who"], "continuous": ["pay"]})
    assert every.spec["job"].categories == ("astronaut", "clerk")
    assert every.spec["pay"].maximum == 9000
    with pytest.raises(DataError, match="entity: 'who' is dropped"):
        SpecDeclaration.from_mapping({"entity": "who", "drop": ["who"]})
    with pytest.raises(DataError, match="'whom': declared in the spec, but not in the table"):
        fitted(table, {"entity": "whom"})


def test_extremes_are_the_fifth_smallest_and_largest_values() -> None:
    rng = np.random.default_rng(0)
    numbers = pd.Series(rng.normal(0, 1, 100))
    days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(100) ** 2, unit="D"))
    encoder = fitted(pd.DataFrame({"number": numbers, "whole": np.arange(100) ** 2, "day": days}))
    ends = np.sort(numbers)[[4, 95]].tolist()
    assert [encoder.spec["number"].minimum, encoder.spec["number"].maximum] == ends
    assert [encoder.spec["whole"].minimum, encoder.spec["whole"].maximum] == [16, 95**2]
    codes = np.repeat(np.arange(encoder.cardinalities[2])[:, None], 3, axis=1)
    codes = np.minimum(codes, np.array(encoder.cardinalities) - 1)
    made = encoder.decode(np.repeat(codes, 200, axis=0), np.random.default_rng(0))["day"]
    assert made.min() >= days[4] and made.max() <= days[95]


def test_a_column_without_shared_values_is_a_placeholder_with_a_warning() -> None:
    table = pd.DataFrame(
        {
            "name": [f"name{i}" for i in range(8)],
            "number": np.linspace(1, 2, 8),
            "mostly missing": [1.5, 2.5, *[None] * 6],
            "shared": ["a"] * 8,
        }
    )
    spec = TableSpec.infer(table)
    with pytest.warns(UserWarning, match=r"no value is shared by 5 rows") as caught:
        encoder = TableEncoder.fit(table, spec, TransformersConfig())
    told = " ".join(str(warning.message) for warning in caught)
    assert "'name'" in told and "'number'" in told and "'mostly missing'" in told
    made = encoder.decode(encoder.encode(table), np.random.default_rng(0))
    assert set(made["name"]) == {"other"} and set(made["number"]) == {1.5}
    assert made["mostly missing"].isna().sum() == 6
    with pytest.raises(DataError, match=r"has 4 rows to train on, but transformers\.min_rows"):
        TableEncoder.fit(table.head(4), spec, TransformersConfig())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_a_least_number_all_values_are_kept(strategy: str) -> None:
    table = pd.DataFrame({"x": ["a"] * 60 + ["rare"], "y": [*range(60), 1000]})
    encoder = fitted(table, {"continuous": ["y"]}, min_rows=0, strategy=strategy)
    assert encoder.spec["x"].categories == ("a", "rare") and encoder.spec["y"].maximum == 1000
    assert encoder.spec.min_rows == 0


def test_a_value_that_only_held_out_rows_have_is_encoded() -> None:
    table = pd.DataFrame({"x": ["a"] * 60 + ["b"] * 6, "y": [*range(60), *[1000] * 6]})
    spec = TableSpec.infer(table, declared=SpecDeclaration(continuous=("y",)))
    encoder = TableEncoder.fit(table.head(60), spec, TransformersConfig())
    codes = encoder.encode(table)
    assert (codes[60:, 0] == 1).all() and (codes >= 0).all()
    assert set(encoder.decode(codes, np.random.default_rng(0))["x"]) == {"a"}


# --- rules --------------------------------------------------------------------------------------


def rows_of_lookup(encoder: TableEncoder, name: str) -> Any:
    return encoder.keeper.to_mapping()["lookups"][name]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rules_between_trimmed_columns_hold_in_every_row(strategy: str) -> None:
    rng = np.random.default_rng(0)
    place = np.minimum(rng.geometric(0.15, 1500), 60)
    first, second = rng.poisson(3, 1500), rng.poisson(40, 1500)
    table = pd.DataFrame(
        {
            "place": [f"p{i}" for i in place],
            "region": [f"r{i // 3}" for i in place],
            "first": first,
            "second": second,
            "total": first + second,
        }
    )
    encoder = loaded(fitted(table, {"categorical": ["place", "region"]}, strategy=strategy))
    rules = [str(rule) for rule in encoder.spec.rules]
    assert "region is determined by place" in rules and any("total" in rule for rule in rules)
    random = rng.integers(0, 2**31, (4000, 5)) % np.array(encoder.cardinalities)
    made = encoder.decode(random.astype(np.int32), rng)
    assert (made["first"] + made["second"] == made["total"]).all()
    real = dict(zip(table["place"], table["region"], strict=True))
    assert (made["place"].map(real) == made["region"]).all()
    times = table["place"].value_counts()
    assert (times[made["place"].unique()] >= 5).all()
    assert (np.array(rows_of_lookup(encoder, "region")["counts"]) >= 5).all()


def test_a_lookup_of_pairs_keeps_pairs_of_enough_rows_only() -> None:
    rng = np.random.default_rng(1)
    left, right = np.minimum(rng.geometric(0.4, 2000), 8), np.minimum(rng.geometric(0.4, 2000), 8)
    table = pd.DataFrame(
        {
            "left": [f"a{i}" for i in left],
            "right": [f"b{i}" for i in right],
            "both": [f"c{i * 5 + j * 3 % 7}" for i, j in zip(left, right, strict=True)],
        }
    )
    declared = {"rules": {"find": False, "add": ["both is determined by left and right"]}}
    encoder = loaded(fitted(table, declared))
    assert (np.array(rows_of_lookup(encoder, "both")["counts"]) >= 5).all()
    random = rng.integers(0, 2**31, (4000, 3)) % np.array(encoder.cardinalities)
    made = encoder.decode(random.astype(np.int32), rng)
    real = table.drop_duplicates().set_index(["left", "right"])["both"].to_dict()
    sizes = table.groupby(["left", "right"]).size().to_dict()
    for pair, own in made.groupby(["left", "right"])["both"]:
        assert set(own) == {real[pair]} and sizes[pair] >= 5


def test_a_lookup_by_numbers_keeps_the_ends_of_runs() -> None:
    rng = np.random.default_rng(2)
    number = np.round(rng.uniform(0, 100, 1000), 3)
    band = np.array(["low", "middle", "high"])[np.digitize(number, [30, 60])]
    table = pd.DataFrame({"number": number, "band": band})
    declared = {"rules": {"find": False, "add": ["band is determined by number"]}}
    encoder = loaded(fitted(table, declared))
    kept = rows_of_lookup(encoder, "band")
    assert len(kept["keys"]) == 6 and kept["closed"] == "runs"
    random = rng.integers(0, 2**31, (4000, 2)) % np.array(encoder.cardinalities)
    made = encoder.decode(random.astype(np.int32), rng)
    expected = np.array(["low", "middle", "high"])[np.digitize(made["number"], [30, 60])]
    assert (made["band"] == expected).all()
    assert made["number"].nunique() > 500


def test_a_lookup_of_which_little_is_shared_is_left_out_with_a_warning() -> None:
    rng = np.random.default_rng(3)
    left, right = rng.integers(0, 40, 400), rng.integers(0, 40, 400)
    table = pd.DataFrame(
        {
            "left": [f"a{i}" for i in left],
            "right": [f"b{i}" for i in right],
            "both": [f"c{i * j % 3}" for i, j in zip(left, right, strict=True)],
        }
    )
    declared = {"rules": {"find": False, "add": ["both is determined by left and right"]}}
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping(declared))
    with pytest.warns(UserWarning, match="the rule 'both is determined by left and right' is not"):
        encoder = TableEncoder.fit(table, spec, TransformersConfig())
    assert encoder.spec.rules == ()


def test_rare_values_leave_a_rule_of_missing_values() -> None:
    kind = ["a"] * 50 + ["b"] * 50 + ["c"] * 3
    size = [1.5 + i % 7 for i in range(50)] + [None] * 53
    declared = {"rules": {"find": True}}
    encoder = loaded(fitted(pd.DataFrame({"kind": kind, "size": size}), declared))
    assert [str(rule) for rule in encoder.spec.rules] == ["size is missing exactly where kind is b"]


# --- identifiers --------------------------------------------------------------------------------


def test_a_pattern_does_not_carry_a_single_identifier() -> None:
    keys = [f"K-{i * 7919 % 10**6:06}" for i in range(100)] + ["SMITH.JOHN/1970", "SMITH.JOHN/1971"]
    table = pd.DataFrame({"key": keys, "x": [1, 2] * 51})
    encoder = fitted(table, {"identifier": ["key"]})
    text = json.dumps(encoder.spec.to_mapping())
    assert "SMITH" not in text and "K-" in text
    assert "/" not in "".join(encoder.example()["key"])
    table["key"] = ["SMITH.JOHN/1970", "A-1", *["x" * i for i in range(1, 101)]]
    text = json.dumps(fitted(table, {"identifier": ["key"]}).spec.to_mapping())
    assert "SMITH" not in text


def test_a_column_that_loses_most_of_its_values_is_named() -> None:
    rare = [f"spot {i}" for i in range(120)]
    table = pd.DataFrame(
        {"place": [*rare, *["hall", "yard"] * 40], "n": [i % 9 for i in range(200)]}
    )
    spec = TableSpec.infer(table, declared=SpecDeclaration.from_mapping({"categorical": ["place"]}))
    said = r"'place': only 2 of 122 values are shared by 5 rows .* of 60% of its rows are never"
    with pytest.warns(UserWarning, match=said):
        encoder = TableEncoder.fit(table, spec, TransformersConfig())
    assert encoder.spec["place"].categories == ("hall", "yard")


def test_the_spec_of_an_export_reads_the_table_with_its_rare_values() -> None:
    table = pd.DataFrame(
        {
            "code": ["01", "02"] * 50 + ["03"],
            "when": [f"{i % 28 + 1}.03.2024" for i in range(100)] + ["1.12.2031"],
            "size": [f"{i % 40 / 10:.2f} kg" for i in range(100)] + ["99.25 kg"],
        }
    )
    encoder = fitted(table, min_rows=5)
    published = encoder.spec.to_mapping()
    assert published["min_rows"] == 5 and len(encoder.spec["code"].categories) == 2
    export = {"spec": published, "encoder": {}, "decoder": {}}
    own = TableSpec.infer(table)
    for mapping in (published, export):
        assert TableSpec.infer(table, declared=SpecDeclaration.from_mapping(mapping)) == own
