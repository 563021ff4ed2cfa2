from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml

from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.space.space_file import load_space, parse_space
from tests.support.spaces import SPACES


def broken(tmp_path: Path, text: str) -> str:
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_space(str(file))
    assert all(line.startswith(str(file)) for line in str(caught.value).splitlines())
    return str(caught.value)


@pytest.mark.parametrize("file", sorted(SPACES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_spaces_that_ship_are_valid_and_every_point_is_a_config(file: Path) -> None:
    space = load_space(str(file))
    study = optuna.create_study(directions=space.directions)
    for point in space.initial:
        study.enqueue_trial(space.to_optuna(point))
    for _ in range(20):
        trial = study.ask()
        space.config(space.suggest(trial))
    for point in space.quasi_random(16):
        space.config(point)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nope\.yaml: cannot be read: there is no such file"):
        load_space(str(tmp_path / "nope.yaml"))


def test_all_errors_are_reported_together(tmp_path: Path) -> None:
    message = broken(
        tmp_path,
        """
base: {training: {max_n_epochs: 0}}
parameters:
  architecture.latent_dims: {type: int, low: 4, high: 128}
  architecture.loss_beta: {type: float, low: 2.0, high: 1.0}
  training.learning_rate: {type: float, low: 0.0, high: 1.0, log: true}
  architecture.n_embd: {type: whole, low: 1, high: 2}
  architecture.dropout_rate: {type: float, low: 0.0, high: 1.5}
  training.scheduler_gamma: {type: float, low: 0.9, high: 1.0, when: {training.schedulr: plateau}}
  training.weight_decay: {type: float, low: '1e-3', high: 0.1}
  training.max_n_epochs: {type: int, low: 1, high: 10}
objectives: {mean_js_distance: minimise}
search: {sampler: bayes, n_trials: 0}
extra: 1
""",
    )
    for expected in (
        "base.training.max_n_epochs: must be greater than or equal to 1, but got 0",
        "parameters.architecture.latent_dims: no such parameter; did you mean "
        "architecture.latent_dim?",
        "parameters.architecture.loss_beta: low must be <= high, but got low=2.0, high=1.0",
        "parameters.training.learning_rate: low must be > 0 if log is true, but got low=0.0",
        "parameters.architecture.n_embd.type: must be float, int or categorical",
        "parameters.architecture.dropout_rate.high: must be less than 1, but got 1.5",
        "parameters.training.scheduler_gamma.when.training.schedulr: is not a searched parameter",
        "parameters.training.weight_decay.low: must be a valid number, but got '1e-3'",
        "parameters.training.max_n_epochs: is the budget of every trial",
        "objectives.mean_js_distance: must be 'minimize' or 'maximize', but got 'minimise'",
        "search.sampler: must be 'auto', 'tpe'",
        "search.n_trials: must be greater than or equal to 1, but got 0",
        "extra: no such key",
    ):
        assert expected in message, expected


def test_no_section_hides_what_is_wrong_in_another_one(tmp_path: Path) -> None:
    message = broken(
        tmp_path,
        """
base: {training: {batch_size: 0, max_n_epochs: 9}}
parameters:
  architecture.loss_beta: 3
  training.patience: {type: int, low: 1, high: 10}
objectives: {mean_js_distance: minimise, privacy: minimize, correlation_distance: maximize}
constraints: {kl: {}, train_nats: {mx: 3}, novelty: {max: 1.0}, loss: {min: 3.0, max: 1.0}}
initial: [{architecture.loss_beta: 0.1, training.patience: 12}, 4]
search: {select: best, grace_period: 100, n_trials: 1e2}
comparison: {detector: none}
data: ""
""",
    )
    for expected in (
        "base.training.batch_size: must be greater than or equal to 1, but got 0",
        "parameters.architecture.loss_beta: must be a mapping such as",
        "objectives.mean_js_distance: must be 'minimize' or 'maximize', but got 'minimise'",
        "objectives.privacy: no such score; known are mean_js_distance",
        "objectives.correlation_distance: must be minimize, because less is better, but got "
        "maximize",
        "constraints.kl: must have min or max",
        "constraints.train_nats.mx: no such key",
        "constraints.novelty: no such score",
        "constraints.loss: min must be <= max, but got min=3.0, max=1.0",
        "initial.0.training.patience: must be within 1 and 10, but got 12",
        "initial.1: must be a mapping, but got 4",
        "search.select: must be one of ideal, knee, constraint",
        "search.grace_period: must be <= training.max_n_epochs (9), but got 100",
        "search.n_trials: must be a valid integer, but got 100.0",
        "comparison.detector: must be 'boosted_trees'",
        "data: must not be empty, but got ''",
    ):
        assert expected in message, expected
    assert len(message.splitlines()) == 16


@pytest.mark.parametrize(
    ("name", "parameter", "expected"),
    [
        ("architecture.loss_beta", "3", ": must be a mapping such as {type: float, low: 0.1"),
        ("architecture.loss_beta", "", ": must be a mapping such as"),
        ("architecture.loss_beta", "{low: 1.0}", ".type: is required: float, int or"),
        ("architecture.latent_dim", "{type: int, low: 4}", ".high: is required"),
        ("architecture.latent_dim", "{type: itn, low: 4}", ".type: must be float, int or categor"),
        ("architecture.latent_dim", "{type: itn, low: 4}", "but got 'itn'"),
        ("architecture.latent_dim", "{type: [int]}", "but got ['int']"),
        ("training.batch_size", "{type: categorical, choices: []}", ".choices: must not be empty"),
        (
            "architecture.encoder_layer_sizes",
            "{type: categorical, choices: [5]}",
            ".choices: must be a list, but got 5",
        ),
        (
            "architecture.latent_dim",
            "{type: float, low: 4.0, high: 8.0}",
            ".type: must be int, because architecture.latent_dim takes whole numbers only",
        ),
        (
            "architecture.latent_dim",
            "{type: float, low: 4.0, high: 8.0, step: 0.5}",
            ".type: must be int",
        ),
        (
            "training.weight_decay",
            "{type: float, low: 0.0, high: 0.1, step: 0.5}",
            ": step must be <= high - low (0.1), but got step=0.5",
        ),
        (
            "training.patience",
            "{type: int, low: 1, high: 10, step: 4}",
            ": high must be low plus a whole number of steps, but got low=1, high=10, step=4",
        ),
        (
            "architecture.latent_dim",
            "{type: int, low: 2, high: 8, log: true, step: 2}",
            ": log and step cannot be combined",
        ),
        ("training.max_n_epochs", "{type: int, low: 1, high: 9}", "is the budget of every trial"),
        ("architecture.n_embd", "{type: int, low: 1, high: 9}", ": is also in base"),
        ("training.checkpoint_period", "{type: int, low: 1, high: 9}", ": has no effect"),
        ("validation.artifact_routine_period", "{type: int, low: 1, high: 9}", ": has no eff"),
        ("validation.generation_n_records", "{type: int, low: 9, high: 99}", "every trial is mea"),
        ("generation.temperature", "{type: float, low: 0.5, high: 1.0}", ": has no effect"),
        ("tracking.experiment_id", "{type: categorical, choices: [a]}", ": has no effect"),
        ("data.continuous", "{type: categorical, choices: [[a]]}", ": has no effect"),
    ],
)
def test_a_parameter_that_can_mean_nothing_is_refused_in_words(
    tmp_path: Path, name: str, parameter: str, expected: str
) -> None:
    text = f"base: {{architecture: {{n_embd: 4}}}}\nparameters:\n  {name}: {parameter}\n"
    message = broken(tmp_path, text)
    assert f"parameters.{name}" in message
    assert expected in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{training.schduler: plateau}", "searched parameter; did you mean training.scheduler?"),
        ("{training.optimizer: adamw}", "is 'adam' in every trial: search it as well, or rem"),
        ("{training.scheduler_gamma: 0.9}", "a parameter cannot depend on itself"),
        ("{training.patience: 99}", "must be within 1 and 9, but got 99"),
        ("{training.patience: 2}", "must be 1 plus a whole number of steps of 2, but got 2"),
        ("{training.patience: 1.5}", "must be a whole number, but got 1.5"),
        ("{training.patience: one}", "must be a number, but got 'one'"),
        ("{training.scheduler: []}", "must name a value, but got []"),
        (
            "{architecture.dropout_rate: 0.1}",
            "is a continuous float and almost never equals 0.1; give it a step",
        ),
        (
            "{training.warmup_epochs: 0.7}",
            "must be 0.0 plus a whole number of steps of 0.5, but got 0.7",
        ),
    ],
)
def test_a_condition_that_can_never_hold_is_refused(
    tmp_path: Path, when: str, expected: str
) -> None:
    text = f"""
parameters:
  training.scheduler: {{type: categorical, choices: [constant, plateau]}}
  training.patience: {{type: int, low: 1, high: 9, step: 2}}
  training.warmup_epochs: {{type: float, low: 0.0, high: 4.0, step: 0.5}}
  architecture.dropout_rate: {{type: float, low: 0.0, high: 0.5}}
  training.scheduler_gamma: {{type: float, low: 0.9, high: 1.0, when: {when}}}
"""
    message = broken(tmp_path, text)
    assert "parameters.training.scheduler_gamma.when." in message
    assert expected in message


