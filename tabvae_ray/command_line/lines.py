"""Lines of a terminal: wrapped at words, and durations in words."""

import os
import re
import sys
import textwrap
from typing import TextIO

from tabvae_ray.errors import printable

__all__ = [
    "command_text",
    "counted",
    "duration",
    "in_one_line",
    "line_width",
    "listed_name",
    "rough_duration",
    "wrapped",
]

# Narrower terminals get lines of this width.
_MIN_WIDTH = 40


def counted(n: float, noun: str) -> str:
    """Return a number with what is counted: ``1 trial``, ``2 trials``, ``0.5 GPUs``."""
    number = f"{n:.0f}" if n % 1 == 0 else f"{n:g}"
    return f"{number} {noun}{'' if n == 1 else 's'}"


def in_one_line(text: str) -> str:
    """Return a text, such as the name of a column, with blanks in place of ends of lines."""
    return re.sub(r"\r\n|[\r\n\t\v\f\x85\u2028\u2029]", " ", text)


def listed_name(name: str) -> str:
    """Return a name as it stands among others: in one line, in quotes if they show its ends."""
    text = in_one_line(name)
    return f"'{text}'" if "," in text or text != text.strip() or not text else text


def duration(seconds: float) -> str:
    """Return a duration for people: ``42 s``, ``3 min 5 s``, ``2 h 7 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rough_duration(seconds: float) -> str:
    """Return a duration that is only estimated: ``20 s``, ``4 min``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{max(10, 10 * round(seconds / 10))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(10 * round(minutes / 10), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def line_width(stream: TextIO = sys.stderr) -> int | None:
    """Return the characters of a line, None where lines should not be wrapped.

    That is ``COLUMNS`` where it is set, or else the width of the terminal. Files and pipes have
    whole lines.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return max(int(columns), _MIN_WIDTH)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, _MIN_WIDTH)
    except (OSError, ValueError, AttributeError):
        return None


def wrapped(text: str, width: int | None) -> str:
    """Return text with its lines wrapped at words; paths and other long words stay whole.

    Control characters become escapes.
    """
    text = printable(text)
    if width is None:
        return text
    return "\n".join(_wrapped_line(line, width) for line in text.split("\n"))


def command_text(words: str, width: int | None, *, margin: str = "  ") -> str:
    r"""Return a command, with a ``\`` at the end of each line but the last, to copy.

    An option and its value stay on one line.
    """
    if width is None:
        return f"{margin}{words}"
    lines = textwrap.wrap(
        re.sub(r"(--\S+) (?!--)", "\\1\0", words),
        # The last columns are for the backslash.
        width - len(margin) - 2,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return margin + f" \\\n{margin}".join(lines).replace("\0", " ")


def _wrapped_line(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        width,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )
