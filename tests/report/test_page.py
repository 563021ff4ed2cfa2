"""The templates of the page: they escape what users wrote and refuse what they do not know."""

from pathlib import Path

import jinja2
import pytest

from tabvae_ray.page.environment import environment
from tabvae_ray.report import write_report
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.space.parameters import Value
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location

HOSTILE = "</pre></td></style></title>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


def _write_hostile_search(directory: Path) -> None:
    """Write a search whose texts all try to leave their place in the page."""
    location = Location(directory)
    space = parse_space(
        {
            "base": {"training": {"max_n_epochs": 3}},
            "parameters": {"architecture.latent_dim": {"type": "int", "low": 4, "high": 64}},
        }
    )
    scores: dict[str, float | None] = dict.fromkeys(space.objectives, 0.5)
    for number in range(3):
        parameters: dict[str, Value] = {"architecture.latent_dim": number + 4, HOSTILE: HOSTILE}
        record = TrialRecord(
            number,
            "COMPLETE" if number < 2 else "FAIL",
            parameters,
            objectives={name: 0.5 + number for name in space.objectives} if number < 2 else {},
            rungs=[Rung(3, scores, order=number)],
            reason=HOSTILE,
            error=HOSTILE,
        )
        RecordStore(location).finish(record)
    SearchManifest(
        name=HOSTILE,
        space=space.to_mapping(),
        space_file="space.yaml",
        data=f"{HOSTILE}.csv",
        spec={},
        table={"fingerprint": "", "rows": 3, "columns": 1},
        rungs=[3],
        sampler=HOSTILE,
        resources={"cpus": 1.0},
        chosen={"trial": 0, "reason": HOSTILE, "candidates": []},
        versions={HOSTILE: HOSTILE},
    ).write(location)


def test_no_text_leaves_its_place_in_the_page(tmp_path: Path) -> None:
    _write_hostile_search(tmp_path)
    write_report(str(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    # Name, table, sampler, both reasons, error, parameter in a tip and in the table, version.
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 9
    assert "<img" not in page
    # The title of the page and, in the charts, one of each mark.
    assert page.count("</style>") == page.count("</script>") == 1
    assert "{{ 7 * 7 }}" in page


def test_a_template_that_names_an_unknown_value_fails() -> None:
    with pytest.raises(jinja2.UndefinedError, match="unknown"):
        environment("tabvae_ray.report").from_string("{{ unknown }}").render()


def test_only_charts_style_and_script_are_inserted_unescaped() -> None:
    templates = environment("tabvae_ray.report")
    assert templates.autoescape is True
    assert templates.loader is not None
    unescaped = [
        line.strip()
        for name in templates.list_templates()
        for line in templates.loader.get_source(environment, name)[0].splitlines()
        if "| safe" in line
    ]
    assert len(unescaped) == 3
    for value in ("chart.svg | safe", "style | safe", "script | safe"):
        assert sum(value in line for line in unescaped) == 1
