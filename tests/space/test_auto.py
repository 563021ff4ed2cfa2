"""The space that is chosen for a table: each rule, and what is written of it."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.bounded_yaml import parse_yaml
from tabvae_ray.cli import main
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.space.auto import AutoSpace, auto_space
from tabvae_ray.space.estimate import (
    epoch_seconds,
    n_weights,
    report_seconds,
    setup_seconds,
    trial_memory,
)
from tabvae_ray.space.named_spaces import find_space, is_auto, named_space, space_names
from tabvae_ray.space.space_file import load_space, parse_space
from tabvae_ray.space.space_yaml import space_yaml
from tabvae_ray.space.table_shape import ColumnShape, TableShape
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE


def shape(rows: int, numbers: int = 6, categories: int = 9, n_values: int = 8) -> TableShape:
    columns = [ColumnShape(False, rows)] * numbers + [ColumnShape(True, n_values)] * categories
    return TableShape(rows, tuple(columns))


def leaf(chosen: AutoSpace, section: str, name: str) -> object:
    return getattr(getattr(chosen.space.base, section), name)


def worst_seconds(chosen: AutoSpace, table: TableShape) -> float:
    """Return how long the slowest initial point takes."""
    space = chosen.space
    epoch = max(epoch_seconds(table, space.config(point)) for point in space.initial)
    return epoch * space.budget + 2 * report_seconds(table)


@pytest.mark.parametrize(("rows", "start"), [(800, "small"), (2_999, "small"), (3_000, "full")])
def test_a_table_starts_from_the_space_for_its_rows(rows: int, start: str) -> None:
    chosen = auto_space(shape(rows))
    known = load_space(str(named_space(start)))
    assert list(chosen.space.objectives) == list(known.objectives)
    assert set(chosen.space.parameters) == set(known.parameters)
    assert chosen.space.constraints == known.constraints
    assert f"'{start}'" in chosen.reasons[0] and f"{rows:,}" in chosen.reasons[0]


@pytest.mark.parametrize("rows", [800, 32_000])
@pytest.mark.parametrize("slots", [1, 2, 3, 16])
def test_four_trials_fit_into_300_seconds(rows: int, slots: int) -> None:
    table = shape(rows)
    chosen = auto_space(table, time_budget=300, slots=slots)
    rounds = math.ceil(4 / slots)
    assert rounds * worst_seconds(chosen, table) + setup_seconds(table) <= 300
    assert chosen.space.settings.n_trials >= 4
    assert chosen.space.settings.time_budget == 300
    assert chosen.space.budget >= 5


def test_a_shorter_time_gives_up_batches_and_widths_before_epochs_below_the_floor() -> None:
    table = shape(32_000)
    generous, scarce = auto_space(table), auto_space(table, time_budget=300)
    assert generous.space.budget == 30
    assert 20 <= scarce.space.budget <= 30
    name = "training.batch_size"
    least = [min(chosen.space.parameters[name].choices) for chosen in (generous, scarce)]  # type: ignore[union-attr]
    assert least[0] == 64 < least[1]
    # The points that run first are moved to the nearest choices.
    assert {point[name] for point in scarce.space.initial} == {least[1]}
    assert auto_space(table, time_budget=60).space.budget < 20


def test_learning_rates_grow_with_the_square_root_of_the_batches() -> None:
    table = shape(32_000)
    generous, scarce = auto_space(table).space, auto_space(table, time_budget=60).space
    highest = generous.parameters["training.learning_rate"].high  # type: ignore[union-attr]
    factors = set()
    for start, moved in zip(generous.initial, scarce.initial, strict=True):
        before, after = generous.config(start).training, scarce.config(moved).training
        factor = math.sqrt(after.batch_size / before.batch_size)
        rate = min(factor * before.learning_rate, highest)
        assert after.learning_rate == pytest.approx(rate, rel=0.05)
        factors.add(factor)
    assert len(factors) == 3


def test_a_time_that_is_too_short_is_told() -> None:
    chosen = auto_space(shape(1_000_000), time_budget=60)
    assert chosen.space.budget == 3
    assert any("may be too short" in reason for reason in chosen.reasons)


def test_more_trials_are_a_limit_that_shortens_none_and_fewer_leave_each_more_time() -> None:
    table = shape(20_000)
    most, usual, one = (
        auto_space(table, time_budget=300, settings={"n_trials": n, "seed": 5}).space
        for n in (1_000, None, 1)
    )
    assert (most.settings.n_trials, most.settings.seed) == (1_000, 5)
    assert most.budget == usual.budget < one.budget


def test_without_a_time_the_epochs_follow_the_rows() -> None:
    epochs = [auto_space(shape(rows)).space.budget for rows in (900, 5_000, 30_000, 10**6)]
    assert epochs == [100, 60, 30, 5]
    assert auto_space(shape(900)).space.settings.time_budget is None


def test_large_tables_and_gpus_get_larger_batches() -> None:
    name = "training.batch_size"
    choices = [
        auto_space(shape(rows), gpu=gpu).space.parameters[name].choices  # type: ignore[union-attr]
        for rows, gpu in ((30_000, False), (10**6, False), (30_000, True))
    ]
    assert choices == [[64, 128, 256, 512], [512, 1024, 2048, 4096], [256, 512, 1024, 2048]]


@pytest.mark.parametrize(("rows", "bins"), [(120, 10), (900, 20), (9_000, 50)])
def test_bins_follow_the_rows(rows: int, bins: int) -> None:
    assert leaf(auto_space(shape(rows)), "transformers", "n_bins_cts") == bins


def test_many_codes_are_limited() -> None:
    assert leaf(auto_space(shape(900)), "transformers", "max_categories") == 1000
    chosen = auto_space(shape(20_000, categories=9, n_values=900))
    assert leaf(chosen, "transformers", "max_categories") == 200
    assert any("200 codes" in reason for reason in chosen.reasons)


@pytest.mark.parametrize("rows", [900, 9_000])
def test_very_wide_tables_have_an_independent_decoder(rows: int) -> None:
    chosen = auto_space(shape(rows, numbers=200))
    assert leaf(chosen, "architecture", "decoder") == "independent"
    for name in ("architecture.column_order", "architecture.column_hidden"):
        assert name not in chosen.space.parameters
    assert any("independent decoder" in reason for reason in chosen.reasons)


def test_wide_tables_begin_with_the_point_for_them() -> None:
    first = [auto_space(shape(9_000, numbers=n)).space.initial[0] for n in (6, 45)]
    assert [point["architecture.column_order"] for point in first] == [
        "given",
        "mutual_information",
    ]


@pytest.mark.parametrize(
    ("rows", "share"), [(5, 0.2), (150, 0.2), (900, 0.1), (9_999, 0.1), (10_000, 0.05)]
)
def test_the_share_of_held_out_rows_follows_the_rows(rows: int, share: float) -> None:
    assert leaf(auto_space(shape(rows)), "validation", "holdout_fraction") == share


def test_a_table_too_small_to_hold_out_rows_needs_none() -> None:
    chosen = auto_space(shape(4))
    assert "holdout_nats" not in chosen.space.objectives
    assert leaf(chosen, "training", "early_stopping") == "none"


@pytest.mark.parametrize("rows", [4, 900, 9_000, 200_000])
@pytest.mark.parametrize("budget", [None, 1, 300])
def test_the_text_is_a_space_file_of_the_same_space(rows: int, budget: float | None) -> None:
    chosen = auto_space(shape(rows), time_budget=budget)
    again = parse_space(parse_yaml(chosen.text))
    assert again.to_mapping() == chosen.space.to_mapping()
    assert all(f"# - {reason}" in chosen.text for reason in chosen.reasons)
    assert "&" not in chosen.text
    assert len(chosen.reasons) <= 8


def test_the_number_of_trials_is_told_with_what_ends_the_search() -> None:
    told = [auto_space(shape(900), time_budget=budget).reasons[-1] for budget in (None, 300)]
    assert told[0] == "24 trials: --time-budget would end the search sooner"
    assert re.fullmatch(r"\d+ trials, or fewer if 300 s are over before", told[1])


def test_any_space_can_be_written_as_a_file() -> None:
    for name in space_names():
        space = load_space(find_space(name))
        text = space_yaml(space)
        assert parse_space(parse_yaml(text)).to_mapping() == space.to_mapping()
        assert "max_n_epochs" in text


def test_the_shape_is_that_of_the_modelled_columns() -> None:
    table = pd.DataFrame(
        {
            "id": [f"x{i}{chr(97 + i % 26)}" for i in range(200)],
            "kind": ["a", None] * 100,
            "size": [i / 7 for i in range(200)],
        }
    )
    spec = TableSpec.infer(table, declared=SpecDeclaration(identifier=("id",)))
    found = TableShape.of(table, spec)
    assert found.rows == 200
    assert found.columns == (ColumnShape(True, 1, missing=True), ColumnShape(False, 200))
    assert found.n_codes(TabularVAEConfig().transformers) == 2 + 11
    assert str(found) == "200 rows, 2 columns (1 of categories, 1 of numbers)"


@pytest.mark.parametrize(
    ("decoder", "column_hidden"),
    [("independent", 0), ("autoregressive", 0), ("autoregressive", 64)],
)
def test_the_number_of_weights_is_about_right(
    mixed: pd.DataFrame, mixed_spec: TableSpec, decoder: str, column_hidden: int
) -> None:
    config = TabularVAEConfig().replace(
        {"architecture.decoder": decoder, "architecture.column_hidden": column_hidden}
    )
    vae = TabularVAE.build(mixed_spec, config)
    vae.prepare(mixed)
    exact = sum(weights.numel() for weights in vae.trainer.model.parameters())
    assert n_weights(TableShape.of(mixed, mixed_spec), config) == pytest.approx(exact, rel=0.1)


def test_estimates_grow_with_what_they_depend_on() -> None:
    small, large = shape(1_000), shape(100_000)
    config = TabularVAEConfig()
    ordered = config.replace({"architecture.decoder": "autoregressive"})
    assert epoch_seconds(small, config) < epoch_seconds(small, ordered)
    assert 50 < epoch_seconds(large, config) / epoch_seconds(small, config) < 200
    assert epoch_seconds(large, config, threads=4) == epoch_seconds(large, config) / 2
    gated = ordered.replace({"architecture.column_hidden": 64})
    assert epoch_seconds(small, ordered) < epoch_seconds(small, gated)
    assert epoch_seconds(large, ordered, gpu=True) < epoch_seconds(large, ordered)
    assert trial_memory(small, config) < trial_memory(large, config) < 2 * 2**30


def test_auto_is_what_is_not_given_unless_a_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_auto(None) and is_auto("auto") and not is_auto("beta")
    monkeypatch.chdir(tmp_path)
    Path("auto").write_text("parameters: {}")
    assert not is_auto("auto")


def test_the_command_prints_the_space_for_a_table(
    tmp_path: Path, mixed: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(tmp_path / "mixed.csv")
    mixed.to_csv(data, index=False)
    assert main(["space", "auto", "--data", data, "--time-budget", "90"]) == 0
    space = parse_space(parse_yaml(capsys.readouterr().out))
    assert space.settings.time_budget == 90
    assert main(["space", "auto"]) == 2
    assert "--data: must be given" in capsys.readouterr().err
    assert main(["space", "beta", "--data", data]) == 2
    assert "are for the space auto only" in capsys.readouterr().err
