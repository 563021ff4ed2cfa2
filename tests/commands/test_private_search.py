"""``tabvae private-search``: the best of a random number of private trials."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tabvae_ray.cli import main
from tabvae_ray.commands import private_trials
from tabvae_ray.generation.private_card import guarantee_in_words

SPEC = {
    "continuous": [],
    "columns": {
        "age": {"kind": "continuous", "minimum": 0, "maximum": 100},
        "job": {"kind": "categorical"},
    },
}
SPACE = {
    "base": {
        "architecture": {"encoder_layer_sizes": [8], "n_embd": 2},
        "training": {"max_n_epochs": 1, "batch_size": 200, "dp": {"epsilon": 2, "delta": 1e-5}},
    },
    "parameters": {
        "architecture.decoder": {
            "type": "categorical",
            "choices": ["independent", "autoregressive"],
        },
        "architecture.latent_dim": {"type": "int", "low": 2, "high": 4},
    },
    "objectives": {"private_nats": "minimize"},
    "search": {"sampler": "random", "scheduler": "none", "n_trials": 3},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with a table, a spec and a space."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"age": rng.integers(20, 60, 1000), "job": rng.choice(["cook", "clerk", "pilot"], 1000)}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _search(*options: str) -> int:
    files = ("--space", "space.yaml", "--data", "table.csv", "--spec", "spec.yaml")
    return main(["private-search", *files, "--out", "model", *options])


def test_the_best_of_the_drawn_trials_is_exported_with_the_epsilon_of_the_search(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_trials, "drawn_trials", lambda mean, rng: 3)
    assert _search("--epsilon", "4", "--json") == 0
    captured = capsys.readouterr()
    said = " ".join(captured.err.split())
    assert "3 trials on average, together with epsilon " in said
    assert said.count("is trained") == 3
    document = json.loads(captured.out.splitlines()[-1])
    spent = document["privacy"]
    assert 3.9 < spent["epsilon"] <= 4
    assert spent["trial_epsilon"] < spent["epsilon"]
    # Three equally likely jobs and 40 ages, in at most 20 bins, with noise.
    assert 2 < document["private_nats"] < 6
    exported = json.loads((home / "model" / "synthesizer.json").read_text())
    # Before the search, after it, and on the card in the same words.
    promise = guarantee_in_words(spent)
    assert said.count(promise) == 2
    assert exported["provenance"]["privacy"] == spent
    assert exported["provenance"]["parameters"] == document["parameters"]
    assert exported["config"]["training"]["dp"]["epsilon"] == 4
    # How many trials there were tells something, and is not written down.
    assert not any(key in exported["provenance"] for key in ("trials", "n_trials", "seed"))
    card = (home / "model" / "README.md").read_text()
    assert "(the whole search; one of its trainings alone:" in promise
    assert promise in card
    assert main(["generate", "--model", "model", "--rows", "20", "--out", "rows.csv"]) == 0
    # A second search would spend epsilon again, so it never adds to a first one.
    assert _search() == 2
    assert "holds a model already" in capsys.readouterr().err


def test_a_space_without_a_budget_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = {"architecture": {"latent_dim": 2}}
    space = {**SPACE, "base": base, "objectives": {"holdout_nats": "minimize"}}
    space["parameters"] = {"training.learning_rate": {"type": "float", "low": 0.01, "high": 0.1}}
    (home / "space.yaml").write_text(yaml.safe_dump(space))
    assert _search() == 2
    assert "base.training.dp: is required" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "parameter", "reason"),
    [
        (
            "architecture.prior",
            {"type": "categorical", "choices": ["standard_normal", "gmm"]},
            "a mixture is fitted to the encoded rows",
        ),
        # Only with the decoder that the base does not have.
        ("architecture.column_hidden", {"type": "int", "low": 0, "high": 4}, "must be 0"),
        (
            "architecture.column_order",
            {
                "type": "categorical",
                "choices": ["given", "mutual_information"],
                "when": {"architecture.decoder": "autoregressive"},
            },
            "mutual information is computed from the rows",
        ),
    ],
)
def test_a_value_that_uses_rows_without_noise_is_refused(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    parameter: dict[str, object],
    reason: str,
) -> None:
    space = {**SPACE, "parameters": {**SPACE["parameters"], name: parameter}}
    (home / "space.yaml").write_text(yaml.safe_dump(space))
    assert _search() == 2
    assert reason in " ".join(capsys.readouterr().err.split())


def test_a_value_that_never_meets_the_decoder_that_it_matters_to_is_allowed(home: Path) -> None:
    hidden = {"type": "int", "low": 0, "high": 4, "when": {"architecture.decoder": "independent"}}
    parameters = {**SPACE["parameters"], "architecture.column_hidden": hidden}
    (home / "space.yaml").write_text(yaml.safe_dump({**SPACE, "parameters": parameters}))
    assert _search("--trials", "1", "--quiet") == 0
