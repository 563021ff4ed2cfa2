import pandas as pd
import pytest

from tabvae_ray.errors import ConfigError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.where_option import parse_where


@pytest.mark.parametrize(
    ("texts", "where"),
    [
        (["city=a, b", "city=rare"], {"city": ["a, b", "rare"]}),
        (["age=60:70"], {"age": (60.0, 70.0)}),
        (["age=:70", "smoker=true"], {"age": (None, 70.0), "smoker": [True]}),
        (["visited=2020-03-01..2020-06-30"], {"visited": ("2020-03-01", "2020-06-30")}),
        (["weight=", "grade="], {"weight": None, "grade": [None]}),
        (["children=2"], {"children": [2]}),
    ],
)
def test_texts_are_read_as_conditions(
    synthesizer: TabularVAESynthesizer, texts: list[str], where: dict[str, object]
) -> None:
    assert parse_where(texts, synthesizer.spec) == where


@pytest.mark.parametrize("text", ["age", "nobody=1", "age=old", "=3"])
def test_what_is_no_condition_is_refused(synthesizer: TabularVAESynthesizer, text: str) -> None:
    with pytest.raises(ConfigError, match=f"--where {text}"):
        parse_where([text], synthesizer.spec)


def test_numbers_are_read_as_the_column_writes_them() -> None:
    euros = pd.DataFrame({"x": [f"{i % 90 + 1}.000,50 €" for i in range(200)], "y": [1, 2] * 100})
    spec = TableSpec.infer(euros, declared=SpecDeclaration.from_mapping({"rules": {"find": False}}))
    assert parse_where(["x=1.000,50:2.000,50 €"], spec) == {"x": (1000.5, 2000.5)}
    assert parse_where(["x=1000,5"], spec) == {"x": 1000.5}


def test_a_number_that_has_two_readings_is_refused() -> None:
    euros = pd.DataFrame({"x": [f"{i % 90 + 1}.000,50" for i in range(200)], "y": [1, 2] * 100})
    spec = TableSpec.infer(euros, declared=SpecDeclaration.from_mapping({"rules": {"find": False}}))
    assert spec["x"].format == "{:.,2f}"
    for text in ("x=1.234", "x=:1.234"):
        with pytest.raises(
            ConfigError, match=r"is 1234 in .* 1\.234 elsewhere; write 1234 or 1,23"
        ):
            parse_where([text], spec)
    assert parse_where(["x=1234:1.234,50"], spec) == {"x": (1234.0, 1234.5)}
    assert parse_where(["x=1,234"], spec) == {"x": 1.234}


def test_a_condition_on_no_column_names_the_nearest(synthesizer: TabularVAESynthesizer) -> None:
    with pytest.raises(ConfigError, match=r"there is no column 'agee'; columns are .* mean age\?"):
        parse_where(["agee=3"], synthesizer.spec)


@pytest.mark.parametrize("text", ["age=:", "age=..", "visited=.."])
def test_a_range_has_an_end(synthesizer: TabularVAESynthesizer, text: str) -> None:
    with pytest.raises(ConfigError, match=r"a range must have at least one of its two ends"):
        parse_where([text], synthesizer.encoder.spec)
