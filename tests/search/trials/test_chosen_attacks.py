"""Attacks on the chosen model, and where an export shows them."""

import json
from pathlib import Path

from tabvae_ray.search.inputs import prepare_inputs
from tabvae_ray.search.trials.membership import attack_chosen
from tabvae_ray.search.trials.task import SearchTask
from tabvae_ray.search.trials.trial import build_trial
from tabvae_ray.tabular_vae import TabularVAE


def prepared(
    tiny: dict, tmp_path: Path, fraction: float, spec: dict | None = None
) -> tuple[SearchTask, TabularVAE]:
    tiny["base"]["validation"] = {"holdout_fraction": fraction}
    tiny["base"]["training"]["max_n_epochs"] = 1
    task = prepare_inputs(space=tiny, out=str(tmp_path), name="tiny", spec=spec).task()
    vae = build_trial(task, task.space.base, 0)
    vae.trainer.train()
    return task, vae


def test_the_chosen_model_is_attacked_in_both_ways_beside_real_rows(
    tiny: dict, tmp_path: Path
) -> None:
    task, vae = prepared(tiny, tmp_path, 0.25)
    found = attack_chosen(task, vae, 0)
    assert found.white_box is not None and found.black_box is not None
    assert found.white_box.n_members == len(vae.trainer.codes)
    assert 0 < found.white_box.low < found.white_box.auc < found.white_box.high
    assert found.black_box.n_non_members + found.black_box.n_reference == 918 // 4
    # Copies betray the training rows, and fresh rows do not.
    assert found.levels["resample"].mean > 0.7 > found.levels["fresh"].mean
    assert "picks the right one in" in found.verdict
    assert set(found.to_mapping()) == {"verdict", "white_box", "black_box"}
    assert json.loads(json.dumps(found.to_mapping()))["verdict"] == found.verdict
    assert attack_chosen(task, vae, 0).to_mapping() == found.to_mapping()


def test_without_held_out_rows_the_chosen_model_is_not_attacked(tiny: dict, tmp_path: Path) -> None:
    found = attack_chosen(*prepared(tiny, tmp_path, 0.0), 0)
    assert found.white_box is None and found.black_box is None and not found.levels
    assert found.to_mapping() == {"verdict": found.verdict}
    assert found.verdict.startswith("Whether the model betrays who is in the table was not")


def test_columns_that_the_spec_names_are_attacked_and_the_exported_spec_is_without_them(
    tiny: dict, tmp_path: Path
) -> None:
    privacy = {"known": ["Age", "Sex"], "secret": ["Cholesterol", "HeartDisease"]}
    task, vae = prepared(tiny, tmp_path, 0.25, {"privacy": privacy})
    found = attack_chosen(task, vae, 0)
    assert found.disclosure is not None
    assert set(found.disclosure.inference) == {"Cholesterol", "HeartDisease"}
    assert found.disclosure.linkability.n_control == 918 // 4
    kept = found.disclosure_mapping["disclosure_attacks"]
    assert kept["verdict"] in found.in_words and found.verdict in found.in_words
    assert "knows Age and Sex of a person guesses HeartDisease rightly in" in kept["verdict"]
    vae.synthesizer().save(tmp_path / "model", scores=found.disclosure_mapping)
    assert "known and secret columns | Someone who has" in (
        (tmp_path / "model" / "README.md").read_text()
    )
    assert (
        "privacy" not in json.loads((tmp_path / "model" / "synthesizer.json").read_text())["spec"]
    )
