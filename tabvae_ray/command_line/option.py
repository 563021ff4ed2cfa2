"""Options of commands, whose errors are all told at once."""

import math
from collections.abc import Mapping
from typing import Any

import click

from tabvae_ray.errors import closest

__all__ = ["ERRORS", "FiniteRange", "Option"]

# Where a context keeps the messages about wrong values.
ERRORS = f"{__name__}.errors"


class FiniteRange(click.FloatRange):
    """A range of numbers that has neither NaN nor infinities."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or raise ``click.BadParameter``."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not finite.", param, ctx)
        return number


class Option(click.Option):
    """An option that belongs to a section of the help page.

    A wrong value does not end the parsing, so that the command can report all of them.

    Args:
        section: Heading of the section.
    """

    def __init__(self, *args: Any, section: str = "Options", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section = section

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        """Return the value; keep the message in the context if it is wrong."""
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.MissingParameter as error:
            message = error.format_message()
        except click.BadParameter as error:
            given = opts.get(self.name or "")
            message = self._broken_range(given) or f"{self.opts[0]}: {self._refusal(given, error)}"
        ctx.meta.setdefault(ERRORS, []).append(message)
        return None, args

    def _broken_range(self, given: Any) -> str | None:
        """Return the message for a number that is outside of its range, None without a range."""
        kind = self.type
        if not isinstance(kind, click.IntRange | click.FloatRange):
            return None
        is_whole = isinstance(kind, click.IntRange)
        rule = f"{'>' if kind.min_open else '>='} {kind.min}"
        try:
            number = int(given) if is_whole else float(given)
        except ValueError:
            rule = f"a {'whole ' if is_whole else ''}number {rule}"
        else:
            if kind.max is not None and number >= kind.max:
                rule = f"{'<' if kind.max_open else '<='} {kind.max:,}"
        return f"{self.opts[0]} must be {rule}, but got {given!s:.80}"

    def _refusal(self, given: Any, error: click.BadParameter) -> str:
        """Return the message for a wrong value, with the nearest one where only some are right."""
        kind = self.type
        if isinstance(kind, click.Choice):
            words = given if isinstance(given, tuple | list) else [given]
            for word in words:
                near = "" if word in kind.choices else closest(str(word), map(str, kind.choices))
                if near:
                    return error.message.rstrip(".") + near
        return error.message
