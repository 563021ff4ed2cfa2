"""What the templates of all pages do with texts of users."""

from pathlib import Path

import pytest

from tabvae_ray.page.environment import environment, render_page
from tests.support.browser import CHROMIUM, widths

HEBREW, ARABIC = "\u05d2\u05d9\u05dc \u05d4\u05de\u05d8\u05d5\u05e4\u05dc", "\u0633\u0628\u0628"


def rendered(template: str, **values: object) -> str:
    return environment().from_string(template).render(**values)


def test_names_from_right_to_left_do_not_reorder_a_sentence() -> None:
    text = rendered("{{ text }}", text=f"a <b> and {HEBREW}: 40%; {ARABIC}, 5")
    assert text == f"a &lt;b&gt; and <bdi>{HEBREW}</bdi>: 40%; <bdi>{ARABIC}</bdi>, 5"
    assert rendered("{{ text }}", text="caf\u00e9 \u6771\u4eac") == "caf\u00e9 \u6771\u4eac"


def test_attributes_hold_no_elements() -> None:
    image = {"light": "", "dark": "", "alt": f"{HEBREW} <", "width": 1, "height": 1}
    text = rendered(
        "{% from 'macros.html.j2' import picture, stacked_table %}{{ picture(image) }}"
        "{{ stacked_table(table) }}",
        image=image,
        table={"heads": ["", HEBREW], "rows": [{"name": "a", "remark": "", "cells": ["1"]}]},
    )
    assert f'alt="{HEBREW} &lt;"' in text and f'data-label="{HEBREW}"' in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [400, 1400])
def test_long_words_break_in_tables(width: int, tmp_path: Path) -> None:
    word = "x" * 300
    table = {"heads": ["name", "value"], "rows": [{"name": word, "remark": "", "cells": [word]}]}
    body = rendered(
        "{% from 'macros.html.j2' import facts, stacked_table %}{{ facts(values) }}"
        "{% if stacked %}{{ stacked_table(table) }}{% endif %}",
        values={word: "1", "target": word, "extra cost of held-out rows": "0.1"},
        # On wide screens its cells, which are numbers there, do not break.
        stacked=width < 640,
        table=table,
    )
    page = render_page("layout.html.j2").replace("<main>", f"<main>{body}")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    whole, seen = widths(tmp_path / "page.html", width, tmp_path)
    assert whole <= seen
