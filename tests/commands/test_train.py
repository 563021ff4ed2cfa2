"""``tabvae train``: one model from a table to an export that ``generate`` reads."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tabvae_ray.cli import main
from tabvae_ray.generation.synthesizer import load_synthesizer

SMALL = {
    "architecture": {"encoder_layer_sizes": [16], "latent_dim": 4},
    "training": {"max_n_epochs": 3},
}


@pytest.fixture
def home(tmp_path: Path, mixed: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with a table and a small configuration."""
    mixed.to_csv(tmp_path / "mixed.csv", index=False)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_trains_scores_and_exports(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", "small.yaml", "--epochs", "2", "--seed", "5", "--json"]
    assert main(["train", "--data", "mixed.csv", "--out", "model", *options]) == 0
    captured = capsys.readouterr()
    assert "epoch 2 of 2: loss" in captured.err
    assert "scores against the held-out rows:" in captured.err
    document = json.loads(captured.out.splitlines()[-1])
    assert document["epochs"] == 2
    assert document["holdout_nats"] > 0
    assert set(document["held_out"]) == set(document["real"])
    # Of real rows and of generated ones, against the same held-out rows.
    assert document["real"] != document["held_out"]
    for scores in (document["real"], document["held_out"]):
        assert 0.5 < scores["column_shapes"] < 1
    assert json.loads((home / "model" / "scores.json").read_text())["epochs"] == 2
    assert "privacy: " in captured.err and "picks the right one in" in captured.err
    assert document["membership_attacks"]["white_box"]["n_members"] > 100
    exported = json.loads((home / "model" / "synthesizer.json").read_text())
    assert exported["provenance"]["seed"] == 5
    assert exported["config"]["architecture"]["latent_dim"] == 4
    made = ["--model", "model", "--rows", "30", "--out", "rows.csv"]
    assert main(["generate", *made]) == 0
    assert list(pd.read_csv("rows.csv")) == list(pd.read_csv("mixed.csv"))


def test_known_and_secret_columns_of_the_spec_are_attacked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "spec.yaml").write_text("privacy: {known: [age, income], secret: [city]}\n")
    options = ["--config", "small.yaml", "--epochs", "1", "--spec", "spec.yaml", "--json"]
    assert main(["train", "--data", "mixed.csv", "--out", "model", *options]) == 0
    captured = capsys.readouterr()
    assert "of a person guesses city rightly in" in " ".join(captured.err.split())
    found = json.loads(captured.out.splitlines()[-1])["disclosure_attacks"]
    assert found["secret"] == ["city"]
    card = (home / "model" / "README.md").read_text(encoding="utf-8")
    assert found["verdict"] in card


def test_the_card_begins_with_a_table_and_does_not_show_where_the_table_lies(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config", str(home / "small.yaml"), "--epochs", "1", "--quiet"]
    assert main(["train", "--data", str(home / "mixed.csv"), "--out", "model", *options]) == 0
    card = (home / "model" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Synthesizer of mixed.csv\n")
    top = card.partition("## Scores")[0]
    for name in ("size of the table", "rows to train on", "privacy", "rare values", "exported"):
        assert f"| {name} |" in top
    assert "picks the right one in" in top
    assert "| pair_trends | 0." in card and "| package | version |" in card
    for heading in ("## Intended use", "## Limits", "## Columns", "## Provenance"):
        assert heading in card
    for column in pd.read_csv("mixed.csv"):
        assert f"\n| {column} | " in card
    for file in ("README.md", "synthesizer.json", "scores.json"):
        assert str(home) not in (home / "model" / file).read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_model(home: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        options = ["--config", "small.yaml", "--seed", str(seed), "--out", name, "--quiet"]
        assert main(["train", "--data", "mixed.csv", *options]) == 0
    one, two, three = (load_synthesizer(name).generate(40) for name in ("one", "two", "three"))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(three)


def test_without_a_configuration_it_is_that_of_the_space_auto(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", "mixed.csv", "--out", "model", "--epochs", "1"]) == 0
    assert "configuration of the space 'auto'" in capsys.readouterr().err
    config = json.loads((home / "model" / "synthesizer.json").read_text())["config"]
    assert config["architecture"]["decoder"] == "autoregressive"


def test_the_demos_configuration_names_its_columns(home: Path) -> None:
    (home / "config.json").write_text(json.dumps({**SMALL, "data": {"categorical": ["age"]}}))
    options = ["--config", "config.json", "--epochs", "1", "--quiet"]
    assert main(["train", "--data", "mixed.csv", "--out", "model", *options]) == 0
    spec = json.loads((home / "model" / "synthesizer.json").read_text())["spec"]
    assert {c["name"]: c["kind"] for c in spec["columns"]}["age"] == "categorical"


def test_few_held_out_rows_are_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.read_csv("mixed.csv").head(60).to_csv("few.csv", index=False)
    (home / "none.yaml").write_text(
        yaml.safe_dump({**SMALL, "validation": {"holdout_fraction": 0}})
    )
    assert main(["train", "--data", "few.csv", "--out", "a", "--config", "small.yaml"]) == 0
    assert "fewer than 20 held-out rows" in capsys.readouterr().err
    assert main(["train", "--data", "few.csv", "--out", "b", "--config", "none.yaml"]) == 0
    assert "no rows are held out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv: cannot be read: there is no such file"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read: there is no such file"),
        (["--spec", "nowhere.yaml"], "nowhere.yaml: cannot be read: there is no such file"),
        (["--config", "list.yaml"], "list.yaml: must be a mapping, but got [1, 2]"),
        (["--config", "wrong.yaml"], "wrong.yaml: training.max_n_epochs: must be greater than"),
        (["--epochs", "0"], "--epochs must be >= 1, but got 0"),
        (["--epochs", "2000000"], "training.max_n_epochs: must be less than or equal to 1000000"),
        (["--seed", str(2**64)], f"--seed must be <= {2**63 - 1:,}, but got {2**64}"),
        (["--out", "full"], "full: holds a model already"),
        (["--device", "cuda"], "torch finds no CUDA device here"),
        (["--confg", "small.yaml"], "No such option '--confg'"),
    ],
)
def test_wrong_input_is_one_message_and_writes_nothing(
    home: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (home / "list.yaml").write_text("[1, 2]")
    (home / "wrong.yaml").write_text("training: {max_n_epochs: 0}")
    (home / "full").mkdir()
    (home / "full" / "synthesizer.json").write_text("{}")
    before = sorted(str(path) for path in home.rglob("*"))
    given = {"--data": "mixed.csv", "--out": "model"} | dict([options])
    words = [word for pair in given.items() for word in pair]
    assert main(["train", *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and "Traceback" not in captured.err
    assert not captured.out
    assert sorted(str(path) for path in home.rglob("*")) == before
