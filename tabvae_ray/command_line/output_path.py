"""The type of options that name a file or directory to write."""

from pathlib import Path
from typing import Any

import click

from tabvae_ray.command_line.standard_output import STDOUT

__all__ = ["PAGE", "OutputPath"]


class OutputPath(click.Path):
    """A path or URI to write; whether that is possible is checked where it is opened.

    Args:
        kind: What a file is that must have one of the suffixes.
        suffixes: The suffixes; any name is right if there are none.
        may_be_stdout: Whether ``-`` stands for stdout.
    """

    def __init__(self, kind: str = "", *suffixes: str, may_be_stdout: bool = False) -> None:
        super().__init__(readable=False)
        self._kind, self._suffixes = kind, suffixes
        self._may_be_stdout = may_be_stdout

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as given, or raise ``click.BadParameter``."""
        text = str(super().convert(value, param, ctx))
        if not text:
            self.fail("must not be empty", param, ctx)
        if text == STDOUT:
            if not self._may_be_stdout:
                self.fail("nothing is written to stdout here; name a file or directory", param, ctx)
        elif self._suffixes and Path(_path(text)).suffix.lower() not in self._suffixes:
            self.fail(f"{text:.200}: {self._kind} must end in {' or '.join(self._suffixes)}")
        return text


def _path(text: str) -> str:
    """Return a path, or a URI without the options in which it may end."""
    return text.partition("?")[0] if "://" in text else text


PAGE = OutputPath("a page", ".html", ".htm")
