"""The private encoding sees the rows through noisy counts only."""

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.encoding import TableEncoder
from tabvae_ray.table.private.encoding import PrivateEncoding
from tabvae_ray.table.private.flattening import flattened
from tabvae_ray.table.private.noise import NoisyCounts, noisy_number
from tabvae_ray.table.private.plan import plan_columns
from tabvae_ray.table.spec import TableSpec
from tests.support.tables import make_mixed

DECLARED = {
    "continuous": ["amount", "dose", "share", "count"],
    "columns": {
        "age": {"kind": "continuous", "minimum": 0, "maximum": 120},
        "price": {"kind": "continuous", "minimum": 0, "maximum": 10, "decimals": 2, "step": 0.25},
        "grade": {"kind": "categorical", "categories": ["A", "B", "C"]},
        "smoker": {"kind": "categorical"},
        "code": {"kind": "identifier", "pattern": "X-[0-9]{6}"},
        "number": {"kind": "identifier", "fill": "number"},
        "day": {
            "kind": "datetime",
            "dtype": "datetime64[s]",
            "minimum": 0,
            "maximum": 86_400 * 20_000,
            "step": 86_400,
        },
    },
}


def _table(n: int, seed: int) -> pd.DataFrame:
    """Make a table of one schema; everything else depends on the seed."""
    rng = np.random.default_rng(seed)
    scale = 10.0**seed
    return pd.DataFrame(
        {
            "amount": rng.normal(0, scale, n),
            "dose": [float(f"{dose:.{5 + seed}g}") for dose in rng.lognormal(0, 2, n)],
            "share": np.round(rng.random(n) * scale, seed + 1),
            "count": rng.integers(-3 * seed, 1 + 50 * seed, n),
            "age": rng.integers(20 * seed, 30 + 20 * seed, n),
            "price": rng.integers(0, 4 + 8 * seed, n) / 4,
            "grade": rng.choice(["A", "B", "C"][: 1 + seed], n),
            "smoker": rng.random(n) < 0.2 * seed,
            "code": [f"X-{i:06d}" for i in rng.permutation(n) + seed * 1000],
            "number": rng.permutation(n) + 10**6,
            "day": pd.Series(
                pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
            ).astype("datetime64[s]"),
        }
    )


class _Canned(NoisyCounts):
    """Gives the same counts whatever the rows are."""

    def histogram(self, codes: Any, n_codes: int) -> Any:
        super().histogram(codes, n_codes)
        return np.random.default_rng(n_codes).integers(0, 1000, n_codes).astype(np.float64)


def _encode(
    table: pd.DataFrame, declared: dict[str, Any], counts: type[NoisyCounts] = NoisyCounts
) -> PrivateEncoding:
    declaration = SpecDeclaration.from_mapping(declared)
    spec = TableSpec.infer(table, declared=declaration)
    planned = plan_columns(spec, declaration)
    n = sum(len(part.looks) for part in planned)
    made = counts(3.0, 20.0, n, np.random.default_rng(0))
    encoding = PrivateEncoding.fit(table, spec, planned, made, 500, TransformersConfig())
    # Every histogram that was paid for was drawn, and none more.
    with pytest.raises(RuntimeError, match="used up"):
        made.histogram(np.zeros(1, dtype=int), 1)
    return encoding


def test_encoder_and_spec_depend_on_the_rows_by_noisy_counts_only() -> None:
    documents = []
    for n, seed in ((300, 1), (500, 2)):
        encoding = _encode(_table(n, seed), DECLARED, _Canned)
        encoder = encoding.encoder
        assert len(encoding.codes) == n
        parts = (encoder.spec.to_mapping(), encoder.to_mapping(), encoder.keeper.to_mapping())
        documents.append(json.dumps([parts, [part.tolist() for part in encoding.counts]]))
    assert documents[0] == documents[1]


def test_codes_fit_the_encoder_and_come_back_as_similar_values() -> None:
    table = _table(2000, 1)
    encoding = _encode(table, DECLARED)
    encoder = encoding.encoder
    assert (encoding.codes >= 0).all()
    assert (encoding.codes.max(axis=0) < np.array(encoder.cardinalities)).all()
    assert [len(part) for part in encoding.counts] == list(encoder.cardinalities)
    rows = encoder.decode(encoding.codes, np.random.default_rng(0))
    for name in ("amount", "share", "count", "age", "price"):
        low, high = table[name].quantile([0.05, 0.95])
        assert rows[name].mean() == pytest.approx(table[name].mean(), abs=0.1 * (high - low))
    assert (rows["price"] * 4 % 1 == 0).all()
    assert rows["share"].round(2).equals(rows["share"])
    assert not set(rows["code"]) & set(table["code"]) or len(rows) > 1000
    assert rows["number"].tolist() == list(range(len(rows)))


def test_categories_of_few_rows_are_not_released() -> None:
    names = ["common"] * 600 + ["usual"] * 300 + ["one person"] + [f"few {i % 3}" for i in range(6)]
    table = pd.DataFrame({"job": names, "x": np.arange(len(names)) % 7})
    declared = {"continuous": ["x"], "columns": {"job": {"kind": "categorical"}}}
    encoding = _encode(table, declared)
    assert encoding.encoder.spec["job"].categories == ("common", "usual")
    rows = encoding.encoder.decode(encoding.codes, np.random.default_rng(0))
    assert set(rows["job"]) == {"common", "usual"}
    declared["columns"] = {"job": {"kind": "categorical", "rare_label": "others"}}
    encoding = _encode(table, declared)
    assert encoding.encoder.spec["job"].categories == ("common", "usual", "others")