def test_a_circle_of_conditions_is_named(tmp_path: Path) -> None:
    text = """
parameters:
  training.scheduler: {type: categorical, choices: [constant], when: {training.optimizer: adam}}
  training.optimizer: {type: categorical, choices: [adam], when: {training.scheduler: constant}}
"""
    assert "conditions of training.scheduler, training.optimizer form a circle" in broken(
        tmp_path, text
    )


def test_losses_may_be_minimised_but_not_the_weighted_one_where_its_weight_is_searched(
    tiny: dict,
) -> None:
    tiny["objectives"] = {"train_nats": "minimize", "kl": "minimize"}
    assert list(parse_space(tiny).objectives) == ["train_nats", "kl"]
    tiny["objectives"] = {"loss": "minimize"}
    with pytest.raises(ConfigError, match=r"objectives\.loss: has no meaning if"):
        parse_space(tiny)
    del tiny["parameters"]["architecture.loss_beta"]
    assert list(parse_space(tiny).objectives) == ["loss"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("base: [1]\nparameters: {}", "base: must be a mapping, but got [1]"),
        ("base: {training: 3}\nparameters: {}", "base.training: must be a mapping, but got 3"),
        ("objectives: []\nparameters: {}", "objectives: must be a mapping, but got []"),
        ("initial: 3\nparameters: {}", "initial: must be a list, but got 3"),
        ("", "must be a mapping, but got None"),
        ("- 1", "must be a mapping, but got [1]"),
        ("a: [", "cannot be read as YAML: line 1, column 5: "),
        ("parameters: {}", "parameters: must be a mapping of at least one name"),
        ("search: {n_trials: 3}", "parameters: is required"),
        (
            "parameters: {architecture.n_embd: {type: int, low: 1, high: 2}}\nparameters: 3",
            "stands twice: parameters",
        ),
        (
            "parameters: {architecture.n_embd: {type: int, low: 1, high: 8}}\n"
            "initial: [{architecture.n_embd: 9}]",
            "initial.0.architecture.n_embd: must be within 1 and 8, but got 9",
        ),
        (
            "parameters: {training.batch_size: {type: categorical, choices: [32, 32]}}",
            "choices: must all differ",
        ),
        (
            "parameters: {architecture.n_embd: {type: int, low: 1, high: 8}}\n"
            "search: {select: best}",
            "search.select: must be one of ideal, knee, constraint, mean_js_distance",
        ),
        (
            "parameters: {architecture.n_embd: {type: int, low: 1, high: 8}}\n"
            "search: {select: 'weights 1'}",
            "weights must be 2 numbers >= 0",
        ),
        (
            "parameters:\n"
            "  training.optimizer: {type: categorical, choices: [adam, adamw]}\n"
            "  training.weight_decay: {type: float, low: 0.1, high: 1.0, "
            "when: {training.optimizer: sgd}}",
            "'sgd' is not among its choices",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in broken(tmp_path, text)


def test_binary_junk_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_bytes(bytes(range(256)))
    with pytest.raises(StorageError, match="is not UTF-8 text"):
        load_space(str(file))


def test_a_condition_decides_whether_a_parameter_is_searched() -> None:
    space = parse_space(
        {
            "parameters": {
                "training.scheduler_gamma": {
                    "type": "float",
                    "low": 0.9,
                    "high": 1.0,
                    "when": {"training.scheduler": "exponential"},
                },
                "training.scheduler": {
                    "type": "categorical",
                    "choices": ["constant", "exponential"],
                },
            }
        }
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found = [space.suggest(study.ask()) for _ in range(40)]
    assert {point["training.scheduler"] for point in found} == {"constant", "exponential"}
    for point in found:
        searched = "training.scheduler_gamma" in point
        assert searched == (point["training.scheduler"] == "exponential")


@pytest.mark.parametrize(
    ("low", "step", "wanted"),
    # 0.1 + 2 * 0.1 is 0.30000000000000004, and whole numbers are floats there.
    [(0.1, 0.1, [0.3, 0.6]), (0.0, 0.5, [1]), (1, 1, [2, 3.0]), (1e-9, 1e-9, [3e-9])],
)
def test_a_condition_on_a_step_of_a_float_holds_at_that_step(
    low: float, step: float, wanted: list[float]
) -> None:
    parent, child = "architecture.loss_beta", "architecture.latent_dim"
    stepped = {"type": "float", "low": low, "high": low + 6 * step, "step": step}
    stepped["high"] = float(f"{stepped['high']:.9g}")
    depends = {"type": "int", "low": 2, "high": 9, "when": {parent: wanted}}
    space = parse_space({"parameters": {parent: stepped, child: depends}})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = np.random.default_rng(0)
    found = [space.suggest(study.ask()) for _ in range(40)]
    found += [space.drawn(drawn) for _ in range(40)]
    holds = {round((float(point[parent]) - low) / step) for point in found if child in point}  # type: ignore[arg-type]
    assert holds == {round((value - low) / step) for value in wanted}


def test_lists_travel_as_text_and_come_back_as_lists() -> None:
    choices = [[128], [256, 128]]
    space = parse_space(
        {
            "parameters": {
                "architecture.encoder_layer_sizes": {"type": "categorical", "choices": choices}
            }
        }
    )
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    values = space.suggest(trial)
    assert values["architecture.encoder_layer_sizes"] in choices
    assert isinstance(trial.params["architecture.encoder_layer_sizes"], str)
    assert list(space.config(values).architecture.encoder_layer_sizes) in choices


def test_a_resolved_space_reads_back_as_the_same_space(tiny: dict) -> None:
    space = parse_space(tiny)
    assert parse_space(space.to_mapping()).to_mapping() == space.to_mapping()
    assert yaml.safe_load(yaml.safe_dump(space.to_mapping())) == space.to_mapping()


def test_quasi_random_points_are_a_prefix_of_more_points(tiny: dict) -> None:
    space = parse_space(tiny)
    assert space.quasi_random(16)[:5] == space.quasi_random(5)


@pytest.mark.parametrize("name", ["membership", "membership_black_box", "dcr_share"])
@pytest.mark.parametrize("key", ["objectives", "constraints"])
def test_scores_of_training_and_held_out_rows_need_held_out_rows(
    tmp_path: Path, name: str, key: str
) -> None:
    what = {"objectives": f"{{{name}: minimize}}", "constraints": f"{{{name}: {{max: 0.55}}}}"}
    message = broken(tmp_path, f"base: {{validation: {{holdout_fraction: 0}}}}\n{key}: {what[key]}")
    assert f"{name}: must have held-out rows to compare with, but got none; raise" in message
