"""The result of a search whose time was over before a trial was complete."""

from pathlib import Path

import tabvae_ray
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.space.search_space import SearchSpace
from tabvae_ray.storage import Location
from tests.support.records import finished, manifest


def test_the_chosen_trial_is_in_the_front_though_it_is_unfinished(
    space: SearchSpace, tmp_path: Path
) -> None:
    directory = Location(tmp_path / "short")
    again = {"mean_js_distance": 0.3, "correlation_distance": 0.4, "spread": {}}
    chosen = {"trial": 1, "reason": "the nearest", "candidates": [{"trial": 1, **again}]}
    manifest(space, state="finished", chosen=chosen).write(directory)
    store = RecordStore(directory, list(space.objectives))
    for number in range(2):
        store.keep_running(finished(number, "RUNNING", 1))
    result = tabvae_ray.load_search(directory.uri)
    assert result.trials.empty
    assert list(result.front.index) == [1]
    assert result.front.loc[1, "chosen"] and result.front.loc[1, "mean_js_distance"] == 0.3
    (directory / "best" / "scores.json").write_bytes(b"{}")
    assert "finished: 2 unfinished" in repr(result)
    assert "was not measured" in result._repr_html_() and "or compare held_out)" in repr(result)
    (directory / "best" / "scores.json").write_bytes(b"{")
    damaged = tabvae_ray.load_search(directory.uri)
    assert "privacy: unknown: " in repr(damaged) and "privacy: unknown: " in damaged._repr_html_()
    (directory / "best" / "scores.json").write_bytes(b"{}")
    manifest(space, state="interrupted").write(directory)
    assert tabvae_ray.load_search(directory.uri).privacy is None
