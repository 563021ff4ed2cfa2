"""How many trials run at once on the nodes of a cluster."""

import pytest

from tabvae_ray.cluster import nodes
from tabvae_ray.cluster.nodes import Resources, trials_at_once


@pytest.mark.parametrize(
    ("resources", "concurrency", "grows", "expected"),
    [
        (Resources(), None, False, (2, 3)),
        (Resources(), 1, False, (1, 1)),
        # Others use half of the cluster now, and may end.
        (Resources(), 4, False, (4, 5)),
        # More than ever fit would be proposed before any trial has ended.
        (Resources(), 50, False, (4, 5)),
        (Resources(cpus=0.5), 50, False, (8, 9)),
        (Resources(gpus=0.5), 50, False, (2, 3)),
        (Resources(), 50, True, (50, 50)),
        (Resources(), None, True, (8, 8)),
    ],
)
def test_no_more_trials_start_than_ever_fit(
    monkeypatch: pytest.MonkeyPatch,
    resources: Resources,
    concurrency: int | None,
    grows: bool,
    expected: tuple[int, int],
) -> None:
    monkeypatch.setattr("ray.available_resources", lambda: {"CPU": 2.0, "GPU": 1.0})
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0, "GPU": 1.0})
    monkeypatch.setattr(nodes, "autoscales", lambda: grows)
    assert trials_at_once(resources, concurrency, n_trials=32) == expected
