"""The page of a search: what it shows, that it loads nothing, and that a browser shows it well."""

import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.comparison.scores.disclosure.attacks import DisclosureAttacks
from tabvae_ray.comparison.scores.disclosure.risk import DisclosureRisk
from tabvae_ray.comparison.scores.disclosure.verdicts import disclosure_verdict
from tabvae_ray.comparison.scores.membership.success import AttackSuccess, MembershipAttacks
from tabvae_ray.comparison.scores.membership.verdicts import membership_verdict
from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.errors import StorageError
from tabvae_ray.report import main, write_report
from tabvae_ray.report.charts import Axis, Line, plane
from tabvae_ray.report.chosen_model import chosen_model, parameters
from tabvae_ray.report.contents import ReportContents, gather
from tabvae_ray.report.page import render
from tabvae_ray.report.parameter_charts import slices
from tabvae_ray.report.trials import course
from tabvae_ray.results.record_store import RecordStore
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.results.trial_record import Rung, TrialRecord
from tabvae_ray.search.optimize.sampler import choose_sampler
from tabvae_ray.space.space_file import parse_space
from tabvae_ray.storage import Location
from tabvae_ray.table.attacked.columns import AttackedColumns
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.io import fingerprint, read_table
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.browser import CHROMIUM
from tests.support.clocks import SECONDS

# Messages and pages are the same with fewer trees.
pytestmark = pytest.mark.usefixtures("few_trees")

EVIL = "<script>alert(1)</script>"
_LEAK = MembershipAttacks({"loss": AttackSuccess(0.93, 0.4, 0.1)}, 0.9, 0.96, 180, 120)
_RISK = DisclosureRisk(180, 90.0, 120, 30.0, 0.2)
_NAMED = DisclosureAttacks(AttackedColumns(known=("a",), secret=("b",)), _RISK, {"b": _RISK}, None)
DISCLOSURE = {"verdict": disclosure_verdict(_NAMED), **_NAMED.to_mapping()}
ATTACKS = {"verdict": membership_verdict(_LEAK, None), "white_box": _LEAK.to_mapping()}


def _records(n: int) -> list[TrialRecord]:
    rng = np.random.default_rng(0)
    records = []
    for number in range(n):
        beta, dim = float(10 ** rng.uniform(-2, 1)), int(rng.integers(4, 64))
        parameters = {"architecture.loss_beta": beta, "architecture.latent_dim": dim}
        parameters["architecture.encoder_layer_sizes"] = [[32], [32, 16]][number % 2]  # type: ignore[assignment]
        rungs = []
        for rung, epoch in enumerate((1, 3)):
            js = 0.05 + 0.03 * abs(np.log10(beta)) + 0.05 / (1 + rung) + rng.uniform(0, 0.01)
            distance = 0.06 + 0.4 / dim + 0.05 / (1 + rung)
            scores = {"mean_js_distance": float(js), "correlation_distance": float(distance)}
            rungs.append(Rung(epoch, scores, {"loss": 1.0}, order=2 * number + rung))
        record = TrialRecord(number, "COMPLETE", parameters, rungs=rungs, seconds=1.5)
        if number % 3 == 1:
            record = replace(record, state="PRUNED", rungs=rungs[:1], reason="stopped at a rung")
        elif number % 8 == 5:
            record = replace(record, state="FAIL", rungs=[], error=f"boom {EVIL}")
        else:
            record = replace(record, objectives={k: float(v or 0) for k, v in scores.items()})
        records.append(record)
    return records


