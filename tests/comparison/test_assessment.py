"""The object that compares two tables in Python."""

import re
from pathlib import Path

import pandas as pd
import pytest

import tabvae_ray
from tabvae_ray.comparison.assessment import Assessment
from tabvae_ray.comparison.html import html_table
from tabvae_ray.errors import ConfigError


@pytest.fixture(scope="module")
def compared(_mixed: pd.DataFrame) -> Assessment:
    plan = {"scores": ["mean_js_distance"]}
    return tabvae_ray.compare(_mixed, _mixed.head(1), plan=plan, levels=False)


def test_a_comparison_is_shown_and_written_where_it_is_asked_to(
    compared: Assessment, tmp_path: Path
) -> None:
    assert repr(compared).startswith("1 synthetic row compared with the real ones")
    compared.write(str(tmp_path / "text"))
    compared.write(tmp_path / "path")
    assert (tmp_path / "text" / "scores.json").exists()
    assert (tmp_path / "path" / "scores.json").exists()


def test_names_of_other_types_are_refused(compared: Assessment) -> None:
    with pytest.raises(ConfigError, match="score: must be some of mean_js_distance"):
        compared.meaning("js")
    with pytest.raises(ConfigError, match="column: pdf has no part 3"):
        compared.figure("pdf", 3)


def test_text_is_no_flag(_mixed: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="levels must be True or False, but got 'no'"):
        tabvae_ray.compare(_mixed, _mixed, levels="no")


def test_numbers_are_aligned_at_the_right_and_words_at_the_left() -> None:
    table = html_table(["score", "value", "meaning"], [["detection", "0.9 ± 0.01", "10 of <12>"]])
    cells = re.findall(r'<td style="([^"]*)">([^<]*)</td>', table)
    assert [("right" in style, text) for style, text in cells] == [
        (False, "detection"),
        (True, "0.9 ± 0.01"),
        (False, "10 of &lt;12&gt;"),
    ]
    assert "<tbody></tbody>" in html_table(["a"], [])
