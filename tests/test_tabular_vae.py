import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError, DataError, DivergenceError
from tabvae_ray.generation.synthesizer import load_synthesizer
from tabvae_ray.model.heads import head_starts
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tabvae_ray.training.tracking import MemoryTracker
from tests.support.configs import DEMO
from tests.support.tables import make_mixed, small_config


def build(spec: TableSpec, seed: int = 0, split_seed: int = 0, **leaves: object) -> TabularVAE:
    return TabularVAE.build(spec, small_config(**leaves), seed=seed, split_seed=split_seed)


def test_build_fit_generate(mixed: pd.DataFrame, mixed_spec: TableSpec) -> None:
    vae = build(mixed_spec)
    scores = vae.fit(mixed)
    assert [entry["epoch"] for entry in scores] == [1, 2, 3]
    assert scores[-1]["loss"] < scores[0]["loss"]
    rows = vae.generate(100, seed=1)
    assert list(rows.columns) == list(mixed.columns) and len(rows) == 100
    pd.testing.assert_frame_equal(rows, vae.synthesizer().generate(100, seed=1))


def test_the_demos_configuration_trains_and_generates(mixed: pd.DataFrame) -> None:
    leaves = {"training.max_n_epochs": 1, "architecture.encoder_layer_sizes": [16]}
    config = TabularVAEConfig.from_mapping(DEMO).replace(leaves)
    vae = TabularVAE.build(TableSpec.infer(mixed), config)
    vae.fit(mixed)
    assert vae.generate(10)["age"].dtype == mixed["age"].dtype


