import io
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.table.io import read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.progress import shown_progress

TABLE = pd.DataFrame({"a": np.linspace(0, 1, 40), "code": ["007", "012"] * 20})


def built() -> TabularVAE:
    leaves = {"training.max_n_epochs": 2, "architecture.latent_dim": 2}
    return TabularVAE.build(TableSpec.infer(TABLE), TabularVAEConfig().replace(leaves))


def test_epoch_and_loss_are_shown_on_a_terminal() -> None:
    vae, file = built(), io.StringIO()
    vae.prepare(TABLE)
    console = Console(file=file, force_terminal=True, width=80, _environ={})
    with shown_progress(vae.trainer, console=console):
        history = vae.trainer.train()
    assert "epoch 2 of 2" in file.getvalue()
    assert f"loss {history[-1]['loss']:.4g}" in file.getvalue()
    assert not vae.trainer.epoch_hooks


def test_they_are_shown_in_a_notebook_that_has_no_widgets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vae, shown = built(), []
    vae.prepare(TABLE)
    handle = SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))
    monkeypatch.setattr("IPython.display.display", lambda content, **options: handle)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    console = Console(file=io.StringIO(), force_jupyter=True, _environ={})
    # Warnings are errors here.
    with shown_progress(vae.trainer, console=console):
        vae.trainer.train()
    assert shown[-1].startswith("epoch 2 of 2") and "loss" in shown[-1]


def test_nothing_is_shown_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    built().fit(TABLE)
    assert capsys.readouterr() == ("", "")
    vae, file = built(), io.StringIO()
    vae.prepare(TABLE)
    console = Console(file=file, force_terminal=True, _environ={})
    with shown_progress(vae.trainer, wanted=False, console=console):
        vae.trainer.train()
    assert file.getvalue() == ""


def test_a_table_is_a_path_or_a_frame_and_read_as_the_spec_says(tmp_path) -> None:
    TABLE.to_csv(tmp_path / "table.csv", index=False)
    histories = [
        built().fit(given, progress=False)
        for given in (TABLE, tmp_path / "table.csv", str(tmp_path / "table.csv"))
    ]
    assert histories[0] == histories[1] == histories[2]
    assert read_table(TABLE) is TABLE
