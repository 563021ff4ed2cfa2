import io
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console

from tabvae_ray.search.display.table_summary import table_summary
from tabvae_ray.search.inputs import prepare_inputs
from tests.support.rules import table_with_rules


def shown(space_file: Path, tmp_path: Path, spec: dict | None = None, width: int = 100) -> str:
    table = table_with_rules(3000)[0]
    table["ssn"] = [f"{i:09d}x" for i in range(3000)]
    table["is\nit?"] = ["a\nb", "c"] * 1500
    table["extra"] = pd.Series([1.5, None, 2.5] * 1000)
    table["stay"] = pd.to_timedelta([20, 45, 90] * 1000, unit="min")
    data = tmp_path / "table.parquet"
    table.to_parquet(data)
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump({"identifier": ["ssn"], **(spec or {})}))
    inputs = prepare_inputs(
        space=str(space_file), out=str(tmp_path), data=str(data), spec=str(file)
    )
    console = Console(width=width, record=True, file=io.StringIO())
    for part in table_summary(inputs):
        console.print(part, markup=False, highlight=False)
    return console.export_text()


def test_columns_identifiers_and_rules_are_shown_before_a_search(
    space_file: Path, tmp_path: Path
) -> None:
    text = shown(space_file, tmp_path)
    assert "the table: 3,000 rows" in text
    lines = {line.split("│")[1].strip(): line for line in text.splitlines() if "│" in line}
    assert "number" in lines["total"] and "categories" in lines["season"]
    assert "4: autumn, spring, summer, winter" in lines["season"]
    assert "date-time" in lines["admitted"] and "2020-01" in lines["admitted"]
    assert "time or duration" in lines["stay"] and "0 days 00:20:00" in lines["stay"]
    assert "33.3%" in lines["extra"]
    assert re.search(r"new identifiers, .* none of the table's: ssn \(such as \d{9}x\)", text)
    assert "2: a b, c" in lines["is it?"]
    assert "  total = casual + registered\n" in text


def test_what_the_spec_drops_and_fills_is_named(space_file: Path, tmp_path: Path) -> None:
    spec = {"identifier": [], "columns": {"ssn": {"kind": "identifier", "fill": "number"}}}
    text = shown(space_file, tmp_path, {**spec, "drop": ["extra"], "rules": {"find": False}})
    assert "filled with 0, 1, 2, ... as identifiers: ssn" in text
    assert "left out by the spec: extra" in text
    assert "rules" not in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_nothing_is_cut_at_any_width(space_file: Path, tmp_path: Path, width: int) -> None:
    text = shown(space_file, tmp_path, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "registered" in text and "…" not in text
