"""Tables that earlier versions gave back changed; ``expected.txt`` of each says what is right."""

import csv
import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tabvae_ray.cli import main

CASES = Path(__file__).parent / "cases"
# A network that trains in a moment: what is tested does not depend on what it learns.
CONFIG = {
    "architecture": {"encoder_layer_sizes": [16], "latent_dim": 4, "decoder": "independent"},
    "training": {"max_n_epochs": 1, "batch_size": 64, "device": "cpu"},
}

# What was inferred of a column is a warning.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*column:UserWarning"),
    pytest.mark.usefixtures("few_trees"),
]

Generate = Callable[..., Path]


@pytest.fixture
def generate(tmp_path: Path) -> Generate:
    """Return a function that trains on a table of a case, and generates rows into a file."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))

    def run(case: str, table: str, spec: str | None = None, suffix: str | None = None) -> Path:
        real, model = CASES / case / table, tmp_path / f"model {table} {spec}"
        made = tmp_path / f"{real.stem} {spec}{suffix or real.suffix}"
        train = ["train", "--data", str(real), "--out", str(model), "--quiet"]
        train += ["--config", str(tmp_path / "config.yaml")]
        train += ["--spec", str(CASES / case / spec)] if spec else []
        if not model.exists():
            assert main(train) == 0
        rows = ["--rows", "400", "--seed", "1", "--out", str(made)]
        assert main(["generate", "--model", str(model), *rows]) == 0
        return made

    return run


def _cells(file: Path) -> dict[str, list[str]]:
    """Return the cells of a CSV file as they are written."""
    with file.open(newline="", encoding="utf-8") as lines:
        head, *rows = csv.reader(lines)
    return dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))


def _are_all(texts: list[str], pattern: str) -> bool:
    return all(re.fullmatch(pattern, text) for text in texts)


def test_csv_is_written_in_the_formats_of_the_real_file(generate: Generate) -> None:
    made = _cells(generate("csv-writes-another-format", "real.csv", "spec.yaml"))
    assert _are_all(made["admitted"], r"\d\d\.\d\d\.\d{4}")
    assert _are_all(made["stamp"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert set(made["ok"]) == {"TRUE", "FALSE"}


@pytest.mark.parametrize("spec", ["spec.yaml", None])
def test_dates_of_digits_are_dates(generate: Generate, spec: str | None) -> None:
    made = _cells(generate("dates-as-yyyymmdd", "real.csv", spec))
    assert _are_all(made["birth"], r"\d{8}")
    assert all(datetime.strptime(text, "%Y%m%d") for text in made["birth"])


@pytest.mark.parametrize(
    ("table", "spec"),
    [("price_tier.parquet", "price_tier.yaml"), ("batch20.csv", None), ("ward.csv", "ward.yaml")],
)
def test_categories_are_those_of_the_file(generate: Generate, table: str, spec: str | None) -> None:
    made = generate("is-none-of-its-categories", table, spec)
    real = CASES / "is-none-of-its-categories" / table
    if table.endswith(".csv"):
        name = real.stem.removesuffix("20")
        assert set(_cells(made)[name]) <= set(_cells(real)[name])
        return
    assert set(pq.read_table(made)["tier"].to_pylist()) == {
        Decimal(text) for text in ("4.50", "9.99", "19.99")
    }


@pytest.mark.parametrize("spec", ["spec.yaml", None])
def test_leading_zeros_stay(generate: Generate, spec: str | None) -> None:
    made = _cells(generate("leading-zeros-csv", "real.csv", spec))
    assert set(made["zip"]) <= {"00501", "02139", "07030", "10001", "94105"}
    assert _are_all(made["account"], r"\d{8}")


def test_local_midnight_stays_so_over_summer_time_in_csv(generate: Generate) -> None:
    made = _cells(generate("local-midnight-with-summer-time", "real.csv", "spec.yaml"))
    assert _are_all(made["admitted"], r"\d{4}-\d\d-\d\d 00:00:00\+0[12]:00")


def test_local_midnight_stays_so_over_summer_time_in_parquet(generate: Generate) -> None:
    made = pq.read_table(generate("local-midnight-with-summer-time", "real.parquet"))
    for name, zone, time in (
        ("admitted", "Europe/Berlin", "00:00"),
        ("opens", "America/New_York", "09:30"),
    ):
        assert made.schema.field(name).type.tz == zone
        assert {f"{moment:%H:%M}" for moment in made[name].to_pylist()} == {time}


def test_na_and_none_are_categories(generate: Generate, capsys: pytest.CaptureFixture[str]) -> None:
    case = "na-is-a-category"
    real = CASES / case / "real.parquet"
    scores = []
    for suffix in (".csv", ".parquet"):
        made = generate(case, "real.parquet", None, suffix)
        capsys.readouterr()
        files = ["--real", str(real), "--synthetic", str(made)]
        assert main(["compare", *files, "--json"]) == 0
        scores.append(json.loads(capsys.readouterr().out.splitlines()[-1])["mean_js_distance"])
    assert scores[0] == pytest.approx(scores[1])
    made_cells = _cells(generate(case, "real.csv", "spec.yaml"))
    real_cells = _cells(CASES / case / "real.csv")
    for name, word in (("region", "NA"), ("alcohol", "None")):
        shares = [cells[name].count(word) / len(cells[name]) for cells in (made_cells, real_cells)]
        assert shares[0] == pytest.approx(shares[1], abs=0.1)


def test_one_odd_value_does_not_change_the_others(generate: Generate) -> None:
    made = _cells(generate("one-odd-value-breaks-the-grid", "real.csv"))
    for name in ("price", "price_one_artefact"):
        odd = [text for text in made[name] if not re.fullmatch(r"-?\d+(\.\d{1,2})?", text)]
        assert len(odd) <= 4
    assert sum(not text.endswith("00:00:00") for text in made["day_one_with_time"]) <= 4


def test_integers_with_gaps_stay_integers(generate: Generate) -> None:
    case = "parquet-integers-with-nulls"
    real, made = pq.read_table(CASES / case / "real.parquet"), generate(case, "real.parquet")
    rows = pq.read_table(made)
    assert rows.schema.types == real.schema.types
    assert rows["visits"].null_count and len(set(rows["event_id"].to_pylist())) > 100
    written = _cells(generate(case, "real.parquet", None, ".csv"))
    assert _are_all(written["visits"], r"\d*") and _are_all(written["event_id"], r"\d*")
