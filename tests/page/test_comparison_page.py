import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray.compare import main
from tests.support.browser import CHROMIUM, widths

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small comparison, whose columns and categories are hostile."""
    home = tmp_path_factory.mktemp("comparison")
    for seed, name in enumerate(("real", "synthetic")):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=80)
        y = 2 * x + rng.normal(size=80)
        kinds = np.where(rng.random(80) < 0.5, EVIL, "b")
        pd.DataFrame({EVIL: x, "y": y, "kind": kinds}).to_csv(home / f"{name}.csv", index=False)
    tables = ["--real", str(home / "real.csv"), "--synthetic", str(home / "synthetic.csv")]
    assert main([*tables, "--html", str(home / "page.html")]) == 0
    return home / "page.html"


def test_the_page_has_scores_in_words_pictures_and_kinds(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for expected in (
        *("mean_js_distance", "lower is better: ", "higher is better: ", "a fresh sample"),
        *("no guarantee of privacy", "numbers (2)", "categories (1)", "held-out rows", "none"),
    ):
        assert expected in text, expected
    # In light and dark colours: densities and cumulated ones of 3 columns, and of the table.
    assert text.count("data:image/png;base64,") >= 2 * (2 * 3 + 3)


def test_the_page_loads_and_runs_nothing_of_others(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert EVIL not in text
    assert not re.search(r"(src|href|srcset)=\"(?!data:|#)", text)


def test_the_page_begins_with_verdicts_and_names_no_folder(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    cards = text[text.index('<div class="cards">') : text.index("<section")]
    for expected in (
        *("How like the real table?", "The associations between columns are", "fresh rows 0."),
        *("How useful?", "by --target.", "How private?", "give --held-out"),
    ):
        assert expected in cards, expected
    assert text.index('class="cards"') < text.index('id="scores"')
    assert "<h1>synthetic.csv</h1>" in text and str(page.parent) not in text


def test_the_cards_tell_usefulness_and_privacy_where_they_were_measured(page: Path) -> None:
    tables = ["--real", str(page.parent / "real.csv"), "--synthetic", str(page.parent / "real.csv")]
    more = ["--held-out", str(page.parent / "synthetic.csv"), "--target", "y", "--no-levels"]
    assert main([*tables, *more, "--html", str(page.parent / "more.html")]) == 0
    text = (page.parent / "more.html").read_text(encoding="utf-8")
    cards = text[text.index('<div class="cards">') : text.index("<section")]
    # The rows are the real ones.
    assert "Strong leak of membership: someone who has only synthetic rows" in cards
    assert "To train a model that predicts y, these rows are as useful as real rows." in cards
    assert "How like" not in cards


def test_without_levels_there_is_a_page_too(page: Path) -> None:
    tables = ["--real", str(page.parent / "real.csv"), "--synthetic", str(page.parent / "real.csv")]
    assert main([*tables, "--no-levels", "--html", str(page.parent / "less.html")]) == 0
    text = (page.parent / "less.html").read_text(encoding="utf-8")
    assert "Independent</b>" not in text
    assert "mean_js_distance" in text


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 768, 1400])
def test_nobody_must_scroll_sideways(page: Path, width: int, tmp_path: Path) -> None:
    whole, seen = widths(page, width, tmp_path)
    assert whole <= seen


def test_columns_are_said_to_be_left_out_only_where_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"c{i}": rng.choice(["a", "b"], 60) for i in range(26)})
    table["x"] = rng.normal(size=60)
    table.to_csv(tmp_path / "t.csv", index=False)
    tables = ["--real", str(tmp_path / "t.csv"), "--synthetic", str(tmp_path / "t.csv")]
    assert main([*tables, "--no-levels", "--html", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("columns that differ least are left out") == 1
    assert text.count("The 3 columns that differ least are left out.") == 1
    assert re.search(r"<li>c\d+ and c\d+: \d+%</li>", text)
