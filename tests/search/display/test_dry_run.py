"""``search --dry-run`` prints everything that a search would do, and does none of it."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tabvae_ray.cli import main
from tabvae_ray.space.space_file import parse_space


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory with a table of 400 rows."""
    rows = range(400)
    table = pd.DataFrame({"a": [i % 7 for i in rows], "b": [i / 3 for i in rows]})
    table.to_csv(tmp_path / "wards.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # No more trials are expected at once than fit.
    monkeypatch.setattr("tabvae_ray.cluster.nodes.usable_cpus", lambda: 3.0)
    return tmp_path


def test_it_prints_table_space_rungs_resources_and_estimates_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", "wards.csv", "--time-budget", "60", "--concurrency", "3", "--dry-run"]
    assert main(["search", *options]) == 0
    out = capsys.readouterr().out
    for part in (
        "the table: 400 rows",
        "the space 'auto' for this table:",
        "starts from the space 'small'",
        "training.batch_size: {type: categorical",
        "rungs:      ",
        "resources:  1 CPU and 0 GPUs per trial, 3 trials at once",
        "time:       1 min 0 s, the time budget",
        "memory:     about 0.6 GiB per trial",
    ):
        assert part in out
    # Nothing lies there.
    assert "space.yaml" not in out
    assert [file.name for file in home.iterdir()] == ["wards.csv"]


def test_it_starts_no_ray(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("ray.init", refuse)
    assert main(["search", "--data", "wards.csv", "--dry-run", "--quiet"]) == 0


def test_json_has_the_same_as_values(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--space", "smoke", "--data", "wards.csv", "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["table"]["columns"] == {"a": "categorical", "b": "continuous"}
    assert document["rungs"] == [1, 3]
    assert document["reasons"] == []
    assert parse_space(document["space"]).settings.n_trials == 2
    estimate = document["estimate"]
    assert 0 < estimate["seconds_per_trial"] < estimate["seconds"] < 120
    assert 2**29 < estimate["bytes_per_trial"] < estimate["bytes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "taken"], "holds a search already"),
        (["--resume", "--name", "absent", "--space", "smoke"], "there is no search in"),
        (["--space", "cuda.yaml"], "trials get no GPU"),
    ],
)
def test_what_the_search_would_refuse_is_refused(
    home: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "runs" / "taken").mkdir(parents=True)
    (home / "runs" / "taken" / "search.json").write_text("{}")
    cuda = {"base": {"training": {"device": "cuda"}}}
    cuda["parameters"] = {"architecture.latent_dim": {"type": "int", "low": 2, "high": 4}}
    (home / "cuda.yaml").write_text(yaml.safe_dump(cuda))
    assert main(["search", "--data", "wards.csv", "--dry-run", *options]) == 2
    assert message in capsys.readouterr().err
