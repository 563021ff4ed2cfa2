import pytest

from tabvae_ray.errors import ConfigError
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer
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
