"""``tabvae_ray.dry_run`` describes a search and starts nothing."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabvae_ray
from tabvae_ray.errors import ConfigError
from tests.support.tables import make_mixed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, from which Ray cannot be started."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("ray.init", refuse)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # No more trials are expected at once than fit.
    monkeypatch.setattr("tabvae_ray.cluster.nodes.usable_cpus", lambda: 3.0)
    return tmp_path


def test_it_has_the_values_the_text_and_a_page(home: Path) -> None:
    plan = tabvae_ray.dry_run(make_mixed(400), time_budget=60, concurrency=3)
    assert plan.document["table"]["rows"] == 400
    assert plan.document["estimate"]["seconds"] <= 60
    assert plan.document["resources"]["at_once"] == 3
    text = repr(plan)
    for part in ("the table: 400 rows", "the space 'auto'", "rungs:      ", "memory:     about"):
        assert part in text
    # Nobody in Python has typed an option.
    assert "--" not in text.replace("---", "")
    assert "starts from the space" in text
    assert "training.batch_size: {type: categorical" in text
    assert "training.batch_size: {type: categorical" in plan.space_yaml
    html = plan._repr_html_()
    assert (
        html.startswith("<p>") and re.search(r"400 rows, \d+ columns", html) and "<details>" in html
    )
    assert list(home.iterdir()) == []


def test_it_takes_what_a_search_takes_but_for_what_a_run_needs() -> None:
    of_a_run = {"resume_or_start", "study_storage", "track", "report", "display"}
    searched = inspect.signature(tabvae_ray.search).parameters
    described = inspect.signature(tabvae_ray.dry_run).parameters
    assert [name for name in searched if name not in of_a_run] == list(described)
    for name, parameter in described.items():
        assert parameter.default == searched[name].default


def test_its_space_and_spec_can_be_passed_on(home: Path) -> None:
    rows = make_mixed(400)
    plan = tabvae_ray.dry_run(rows, space="small", trials=7)
    again = tabvae_ray.dry_run(rows, space=plan.space, spec=plan.spec)
    assert again.document["space"]["search"]["n_trials"] == 7
    assert again.document["rungs"] == plan.document["rungs"]


def test_markup_in_a_table_is_text(home: Path) -> None:
    rows = pd.DataFrame({":smile:": range(60), "<b>": ["[red]", "y"] * 30})
    plan = tabvae_ray.dry_run(rows, space="smoke", spec={"continuous": [":smile:"]})
    assert ":smile:" in repr(plan) and "[red]" in repr(plan)
    assert "<b>:" not in plan._repr_html_() and "&lt;b&gt;" in plan._repr_html_()


def test_what_the_search_would_refuse_is_refused_in_the_words_of_python(home: Path) -> None:
    (home / "runs" / "taken").mkdir(parents=True)
    (home / "runs" / "taken" / "search.json").write_text("{}")
    with pytest.raises(ConfigError, match="go on with it by resume=True, or give another name"):
        tabvae_ray.dry_run(make_mixed(50), space="smoke", name="taken")
    with pytest.raises(ConfigError, match=r"^resume=True: there is no search in"):
        tabvae_ray.search(make_mixed(50), space="smoke", name="absent", resume=True)


def test_numbers_of_numpy_are_numbers(home: Path) -> None:
    space = {
        "objectives": {"mean_js_distance": "minimize", "correlation_distance": "minimize"},
        "parameters": {
            "architecture.latent_dim": {"type": "int", "low": np.int64(2), "high": np.int64(5)},
            "training.batch_size": {"type": "categorical", "choices": list(np.array([32, 64]))},
        },
    }
    plan = tabvae_ray.dry_run(make_mixed(60), space=space, trials=np.int64(7), rows=np.int32(50))
    written = plan.document["space"]
    assert written["search"]["n_trials"] == 7 and written["search"]["rows"] == 50
    assert written["parameters"]["training.batch_size"]["choices"] == [32, 64]
    json.dumps(written)
