"""A column of a spec need not have a kind: the other keys say it, or the table does."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec

ROWS = 120


@pytest.fixture
def file(tmp_path: Path) -> str:
    days = pd.date_range("2022-01-01", periods=ROWS)
    table = pd.DataFrame(
        {
            "score": ["?" if i % 5 == 0 else i for i in range(ROWS)],
            "day": days.strftime("%d/%m/%Y"),
            "code": [i % 7 for i in range(ROWS)],
            "grade": ["AB"[i % 2] for i in range(ROWS)],
            "key": [f"C-{i:05}" for i in range(ROWS)],
            "stamp": days.strftime("%Y-%m-%d"),
            "amount": [i / 4 for i in range(ROWS)],
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    return str(tmp_path / "t.csv")


def test_kinds_follow_from_other_keys_or_are_inferred(file: str) -> None:
    columns: dict[str, dict[str, Any]] = {
        "score": {"missing_values": ["?"]},
        "day": {"format": "%d/%m/%Y"},
        "code": {"dtype": "str"},
        "grade": {"categories": ["A", "B", "C"]},
        "key": {"pattern": "C-[0-9]{6}"},
        "stamp": {"dtype": "str"},
        "amount": {"minimum": 0, "decimals": 2},
    }
    declared = SpecDeclaration.from_mapping({"columns": columns, "rules": {"find": False}})
    spec = TableSpec.infer(read_table(file, declared), declared=declared)
    found = {column.name: (column.kind, column.dtype) for column in spec.columns}
    assert found == {
        "score": ("continuous", "Int64"),
        "day": ("datetime", "datetime64[us]"),
        "code": ("categorical", "str"),
        "grade": ("categorical", "str"),
        "key": ("identifier", "str"),
        "stamp": ("identifier", "str"),
        "amount": ("continuous", "float64"),
    }
    assert spec["grade"].categories == ("A", "B", "C")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"minimum": 3}, "columns.v.kind: is required, such as continuous or datetime for minimum"),
        ({"decimals": 3, "categories": [1]}, "columns.v.kind: is required"),
        ({"format": "day/month"}, "columns.v.format: must be one such as %d/%m/%Y"),
        ({"kid": "continuous"}, "columns.v.kid: no such key; did you mean kind?"),
    ],
)
def test_a_kind_that_does_not_follow_is_asked_for(column: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as raised:
        SpecDeclaration.from_mapping({"columns": {"v": column}})
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"minimum": float("nan")}, "columns.v.minimum: must be a finite number, but got nan"),
        (
            {"categories": [[1]]},
            "columns.v.categories.0: must be a number, text or a truth value, but got [1]",
        ),
    ],
)
def test_a_value_of_none_of_several_types_is_one_error(
    column: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as raised:
        SpecDeclaration.from_mapping({"columns": {"v": {"kind": "categorical", **column}}})
    assert str(raised.value) == f"spec: {message}"
