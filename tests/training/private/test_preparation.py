"""Private training of a whole model, from the table to the export."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig
from tabvae_ray.cli import main
from tabvae_ray.errors import ConfigError
from tabvae_ray.model.heads import head_starts
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.training.membership import white_box_attacks
from tabvae_ray.training.private.preparation import check_private
from tabvae_ray.training.tracking import MemoryTracker
from tests.support.tables import small_config

HEART = Path(__file__).parents[3] / "assets" / "heart.csv"
SPEC = {
    "categorical": ["Sex", "ChestPainType", "RestingECG", "ExerciseAngina", "ST_Slope"],
    "columns": {
        "Age": {"kind": "continuous", "minimum": 0, "maximum": 120},
        "RestingBP": {"kind": "continuous", "minimum": 0, "maximum": 250},
        "Cholesterol": {"kind": "continuous", "minimum": 0, "maximum": 700},
        "MaxHR": {"kind": "continuous", "minimum": 50, "maximum": 250},
        "Oldpeak": {"kind": "continuous", "minimum": -5, "maximum": 10, "decimals": 1},
        "FastingBS": {"kind": "categorical", "categories": [0, 1]},
        "HeartDisease": {"kind": "categorical", "categories": [0, 1]},
    },
}
DP = {"epsilon": 1.0, "delta": 1e-5}


def _config(decoder: str, **leaves: object) -> TabularVAEConfig:
    own = {
        "architecture.decoder": decoder,
        "architecture.decoder_layer_sizes": [32],
        "training.dp": DP,
    }
    return small_config(**{**own, **leaves})


@pytest.mark.parametrize("decoder", ["independent", "autoregressive"])
def test_an_attacker_with_the_model_learns_nothing_of_note(decoder: str) -> None:
    table = pd.read_csv(HEART)
    members, others = table.iloc[::2].reset_index(drop=True), table.iloc[1::2]
    declared = SpecDeclaration.from_mapping(SPEC)
    spec = TableSpec.infer(members, declared=declared)
    config = _config(decoder, **{"training.max_n_epochs": 10})
    vae = TabularVAE.build(spec, config, device="cpu", declared=declared)
    vae.fit(members, progress=False)
    assert vae.guarantee is not None
    assert 0.99 < vae.guarantee.epsilon <= 1.0
    assert len(vae.generate(50)) == 50
    vae.trainer.held_out = torch.as_tensor(vae.encoder.encode(others)).long()
    found = white_box_attacks(vae.trainer, n_draws=4)
    assert found is not None
    # 459 rows on each side: chance is 0.5 with a standard deviation of 0.02.
    assert abs(found.auc - 0.5) < 0.08


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with the files of a private training."""
    config = _config("autoregressive").model_dump(mode="json")
    (tmp_path / "private.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_training_begins_with_noisy_shares_only() -> None:
    table, declared = pd.read_csv(HEART), SpecDeclaration.from_mapping(SPEC)
    spec = TableSpec.infer(table, declared=declared)
    vae = TabularVAE.build(spec, _config("independent"), device="cpu", declared=declared)
    vae.prepare(table)
    predictor = vae.trainer.model.predictor
    for column, start in head_starts(predictor.groups).items():
        noisy = vae._noisy_counts[column].double().clamp(min=0) + 0.5
        bias = predictor.linear.bias[start : start + len(noisy)].double()
        assert torch.softmax(bias, 0).tolist() == pytest.approx((noisy / noisy.sum()).tolist())


def test_the_export_says_what_was_spent_and_nothing_of_the_rows(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config", "private.yaml", "--spec", "spec.yaml", "--json"]
    assert main(["train", "--data", str(HEART), "--out", "model", *options]) == 0
    captured = capsys.readouterr()
    assert "loss" not in captured.err
    scores = json.loads(captured.out.splitlines()[-1])
    # The noise depends on the noisy number of rows: epsilon differs a little between runs.
    spent = f"epsilon {scores['privacy']['epsilon']:.4g}"
    assert f"differential privacy: {spent}, delta" in captured.err
    assert set(scores) == {"model", "epochs", "privacy"}
    assert 0.9 < scores["privacy"]["epsilon"] <= 1
    exported = json.loads((home / "model" / "synthesizer.json").read_text())
    provenance = exported["provenance"]
    assert provenance["privacy"] == scores["privacy"]
    assert set(provenance["table"]) == {"rows", "columns"}
    assert exported["rules"] == {} or not any(exported["rules"].values())
    assert exported["spec"].get("min_rows", 0) == 0
    card = (home / "model" / "README.md").read_text()
    assert f"| differential privacy | {spent}" in card
    assert "Training was not differentially private" not in card
    # e / (1 + e), rounded up, for an epsilon of nearly 1.
    assert "right in at most 73." in " ".join(card.split())
    assert main(["generate", "--model", "model", "--rows", "30", "--out", "rows.csv"]) == 0
    assert list(pd.read_csv("rows.csv")) == list(pd.read_csv(HEART))


def test_two_trainings_differ_because_their_noise_is_secret(home: Path) -> None:
    declared = SpecDeclaration.from_mapping(SPEC)
    table = pd.read_csv(HEART)
    spec = TableSpec.infer(table, declared=declared)
    config = _config("independent", **{"training.max_n_epochs": 1})
    weights = []
    for _ in range(2):
        vae = TabularVAE.build(spec, config, seed=3, device="cpu", declared=declared)
        vae.fit(table, progress=False)
        weights.append(vae.trainer.model.predictor.linear.bias)
    assert not torch.equal(*weights)


def test_a_sample_of_the_rows_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", "private.yaml", "--spec", "spec.yaml", "--rows", "300"]
    assert main(["train", "--data", str(HEART), "--out", "model", *options]) == 2
    assert "all rows must be read" in " ".join(capsys.readouterr().err.split())


def test_a_spec_without_kinds_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--config", "private.yaml", "--out", "model"]
    assert main(["train", "--data", str(HEART), *options]) == 2
    assert "the kinds of all columns must be declared in the spec" in capsys.readouterr().err
    assert not (home / "model").exists()


@pytest.mark.parametrize(
    ("leaf", "value", "message"),
    [
        ("training.early_stopping", "train", "must be none: it stops by losses of rows"),
        ("training.scheduler", "plateau", "must not be plateau"),
        ("training.gradient_clip_norm", 1.0, "must not be given"),
        ("architecture.prior", "gmm", "must be standard_normal"),
        ("architecture.column_order", "mutual_information", "must be given"),
        ("architecture.column_hidden", 8, "must be 0"),
    ],
)
def test_settings_that_use_rows_without_noise_are_refused(
    leaf: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"with training.dp, {leaf}: {message}"):
        check_private(_config("autoregressive", **{leaf: value}))


def test_a_tracker_is_refused() -> None:
    table = pd.read_csv(HEART)
    declared = SpecDeclaration.from_mapping(SPEC)
    spec = TableSpec.infer(table, declared=declared)
    config = _config("independent")
    vae = TabularVAE.build(spec, config, device="cpu", declared=declared)
    with pytest.raises(ConfigError, match="there must be no tracker"):
        vae.fit(table, tracker=MemoryTracker())


def test_a_search_that_compares_raw_scores_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", "--space", "private", "--data", str(HEART), "--out", "runs"]) == 2
    assert "nothing bounds what that tells about a row" in " ".join(capsys.readouterr().err.split())
    assert not (home / "runs").exists()
