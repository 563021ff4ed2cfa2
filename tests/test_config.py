import json
from typing import Any

import pytest
from pydantic import ValidationError

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import ConfigError
from tests.support.configs import DEMO


def test_the_demos_configuration_loads_unchanged() -> None:
    config = TabularVAEConfig.from_json(json.dumps(DEMO))
    assert config.data.continuous == ("Age", "RestingBP")
    assert config.data.categorical == ("Sex", "ChestPainType")
    assert config.data.training_dataset_path == "assets/heart.csv"
    assert config.architecture.encoder_layer_sizes == (512, 256)
    assert config.architecture.decoder_layer_sizes is None
    assert config.validation.generation_n_records == 1000
    assert config.tracking.experiment_id == "demo"
    assert config.architecture == TabularVAEConfig().architecture


def test_json_keeps_a_configuration() -> None:
    config = TabularVAEConfig.from_mapping(DEMO)
    text = config.model_dump_json()
    assert TabularVAEConfig.from_json(text) == config
    assert TabularVAEConfig.from_json(text.encode()) == config
    assert "ls_encoder_layer_sizes" not in text


def test_a_configuration_is_frozen_and_hashable() -> None:
    config = TabularVAEConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.training.batch_size = 3  # type: ignore[misc]
    assert hash(config) == hash(TabularVAEConfig())


def test_every_parameter_has_a_description_and_a_default() -> None:
    for section in TabularVAEConfig.model_fields:
        for name, field in type(getattr(TabularVAEConfig(), section)).model_fields.items():
            assert field.description, f"{section}.{name}"
            assert not field.is_required(), f"{section}.{name}"


@pytest.mark.parametrize(
    ("leaf", "value", "rule"),
    [
        ("transformers.n_bins_cts", 1, "greater than or equal to 2, but got 1"),
        ("architecture.latent_dim", 0, "greater than or equal to 1, but got 0"),
        ("architecture.latent_dim", 2.5, "a valid integer.*2.5"),
        ("architecture.loss_beta", -0.1, "greater than or equal to 0, but got -0.1"),
        ("architecture.loss_beta", float("nan"), "a finite number, but got nan"),
        ("architecture.encoder_layer_sizes", [64, 0], r"greater than or equal to 1, but got 0"),
        ("architecture.dropout_rate", 1.0, "less than 1, but got 1.0"),
        ("architecture.decoder", "magic", "'independent' or 'autoregressive', but got 'magic'"),
        ("training.learning_rate", 0, "greater than 0, but got 0"),
        ("training.learning_rate", "fast", "a valid number.*'fast'"),
        ("training.device", "gpu", "match pattern"),
        ("training.batch_size", None, "a valid integer, but got None"),
        ("validation.holdout_fraction", 0.6, "less than or equal to 0.5, but got 0.6"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_by_name(leaf: str, value: Any, rule: str) -> None:
    with pytest.raises(ConfigError, match=rf"space\.yaml: {leaf}[.0-9]*: .*{rule}"):
        TabularVAEConfig().replace({leaf: value}, source="space.yaml")


@pytest.mark.parametrize("name", ["architecture.latent_dims", "latent_dim", "nothing.at_all", ""])
def test_a_misspelt_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: no such"):
        TabularVAEConfig().replace({name: 3})


def test_all_that_is_wrong_is_said_together() -> None:
    mapping = {"training": {"batch_size": 0, "lerning_rate": 1}, "architecture": [], "more": 1}
    with pytest.raises(ConfigError) as caught:
        TabularVAEConfig.from_mapping(mapping, source="c.json")
    assert sorted(str(caught.value).splitlines()) == [
        "c.json: architecture: must be a mapping, but got []",
        "c.json: more: no such key",
        "c.json: training.batch_size: must be greater than or equal to 1, but got 0",
        "c.json: training.lerning_rate: no such key; did you mean learning_rate?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "c.json: not JSON"),
        ("{'a': 1}", "c.json: not JSON"),
        ("[1]", "c.json: must be a JSON object, but got list"),
        ('{"architecture": {"loss_beta": NaN}}', "loss_beta: must be a finite number"),
    ],
)
def test_text_that_is_no_json_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TabularVAEConfig.from_json(text, source="c.json")


def test_a_number_that_yaml_reads_as_text_is_understood() -> None:
    assert TabularVAEConfig().replace({"training.learning_rate": "1e-3"}).training == (
        TabularVAEConfig().training
    )


def test_replacing_leaves_the_rest_alone() -> None:
    config = TabularVAEConfig()
    other = config.replace({"architecture.latent_dim": 7, "architecture.encoder_layer_sizes": [9]})
    assert other.architecture.latent_dim == 7 and other.architecture.encoder_layer_sizes == (9,)
    assert other.training == config.training and config.architecture.latent_dim == 128


@pytest.mark.parametrize("leaves", [None, ["training.max_n_epochs"], {3: 4}])
def test_leaves_of_other_types_are_refused(leaves: object) -> None:
    with pytest.raises(ConfigError, match=r"mapping of dotted names|3: no such parameter"):
        TabularVAEConfig().replace(leaves)
