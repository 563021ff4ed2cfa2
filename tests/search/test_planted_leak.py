"""A model that knows its rows by heart is found out, and every page says so first."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tabvae_ray import load_synthesizer
from tabvae_ray.cli import main
from tabvae_ray.tabular_vae import split_rows
from tests.support.drivers import SECONDS, started

ROWS, HELD_OUT, SEED = 800, 0.25, 0
# No dropout, and so many epochs that rows that have nothing in common are learnt by heart.
SPACE = {
    "base": {
        "training": {"max_n_epochs": 300, "batch_size": 150, "learning_rate": 0.01},
        "architecture": {
            "encoder_layer_sizes": [64],
            "decoder": "autoregressive",
            "loss_beta": 0.01,
            "dropout_rate": 0.0,
        },
        "validation": {"holdout_fraction": HELD_OUT},
    },
    "parameters": {"architecture.latent_dim": {"type": "categorical", "choices": [8]}},
    "objectives": {"mean_js_distance": "minimize", "holdout_nats": "minimize"},
    "search": {"n_trials": 1, "n_startup_trials": 1, "scheduler": "none", "seed": SEED},
}


def said_first(text: str, word: str = "privacy") -> str:
    """Return what follows the first mention of a word."""
    plain = " ".join(text.split())
    return plain[re.search(rf"\b{word}", plain, re.IGNORECASE).end() :]  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.nightly
def test_a_planted_leak_is_said_first_wherever_privacy_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"c{i}": rng.choice(list("abcdefgh"), ROWS) for i in range(8)})
    table.to_csv("table.csv", index=False)
    Path("space.yaml").write_text(yaml.safe_dump(SPACE))
    options = ("--space", "space.yaml", "--data", "table.csv", "--out", ".", "--name", "leak")
    with started(*options, page=True, cwd=tmp_path) as process:
        _, log = process.communicate(SECONDS)
    assert process.returncode == 0, log
    verdict = re.compile(
        r" Strong leak of membership: someone who has the trained model .* "
        r"picks the right one in (\d+) of 100 cases"
    )

    found = verdict.match(said_first(log, "privacy:"))
    assert found is not None and int(found[1]) >= 90

    card = (tmp_path / "leak" / "best" / "README.md").read_text(encoding="utf-8")
    assert verdict.match(said_first(card).replace(" |", "", 1)), card[:2000]

    page = (tmp_path / "leak" / "report.html").read_text(encoding="utf-8")
    page = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    page = unescape(re.sub(r"<[^>]+>", " ", page))
    first = said_first(page, r"How private\?")
    assert verdict.match(first)
    assert "betrays all" in first[:400]

    training, held_out = split_rows(ROWS, HELD_OUT, SEED)
    table.iloc[training].to_csv("training.csv", index=False)
    table.iloc[held_out].to_csv("held_out.csv", index=False)
    made = load_synthesizer(tmp_path / "leak" / "best").generate(600, seed=1)
    made.to_csv("made.csv", index=False)
    files = ("--real", "training.csv", "--synthetic", "made.csv", "--held-out", "held_out.csv")
    assert main(["compare", *files]) == 0
    told = said_first(capsys.readouterr().out, "membership_black_box")
    assert re.match(r"[ 0-9.,]+ is chance, 1 betrays every training row: some leak of", told)
    assert "leak of membership: someone who has only synthetic rows" in told
