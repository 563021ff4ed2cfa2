"""The letters of pictures: their fonts, and how much text fits on a line."""

import warnings
from collections.abc import Iterator
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


def short(text: str, most: int) -> str:
    """Return the text on one line, cut to ``most`` letters."""
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"