def _write_search(
    directory: Path,
    *,
    n_trials: int = 18,
    export: bool = True,
    columns: int = 3,
    target: str | None = None,
) -> Path:
    """A search as it lies on disk, its model trained for an epoch."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    table = pd.DataFrame(
        {EVIL: x, "$y": x + rng.normal(size=200), "c": np.where(x > 0, f"a{EVIL}", "b")}
    )
    table = table[list(table)[:columns]]
    directory.mkdir(parents=True)
    data = directory.parent / "table.csv"
    table.to_csv(data, index=False)
    table = read_table(str(data))
    spec = TableSpec.infer(table, declared=SpecDeclaration(target=target))
    space = parse_space(
        {
            "base": {"training": {"max_n_epochs": 3}},
            "parameters": {
                "architecture.loss_beta": {"type": "float", "low": 0.01, "high": 10.0, "log": True},
                "architecture.latent_dim": {"type": "int", "low": 4, "high": 64},
                "architecture.encoder_layer_sizes": {
                    "type": "categorical",
                    "choices": [[32], [32, 16]],
                },
            },
            "constraints": {"dcr_share": {"max": 0.25}},
        }
    )
    records, location = _records(n_trials), Location(directory)
    for record in records:
        RecordStore(location).finish(record)
    manifest = SearchManifest(
        name=f"beta {EVIL}",
        space=space.to_mapping(),
        space_file="space.yaml",
        data=str(data),
        spec=spec.to_mapping(),
        table={"fingerprint": fingerprint(table), "rows": 200, "columns": columns},
        rungs=[1, 3],
        sampler=choose_sampler(space)[1],
        resources={"cpus": 1.0},
        seconds=3723.0,
        state="finished" if export else "interrupted",
    )
    if export:
        scores = {"mean_js_distance": 0.1, "correlation_distance": 0.2, "dcr_share": 0.5}
        scores["membership"] = 0.581
        spread = dict.fromkeys(scores, 0.01)
        candidates = [{"trial": 0, **scores, "spread": spread}]
        manifest.chosen = {"trial": 0, "reason": "nearest to the best", "candidates": candidates}
        config = TabularVAEConfig().replace(
            {
                "training.max_n_epochs": 1,
                "architecture.encoder_layer_sizes": [16],
                "architecture.latent_dim": 4,
                "training.device": "cpu",
            }
        )
        vae = TabularVAE.build(spec, config)
        vae.fit(table)
        kept = {**scores, "spread": spread, "membership_attacks": ATTACKS}
        kept["disclosure_attacks"] = DISCLOSURE
        vae.synthesizer().save(location / "best", scores=kept)
    manifest.write(location)
    return directory


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_search(tmp_path_factory.mktemp("search") / "beta")


@pytest.fixture(scope="module")
def page(search: Path) -> str:
    target = write_report(str(search))
    assert str(target) == str(search / "report.html")
    return (search / "report.html").read_text(encoding="utf-8")


def test_the_page_shows_trials_scores_levels_and_the_chosen_model(page: str) -> None:
    text = _text(page)
    for words in (
        "Trial 0: nearest to the best",
        "0.1000 ±\u00a00.0100",
        "resample",
        "hypervolume",
        "No synthetic row is an exact copy.",
        "1 h 2 min",
        "stopped after 1 epoch ",
        "load_synthesizer",
        "architecture.loss_beta",
        "trials after 3 epochs",
    ):
        assert words in text, words


def test_a_sampler_that_the_space_names_has_no_reason(search: Path) -> None:
    assert course(gather(Location(search)))["sampler"] == "tpe"


def _text(page: str) -> str:
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S))


def test_a_chosen_trial_is_drawn_where_the_table_has_it(page: str, search: Path) -> None:
    (star,) = re.findall(r'<polygon class="chosen"[^>]*data-tip="([^"]*)"', page)[:1]
    assert "mean_js_distance 0.1000\ncorrelation_distance 0.2000\non fresh samples" in star
    contents = gather(Location(search))
    record = contents.chosen_record
    assert record is not None
    names = list(contents.objectives)
    assert contents.values(record, names) == [0.1, 0.2] != record.values(names)


def test_a_latent_that_is_not_used_is_a_remark(search: Path) -> None:
    contents = gather(Location(search))
    contents.scores["kl"] = 1e-5
    model = chosen_model(contents)
    assert model is not None
    assert any(remark.startswith("The latent is not used") for remark in model.remarks)


def test_the_spread_of_a_score_is_that_of_several_samples(search: Path) -> None:
    contents = gather(Location(search))
    contents.scores["spread"] = {"mean_js_distance": 3e-6}
    model = chosen_model(contents)
    assert model is not None and model.has_spread
    assert model.scores.rows[0].cells[0] == "0.1000 ± 3e-06"
    contents.scores["spread"] = {"mean_js_distance": 0.0}
    model = chosen_model(contents)
    assert model is not None and not model.has_spread
    assert model.scores.rows[0].cells[0] == "0.1000"


def test_the_levels_of_an_attack_on_the_export_are_those_of_the_export(search: Path) -> None:
    contents = gather(Location(search))
    contents.scores["membership_black_box"] = 0.5503
    level = {"membership_black_box": {"mean": 0.5504, "spread": 0.0}}
    contents.scores["reference_levels"] = {"fresh": level}
    model = chosen_model(contents)
    assert model is not None
    (row,) = [row for row in model.scores.rows if row.cells[0] == "0.5503"]
    assert row.cells[1:] == ("", "0.5504", "")


def test_a_page_with_real_rows_says_whom_it_is_for(page: str) -> None:
    assert "it is for those who may see the real table" in " ".join(_text(page).split())


def test_a_refit_is_said_right_below_the_cards(search: Path) -> None:
    contents = gather(Location(search))
    assert contents.manifest.chosen is not None
    contents.manifest.chosen["refit"] = {"epochs": 3, "rows": 200}
    text = " ".join(_text(render(contents)).split())
    said = "The model was refitted on all 200 rows for 3 epochs. Its scores"
    assert text.count(said) == 1
    assert text.index("only differential privacy gives one") < text.index(said)
    assert text.index(said) < text.index("Trial 0: nearest")


def test_fewer_epochs_than_wanted_are_a_fact_of_the_search(search: Path) -> None:
    contents = gather(Location(search))
    contents.manifest.plan = {"epochs": 3, "wanted": 100}
    assert course(contents)["epochs of a full budget"] == "3 in place of 100"


def test_a_chosen_trial_that_did_not_finish_is_shown(search: Path, tmp_path: Path) -> None:
    shutil.copytree(search, tmp_path / "beta")
    (tmp_path / "beta" / "running").mkdir(exist_ok=True)
    manifest = json.loads((tmp_path / "beta" / "search.json").read_text())
    name = f"{manifest['chosen']['trial']:06d}.json"
    record = json.loads((tmp_path / "beta" / "trials" / name).read_text())
    record |= {"state": "RUNNING", "objectives": {}}
    (tmp_path / "beta" / "running" / name).write_text(json.dumps(record))
    (tmp_path / "beta" / "trials" / name).unlink()
    contents = gather(Location(tmp_path / "beta"))
    chosen = contents.chosen_record
    assert chosen is not None and chosen.state == "RUNNING"
    assert chosen not in contents.records
    assert parameters(contents).rows and chosen_model(contents) is not None


def test_a_broken_constraint_is_said_and_nothing_that_contradicts_it(page: str) -> None:
    text = _text(page)
    assert "must be at most 0.25" in text
    assert "The constraint that dcr_share be at most 0.25 is broken: 0.500" in text
    assert "No sign of memorising" not in text
    assert "chance is 0.5" in text
    assert "180 training, 20 held out" in text


def test_privacy_begins_with_the_strongest_attack(page: str) -> None:
    text = " ".join(_text(page).split())
    card = "someone who has the trained model and two real rows, one of which is in the training"
    assert card in text and "strongest attack, AUC 0.930" in text
    first = "Strong leak of membership: someone who has the trained model"
    assert "in 93 of 100 cases (95% interval 90 to 96); 50 is chance." in text
    assert text.index(card) < text.rindex(first) < text.index("share nearer to training")
    assert "strongest attack with the model (loss), AUC" in text
    # The score of the table is another one than that of the verdict.
    assert "0.5810" in text
    assert (
        "quick attack with the model, as on every trial; the verdict under Privacy may diff" in text
    )


def test_known_and_secret_columns_have_their_risks(page: str) -> None:
    text = " ".join(_text(page).split())
    assert "risk of inference of b an added risk, 0.3" in text
    assert "success 0.500 on training rows, 0.250 on held-out rows" in text
    assert "knows a of a person guesses b rightly in 50 of 100 cases" in text


def test_without_a_target_the_page_says_how_to_name_one(page: str) -> None:
    assert "No target is named" in _text(page)


def test_a_target_shows_how_useful_the_rows_are(tmp_path: Path) -> None:
    text = _text(
        (_write_page(_write_search(tmp_path / "target", n_trials=3, target="c"))).read_text(
            encoding="utf-8"
        )
    )
    assert "trained on synthetic rows (tstr), AUC" in text
    assert "trained on real rows (trtr), AUC" in text


def test_a_table_of_one_column_has_a_page_without_planes(tmp_path: Path) -> None:
    directory = _write_search(tmp_path / "one", n_trials=3, columns=1)
    text = _text(_write_page(directory).read_text(encoding="utf-8"))
    assert "nothing was learnt about associations" not in text
    assert "Rows in the plane" not in text
    assert "Associations" not in text
    assert "Columns, cumulated" in text


def _write_page(directory: Path) -> Path:
    write_report(str(directory))
    return directory / "report.html"


def test_the_page_loads_nothing_and_is_small(page: str) -> None:
    assert len(page) < 3_000_000
    assert not re.search(r"""(?:src|href|srcset)=["'](?!data:|#)""", page)
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_names_are_only_names(page: str) -> None:
    assert EVIL not in page
    assert html.escape(EVIL) in page
    assert page.count("<script>") == 1


