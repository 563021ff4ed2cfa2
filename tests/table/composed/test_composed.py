"""Columns of text that is put together from other columns of the row."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TabularVAE, load_synthesizer
from tabvae_ray.commands.annotated_spec import annotated_spec
from tabvae_ray.errors import DataError
from tabvae_ray.generation.single_file import generate_to_file
from tabvae_ray.search.display.table_summary import table_summary
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.table.composed.finding import find_template
from tabvae_ray.table.composed.template import is_template
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec
from tests.support.tables import small_config

N = 1_500
FIRST = ["Anna", "Ben", "Carla", "David", "Eva", "Felix", "Greta", "Hugo"]
LAST = [f"{a}{b}" for a in ("Mey", "Sil", "Kow", "Bau") for b in ("er", "va", "al", "ut")]


def staff() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    first, last, region = rng.choice(FIRST, N), rng.choice(LAST, N), rng.choice(["EU", "US"], N)
    number = rng.integers(1, 90_000, N)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, N), unit="D")
    table = pd.DataFrame({"first": first, "last": last, "region": region, "number": number})
    return table.assign(
        day=day.strftime("%Y-%m-%d"),
        lat=rng.uniform(-60, 60, N).round(4),
        user=[f"{a[0]}{b}".lower() + str(n) for a, b, n in zip(first, last, number, strict=True)],
        code=[f"{a}-{b:06d}" for a, b in zip(region, number, strict=True)],
        key=[f"{b}_{d:%y%m%d}" for b, d in zip(number, day, strict=True)],
    ).assign(place=lambda t: t["lat"].map("POINT {:.4f}".format))


def inferred(table: pd.DataFrame, spec: SpecDeclaration | None = None) -> TableSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TableSpec.infer(table, declared=spec)


def expected(rows: pd.DataFrame) -> pd.DataFrame:
    day, number = pd.to_datetime(rows["day"]), rows["number"].astype(int)
    return pd.DataFrame(
        {
            "user": (rows["first"].str[:1] + rows["last"]).str.lower() + number.astype(str),
            "code": rows["region"] + "-" + number.map("{:06d}".format),
            "key": number.astype(str) + day.dt.strftime("_%y%m%d"),
            "place": rows["lat"].astype(float).map("POINT {:.4f}".format),
        }
    )


def assert_put_together(rows: pd.DataFrame) -> None:
    wanted = expected(rows)
    pd.testing.assert_frame_equal(rows[list(wanted)].astype(object), wanted.astype(object))


def test_text_of_other_columns_is_put_together_in_every_row(tmp_path: Path) -> None:
    file = str(tmp_path / "staff.csv")
    staff().to_csv(file, index=False)
    table = read_table(file)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spec = TableSpec.infer(table)
    # Nothing else is said of it, such as that it is an identifier and generated anew.
    of_code = [str(warning.message) for warning in said if "column 'code'" in str(warning.message)]
    assert len(of_code) == 1 and "'code': is put together from other columns, as" in of_code[0]
    assert {name: spec[name].pattern for name in spec.identifier} == {
        "user": "{first:lower 1}{last:lower}{number}",
        "code": "{region}-{number:06}",
        "key": "{number}_{day:%y%m%d}",
        "place": "POINT {lat:.4f}",
    }
    assert TableSpec.from_mapping(spec.to_mapping()) == spec
    assert inferred(table, spec.as_declaration()) == spec
    model = TabularVAE.build(spec, small_config())
    model.fit(table)
    model.synthesizer().save(tmp_path / "model")
    generate_to_file(str(tmp_path / "model"), 700, str(tmp_path / "rows.csv"))
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert_put_together(rows)
    assert rows["code"].nunique() > 400
    assert_put_together(load_synthesizer(tmp_path / "model").generate(50, where={"region": "EU"}))


def test_cells_that_are_given_are_in_the_text() -> None:
    table = staff()
    model = TabularVAE.build(inferred(table), small_config())
    model.fit(table)
    few = table.head(40)
    assert_put_together(model.synthesizer().complete(few[["first", "number", "lat"]]))
    gaps = few.assign(user=None, first=few["first"].where(np.arange(40) % 2 == 0))
    filled = model.synthesizer().impute(gaps)
    assert filled["code"].tolist() == few["code"].tolist()
    assert_put_together(filled.drop(columns=["code"]).assign(code=expected(filled)["code"]))


def test_shared_categories_stay_categories() -> None:
    rng = np.random.default_rng(1)
    origin, goal = rng.choice(["HAM", "BER"], N), rng.choice(["MUC", "VIE"], N)
    table = pd.DataFrame({"origin": origin, "goal": goal, "x": rng.normal(0, 1, N)})
    table["route"] = table["origin"] + "-" + table["goal"]
    assert inferred(table)["route"].kind == "categorical"


def test_declared_kinds_and_columns_with_an_own_part_stay() -> None:
    rng = np.random.default_rng(2)
    table = staff().drop(columns=["key", "place"])
    table["user"] = table["user"] + rng.integers(0, 10, N).astype(str)
    declared = SpecDeclaration.from_mapping({"identifier": ["code"]})
    spec = inferred(table, declared)
    assert spec["code"].pattern is None
    assert spec["user"].pattern is None


def test_a_row_without_a_part_has_no_text() -> None:
    rng = np.random.default_rng(3)
    street = pd.Series(rng.choice(["Oak", "Elm", "Main"], N)).where(rng.random(N) < 0.8)
    house = rng.integers(1, 900, N)
    table = pd.DataFrame({"street": street, "house": house})
    table["address"] = (table["house"].astype(str) + " " + street + " St").where(street.notna())
    spec = inferred(table)
    assert spec["address"].pattern == "{house} {street} St"
    model = TabularVAE.build(spec, small_config())
    model.fit(table)
    rows = model.generate(300, seed=2)
    assert (rows["address"].isna() == rows["street"].isna()).all()


def test_a_single_row_of_another_form_makes_no_template() -> None:
    texts = pd.Series([f"{i}-x" for i in range(100)], dtype=object)
    numbers = pd.Series([str(i) for i in range(100)], dtype=object)
    assert str(find_template(texts, {"n": numbers})) == "{n}-x"
    texts[57] = "57-y"
    assert find_template(texts, {"n": numbers}) is None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{region}-{numbre}", "there is no column 'numbre'; did you mean number"),
        ("{first:%Y}", "pattern: %Y is for date-times, but 'first' is categorical"),
        ("{first:.2f}", r"pattern: \.2f is for numbers, but 'first' is categorical"),
        ("{region:tiny}", "'tiny' is no word of a template"),
        ("{region}-{", "has braces that are no field"),
        ("{code}", "is put together from itself"),
    ],
)
def test_templates_that_cannot_be_are_refused(pattern: str, reason: str) -> None:
    declared = SpecDeclaration.from_mapping({"columns": {"code": {"pattern": pattern}}})
    with pytest.raises(DataError, match=reason):
        inferred(staff(), declared)


def test_a_template_of_a_column_that_is_left_out_is_refused() -> None:
    columns = {"key": {"fill": "drop"}, "code": {"pattern": "{key}"}}
    declared = SpecDeclaration.from_mapping({"columns": columns})
    with pytest.raises(DataError, match="pattern: 'key' is left out of generated rows"):
        inferred(staff(), declared)


def people(n: int = 400) -> pd.DataFrame:
    """Return rows with a surname that is nearly always another one, and its first letter."""
    rng = np.random.default_rng(4)
    surname = ["".join(rng.choice(list("abcdefgh"), 7)).capitalize() for _ in range(n)]
    table = pd.DataFrame({"surname": surname, "x": rng.normal(0, 1, n)})
    return table.assign(initial=table["surname"].str[:4])


def test_no_text_is_cut_from_an_identifier_or_taken_from_one_that_is_left_out() -> None:
    table = people()
    assert inferred(table)["surname"].kind == "identifier"
    assert inferred(table)["initial"].pattern is None
    dropped = SpecDeclaration.from_mapping({"columns": {"surname": {"fill": "drop"}}})
    table["upper"] = table["surname"].str.upper()
    assert inferred(table)["upper"].pattern == "{surname:upper}"
    assert inferred(table, dropped)["upper"].pattern is None


def test_columns_without_names_are_no_parts() -> None:
    """A CSV file without a header has columns named 0, 1, 2, which a pattern takes for counts."""
    names = ["region", "number", "lat", "code"]
    table = staff()[names].set_axis([str(i) for i in range(4)], axis=1)
    spec = inferred(table)
    assert spec["3"].pattern is None and spec["3"].made_of is not None


def test_text_that_is_different_in_all_rows_is_said_to_repeat() -> None:
    firsts = [f"{a}{b}" for a in ("Ann", "Ben", "Car", "Dav") for b in "abcdef"]
    table = pd.DataFrame({"first": a, "last": b} for a in firsts for b in LAST)
    table["user"] = table["first"].str.lower() + "." + table["last"].str.lower()
    table["x"] = np.random.default_rng(5).normal(0, 1, len(table))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        spec = TableSpec.infer(table)
    told = "'{first:lower}.{last:lower}' and may repeat; declare its kind"
    assert any(told in str(warning.message) for warning in said)
    assert spec["user"].pattern == "{first:lower}.{last:lower}"


def test_a_column_is_not_taken_for_declared_because_its_name_is_in_another() -> None:
    table = staff().rename(columns={"code": "r"})
    declared = SpecDeclaration.from_mapping({"target": "region"})
    assert inferred(table, declared)["r"].pattern == "{region}-{number:06}"


def test_given_text_of_a_category_stays() -> None:
    table = staff()
    table["code"] = table["code"].astype("category")
    model = TabularVAE.build(inferred(table), small_config())
    model.fit(table)
    gaps = table.head(4).assign(code=lambda t: t["code"].where([True, False, True, True]))
    filled = model.synthesizer().impute(gaps)
    assert filled["code"].tolist() == table["code"].head(4).tolist()
    assert filled["code"].dtype == "category"


def test_a_declared_template_is_filled() -> None:
    table = staff()[["first", "region", "number"]].assign(code="-")
    declared = SpecDeclaration.from_mapping(
        {"columns": {"code": {"pattern": "{first:upper 2}/{region}"}}}
    )
    spec = inferred(table, declared)
    model = TabularVAE.build(spec, small_config())
    model.fit(table)
    rows = model.generate(100)
    assert (rows["code"] == rows["first"].str[:2].str.upper() + "/" + rows["region"]).all()


def test_patterns_of_identifiers_are_no_templates() -> None:
    assert not is_template("C-[0-9]{6}")
    assert not is_template("[A-Z]{2,4}")
    assert is_template("C-{number}")


def test_the_template_is_shown_before_a_search_and_in_a_spec_to_edit(tmp_path: Path) -> None:
    file = str(tmp_path / "staff.csv")
    staff().to_csv(file, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = prepare_inputs(space="smoke", data=file, out=str(tmp_path))
        text = annotated_spec(inputs.table, inputs.spec, "staff.csv")
    lines = [line for line in table_summary(inputs) if isinstance(line, str)]
    assert any(line.startswith("put together from other columns: ") for line in lines)
    assert "; put together from other columns\n" in text and "generated anew" not in text
