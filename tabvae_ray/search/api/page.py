"""The report of a search, shown inside a notebook."""

from html import escape

from tabvae_ray.storage import Location

__all__ = ["Page"]


class Page:
    """An HTML page; a notebook shows it inline.

    Args:
        location: The file.
        height: Height in a notebook, in pixels.
    """

    def __init__(self, location: Location, height: int = 800) -> None:
        self.location, self.height = location, height

    @property
    def path(self) -> str:
        """The path or URI of the page."""
        return str(self.location)

    def __repr__(self) -> str:
        return f"Page({self.path!r})"

    def __str__(self) -> str:
        return self.path

    def _repr_html_(self) -> str:
        # A frame keeps the style and the script of the page apart from those of the notebook.
        return (
            f'<iframe srcdoc="{escape(self.location.read_text(), quote=True)}" '
            f'sandbox="allow-scripts allow-popups" width="100%" height="{self.height}" '
            f'style="box-sizing: border-box; border: 1px solid #8888" title="report"></iframe>'
        )
