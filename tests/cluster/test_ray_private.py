"""Private names of Ray and Optuna stay in the modules that are meant for them."""

import re
from pathlib import Path

import pytest
from ray._private import services
from ray._private.node import Node

from tabvae_ray.cluster.ray_private import waiting_for_node, without_services

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


def test_a_ray_of_ones_own_starts_without_services_of_clusters() -> None:
    """Check the names; that trials train without these services is shown by every search."""
    names = "start_api_server", "start_log_monitor", "start_monitor"
    before = [getattr(Node, name) for name in names]
    with without_services():
        assert [getattr(Node, name)(Node) for name in names] == [None] * 3
    assert [getattr(Node, name) for name in names] == before


def test_a_node_that_is_slow_to_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get_node(_: str, node: str) -> str:
        asked.append(node)
        if len(asked) % 3:
            raise RuntimeError("not there yet")
        return node

    monkeypatch.setattr(services, "get_node", get_node)
    with waiting_for_node(60.0):
        assert services.get_node("gcs", "a") == "a" and len(asked) == 3
    with waiting_for_node(0.0), pytest.raises(RuntimeError, match="not there yet"):
        services.get_node("gcs", "b")
    assert len(asked) == 4
