"""How many trials run at once on the nodes of a cluster."""

import pytest

from tabvae_ray.cluster import nodes
from tabvae_ray.cluster.nodes import Resources, trials_at_once


@pytest.mark.parametrize(
    ("resources", "concurrency", "where", "expected"),
    [
        (Resources(), None, "here", (2, 3)),
        (Resources(), 1, "here", (1, 1)),
        # Others use half of the CPUs now, and may end.
        (Resources(), 4, "here", (4, 5)),
        # More than ever fit would be proposed before any trial has ended.
        (Resources(), 50, "here", (4, 5)),
        (Resources(cpus=0.5), 50, "here", (8, 9)),
        (Resources(gpus=0.5), 50, "here", (2, 3)),
        # Nodes may join a cluster at any time.
        (Resources(), 50, "cluster", (50, 51)),
        (Resources(), 50, "autoscaler", (50, 50)),
        (Resources(), None, "autoscaler", (8, 8)),
    ],
)
def test_no_more_trials_start_than_ever_fit_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
    resources: Resources,
    concurrency: int | None,
    where: str,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr("ray.available_resources", lambda: {"CPU": 2.0, "GPU": 1.0})
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0, "GPU": 1.0})
    monkeypatch.setattr(nodes, "autoscales", lambda: where == "autoscaler")
    found = trials_at_once(resources, concurrency, n_trials=32, here=where == "here")
    assert found == expected
