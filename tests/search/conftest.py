import copy
from pathlib import Path

import pytest
import yaml

from tabvae_ray.search.space import SearchSpace
from tabvae_ray.search.space_file import parse_space

SPACES = Path(__file__).parents[2] / "search_spaces"
TINY = {
    "base": {
        "training": {"max_n_epochs": 9, "batch_size": 256},
        "architecture": {"encoder_layer_sizes": [16], "n_embd": 4},
    },
    "parameters": {
        "architecture.loss_beta": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
        "architecture.latent_dim": {"type": "int", "low": 2, "high": 8},
    },
    "search": {"n_trials": 6, "n_startup_trials": 3, "n_rescores": 2, "seed": 7},
}


@pytest.fixture
def tiny() -> dict:
    """A space document whose trials take a tenth of a second."""
    return copy.deepcopy(TINY)


@pytest.fixture
def space(tiny: dict) -> SearchSpace:
    return parse_space(tiny)


@pytest.fixture
def space_file(tiny: dict, tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(tiny))
    return file
