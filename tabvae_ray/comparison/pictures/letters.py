"""The letters of pictures: their fonts, and how much text fits on a line."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.textpath import text_to_path

__all__ = ["any_letters", "families", "fitted", "short"]

# Fonts of Linux with letters that matplotlib's own lacks.
_MORE_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR"),
    *("Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
    *("IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "NanumGothic", "Baekmuk Gulim"),
    *("Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai"),
    *("FreeSans", "Unifont", "Symbola", "Noto Emoji"),
)


def fitted(text: str, size: float, width: float) -> str:
    """Return the text on one line, cut to a width in points at a font size."""
    font = FontProperties(family=families(), size=size)
    # No letter that is worth reading is narrower than a fifth of its height.
    with any_letters():
        for most in range(min(len(text), round(5 * width / size)), 1, -1):
            cut_text = short(text, most)
            if text_to_path.get_text_width_height_descent(cut_text, font, ismath=False)[0] <= width:
                return cut_text
    return short(text, 1)


@cache
def families() -> list[str]:
    """Return matplotlib's font, and those of this machine that have letters it lacks."""
    known = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _MORE_FONTS if name in known)]


@contextmanager
def any_letters() -> Iterator[None]:
    """Let letters that the font lacks be drawn as boxes, which is no reason to stop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Glyph.*missing from font")
        yield


def short(text: str, most: int, among: Iterable[str] = ()) -> str:
    """Return the text on one line, cut to ``most`` letters.

    Args:
        text: The text.
        most: Number of letters.
        among: Other texts. Where one begins in the same way, the part that tells them apart is
            shown in place of the rest.
    """
    text = " ".join(str(text).split())
    if len(text) <= most:
        return text
    cut_text, left = text[: most - 1], most - most // 3 - 1
    others = {" ".join(str(other).split()) for other in among} - {text}
    differ = [_equal(text, other) for other in others if other.startswith(cut_text)]
    if not differ or most < 6:
        return f"{cut_text}…"
    start = min(differ) if max(differ) - min(differ) < left - 1 else max(differ)
    # A number or word of which only the end differs is shown whole.
    least = start - most // 4
    while start > least and text[start - 1].isalnum():
        start -= 1
    start = min(start, len(text) - left)
    tail = text[start : start + left]
    return f"{text[: most // 3]}…{tail if start + left == len(text) else f'{tail[:-1]}…'}"


def _equal(text: str, other: str) -> int:
    """Return the number of letters with which both texts begin."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((i for i, (one, two) in pairs if one != two), min(len(text), len(other)))
