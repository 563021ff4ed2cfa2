import random
import string
import uuid

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.identifiers.description import source_of
from tabvae_ray.table.identifiers.learning import learn_patterns
from tabvae_ray.table.identifiers.maker import IdentifierMaker
from tabvae_ray.table.identifiers.pattern import PatternError, parse_pattern
from tabvae_ray.table.identifiers.recognition import integers_name_rows
from tabvae_ray.table.identifiers.texts import code_points
from tabvae_ray.table.spec import TableSpec

RNG = random.Random(1)


def _word() -> str:
    return "".join(RNG.choice(string.ascii_lowercase) for _ in range(RNG.randint(4, 8)))


REAL = {
    r"CUST-\d{5}": [f"CUST-{i:05d}" for i in range(1, 1001)],
    r"\d{8}": RNG.sample(range(10**7, 10**8), 1000),
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}": [
        str(uuid.UUID(int=RNG.getrandbits(128), version=4)) for _ in range(500)
    ],
    r"[0-9a-f]{8}-[0-9a-f]{4}-[4][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}": [
        str(uuid.UUID(int=RNG.getrandbits(128), version=4)) for _ in range(60)
    ],
    r"01[0-9A-Z]{8}": [f"01{RNG.getrandbits(40):08X}"[:10] for _ in range(100)],
    r"[A-Z][a-z]{3,9} [A-Z]\. [A-Z][a-z]{3,9}": [
        f"{RNG.choice(['Anna', 'Boris', 'Cleo'])} {RNG.choice('ABCDEFG')}. "
        f"{RNG.choice(['Meier', 'Smith', 'Rossi'])}{''.join(RNG.sample('aeioumnrst', 3))}"
        for _ in range(400)
    ],
    r"[a-z](?:[a-z ]{18,60})[a-z]": [
        " ".join(RNG.choice(["ill", "well", "home", "after", "went"]) for _ in range(7 + i % 5))
        for i in range(300)
    ],
    r"[A-Z][a-z]{3,7} [A-Z][a-z]{3,7}, \d+": [
        f"{_word().title()} {_word().title()}, {RNG.randrange(99)}" for _ in range(300)
    ],
    r"0x[0-9a-f]{5}": [f"0x{RNG.getrandbits(20):05x}" for _ in range(400)],
    r"[0-9a-f]{32}": [f"{RNG.getrandbits(128):032x}" for _ in range(500)],
    r"[a-z]+\.\d+@example\.com": [f"{'abcdefgh'[: 3 + i % 5]}.{i}@example.com" for i in range(500)],
}


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("{}.{}.{}.{}", ""),
        ("192.168.{}.{}", "192.168."),
        ("{}.{}.{}.{}:8080", ""),
        ("host {}.{}.{}.{}/24", ""),
    ],
)
@pytest.mark.parametrize("rows", [60, 2000])
def test_new_addresses_have_no_part_above_255(text: str, fixed: str, rows: int) -> None:
    real = [text.format(*(RNG.randrange(256) for _ in range(4))) for _ in range(rows)]
    source = source_of(pd.Series(real, name="ip"), None, None, "ip")
    assert source is not None
    made = IdentifierMaker(source, "ip", 0).values("str", 0, rows)
    parts = made.str.extract(r"(\d+)\.(\d+)\.(\d+)\.(\d+)").astype(int)
    assert parts.max().max() <= 255 and made.str.startswith(fixed).all()
    assert made.is_unique and not set(made) & set(real)


def test_four_numbers_above_255_are_no_address() -> None:
    real = [".".join(str(RNG.randrange(1000)) for _ in range(4)) for _ in range(300)]
    source = source_of(pd.Series(real, name="key"), None, None, "key")
    assert source is not None
    made = IdentifierMaker(source, "key", 0).values("str", 0, 2000)
    assert made.str.extract(r"(\d+)\.(\d+)\.(\d+)\.(\d+)").astype(int).max().max() > 900


@pytest.mark.parametrize("pattern", list(REAL))
def test_new_identifiers_look_like_the_real_ones_and_are_none_of_them(pattern: str) -> None:
    real = pd.Series(REAL[pattern], name="key")
    source = source_of(real, None, None, "key")
    assert source is not None
    maker = IdentifierMaker(source, "key", 3)
    made = maker.values(str(real.dtype), 0, 5000)
    assert made.dtype == real.dtype and made.is_unique and not set(made) & set(real)
    assert made.astype(str).str.fullmatch(pattern).all()
    part = maker.values(str(real.dtype), 1500, 2000)
    assert part.tolist() == made[1500:3500].tolist()
    assert IdentifierMaker(source, "key", 4).values(str(real.dtype), 0, 99).tolist() != (
        made[:99].tolist()
    )


@pytest.mark.parametrize(
    ("pattern", "count"),
    [(r"(A|[A-C])\d", 30), (r"\d{1,2}", 110), ("(a|ab)(c|bc)", 3), ("(?:AB|C)-[xy]?", 6)],
)
def test_a_pattern_gives_each_of_its_texts_once(pattern: str, count: int) -> None:
    shapes = parse_pattern(pattern)
    assert sum(shape.size for shape in shapes) == count


@pytest.mark.parametrize("pattern", ["a*", "(", "[", "[^a]", r"\s", "a{2", "a{3,1}", "", "a)"])
def test_a_pattern_outside_the_subset_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse_pattern(pattern)


