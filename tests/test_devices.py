"""What one device has made is of use on another; without a GPU, that is the CPU alone."""

import copy
import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from tabvae_ray import load_synthesizer
from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import TrialRun
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.spaces import TINY
from tests.support.tables import small_config

NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")
DEVICES = ("cpu", pytest.param("cuda", marks=NEEDS_GPU))
TRIAL = {
    "number": 0,
    "parameters": {"architecture.loss_beta": 0.1, "architecture.latent_dim": 4},
    "checkpoint": None,
}


@pytest.fixture
def task(tmp_path: Path) -> SearchTask:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(TINY))
    inputs = prepare_inputs(space=str(file), out=str(tmp_path / "runs"))
    return inputs.task()


@pytest.mark.parametrize("decoder", ["independent", "autoregressive"])
@pytest.mark.parametrize("here", DEVICES)
@pytest.mark.parametrize("there", DEVICES)
def test_an_export_generates_on_any_device(
    here: str, there: str, decoder: str, mixed: pd.DataFrame, mixed_spec: TableSpec, tmp_path: Path
) -> None:
    config = small_config(
        **{"architecture.decoder": decoder, "architecture.prior": "gmm", "training.device": here}
    )
    vae = TabularVAE.build(mixed_spec, config)
    vae.fit(mixed)
    made = vae.synthesizer()
    assert made.device.type == vae.device.type == here
    made.save(tmp_path / "best")
    loaded = load_synthesizer(tmp_path / "best", there)
    assert loaded.device.type == there
    rows = loaded.generate(200, seed=1)
    assert list(rows.dtypes) == list(mixed.dtypes) and len(rows) == 200
    if here == there:
        pd.testing.assert_frame_equal(rows, made.generate(200, seed=1))


@pytest.mark.parametrize("here", DEVICES)
@pytest.mark.parametrize("there", DEVICES)
def test_a_trial_goes_on_from_its_checkpoint_on_any_device(
    here: str, there: str, task: SearchTask
) -> None:
    first = TrialRun(dataclasses.replace(task, device=here))
    first.begin(TRIAL)
    assert not first.step()["done"]
    second = TrialRun(dataclasses.replace(task, device=there))
    second.begin(TRIAL)
    second.restore(first.state())
    assert second.epoch == first.epoch
    report = second.step()
    assert report["epoch"] > first.epoch
    if here == there:
        assert report["scores"] == first.step()["scores"]


@NEEDS_GPU
@pytest.mark.parametrize("decoder", ["independent", "autoregressive"])
def test_steps_that_a_gpu_replays_are_those_that_python_launches(
    decoder: str, mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    config = small_config(
        **{
            "architecture.decoder": decoder,
            "architecture.dropout_rate": 0.2,
            "training.autocast": False,
            "training.batch_size": 48,
            "training.gradient_clip_norm": 5.0,
            "training.max_n_epochs": 9,
        }
    )
    replayed, launched, resumed = (
        TabularVAE.build(mixed_spec, config, device="cuda") for _ in range(3)
    )
    for vae in (replayed, launched, resumed):
        vae.prepare(mixed)
    model = launched.trainer.model
    # Only the model's own forward pass is captured.
    launched.trainer.forward = lambda *arguments: model(*arguments)
    replayed.trainer.train(5)
    resumed.load_state_dict(copy.deepcopy(replayed.state_dict()))
    for vae in (replayed, launched, resumed):
        vae.trainer.train()
    expected = pd.DataFrame(launched.trainer.history)
    for vae in (replayed, resumed):
        found = pd.DataFrame(vae.trainer.history)
        pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-3)
        assert torch.equal(
            vae.trainer.generator.get_state(), launched.trainer.generator.get_state()
        )


@NEEDS_GPU
def test_the_memory_of_a_trial_is_free_for_the_next_one(task: SearchTask) -> None:
    run = TrialRun(dataclasses.replace(task, device="cuda"))
    left = []
    for number in range(3):
        run.begin({**TRIAL, "number": number})
        left.append(torch.cuda.memory_allocated())
        run.step()
        assert torch.cuda.memory_allocated() > left[-1]
    # After the first one, libraries keep their own workspace.
    assert left[2] == left[1]
