"""A search's metrics arrive where Prometheus collects them."""

import contextlib
import re
import urllib.request
from collections.abc import Iterator

import pytest
import ray

from tabvae_ray.cluster.ray_private import waiting_for_node
from tabvae_ray.results.trial_record import TrialRecord
from tabvae_ray.search.display.ray_metrics import RayMetrics
from tabvae_ray.search.display.statistics import RunStatistics
from tabvae_ray.space.search_space import SearchSpace
from tests.support.clocks import SECONDS, wait_for
from tests.support.clusters import PATIENT
from tests.support.records import finished, run_state
from tests.support.s3_server import free_ports

pytestmark = pytest.mark.slow


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    (chosen,) = free_ports(1)
    for name, value in PATIENT.items():
        monkeypatch.setenv(name, value)
    # By default Ray would join a cluster that another test has started on this machine.
    with waiting_for_node(SECONDS):
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
    found: dict[tuple[str, str], float] = {}

    def arrived() -> bool:
        # The process that exports them starts last.
        with contextlib.suppress(OSError):
            found.update(exported(port, label))
        return expected.items() <= found.items()

    # Ray sends metrics every few seconds.
    wait_for(arrived)