def test_integers_that_name_rows_are_told_from_measurements() -> None:
    rng = np.random.default_rng(0)
    lot = RNG.sample(range(10**7, 10**8), 300)

    def names(values: object, name: str = "x") -> bool:
        return integers_name_rows(pd.Series(values, name=name))

    assert names(lot) and names(range(1, 301)) and names(range(10_000_001, 10_000_301))
    assert names([*lot, None])
    # They may cover a part of the numbers of their length.
    assert names(random.Random(3).sample(range(10**6, 2 * 10**6), 300))
    amounts = rng.permutation(5000)[:300]
    assert names(amounts, "customerId") and names(amounts, "order_no") and not names(amounts)
    assert names(amounts, "patientid") and names(amounts, "ORDERNO") and not names(amounts, "paid")
    assert not names(range(1800, 1950)) and not names(rng.random(300)) and not names(lot[:50])
    assert not names(amounts * 100) and not names([float(number) for number in lot])
    # As pandas writes integers of which some were missing.
    assert names([float(number) for number in lot], "patient_id")
    days = pd.date_range("2020-01-01", periods=300).strftime("%Y%m%d").astype(int)
    assert not names(days) and not names(range(1_700_000_000, 1_700_000_300))


def _spec(declared: dict, **columns: object) -> TableSpec:
    table = pd.DataFrame({"x": np.linspace(0, 1, 200), **columns})
    return TableSpec.infer(table, declared=SpecDeclaration.from_mapping(declared))


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_marks_do_not_tell_whose_identifiers_are_in_the_table(kind: str) -> None:
    numbers = np.random.default_rng(1).permutation(10**6)[:2000] + 10**6
    texts = [f"K{number}" if kind == "text" else str(number) for number in numbers]
    inside, outside = texts[:1000], texts[1000:]
    values = pd.Series(inside if kind == "text" else numbers[:1000], name="key")
    source = source_of(values, None, None, "key")
    assert source is not None and source.real is not None
    marked = source.real.bits()
    shares = [marked[source.real.cells(code_points(part))].mean() for part in (inside, outside)]
    # Who looks whether a cell is marked tells the two apart hardly better than by chance.
    assert shares[0] == 1 and shares[1] > 0.92
    assert source_of(values[::-1], None, None, "key") == source
    made = IdentifierMaker(source, "key", 0).texts(0, 10_000)
    assert len(set(made)) == 10_000 and not set(made) & set(inside)


def test_marks_leave_a_small_pattern_enough_texts() -> None:
    values = pd.Series([f"K{i}" for i in range(100, 200)], name="key")
    source = source_of(values, "K[1-9][0-9]{2}", None, "key")
    assert source is not None and IdentifierMaker(source, "key", 0).capacity >= 400


def test_a_declaration_drops_shapes_or_models_identifiers() -> None:
    ids = list(range(1, 201))
    with pytest.warns(UserWarning, match="taken for an identifier and generated anew"):
        assert _spec({}, id=ids)["id"].made_of is not None
    assert _spec({"columns": {"id": {"kind": "continuous"}}}, id=ids)["id"].kind == "continuous"
    with pytest.warns(UserWarning, match="left out"):
        assert _spec({"identifier": "drop"}, id=ids)["id"].fill == "drop"
    shaped = {"columns": {"id": {"kind": "identifier", "pattern": "[1-9][0-9]{6}"}}}
    spec = _spec(shaped, id=ids)
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    small = {"columns": {"id": {"kind": "identifier", "pattern": "[1-9][0-9]"}}}
    with pytest.raises(DataError, match="200 rows need as many identifiers"):
        _spec(small, id=ids)
    wrong = {"columns": {"id": {"kind": "identifier", "pattern": "[0-9]{6}"}}}
    with pytest.raises(DataError, match="not begin with 0"):
        _spec(wrong, id=ids)


def test_missing_identifiers_are_as_frequent_as_in_the_table() -> None:
    real = pd.Series([f"K{i:07d}" for i in range(1000)], name="key").mask(
        lambda v: v.index % 4 == 0
    )
    source = source_of(real, None, None, "key")
    assert source is not None
    made = IdentifierMaker(source, "key", 0).values("str", 0, 8000)
    assert abs(made.isna().mean() - 0.25) < 0.02 and made.dropna().is_unique


def test_missing_values_of_the_table_hold_for_identifiers() -> None:
    table = pd.DataFrame({"key": [f"C-{i:05d}" for i in range(300)], "x": [1.5, 2.5, 4.0] * 100})
    declared = SpecDeclaration.from_mapping({"missing_values": ["?"]})
    with pytest.warns(UserWarning, match="identifier"):
        spec = TableSpec.infer(table, declared=declared)
    assert spec["key"].kind == "identifier"
    assert [column.missing_values for column in spec.columns] == [("?",), ("?",)]


@pytest.mark.parametrize("n", [30, 100, 300])
@pytest.mark.parametrize(
    ("alphabet", "length", "pattern"),
    [(string.ascii_uppercase, 6, "[A-Z]{6}"), ("0123456789abcdef", 32, "[0-9a-f]{32}")],
)
def test_characters_that_are_missing_by_chance_are_kept(
    alphabet: str, length: int, pattern: str, n: int
) -> None:
    rng = np.random.default_rng(n)
    texts = ["".join(rng.choice(list(alphabet), length)) for _ in range(n)]
    assert [found.pattern for found in learn_patterns(texts)] == [pattern]


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_shape_has_characters_that_the_frequent_one_lacks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = zip(rng.choice(["EU", "US"], 6000), rng.integers(1, 90_000, 6000), strict=True)
    texts = [f"{start}-{number:06d}" for start, number in pairs]
    texts[:8] = [f"ZZ-{number:07d}" for number in rng.integers(10**6, 10**7, 8)]
    common, rare = (parse_pattern(found.pattern)[0] for found in learn_patterns(texts))
    assert common.positions[3] == ("0",)
    assert rare.positions[3] == tuple("123456789")
    assert rare.positions[4] == tuple(string.digits)
