"""Private names of Ray and Optuna stay in the modules that are meant for them."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tabvae_ray"


@pytest.mark.parametrize(
    ("names", "home"),
    [
        (
            r"\bray(\.\w+)*\._(?!_)|from ray\.core|_internal_kv|_trial_to_actor|_actor_manager",
            "cluster/ray_private.py",
        ),
        (
            r"\boptuna(\.\w+)*\._|NSGAIISampler\._|\._storage\b|\._study_id|\._trial_id",
            "search/optimize/optuna_private.py",
        ),
    ],
)
def test_private_names_are_used_in_one_module(names: str, home: str) -> None:
    users = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if re.search(names, file.read_text())
    }
    assert users == {home}
