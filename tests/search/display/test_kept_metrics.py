"""Ray forgets gauges that are not set again."""

import threading
import time

import pytest

from tabvae_ray.search.display import ray_metrics
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tests.support.drivers import SECONDS


def test_gauges_are_set_again_while_no_trial_reports(
    space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_set: dict[str, int] = {}
    again = threading.Event()

    class Gauge:
        def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
            self.name = name

        def set_default_tags(self, tags: dict[str, str]) -> None:
            pass

        def set(self, value: float, tags: dict[str, str] | None = None) -> None:
            n_set[self.name] = n_set.get(self.name, 0) + 1
            if n_set[self.name] > 3 and self.name == "tabvae_slots":
                again.set()

    monkeypatch.setattr(ray_metrics, "Gauge", Gauge)
    monkeypatch.setattr(ray_metrics, "_PERIOD", 0.01)
    metrics = ray_metrics.RayMetrics("heart", RunStatistics(space, slots=2))
    assert n_set["tabvae_slots"] == 1
    with metrics.kept():
        assert again.wait(SECONDS)
    after = dict(n_set)
    time.sleep(0.1)
    assert n_set == after
