"""A page in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.clocks import SECONDS

__all__ = ["CHROMIUM", "widths"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files")
_SCRIPT = (
    "onload = () => { const d = document.getElementById('f').contentDocument.documentElement;"
    "document.title = d.scrollWidth + ' ' + d.clientWidth; }"
)


def widths(page: Path, width: int, home: Path) -> tuple[int, int]:
    """Return how wide a page is that is shown so wide, and how much of that is seen, in pixels.

    Args:
        page: The page.
        width: The width of its window.
        home: Where to write what the browser opens.
    """
    # Chromium has no window below 500 pixels, but a frame may be narrower.
    frame = f"<iframe id=f src='{page.as_uri()}' width={width} height=2000></iframe>"
    outer = home / "outer.html"
    outer.write_text(f"<html><head></head><body>{frame}<script>{_SCRIPT}</script>")
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *_FLAGS, "--window-size=1600,1000", "--dump-dom", outer.as_uri()],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    found = re.search(r"<title>(\d+) (\d+)</title>", done.stdout)
    assert found is not None, done.stdout[:500]
    return int(found[1]), int(found[2])
