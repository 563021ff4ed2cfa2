"""The columns that a spec names under ``privacy``."""

import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec

TABLE = pd.DataFrame(
    {"age": [20, 30, 41, 50] * 5, "ward": ["a", "b"] * 10, "row": [f"r{i:03}" for i in range(20)]}
)


def _declared(**keys: object) -> SpecDeclaration:
    return SpecDeclaration.from_mapping({"identifier": ["row"], "continuous": ["age"], **keys})


def test_known_and_secret_columns_are_kept_and_read_again() -> None:
    declared = _declared(privacy={"known": ["age"], "secret": ["ward"]})
    spec = TableSpec.infer(TABLE, declared=declared)
    assert spec.privacy is not None and spec.privacy.names == ("age", "ward")
    mapping = spec.to_mapping()
    assert mapping["privacy"] == {"known": ["age"], "secret": ["ward"]}
    assert TableSpec.from_mapping(mapping) == spec
    again = TableSpec.infer(TABLE, declared=SpecDeclaration.from_mapping(mapping))
    assert again.privacy == spec.privacy


@pytest.mark.parametrize(
    ("known", "secret", "message"),
    [
        (["age"], ["age"], "'age' is named twice"),
        (["age"], [], "privacy.secret"),
        (["agee"], ["ward"], "'agee': declared in the spec, but not in the table"),
        (["row"], ["ward"], "'row' is an identifier, which is made anew"),
    ],
)
def test_columns_that_cannot_be_attacked_are_refused(
    known: list[str], secret: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        TableSpec.infer(TABLE, declared=_declared(privacy={"known": known, "secret": secret}))


def test_a_dropped_column_is_refused() -> None:
    with pytest.raises(DataError, match="privacy: 'ward' is dropped"):
        _declared(privacy={"known": ["age"], "secret": ["ward"]}, drop=["ward"])


def test_columns_named_for_privacy_are_not_left_out() -> None:
    declared = SpecDeclaration.from_mapping(
        {"continuous": ["age"], "others": "drop", "privacy": {"known": ["age"], "secret": ["ward"]}}
    )
    assert TableSpec.infer(TABLE, declared=declared).names == ("age", "ward")
