from pathlib import Path

import optuna
import pytest
import yaml

from tabvae_ray.errors import ConfigError, StorageError
from tabvae_ray.search.space_file import load_space, parse_space

SPACES = Path(__file__).parents[2] / "search_spaces"


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
  training.weight_decay: {type: float, low: 1e-3, high: 0.1}
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
        "parameters.training.learning_rate: low must be > 0 where log is true, but got low=0.0",
        "parameters.architecture.n_embd.type: must be float, int or categorical",
        "parameters.architecture.dropout_rate.high: must be less than 1, but got 1.5",
        "parameters.training.scheduler_gamma.when.training.schedulr: is no searched parameter",
        "parameters.training.weight_decay.low: must be a valid number, but got '1e-3'; "
        "YAML reads 1e-3 as text, write 0.001",
        "parameters.training.max_n_epochs: is the budget of every trial",
        "objectives.mean_js_distance: must be 'minimize' or 'maximize', but got 'minimise'",
        "search.sampler: must be 'auto', 'tpe'",
        "search.n_trials: must be greater than or equal to 1, but got 0",
        "extra: no such key",
    ):
        assert expected in message, expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must be a mapping, but got NoneType"),
        ("- 1", "must be a mapping, but got list"),
        ("a: [", "not YAML"),
        ("parameters: {}", "parameters: must be a mapping of at least one name"),
        ("search: {n_trials: 3}", "parameters: must be there"),
        ("parameters: {architecture.n_embd: {type: int, low: 1, high: 2}}\nparameters: 3", "twice"),
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
            "search.select: must be one of ideal, knee, mean_js_distance, correlation_distance",
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
            "'sgd' is none of its choices",
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
