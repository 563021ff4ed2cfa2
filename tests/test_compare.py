import json
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.compare import main


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    real = pd.DataFrame({"x": [0.5, 1.5, 2.5, 2.5] * 25, "city": ["Zürich", "a, b", "c", "c"] * 25})
    synthetic = pd.DataFrame({"city": ["Zürich", "c"] * 40, "x": [0.5, 2.25] * 40})
    real.to_csv(tmp_path / "real.csv", index=False)
    synthetic.to_parquet(tmp_path / "synthetic.parquet")
    return tmp_path / "real.csv", tmp_path / "synthetic.parquet"


def _arguments(tables: tuple[Path, Path], *more: str) -> list[str]:
    return ["--real", str(tables[0]), "--synthetic", str(tables[1]), *more]


def test_json_has_the_scores_and_the_js_distance_of_every_column_on_its_last_line(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(tables, "--json")) == 0
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 < scores["mean_js_distance"] < 1
    assert 0 < scores["correlation_distance"] < 1
    assert set(scores["js_distance"]) == {"x", "city"}


def test_without_json_a_table_is_printed(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(tables)) == 0
    out = capsys.readouterr().out
    assert "mean_js_distance" in out
    assert "city" in out


def test_a_table_against_itself_scores_zero(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments((tables[0], tables[0]), "--json")) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["mean_js_distance"] == scores["correlation_distance"] == 0


def test_a_spec_decides_what_a_column_is(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text("categorical: [x, city]\n", encoding="utf-8")
    assert main(_arguments(tables, "--spec", str(tmp_path / "spec.yaml"), "--json")) == 0
    captured = capsys.readouterr()
    assert "x: 50% of the synthetic table has values that the real table never has" in captured.err


def test_a_synthetic_table_without_a_column_is_refused(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"x": [1.0, 2.0]}).to_csv(tmp_path / "less.csv", index=False)
    assert main(_arguments((tables[0], tmp_path / "less.csv"))) == 2
    assert "lacks the columns ['city']" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_one_message(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments((tables[0], Path("nowhere.csv")))) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nowhere.csv" in error
