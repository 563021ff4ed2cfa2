"""A search's metrics arrive where Prometheus collects them."""

import re
import socket
import time
import urllib.request
from collections.abc import Iterator

import pytest
import ray

from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.ray_metrics import RayMetrics
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tests.support.drivers import SECONDS
from tests.support.records import finished, run_state

pytestmark = pytest.mark.slow


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        chosen: int = free.getsockname()[1]
    # By default Ray would join a cluster that another test has started on this machine.
    ray.init("local", num_cpus=1, include_dashboard=False, _metrics_export_port=chosen)
    yield chosen
    ray.shutdown()


def exported(port: int, search: str) -> dict[tuple[str, str], float]:
    """Return the values of the metrics, by name and by the label that differs."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    found = {}
    for line in lines:
        if match := re.match(r"ray_tabvae_(\w+)\{(.*)\} (\S+)$", line):
            name, labels, value = match.groups()
            assert f'search="{search}"' in labels
            label = re.search(r'(?:state|objective)="(\w+)"', labels)
            found[name, label[1] if label else ""] = float(value)
    return found


@pytest.mark.parametrize(("search", "label"), [("heart", "heart"), ("Übung", r"\\xdcbung")])
def test_prometheus_finds_trials_objectives_and_slots(
    space: SearchSpace, port: int, search: str, label: str
) -> None:
    statistics = RunStatistics(space, slots=2)
    metrics = RayMetrics(search, statistics)
    running = TrialRecord(1, "RUNNING", {})
    record = finished(0, "COMPLETE", 9, js=0.25)
    state = run_state(running)
    for event in (record, running):
        statistics(state, event)
        metrics(state, event)
    expected = {
        ("trials", "COMPLETE"): 1,
        ("trials", "RUNNING"): 1,
        ("trials", "FAIL"): 0,
        ("best", "mean_js_distance"): 0.25,
        ("epochs", ""): 9,
        ("slots", ""): 2,
        ("slots_busy", ""): 1,
    }
    end = time.monotonic() + SECONDS
    found: dict[tuple[str, str], float] = {}
    # Ray sends metrics every few seconds.
    while not expected.items() <= found.items() and time.monotonic() < end:
        time.sleep(0.5)
        found = exported(port, label)
    assert expected.items() <= found.items()
