"""The templates of a page, its style and its script.

Templates escape every value; only charts, style and script are inserted as they are.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

__all__ = ["environment", "render_page"]

_HOME = "tabvae_ray.page"


@cache
def environment(*packages: str) -> Environment:
    """Return the templates of packages, and those that all pages share."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, _HOME)]),
        autoescape=True,
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


def _asset(name: str) -> str:
    return (files(_HOME) / "assets" / name).read_text(encoding="utf-8").rstrip()
