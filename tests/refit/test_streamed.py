"""The refit of a table that is read batch by batch."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ray
import torch

from tabvae_ray.cli import main
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.refit import rows as module
from tabvae_ray.refit.finished_search import FinishedSearchRefit
from tabvae_ray.refit.streamed.encoding import EncodingTask, column_name
from tabvae_ray.refit.streamed.training import StreamedTask, _resources
from tabvae_ray.refit.training import untrained
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.blocks import BlockTraining
from tests.refit.conftest import FinishedSearch, copied, make_search
from tests.support.clusters import wait_for
from tests.support.drivers import SECONDS, started
from tests.support.tables import make_mixed

N_ROWS, EPOCHS = 1_200, 12


@pytest.fixture(scope="module")
def sampled_search(tmp_path_factory: pytest.TempPathFactory) -> FinishedSearch:
    """Return a search whose trials saw 150 of 200 rows, beside a larger table in four files."""
    home = tmp_path_factory.mktemp("sampled")
    finished = make_search(home, {"max_n_epochs": 3}, rows=150)
    rows = make_mixed(N_ROWS, seed=3)
    # No file of the first half has this city, and one column begins to miss values.
    rows.loc[rows.index[700:720], "city"] = "Atlantis"
    rows.loc[rows.index[1_000:1_040], "seven"] = np.nan
    (home / "big").mkdir()
    for i, part in enumerate(np.array_split(np.arange(N_ROWS), 4)):
        kept = rows.iloc[part].astype({"seven": "float64"})
        kept.to_parquet(home / "big" / f"{i}.parquet", index=False, row_group_size=100)
    return finished


def data_of(finished: FinishedSearch) -> str:
    return str(finished.path.parent.parent / "big")


def prepared(finished: FinishedSearch, **options: object) -> FinishedSearchRefit:
    return FinishedSearchRefit.prepare(
        finished.directory, data=data_of(finished), workers=1, epochs=EPOCHS, **options
    )


def test_a_search_of_a_large_table_says_that_it_saw_a_sample(
    sampled_search: FinishedSearch,
) -> None:
    table = sampled_search.manifest.table
    assert (table["rows"], table["whole_rows"]) == (150, 200)
    assert sampled_search.inputs.sample.text == "a sample of 150 of 200 rows"


def test_a_refit_of_a_sampled_search_trains_on_all_rows(sampled_search: FinishedSearch) -> None:
    refit = FinishedSearchRefit.prepare(sampled_search.directory)
    assert (len(refit.plan.table), refit.n_rows) == (200, 200)
    assert refit.rows.are_those_of(sampled_search.manifest)
    assert refit.rows.streamed is None


def test_what_is_fitted_has_the_values_that_the_sample_lacks(
    sampled_search: FinishedSearch,
) -> None:
    refit = prepared(sampled_search)
    table = refit.plan.table
    assert 150 < len(table) < 260 and refit.n_rows == N_ROWS
    assert "Atlantis" in refit.plan.spec["city"].categories
    assert refit.plan.spec["seven"].missing
    assert refit.description.startswith(f"trial 0 on all {N_ROWS:,} rows of ")
    assert not refit.rows.are_those_of(sampled_search.manifest)


def test_a_table_with_many_cells_is_streamed(
    sampled_search: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def streamed() -> bool:
        found = FinishedSearchRefit.prepare(sampled_search.directory, data=data_of(sampled_search))
        return found.rows.streamed is not None

    assert not streamed()
    monkeypatch.setattr(module, "_MOST_CELLS", 5_000)
    assert streamed()


def test_a_streamed_refit_is_another_than_one_in_memory(sampled_search: FinishedSearch) -> None:
    plans = [
        prepared(sampled_search).plan,
        FinishedSearchRefit.prepare(
            sampled_search.directory, data=data_of(sampled_search), workers=2, epochs=EPOCHS
        ).plan,
    ]
    assert plans[0].identity != plans[1].identity
    assert plans[0].identity == prepared(sampled_search).plan.identity


def test_pieces_have_all_rows_and_their_codes_are_those_of_the_table(
    sampled_search: FinishedSearch,
) -> None:
    refit = prepared(sampled_search)
    vae = TabularVAE.build(refit.plan.spec, refit.plan.config, device="cpu")
    vae.prepare(refit.plan.table)
    assert refit.rows.streamed is not None
    task = EncodingTask(refit.rows.streamed, refit.plan.spec, vae.encoder)
    assert len(task.pieces()) == 4
    parts = [part for file, groups in task.pieces() for part in task.encoded(file, groups)]
    found = pd.concat([part.to_pandas() for part in parts]).to_numpy()
    files = sorted(Path(data_of(sampled_search)).iterdir())
    whole = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    assert np.array_equal(found, vae.encoder.encode(whole))
    assert {str(field.type) for field in parts[0].schema} == {"uint8"}


def test_workers_and_csv_do_not_go_together(
    sampled_search: FinishedSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sampled_search.path.parent.parent / "mixed.csv"
    options = ["--data", str(file), "--workers", "2"]
    assert main(["refit", str(sampled_search.path), *options]) == 2
    assert "Parquet only" in capsys.readouterr().err


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("cpus", [0.5, 1, 1.01, 2, 16])
def test_workers_leave_a_cpu_to_read_with(
    sampled_search: FinishedSearch, monkeypatch: pytest.MonkeyPatch, cpus: float, n_workers: int
) -> None:
    refit = prepared(sampled_search)
    task = StreamedTask(refit.plan, N_ROWS, Location("codes"), n_workers)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": cpus})
    reserved = _resources(task)
    # Ray refuses to reserve nothing.
    assert all(amount > 0 for amount in reserved.values()) and reserved
    assert n_workers * reserved.get("CPU", 0) <= max(0, cpus - 1) + 1e-9
    assert ("CPU" in reserved) == (cpus >= 2 or (cpus > 1 and n_workers == 1))


def killed_once(home: Path, options: Sequence[object]) -> None:
    """Kill a refit once it has kept a checkpoint."""
    with started(*options, module="tabvae_ray.cli") as process:
        wait_for(
            lambda: list(home.glob("streamed-*/checkpoint_*")) or process.poll() is not None,
            2 * SECONDS,
        )
        process.kill()


def ended(options: Sequence[object]) -> None:
    with started(*options, module="tabvae_ray.cli") as process:
        _, errors = process.communicate(2 * SECONDS)
        assert process.returncode == 0, errors


# Ray Data and Ray Train start four times: many minutes.
@pytest.mark.nightly
@pytest.mark.slow
def test_killed_and_started_again_it_ends_with_the_weights_of_an_undisturbed_training(
    sampled_search: FinishedSearch, tmp_path: Path
) -> None:
    home, kept = sampled_search.path / "refit", tmp_path / "codes"
    options = [
        *("refit", sampled_search.path, "--data", data_of(sampled_search), "--workers", 1),
        *("--epochs", EPOCHS, "--out", tmp_path / "model"),
    ]
    killed_once(home, options)
    shutil.copytree(next(home.glob("streamed-*-codes")), kept)
    ended(options)
    assert [file.name for file in home.iterdir()] == ["state.pt"]
    assert len(load_synthesizer(tmp_path / "model").generate(7)) == 7
    plan = prepared(sampled_search).plan
    vae = untrained(plan, "cpu")
    training = BlockTraining(vae.trainer, N_ROWS, seed=plan.seed)
    table = ParquetTable.open(Location(kept)).read()
    codes = np.stack([table[column_name(i)] for i in range(table.num_columns)], axis=1)
    assert len(codes) == N_ROWS
    for _ in range(EPOCHS):
        training.train_epoch([codes])
    content = torch.load(home / "state.pt", weights_only=True)
    assert content["trainer"]["epoch"] == EPOCHS
    for name, tensor in content["trainer"]["model"].items():
        assert torch.equal(tensor, vae.trainer.model.state_dict()[name]), name


@pytest.mark.nightly
@pytest.mark.slow
def test_killed_with_two_workers_it_ends_within_rounding_of_an_undisturbed_training(
    sampled_search: FinishedSearch, tmp_path: Path
) -> None:
    weights = []
    for name in ("killed", "undisturbed"):
        run = copied(sampled_search, tmp_path / name)
        options = [
            *("refit", run.path, "--data", data_of(sampled_search), "--workers", 2),
            *("--epochs", 4, "--out", tmp_path / f"{name}-model"),
        ]
        if name == "killed":
            killed_once(run.path / "refit", options)
        ended(options)
        content = torch.load(run.path / "refit" / "state.pt", weights_only=True)
        assert content["trainer"]["epoch"] == 4
        weights.append(content["trainer"]["model"])
    for tensor_name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][tensor_name], msg=tensor_name)
