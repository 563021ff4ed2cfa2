"""A console on which names and values of a user's table cannot steer the terminal."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from tabvae_ray.errors import printable

__all__ = ["Terminal"]


class Terminal(Console):
    """A console that shows control characters of texts as escapes; rich passes some of them on."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield the segments of an object, whose texts have no control characters."""
        for segment in super().render(renderable, options):
            # Segments that move the cursor are rich's own.
            yield segment if segment.control else segment._replace(text=printable(segment.text))
