"""Pieces of the page: sections, figures, pictures, and values as text; all escaped here."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = [
    "duration",
    "epochs",
    "facts",
    "figure",
    "items",
    "json_text",
    "picture",
    "section",
    "stacked_table",
    "value_text",
]


def section(title: str, content: str, anchor: str) -> str:
    """A part of the page under a heading; nothing without content."""
    if not content:
        return ""
    return f'<section id="{anchor}"><h2>{escape(title)}</h2>{content}</section>'


def figure(content: str, caption: str) -> str:
    """A chart or pictures, and what they show."""
    if not content:
        return ""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def picture(light: bytes, dark: bytes, alt: str) -> str:
    """A PNG in light colours and in dark ones."""
    sources = [base64.b64encode(content).decode() for content in (light, dark)]
    width, height = (int.from_bytes(light[at : at + 4], "big") for at in (16, 20))
    return (
        '<picture><source media="screen and (prefers-color-scheme: dark)" '
        f'srcset="data:image/png;base64,{sources[1]}">'
        f'<img src="data:image/png;base64,{sources[0]}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}"></picture>'
    )


def stacked_table(heads: Sequence[str], rows: Sequence[tuple[str, str, Sequence[str]]]) -> str:
    """A table whose cells lie under each other on a phone, each with its column's name.

    Args:
        heads: Names of the columns.
        rows: What a row is called, a remark below that, and its cells, empty ones left out there.
    """
    body = "".join(
        f"<tr><th scope=row>{escape(name)}"
        + (f"<small>{escape(remark)}</small>" if remark else "")
        + "</th>"
        + "".join(
            f'<td data-label="{escape(head)}">{escape(cell)}</td>'
            for head, cell in zip(heads[1:], cells, strict=True)
        )
        + "</tr>"
        for name, remark, cells in rows
    )
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in heads)
    return f'<table class="stack"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def facts(rows: Mapping[str, str]) -> str:
    """Numbers under their names."""
    body = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f'<table class="pairs"><tbody>{body}</tbody></table>'


def items(sentences: Sequence[str]) -> str:
    """Sentences as a list; nothing for none."""
    if not sentences:
        return ""
    return f'<ul class="said">{"".join(f"<li>{escape(text)}</li>" for text in sentences)}</ul>'


def epochs(n: int) -> str:
    """``1 epoch``, ``2 epochs``."""
    return f"{n} epoch" if n == 1 else f"{n} epochs"


def value_text(value: Any) -> str:
    """A parameter's value."""
    return f"{value:.4g}" if isinstance(value, float) else json_text(value, None).strip('"')


def json_text(document: Any, indent: int | None = 1) -> str:
    """A document for people to read."""
    return json.dumps(document, indent=indent, ensure_ascii=False)


def duration(seconds: float) -> str:
    """Seconds for people: ``1 h 2 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