def test_every_picture_and_chart_has_a_text(page: str) -> None:
    found = []

    class Images(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("img", "svg"):
                found.append(dict(attrs).get("alt" if tag == "img" else "aria-label"))

    Images().feed(page)
    assert len(found) > 10
    assert all(found)


def test_every_tag_is_closed(page: str) -> None:
    empty = {"meta", "link", "img", "source", "path", "br"}
    stack = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in empty:
                stack.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Tags().feed(page)
    assert stack == []


def test_the_front_is_found_where_the_manifest_has_none(search: Path) -> None:
    contents = gather(Location(search))
    assert contents.manifest.front == []
    names = list(contents.objectives)
    points = [tuple(record.values(names)) for record in contents.front]
    assert points
    for x, y in points:
        assert not any(a < x and b < y for a, b in points)
    volumes = [volume for _, volume in contents.hypervolumes()]
    assert volumes == sorted(volumes)
    assert volumes[-1] > 0


def test_importances_find_the_parameter_that_matters(search: Path) -> None:
    found = gather(Location(search)).importances
    assert found is not None
    assert found.n_trials >= 8
    best = max(found.shares["mean_js_distance"], key=found.shares["mean_js_distance"].__getitem__)
    assert best == "architecture.loss_beta"
    assert sum(found.shares["correlation_distance"].values()) == pytest.approx(1)


@pytest.mark.parametrize("n_trials", [0, 1, 2])
def test_an_interrupted_search_has_a_page_too(n_trials: int, tmp_path: Path) -> None:
    directory = _write_search(tmp_path / "early", n_trials=n_trials, export=False)
    assert main([str(directory), "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "has not exported a model yet" in text
    # Commands would name a model that is not there, and there are no real rows to protect.
    assert "tabvae generate" not in text and "may see the real table" not in text
    assert ("trials with their reported scores" in text) == (n_trials > 0)
    assert not (directory / "report.html").exists()


def test_a_page_that_cannot_be_written_is_refused_before_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = _write_search(tmp_path / "theirs", n_trials=0, export=False)

    def refuse(location: Location, content: bytes) -> None:
        raise StorageError(f"{location}: cannot be written: Permission denied")

    monkeypatch.setattr(Location, "write_bytes", refuse)
    monkeypatch.setattr("tabvae_ray.report.contents.gather", None)
    assert main([str(directory)]) == 2
    said = f"error: {directory}: cannot be written: Permission denied"
    assert capsys.readouterr().err.splitlines() == [said]


def test_a_table_that_has_changed_is_said_and_not_compared(tmp_path: Path) -> None:
    directory = _write_search(tmp_path / "changed", n_trials=3)
    data = tmp_path / "table.csv"
    data.write_text(data.read_text(encoding="utf-8") + "9.5,9.5,b\n", encoding="utf-8")
    write_report(str(directory))
    text = (directory / "report.html").read_text(encoding="utf-8")
    assert "has changed since the search" in text
    data.unlink()
    write_report(str(directory))
    text = (directory / "report.html").read_text(encoding="utf-8")
    assert "Without the table, reference levels and pictures are left out" in text


def test_where_there_is_no_search_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--search", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "search.json" in error


@pytest.mark.slow
def test_reporting_does_without_ray() -> None:
    code = "import sys, tabvae_ray.report.page; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_whole_numbers_have_whole_ticks_and_levels_names_of_their_own() -> None:
    axis = Axis("finished trials", 1, 3, whole=True)
    assert [text for _, text in axis.ticks()] == ["1", "2", "3"]
    lines = [Line("resample", y=0.50, name="a"), Line("fresh", y=0.501, name="b")]
    drawn = plane(Axis("x", 0, 1), Axis("y", 0, 1), [], lines, alt="levels")
    heights = [float(y) for y in re.findall(r'class="name" x="[^"]*" y="([^"]*)"', drawn)]
    assert abs(heights[0] - heights[1]) >= 12
    many = plane(Axis("x", 9e-4, 0.99, log=True), Axis("y", 0, 1), [], alt="ticks")
    ticks = re.findall(r'class="tick" x="([^"]*)" y="[^"]*" text-anchor="middle">([^<]*)<', many)
    ends = [(float(x) - 3 * len(text), float(x) + 3 * len(text)) for x, text in ticks]
    assert len(ends) > 2
    assert all(one[1] < other[0] for one, other in pairwise(ends))


def test_names_of_levels_are_drawn_over_the_lines_and_apart() -> None:
    lines = [
        Line("resample", x=0.9, name="a"),
        Line("resample", y=0.97, name="b"),
        Line("fresh", x=0.95, name="c"),
        Line("front", points=[(0.1, 0.2), (0.3, 0.4)]),
    ]
    drawn = plane(Axis("x", 0, 1), Axis("y", 0, 1), [], lines, alt="levels")
    assert drawn.rindex("<path") < drawn.index('class="name"')
    heights = sorted(float(y) for y in re.findall(r'class="name" x="[^"]*" y="([^"]*)"', drawn))
    assert all(other - one >= 12 for one, other in pairwise(heights))


def test_few_trials_have_no_chart_per_parameter(tmp_path: Path) -> None:
    directory = Location(_write_search(tmp_path / "few", n_trials=9, export=False))
    manifest = SearchManifest.read(directory)
    records = RecordStore(directory).finished()
    few, enough = (
        ReportContents(directory, manifest, manifest.search_space(), records[:n], [])
        for n in (5, 9)
    )
    assert not slices(few).figures and slices(enough).figures


def test_charts_per_parameter_have_levels_and_a_legend(page: str) -> None:
    section = page[page.index('<section id="slices">') :]
    section = section[: section.index("</section>")]
    assert "stopped, at its last rung" in section
    assert 'class="resample"' in section and 'class="pruned"' in section


def test_colours_of_columns_have_one_legend_per_section(page: str) -> None:
    assert page.count('<i class="real"></i>') == 2


@pytest.mark.parametrize(
    "axis",
    [
        Axis("a", 0.01, 0.012),
        Axis("a", -5, 1e6),
        Axis("a", 3.9, 33.0, log=True),
        Axis("a", 1e-8, 1e3, log=True),
        Axis.around("a", [7.0]),
    ],
)
def test_an_axis_has_a_few_ticks_inside(axis: Axis) -> None:
    inside = [value for value, _ in axis.ticks() if -1e-6 <= axis.place(value) <= 1 + 1e-6]
    assert 2 <= len(inside) <= 8


PROBE = """<script>
addEventListener("load", () => {
  const mark = document.querySelector("[data-tip]"), tip = document.getElementById("tip");
  mark.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
  const box = tip.getBoundingClientRect();
  parent.postMessage(JSON.stringify({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    width: document.documentElement.clientWidth,
    tip: tip.textContent, shown: getComputedStyle(tip).display,
    inside: box.left >= 0 && box.right <= innerWidth,
    pictures: [...document.images].every((i) => i.complete && i.naturalWidth > 0),
    n: document.images.length,
    dark: [...document.images].every((i) => i.currentSrc !== i.src),
    paper: getComputedStyle(document.body).backgroundColor,
  }), "*");
});
</script></body>"""
# A window has a least width, a frame has none.
FRAME = """<!doctype html><body><script>
addEventListener("message", (event) => { document.body.dataset.found = event.data; });
</script><iframe src="page.html" style="border: 0; width: {width}px; height: 800px"></iframe>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("width", [400, 768, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page(width: int, scheme: str, page: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    (tmp_path / "page.html").write_text(page.replace("</body>", PROBE), encoding="utf-8")
    file = tmp_path / "frame.html"
    file.write_text(FRAME.replace("{width}", str(width)), encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--hide-scrollbars",
        "--window-size=1500,900",
        "--virtual-time-budget=5000",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "CONSOLE" not in done.stderr, done.stderr
    said = re.search(r'data-found="([^"]*)"', done.stdout)
    assert said is not None, done.stdout[-500:]
    found = json.loads(html.unescape(said[1]))
    assert found["width"] == width
    assert found["overflow"] <= 0
    assert found["tip"].startswith("trial ")
    assert found["shown"] == "block"
    assert found["inside"]
    assert found["pictures"] and found["n"] > 8
    assert found["dark"] == (scheme == "dark")
    assert (found["paper"] == "rgb(255, 255, 255)") == (scheme == "light")
