"""``tabvae spec``: the file that it writes is read again, and gives the same spec."""

import warnings
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.cli import main
from tabvae_ray.commands.annotated_spec import annotated_spec
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec

HEART = Path(__file__).parents[2] / "assets" / "heart.csv"


def odd_table(n: int = 120) -> pd.DataFrame:
    """Return a table whose names and values need care in YAML and in comments."""
    rows = range(n)
    return pd.DataFrame(
        {
            "yes": ["no" if i % 3 else "on" for i in rows],
            "a: b # c": [i / 8 for i in rows],
            "[x, y]": [("first\nsecond", "tab\there", "ü" * 80)[i % 3] for i in rows],
            "2024": [f"{1 + i % 28:02d}.03.2024" for i in rows],
            "ward code": [f"{i % 12:03d}" for i in rows],
            "\"quoted\" 'twice'": [None if i % 9 == 0 else i * i for i in rows],
            " edge ": [f"W-{i * 7919 % 100_000:05d}" for i in rows],
            "empty": [None] * n,
            "null": [bool(i % 2) for i in rows],
        }
    )


def read_again(data: Path | str, text: str) -> TableSpec:
    declared = SpecDeclaration.from_mapping(parse_yaml(text))
    return TableSpec.infer(read_table(str(data), declared), declared=declared)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    file = tmp_path / "odd.csv"
    odd_table().to_csv(file, index=False)
    return file


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_spec_is_the_same_when_it_is_read_again(odd: Path) -> None:
    for file in (HEART, odd):
        table = read_table(str(file))
        spec = TableSpec.infer(table)
        assert read_again(file, annotated_spec(table, spec, file.name)) == spec


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_parquet_table_keeps_its_types(tmp_path: Path) -> None:
    table = odd_table().astype({"yes": "category"}).drop(columns="empty")
    table["2024"] = pd.to_datetime(table["2024"], format="%d.%m.%Y")
    file = tmp_path / "odd.parquet"
    table.to_parquet(file)
    table = read_table(str(file))
    spec = TableSpec.infer(table)
    assert read_again(file, annotated_spec(table, spec, file.name)) == spec


def test_a_line_has_three_values_and_what_is_known() -> None:
    table = read_table(str(HEART))
    lines = annotated_spec(table, TableSpec.infer(table), "heart.csv").splitlines()
    found = {line.split(":")[0].strip(): line for line in lines if "e.g." in line}
    assert list(found) == list(table)
    assert "{kind: continuous}" in found["Oldpeak"]
    assert found["Oldpeak"].endswith("# e.g. 0.0, 1.0, 1.5; -2.6 to 6.2, 1 decimal")
    assert found["Sex"].endswith("# e.g. M, F; 2 categories")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_comments_stay_on_their_lines_and_left_out_columns_are_named(odd: Path) -> None:
    table = read_table(str(odd))
    text = annotated_spec(table, TableSpec.infer(table), "odd\n.csv")
    assert "drop: [empty]" in text
    assert "e.g. first second, tab here, üüü" in text
    begin = ("#", "  ", "columns:", "drop:", "rules:")
    assert all(line.startswith(begin) for line in text.split("\n") if line)
    assert "12% missing" in text


def test_rules_are_shown_as_the_spec_writes_them(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"a": [i % 50 for i in range(300)], "b": [i * 37 % 101 for i in range(300)]}
    )
    rows["total"] = rows["a"] + rows["b"]
    file = tmp_path / "sums.csv"
    rows.to_csv(file, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(str(file))
        text = annotated_spec(table, TableSpec.infer(table), "sums.csv")
        assert "#   total = a + b\n" in text
        assert not read_again(file, text.replace("deny: []", "deny: [total = a + b]")).rules


def test_the_command_prints_or_writes_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["spec", str(HEART)]) == 0
    printed = capsys.readouterr().out
    assert read_again(HEART, printed).names == read_again(HEART, "{}").names
    target = tmp_path / "spec.yaml"
    assert main(["spec", str(HEART), "--out", str(target)]) == 0
    assert target.read_text() == printed
    assert not capsys.readouterr().out
    assert main(["spec", str(HEART), "--out", str(target)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["spec", str(tmp_path / "nowhere.csv")]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert main(["spec"]) == 2
    assert "Missing argument 'DATA'" in capsys.readouterr().err


def test_an_identifier_or_a_constant_is_no_example_of_a_target() -> None:
    table = pd.DataFrame(
        {"age": [*range(20, 60)] * 3, "email": [f"u{i}@example.org" for i in range(120)]}
    )
    table["country"] = "de"
    with warnings.catch_warnings(action="ignore"):
        spec = TableSpec.infer(table)
    assert spec["email"].kind == "identifier"
    assert "# target: age" in annotated_spec(table, spec, "t.csv")