def test_the_same_seeds_give_the_same_scores_and_rows(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    one, two, other = build(mixed_spec), build(mixed_spec), build(mixed_spec, seed=1)
    first = one.fit(mixed)
    torch.manual_seed(77)
    np.random.default_rng(77)
    assert two.fit(mixed) == first
    pd.testing.assert_frame_equal(one.generate(50), two.generate(50))
    assert other.fit(mixed) != first


def test_building_and_training_leave_global_randomness_alone(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    vae = build(mixed_spec)
    vae.fit(mixed)
    vae.generate(20)
    assert torch.equal(torch.get_rng_state(), before)


def test_three_epochs_a_checkpoint_and_three_more_equal_six(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    whole = build(mixed_spec, **{"training.max_n_epochs": 6})
    whole.fit(mixed)
    first = build(mixed_spec, **{"training.max_n_epochs": 6})
    first.prepare(mixed)
    first.trainer.train(until_epoch=3)
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    second = build(mixed_spec, **{"training.max_n_epochs": 6})
    second.prepare(mixed)
    second.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    assert second.trainer.train() == whole.trainer.history
    pd.testing.assert_frame_equal(second.generate(50), whole.generate(50))


def test_a_synthesizer_is_frozen_at_its_epoch(mixed: pd.DataFrame, mixed_spec: TableSpec) -> None:
    vae = build(mixed_spec, **{"architecture.prior": "gmm"})
    vae.prepare(mixed)
    vae.trainer.train(until_epoch=1)
    early = vae.synthesizer()
    rows = early.generate(50)
    vae.trainer.train()
    assert vae.synthesizer() is not early and vae.synthesizer() is vae.synthesizer()
    pd.testing.assert_frame_equal(early.generate(50), rows)
    assert not vae.generate(50).equals(rows)


def test_held_out_rows_are_a_seeded_share_that_is_never_trained_on(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    def parts(**options: int) -> tuple[torch.Tensor, torch.Tensor]:
        vae = build(mixed_spec, **options, **{"validation.holdout_fraction": 0.25})
        vae.prepare(mixed)
        assert vae.trainer.held_out is not None
        return vae.trainer.codes, vae.trainer.held_out

    training, holdout = parts()
    assert (len(training), len(holdout)) == (300, 100)
    assert torch.equal(parts(seed=9)[1], holdout)
    assert not torch.equal(parts(split_seed=9)[1], holdout)
    nothing = build(mixed_spec, **{"validation.holdout_fraction": 0.0})
    nothing.prepare(mixed)
    assert nothing.trainer.held_out is None and len(nothing.trainer.codes) == 400
    assert nothing.evaluate()["holdout_nats"] is None


def test_bins_are_fitted_without_the_held_out_rows(mixed_spec: TableSpec) -> None:
    table = make_mixed()
    vae = build(mixed_spec, **{"validation.holdout_fraction": 0.5})
    vae.prepare(table)
    fitted = vae.encoder.to_mapping()["measure"]
    order = np.random.default_rng([0, len(table)]).permutation(len(table))
    table.loc[order[:200], "measure"] = 0.0
    vae.prepare(table)
    assert vae.encoder.to_mapping()["measure"] == fitted


def test_two_rows_are_enough_and_one_is_not() -> None:
    table = pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})
    vae = build(TableSpec.infer(table), **{"transformers.min_rows": 0})
    vae.fit(table)
    assert set(vae.generate(20)["y"]) <= {"a", "b"}
    with pytest.raises(DataError, match="at least 2 rows, but got 1"):
        build(TableSpec.infer(table.head(1)), **{"transformers.min_rows": 0}).fit(table.head(1))
    with pytest.raises(DataError, match=r"has 2 rows to train on, but transformers\.min_rows"):
        build(TableSpec.infer(table)).fit(table)


@pytest.mark.parametrize("decoder", ["independent", "autoregressive"])
def test_a_single_column_and_a_constant_one_are_enough(decoder: str) -> None:
    for table in (pd.DataFrame({"x": range(50)}), pd.DataFrame({"x": ["same"] * 50})):
        vae = build(TableSpec.infer(table), **{"architecture.decoder": decoder})
        vae.fit(table)
        assert set(vae.generate(30)["x"]) <= set(table["x"])


def test_what_columns_share_is_learnt() -> None:
    random = np.random.default_rng(0)
    left = random.choice(["a", "b", "c"], 2000)
    table = pd.DataFrame({"left": left, "right": np.char.upper(left)})
    vae = build(
        TableSpec.infer(table),
        **{"training.max_n_epochs": 15, "training.learning_rate": 0.01},
    )
    vae.fit(table)
    rows = vae.generate(2000)
    assert (rows["left"].str.upper() == rows["right"]).mean() > 0.8
    assert rows["left"].value_counts(normalize=True).min() > 0.25


@pytest.mark.parametrize("prior", ["standard_normal", "gmm"])
def test_an_autoregressive_decoder_learns_without_an_encoder(prior: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    left = random.choice(["a", "b", "c"], 2000)
    table = pd.DataFrame({"left": left, "right": np.char.upper(left)})
    leaves = {"latent": "none", "decoder": "autoregressive", "prior": prior}
    vae = build(
        TableSpec.infer(table),
        **{"training.max_n_epochs": 15, "training.learning_rate": 0.01},
        **{f"architecture.{name}": value for name, value in leaves.items()},
    )
    history = vae.fit(table)
    assert {entry["kl"] for entry in history} == {0.0}
    rows = vae.generate(2000)
    assert (rows["left"].str.upper() == rows["right"]).mean() > 0.9
    vae.synthesizer().save(str(tmp_path / "best"))
    again = load_synthesizer(str(tmp_path / "best"))
    pd.testing.assert_frame_equal(again.generate(50, seed=1), vae.generate(50, seed=1))


def test_an_independent_decoder_always_has_an_encoder(mixed: pd.DataFrame) -> None:
    spec = TableSpec.infer(mixed)
    plain, asked = build(spec), build(spec, **{"architecture.latent": "none"})
    assert plain.fit(mixed) == asked.fit(mixed)


def test_nothing_is_generated_before_a_table_was_seen(mixed_spec: TableSpec) -> None:
    with pytest.raises(DataError, match="has no table yet: call fit first"):
        build(mixed_spec).generate(5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="age"), "column 'age': in the spec, but not in the table"),
        (lambda t: t.head(0), "has no rows"),
        (lambda t: t.assign(age=np.inf), "column 'age': must be finite"),
        (lambda t: t.assign(grade="Z"), "column 'grade': 'Z' is none of its 2 categories"),
    ],
)
def test_a_table_that_does_not_fit_the_spec_is_refused(
    mixed: pd.DataFrame, mixed_spec: TableSpec, change, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        build(mixed_spec).fit(change(mixed))


def test_a_loss_that_is_not_finite_is_a_typed_error(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    vae = build(mixed_spec)
    vae.prepare(mixed)
    with torch.no_grad():
        next(vae.trainer.model.parameters()).fill_(torch.nan)
    with pytest.raises(DivergenceError, match="the loss is nan in epoch 1"):
        vae.trainer.train()


def test_training_begins_with_the_shares_of_the_training_rows(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    vae = build(mixed_spec)
    vae.prepare(mixed)
    predictor = vae.trainer.model.predictor
    for column, start in head_starts(predictor.groups).items():
        counts = vae.trainer.counts()[column].double() + 0.5
        bias = predictor.linear.bias[start : start + len(counts)]
        assert torch.softmax(bias.double(), 0).tolist() == pytest.approx(counts / counts.sum())


def test_a_wide_table_of_every_kind_trains() -> None:
    random = np.random.default_rng(0)
    columns = {f"n{i}": random.normal(0, 1, 200) for i in range(60)}
    columns |= {f"c{i}": random.integers(0, 5, 200).astype(str) for i in range(60)}
    table = pd.DataFrame(columns)
    declared = SpecDeclaration(target="c0")
    vae = build(TableSpec.infer(table, declared=declared), **{"training.max_n_epochs": 1})
    vae.fit(table)
    assert vae.generate(5).shape == (5, 120)


def test_a_table_in_file_order_is_measured_and_fitted_as_a_whole() -> None:
    """Its first rows are all of one kind."""
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b"], [30_000, 15_000])
    value = np.where(site == "a", 0, rng.integers(0, 50, len(site)))
    table = pd.DataFrame({"site": site, "value": value})
    leaves = {
        "architecture.prior": "gmm",
        "architecture.loss_beta": 0.01,
        "architecture.calibrate_marginals": False,
        "training.batch_size": 512,
    }
    # A rule would give the sites by the values, right or not.
    alone = SpecDeclaration.from_mapping({"rules": {"find": False}})
    vae = build(TableSpec.infer(table, declared=alone), **leaves)
    vae.fit(table)
    nats = vae.evaluate()
    assert nats["train_nats"] == pytest.approx(nats["holdout_nats"], rel=0.05)
    assert (vae.generate(5000)["site"] == "b").mean() == pytest.approx(1 / 3, abs=0.05)


def test_a_tracker_gets_what_the_configuration_asks_for_at_its_periods(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    periods = {
        "training.max_n_epochs": 5,
        "training.checkpoint_period": 3,
        "validation.train_loader_routine_period": 2,
        "validation.artifact_routine_period": 4,
        "validation.generation_n_records": 60,
    }
    tracker = MemoryTracker()
    plan = ComparisonPlan(scores=("mean_js_distance",), array_collections=("means",))
    vae = build(mixed_spec, **periods)
    vae.fit(mixed, tracker=tracker, plan=plan)
    assert list(tracker.checkpoints) == [3, 5]
    assert list(tracker.tables) == [4, 5] and len(tracker.tables[4]["synthetic"]) == 60
    nats = {step for step, scores in tracker.all_scores.items() if "train_nats" in scores}
    assert nats == {2, 4, 5}
    scored = {step for step, scores in tracker.all_scores.items() if "mean_js_distance" in scores}
    assert scored == {4, 5}
    assert list(tracker.artifacts[4]) == ["arrays/means.json"]


def test_a_model_is_fitted_to_a_file_and_shown_in_a_line(
    mixed: pd.DataFrame, mixed_spec: TableSpec, tmp_path: Path
) -> None:
    vae = build(mixed_spec)
    assert "not fitted" in repr(vae) and f"{len(mixed_spec.columns)} columns" in repr(vae)
    mixed.to_parquet(tmp_path / "table.parquet")
    vae.fit(str(tmp_path / "table.parquet"))
    assert "trained 3 epochs" in repr(vae)
    assert repr(vae.synthesizer()).startswith("TabularVAESynthesizer(TableSpec(")


def test_a_table_in_place_of_its_spec_is_refused(mixed: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"spec: must be a TableSpec, .* but got DataFrame"):
        TabularVAE.build(mixed)  # type: ignore[arg-type]


def test_a_seed_that_torch_cannot_take_is_refused(mixed_spec: TableSpec) -> None:
    with pytest.raises(ConfigError, match="the seed must be a whole number >= 0, but got -1"):
        TabularVAE.build(mixed_spec, seed=-1)
    with pytest.raises(ConfigError, match="the seed must be <= 9223372036854775807"):
        TabularVAE.build(mixed_spec, split_seed=2**70)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "device must be auto, cpu, or such as cuda:0, but got 'gpu'"),
        (0, "device must be auto, cpu, or such as cuda:0, but got 0"),
        ("cuda:77", r"device 'cuda:77': torch finds \d+ GPUs here"),
        ("meta", "device 'meta': torch finds none here"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    mixed_spec: TableSpec, device: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        TabularVAE.build(mixed_spec, device=device)


def test_a_configuration_may_be_a_mapping(mixed_spec: TableSpec) -> None:
    vae = TabularVAE.build(mixed_spec, {"training": {"max_n_epochs": 2}})
    assert vae.config == TabularVAEConfig().replace({"training.max_n_epochs": 2})
    with pytest.raises(ConfigError, match=r"config: training\.max_n_epoch: no such key"):
        TabularVAE.build(mixed_spec, {"training": {"max_n_epoch": 2}})


def test_what_keeps_or_compares_nothing_is_refused_before_training(
    mixed: pd.DataFrame, mixed_spec: TableSpec
) -> None:
    with pytest.raises(ConfigError, match="tracker: must have the methods of a Tracker"):
        build(mixed_spec).fit(mixed, tracker="runs")
    with pytest.raises(ConfigError, match="plan: score: no such key; did you mean scores"):
        build(mixed_spec).fit(mixed, tracker=MemoryTracker(), plan={"score": ["detection"]})