def test_a_few_missing_values_do_not_show_and_many_do() -> None:
    table = pd.DataFrame({"x": np.arange(900.0) % 11, "y": np.arange(900.0) % 5})
    table.loc[0, "x"] = np.nan
    table.loc[:299, "y"] = np.nan
    spec = _encode(table, {"continuous": ["x", "y"]}).encoder.spec
    assert (spec["x"].missing, spec["y"].missing) == (False, True)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"columns": {}}, "the kinds of all columns must be declared .* continuous: \\[amount"),
        (
            {"columns": {**DECLARED["columns"], "code": {"kind": "identifier"}}},
            "column 'code': patterns of identifiers are learnt from the rows",
        ),
        (
            {"columns": {**DECLARED["columns"], "day": {"kind": "datetime"}}},
            "column 'day': minimum, maximum, step must be declared for datetimes",
        ),
        ({"entity": "code"}, "entity: 'code' may have several rows"),
        ({"rules": {"add": ["price <= age"], "find": False}}, "rules.add: rules are fitted"),
        (
            {"columns": {**DECLARED["columns"], "price": {"kind": "continuous", "step": 0.25}}},
            "column 'price': step: needs a declared minimum and maximum",
        ),
    ],
)
def test_what_must_be_declared_is_named(declared: dict[str, Any], message: str) -> None:
    nothing = declared == {"columns": {}}
    declaration = SpecDeclaration.from_mapping({} if nothing else {**DECLARED, **declared})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(_table(300, 1), declared=declaration)
    with pytest.raises(DataError, match=message):
        plan_columns(spec, declaration)


def test_a_format_of_dates_that_the_rows_show_must_be_declared() -> None:
    table = _table(300, 1)[["day", "age"]]
    table["day"] = table["day"].dt.strftime("%Y-%m-%d %H:%M")
    ends = {"minimum": 0, "maximum": 86_400_000_000 * 20_000, "step": 60_000_000}
    day: dict[str, Any] = {"kind": "datetime", **ends}
    columns = {"day": day, "age": {"kind": "continuous"}}
    declaration = SpecDeclaration.from_mapping({"columns": columns})
    spec = TableSpec.infer(table, declared=declaration)
    assert spec["day"].format == "%Y-%m-%d %H:%M"
    with pytest.raises(DataError, match="'day': format must be declared for datetimes"):
        plan_columns(spec, declaration)
    columns["day"] = {**day, "format": spec["day"].format}
    declaration = SpecDeclaration.from_mapping({"columns": columns})
    assert plan_columns(TableSpec.infer(table, declared=declaration), declaration)


def test_the_number_of_rows_has_noise_of_its_epsilon() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([noisy_number(1000, 0.1, rng) for _ in range(4000)])
    assert drawn.mean() == pytest.approx(1000, abs=1)
    # The variance of the discrete Laplace distribution.
    assert drawn.var() == pytest.approx(2 * np.exp(-0.1) / (1 - np.exp(-0.1)) ** 2, rel=0.1)


def test_noise_is_flattened_and_structure_stays() -> None:
    rng = np.random.default_rng(0)
    true = np.repeat([0.0, 40.0, 0.0, 0.0], 16)
    true[50] = 900.0
    found = flattened(true + rng.normal(0, 10, 64), 10.0)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(true.sum(), rel=0.1)
    assert found[16:32].sum() == pytest.approx(640, rel=0.15)
    assert found[50] == pytest.approx(900, rel=0.1)
    assert found[:16].sum() < 30


@pytest.mark.parametrize("sigma", [0.5, 60.0, 2000.0])
@pytest.mark.parametrize("n", [5, 400])
def test_any_numbers_and_any_noise_give_an_encoder_that_can_be_stored(n: int, sigma: float) -> None:
    rng = np.random.default_rng(n)
    table = make_mixed(n, n).drop(columns=["visited"])
    table["huge"] = rng.random(n) * 1e300
    table["tiny"] = rng.normal(0, 1e-12, n)
    table["byte"] = rng.integers(-5, 100, n).astype("int8")
    table["nullable"] = pd.array(rng.integers(0, 50, n), dtype="Int64")
    table["level"] = pd.Categorical(rng.choice(["x", "y"], n), ["y", "x", "w"], ordered=True)
    numbers = ("age", "income", "weight", "measure", "seven", "huge", "tiny", "byte", "nullable")
    texts = ("children", "city", "grade", "smoker", "constant", "level")
    declared = SpecDeclaration(continuous=numbers, categorical=texts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = TableSpec.infer(table, declared=declared)
    planned = plan_columns(spec, declared)
    looks = sum(len(part.looks) for part in planned)
    counts = NoisyCounts(sigma, 1.5 + 4 * sigma, looks, rng)
    encoding = PrivateEncoding.fit(table, spec, planned, counts, n, TransformersConfig())
    encoder = encoding.encoder
    assert (encoding.codes < np.array(encoder.cardinalities)).all()
    stored = json.loads(json.dumps([encoder.spec.to_mapping(), encoder.to_mapping()]))
    loaded = TableEncoder.from_mapping(stored[1], TableSpec.from_mapping(stored[0]))
    assert len(loaded.decode(encoding.codes, rng)) == n
