"""Formats of plain numbers, which every program reads."""

import re
from collections.abc import Sequence

from tabvae_ray.table.formats.numerals.number_format import MOST_PLACES, NumberFormat

__all__ = ["is_default", "usual_format"]

# Where there is no single format, so many numbers say how many decimals there are.
_USUAL_SHARE = 0.99
_PLAIN = re.compile(r"-?\d+(?:\.(?P<decimals>\d+))?")


def is_default(texts: Sequence[str], *, whole: bool) -> bool:
    """Return True if pandas writes the numbers of some texts as these texts.

    Args:
        texts: Plain numbers.
        whole: Whether the column has integers.
    """
    try:
        return all((str(int(text)) if whole else repr(float(text))) == text for text in texts)
    except ValueError:
        return False


def usual_format(texts: Sequence[str]) -> NumberFormat | None:
    """Return the format of most of some plain numbers that have no single one.

    It keeps the decimals of nearly all. None if most are written as pandas writes them, or in
    another form.

    Args:
        texts: The different texts of the column.
    """
    found = [_PLAIN.fullmatch(text) for text in texts]
    parts = [cell["decimals"] or "" for cell in found if cell is not None]
    if not parts or len(parts) < len(texts):
        return None
    places = max(map(len, parts))
    if places > MOST_PLACES:
        return None
    # A few odd cells may have more decimals.
    usual = sorted(map(len, parts))[int(_USUAL_SHARE * (len(parts) - 1))]
    best, most = None, sum(repr(float(text)) == text for text in texts)
    for made in (
        NumberFormat(places, trims=True),
        NumberFormat(places),
        *((NumberFormat(usual, trims=True), NumberFormat(usual)) if usual < places else ()),
    ):
        count = sum(made.text(float(text)) == text for text in texts)
        if count > most:
            best, most = made, count
    return best
