"""The type of options that name a YAML or JSON file to read."""

import json
import os
from pathlib import Path
from typing import Any

import click

from tabvae_ray.command_line.input_path import InputPath
from tabvae_ray.errors import one_line

__all__ = ["InputDocument", "local_document"]

# The function that reads the file says that a larger one is refused.
_MAX_BYTES = 2**20


class InputDocument(InputPath):
    """A path or URI of a YAML or JSON file; the syntax of one on this machine is checked at once.

    What it says is checked where it is read, because that takes libraries that are slow to import.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as given, or raise ``click.BadParameter``."""
        text = super().convert(value, param, ctx)
        try:
            local_document(text)
        except ValueError as error:
            kind = "JSON" if text.lower().endswith(".json") else "YAML"
            self.fail(f"{text:.200}: cannot be read as {kind}: {one_line(error)}", param, ctx)
        return text


def local_document(text: str) -> Any:
    """Return the content of a small YAML or JSON file on this machine, None if it is no such file.

    Raises:
        ValueError: If it is neither.
    """
    from tabvae_ray.bounded_yaml import parse_yaml

    path = Path(text).expanduser()
    try:
        if "://" in text or not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        if not os.access(path, os.R_OK):
            return None
        content = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        # The function that reads the file says what is wrong.
        return None
    if path.suffix.lower() != ".json":
        return parse_yaml(content)
    try:
        # Absurd numbers are refused where the file is read.
        return json.loads(content.removeprefix("\ufeff"), parse_int=_parse_integer)
    except RecursionError:
        return None


def _parse_integer(text: str) -> int | str:
    return int(text) if len(text) < 100 else text
