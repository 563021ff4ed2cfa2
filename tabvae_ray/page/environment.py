"""The templates of a page, its style and its script.

Templates escape every value; only charts, style and script are inserted as they are.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

__all__ = ["environment", "render_page"]

_HOME = "tabvae_ray.page"
_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
# Words of scripts from right to left, one after the other: Hebrew, Arabic, Syriac and the like.
_RIGHT_TO_LEFT = re.compile(f"{_LETTER}(?:[ \\-_]*{_LETTER})*")


@cache
def environment(*packages: str) -> Environment:
    """Return the templates of packages, and those that all pages share."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, _HOME)]),
        autoescape=True,
        finalize=_isolated,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_page(template: str, *packages: str, **values: Any) -> str:
    """Return a page as HTML.

    Args:
        template: Name of its template.
        packages: Packages that have further templates.
        values: What the template shows.
    """
    found = environment(*packages).get_template(template)
    return found.render(style=_asset("page.css"), script=_asset("page.js"), **values)


def _isolated(value: object) -> object:
    """Keep names that are written from right to left from reordering the sentence around them.

    Elements do so, because letters that do would be copied with a name. An attribute, which can
    have no elements, needs the filter ``forceescape``.
    """
    if isinstance(value, str) and not hasattr(value, "__html__") and _RIGHT_TO_LEFT.search(value):
        return Markup(_RIGHT_TO_LEFT.sub(r"<bdi>\g<0></bdi>", str(escape(value))))
    return value


def _asset(name: str) -> str:
    return (files(_HOME) / "assets" / name).read_text(encoding="utf-8").rstrip()
